# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import accounts
from ansible_collections.remote.notebooks.plugins.plugin_utils._jupyter import data_folders
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import instances as state_instances

from .._state.test_state import bare, plan

SHUT = (
    "instance 'lab': 'jupyter' may write to /scratch, and the unit of its server may not. If kernels are to write"
    " there, add data_dirs: "
)


def said(writable, systemd=True, **given):
    report = {**bare(systemd=systemd), "folders": {"jupyter": writable}}
    return data_folders.remarks(plan({"name": "lab", **given}), report)


@pytest.mark.parametrize(
    ("writable", "given", "line"),
    [
        pytest.param(["/scratch"], {}, [SHUT + '["/scratch"]'], id="the line to add"),
        pytest.param(
            ["/data", "/scratch"], {"data_dirs": ["/data"]}, [SHUT + '["/data", "/scratch"]'], id="beside another"
        ),
        pytest.param(["/data"], {"data_dirs": ["/data/"]}, [], id="named"),
        pytest.param(["/srv/x"], {"root_dir": "/srv/x"}, [], id="the folder of notebooks"),
        pytest.param(["/scratch"], {"hardening": "sudo"}, [], id="a unit that may write there"),
        pytest.param(["/scratch"], {"systemd": False}, [], id="no unit"),
        pytest.param([], {}, [], id="none"),
        pytest.param(
            [],
            {"data_dirs": ["/data"]},
            ["instance 'lab': data_dirs: 'jupyter' cannot write to /data. Give it the rights, or create the folder."],
            id="the account may not",
        ),
        pytest.param(
            ["/mnt/a\x1b[2J"],
            {},
            [SHUT.replace("/scratch", "/mnt/a\\x1b[2J") + '["/mnt/a\\\\x1b[2J"]'],
            id="a name that controls a terminal",
        ),
    ],
)
def test_folders_for_data_are_named_with_the_line_to_add(writable, given, line):
    assert said(writable, **given) == line


def test_a_unit_writes_to_the_folders_that_are_named():
    (lab, ann) = state_instances.complete(
        plan(
            {"name": "lab", "data_dirs": ["/data", "/home/jupyter/x"]},
            {"name": "ann", "port": 8889, "hardening": "strict", "data_dirs": ["/home/shared"]},
        ),
        bare(),
    )
    assert lab["writable"] == ["/home/jupyter/notebooks", "-/data"]
    assert ann["bound"] == ["/home/jupyter", "-/home/shared"]


def test_who_is_asked():
    asked = plan({"name": "lab", "data_dirs": ["/x"]}, {"name": "ann", "port": 9001, "user": "ann"})
    assert data_folders.asked(asked) == {"jupyter": ["/x"], "ann": []}
    assert data_folders.asked(plan({"name": "lab"}, scope="user")) == {}


def test_the_outermost_folders_that_an_account_can_write_to(tmp_path, monkeypatch):
    (tmp_path / "data/below").mkdir(parents=True)
    (tmp_path / "file").touch()
    (tmp_path / "data").chmod(0o777)
    tmp_path.chmod(0o755)
    monkeypatch.setattr(accounts, "DATA", (f"{tmp_path}/*", f"{tmp_path}/*/*"))
    assert accounts._writable([]) == [f"{tmp_path}/data"]
    assert accounts.folders({"nobody-of-that-name": [f"{tmp_path}/none"]}).keys() == {"nobody-of-that-name"}
