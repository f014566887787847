# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils import _migration
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PlanError
from ansible_collections.remote.notebooks.plugins.module_utils._migration import convert
from ansible_collections.remote.notebooks.plugins.modules import jupyter_migrate

CLASSIC = "~/.jupyter/jupyter_notebook_config.py"
CLASSIC_JSON = "~/.jupyter/jupyter_notebook_config.json"
SERVER = "~/.jupyter/jupyter_server_config.py"
SERVER_JSON = "~/.jupyter/jupyter_server_config.json"
HASH = "sha1:67c9e60bb8b6:9ffede0825894254b2e042ea597d771089e11aed"


@pytest.mark.parametrize(
    ("files", "variables"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({CLASSIC: "c = get_config()\n# c.NotebookApp.port = 1\n"}, {}, id="what is commented out"),
        pytest.param({CLASSIC: "c.NotebookApp.port = 9999"}, {"jupyter_port": 9999}, id="the port"),
        pytest.param({CLASSIC: "c.NotebookApp.notebook_dir = '/srv/nb'"}, {"jupyter_root_dir": "/srv/nb"}, id="the folder"),
        pytest.param({SERVER: "c.ServerApp.root_dir = '/srv/nb'"}, {"jupyter_root_dir": "/srv/nb"}, id="the folder by its new name"),
        pytest.param({CLASSIC: f"c.NotebookApp.password = u'{HASH}'"}, {"jupyter_password_hash": HASH}, id="the hash, word for word"),
        pytest.param(
            {CLASSIC: "c.NotebookApp.password = 'sha1:old:1'", CLASSIC_JSON: f'{{"NotebookApp": {{"password": "{HASH}"}}}}'},
            {"jupyter_password_hash": HASH},
            id="JSON beats Python",
        ),
        pytest.param({CLASSIC_JSON: '{"NotebookApp": {"port": 1}}', SERVER: "c.ServerApp.port = 9999"}, {"jupyter_port": 9999}, id="new beats old"),
        pytest.param(
            {SERVER_JSON: f'{{"IdentityProvider": {{"hashed_password": "{HASH}"}}}}'},
            {"jupyter_password_hash": HASH},
            id="what `jupyter server password` wrote",
        ),
        pytest.param({CLASSIC: "c.NotebookApp.token = ''"}, {}, id="an empty token is none"),
        pytest.param({CLASSIC: "c.NotebookApp.token = 't'"}, {"jupyter_token": "t"}, id="a token"),
        pytest.param({CLASSIC: "c.NotebookApp.ip = '127.0.0.1'"}, {}, id="the loopback is the default"),
        pytest.param({CLASSIC: "c.NotebookApp.ip = '*'"}, {"jupyter_access": "direct"}, id="the network"),
        pytest.param(
            {CLASSIC: "c.NotebookApp.ip = '192.0.2.10'"}, {"jupyter_access": "direct", "jupyter_bind_address": "192.0.2.10"}, id="one address"
        ),
        pytest.param(
            {CLASSIC: "c.NotebookApp.ip = ''\nc.NotebookApp.certfile = '/c.pem'\nc.NotebookApp.keyfile = '/c.key'"},
            {"jupyter_access": "direct"},
            id="TLS",
        ),
        pytest.param(
            {CLASSIC: "c.NotebookApp.iopub_data_rate_limit = 1e9\nc.NotebookApp.max_body_size = 5\nc.MappingKernelManager.cull_idle_timeout = 60"},
            {
                "jupyter_settings": {
                    "ZMQChannelsWebsocketConnection": {"iopub_data_rate_limit": 1e9},
                    "ServerApp": {"max_body_size": 5},
                    "MappingKernelManager": {"cull_idle_timeout": 60},
                }
            },
            id="settings by their new names",
        ),
        pytest.param({CLASSIC: "c.NotebookApp.open_browser = False\nc.NotebookApp.allow_root = True"}, {}, id="what the role decides"),
        pytest.param({CLASSIC: "c.NotebookApp.webapp_settings = {}"}, {}, id="what is gone"),
        pytest.param({CLASSIC: "import os\nc.NotebookApp.port = int(os.environ['P'])"}, {}, id="what is computed"),
    ],
)
def test_conversion(files, variables):
    assert convert(files)["variables"] == variables


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("c.NotebookApp.webapp_settings = {}", "NotebookApp.webapp_settings has no counterpart", id="gone"),
        pytest.param("c.NotebookApp.port = port()", "ServerApp.port is computed there", id="computed"),
        pytest.param("c.NotebookApp.ip = '*'", "without TLS", id="plain HTTP on the network"),
        pytest.param("c.NotebookApp.ip = '*'\nc.NotebookApp.certfile = '/c.pem'", "copy it to the control node", id="a certificate on the host"),
    ],
)
def test_what_a_person_has_to_know(text, words):
    assert any(words in remark for remark in convert({CLASSIC: text})["remarks"])


@pytest.mark.parametrize(("path", "text"), [(CLASSIC, "c.NotebookApp.port = ("), (CLASSIC_JSON, "{")])
def test_a_file_that_cannot_be_read_is_named(path, text):
    with pytest.raises(PlanError, match="cannot be read"):
        convert({path: text})


def ask(folder):
    command = [sys.executable, "-m", "ansible_collections.remote.notebooks.plugins.modules.jupyter_migrate"]
    given = {"ANSIBLE_MODULE_ARGS": {"folder": str(folder), "variables_file": "/nowhere"}}
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False, timeout=90)
    return json.loads(done.stdout)


def test_the_host_knows_the_files_by_the_same_names(tmp_path):
    assert jupyter_migrate.FILES == _migration.FILES
    assert ask(tmp_path / "nowhere")["texts"] == {}
    (tmp_path / "jupyter_config.json").write_text("{}")
    assert ask(tmp_path)["texts"] == {"jupyter_config.json": "{}"}


@pytest.mark.parametrize("what", ["pipe", "device", "endless"])
def test_a_file_that_is_none_is_named_and_not_waited_for(tmp_path, what):
    path = tmp_path / "jupyter_config.json"
    if what == "pipe":
        os.mkfifo(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    else:
        with path.open("wb") as file:
            file.truncate(1 << 40)
    assert ask(tmp_path)["msg"].startswith(f"What is in {tmp_path} cannot be read: jupyter_config.json: it ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could read for an account what that may not")
def test_a_link_leads_no_further_than_the_account_gets():
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        here = Path(name)
        here.chmod(0o755)
        (here / "secret").write_text("{}")
        (here / "secret").chmod(0o600)
        (here / "own").mkdir()
        (here / "own/jupyter_config.json").symlink_to(here / "secret")
        os.chown(here / "own", 65534, 65534)
        assert "Permission denied" in ask(here / "own")["msg"]
