# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils import _observe, _shadows

from .test_state import plan

HOME = "/home/jupyter/.jupyter"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        pytest.param("jupyter_config.py", "c = get_config()\n", "", id="a file that says nothing"),
        pytest.param(
            "jupyter_config.py", "c.ServerApp.allow_origin = '*'", "these servers obey it in: ServerApp.allow_origin", id="what ours leaves open"
        ),
        pytest.param("jupyter_lab_config.py", "c.LabApp.default_url = '/tree'", "obey it in: LabApp.default_url", id="the interface"),
        pytest.param("jupyter_config.json", '{"ServerApp": {"port": 1}}', "the plan wins over it in: ServerApp.port", id="what ours says"),
        pytest.param(
            "jupyter_notebook_config.json",
            '{"NotebookApp": {"password": "sha1:a:b"}}',
            "the plan wins over it in: NotebookApp.password",
            id="an old password, by its old name",
        ),
        pytest.param("jupyter_config.py", "c.PasswordIdentityProvider.token = 'x'", "the plan wins", id="a token that would be a second key"),
        pytest.param("jupyter_config.py", "c.ServerApp.max_body_size = 1", "the plan wins", id="what the user said in jupyter_settings"),
        pytest.param("jupyter_server_config.py", "c.ServerApp.allow_origin = '*'", "is not read by these servers", id="a file that nobody reads"),
        pytest.param(
            "jupyter_notebook_config.py", "c.NotebookApp.webapp_settings = {}", "may keep a server from starting", id="an option that is gone"
        ),
        pytest.param("jupyter_lab_config.py", "c.ServerApp.port = (", "cannot be read by Jupyter", id="a file that does not load"),
    ],
)
def test_who_wins(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    found = _observe.options([str(tmp_path / name)])
    said = _shadows.remarks(plan({"name": "lab", "settings": {"ServerApp": {"max_body_size": 1}}}), found)
    assert bool(said) is bool(words)
    if words:
        assert words in said[0]
        assert str(tmp_path / name) in said[0]


def test_no_value_leaves_the_host(tmp_path):
    (tmp_path / "jupyter_config.json").write_text('{"NotebookApp": {"password": "sha1:abc:def"}}')
    assert "sha1" not in str(_observe.options([str(tmp_path / "jupyter_config.json")]))


def test_where_to_look():
    places = _shadows.places(plan({"name": "lab", "user": "ann"}))
    assert {"~ann/.jupyter/jupyter_config.json", "/etc/jupyter/jupyter_lab_config.py", "/usr/local/etc/jupyter/jupyter_config.py"} <= {*places}
    assert _shadows.places({**plan(), "instances": []}) == []
