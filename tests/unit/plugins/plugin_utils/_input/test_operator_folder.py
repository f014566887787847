# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.remote.notebooks.plugins.module_utils._errors import FilesError
from ansible_collections.remote.notebooks.plugins.plugin_utils._input import operator_folder


@pytest.fixture
def home(tmp_path, monkeypatch):
    (tmp_path / "ann").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "ann"))
    # root may write anywhere: the mode alone says it here
    monkeypatch.setattr(os, "access", lambda path, mode: os.stat(path).st_mode & 0o300 == 0o300)
    return tmp_path


def folder(home, name, mode=0o755, *entries):
    path = home / name
    path.mkdir(parents=True)
    for entry in entries:
        (path / entry).mkdir() if not entry.endswith(".json") else (path / entry).write_text("{}")
    path.chmod(mode)
    return str(path)


def test_the_folder_of_the_inventory(home):
    lab = folder(home, "lab")
    assert operator_folder.decide(lab, {}) == lab


@pytest.mark.parametrize("where", ["", "/nowhere/at/all"])
def test_no_folder_of_an_inventory(home, where):
    assert operator_folder.decide(where, {}) == f"{home}/ann/.local/share/remote-notebooks"


def test_one_that_cannot_be_written(home):
    assert operator_folder.decide(folder(home, "etc/ansible", 0o555), {}) == f"{home}/ann/.local/share/remote-notebooks"


@pytest.mark.parametrize("kept", ["credentials", "pki"])
def test_what_an_earlier_run_kept_there_is_not_made_again_elsewhere(home, kept):
    etc = folder(home, "etc/ansible", 0o555, kept)
    assert operator_folder.decide(etc, {}) == etc


def test_nothing_goes_into_an_installed_collection(home):
    folder(home, "lib/ansible_collections/remote/notebooks", 0o755, "MANIFEST.json")
    inside = folder(home, "lib/ansible_collections/remote/notebooks/playbooks")
    assert operator_folder.decide(inside, {}) == f"{home}/ann/.local/share/remote-notebooks"


def test_a_checkout_at_the_place_of_a_collection_is_none(home):
    folder(home, "lib/ansible_collections/remote/notebooks")
    local = folder(home, "lib/ansible_collections/remote/notebooks/.local")
    assert operator_folder.decide(local, {}) == local


def test_the_variable_decides(home):
    lab = folder(home, "lab")
    assert operator_folder.decide(lab, {"REMOTE_NOTEBOOKS_HOME": "/srv/kept/"}) == "/srv/kept"
    assert operator_folder.decide("", {"REMOTE_NOTEBOOKS_HOME": "~/kept"}) == f"{home}/ann/kept"
    assert operator_folder.decide(lab, {"REMOTE_NOTEBOOKS_HOME": ""}) == lab


def test_a_relative_one_would_be_many(home):
    with pytest.raises(FilesError, match="REMOTE_NOTEBOOKS_HOME is 'kept', which is another folder from every place"):
        operator_folder.decide("", {"REMOTE_NOTEBOOKS_HOME": "kept"})


def test_no_place_at_all_is_said_with_the_cure(home):
    (home / "ann").chmod(0o555)
    with pytest.raises(
        FilesError,
        match=r"/etc/ansible.*and .*/ann/.local/share/remote-notebooks cannot be written.*REMOTE_NOTEBOOKS_HOME",
    ):
        operator_folder.decide(folder(home, "etc/ansible", 0o555), {})


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        pytest.param({"inventory_dir": "/srv/lab"}, "/srv/lab", id="from a file"),
        pytest.param({"inventory_dir": "None"}, "", id="from the command line"),
        pytest.param({"inventory_dir": None}, "", id="none"),
        pytest.param({"groups": {"all": []}}, "", id="localhost alone"),
        pytest.param(
            {"groups": {"all": ["web"]}, "hostvars": {"web": {"inventory_dir": "/srv/lab"}}},
            "/srv/lab",
            id="localhost for others",
        ),
    ],
)
def test_where_the_inventory_is(variables, found):
    assert operator_folder.inventory(variables) == found


def test_another_host_does_not_say_where_keys_are():
    web = {"inventory_hostname": "web", "inventory_dir": "/tmp/x", "ansible_facts": {"inventory_dir": "/tmp/x"}}
    with pytest.raises(AnsibleActionFail, match="web says by a fact what inventory_dir is"):
        operator_folder.inventory({"groups": {"all": ["web"]}, "hostvars": {"web": web}})
