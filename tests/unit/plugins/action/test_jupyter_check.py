# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check takes from the folders of the control node, before it connects."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.remote.notebooks.plugins.action import jupyter_check

FOLDERS = ("credentials", "pki", "tunnel", "handoff")


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Run the action for a host without servers."""
    action = jupyter_check.ActionModule.__new__(jupyter_check.ActionModule)
    action._templar = SimpleNamespace(template=lambda value: value)
    plan = {"host": "lab", "instances": [], "timeout": 0, "tunnel_forwards": []}
    given = {f"{name}_directory": f"{tmp_path}/{name}" for name in FOLDERS}
    arguments = {"plan": plan, "targets": None, "ask": False, **given}
    monkeypatch.setattr(jupyter_check.OwnAction, "run", lambda *_: {})
    monkeypatch.setattr(action, "validate_argument_spec", lambda _spec: (None, arguments), raising=False)
    return lambda: action.run(None, {})


def test_folders_that_are_not_there_are_no_fault(check):
    assert check()["targets"] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another account")
@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_of_another_account_is_refused(check, tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    assert check()["targets"] == []
    os.chown(folder, 65534, -1)
    with pytest.raises(AnsibleActionFail, match=f"{folder} belongs to .*nobody"):
        check()


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("inside", [True, False])
def test_a_folder_in_which_everybody_writes_is_refused(check, tmp_path, name, inside):
    (tmp_path / name).mkdir()
    opened = tmp_path / name if inside else tmp_path
    opened.chmod(0o777)
    with pytest.raises(AnsibleActionFail, match=f"Everybody may write to {opened}, "):
        check()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
def test_a_folder_of_root_s_may_be_read_by_an_ordinary_account(check, tmp_path, monkeypatch):
    (tmp_path / "pki").mkdir(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    assert check()["targets"] == []
