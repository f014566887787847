# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lock files over several runs, resolved by the real uv from a folder of wheels."""

from __future__ import annotations

import zipfile

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import LockError
from ansible_collections.remote.notebooks.plugins.plugin_utils._environment import lockfiles
from ansible_collections.remote.notebooks.plugins.plugin_utils._environment.environments import KEEP


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A host that wants the package tiny, and the versions that a run of a given aim finds locked for it."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))

    class Lab:
        locks = tmp_path / "locks"

        @staticmethod
        def publish(version):
            with zipfile.ZipFile(wheels / f"tiny-{version}-py3-none-any.whl", "w") as archive:
                info = f"tiny-{version}.dist-info"
                archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n")
                archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
                archive.writestr(f"{info}/RECORD", "")

        @classmethod
        def run(cls, do="keep", stamp="", packages=("tiny",), writing=True, name="lab", **aim):
            instance = {"name": "lab", "index_url": "", "http_proxy": ""}
            slot = {
                "slot": name,
                "instance": instance,
                "packages": list(packages),
                "python": {"version": [3, 11], "path": "/usr/bin/python3"},
            }
            path, digest = lockfiles.settle(
                str(cls.locks), slot, "x86_64", {**KEEP, "do": do, "stamp": stamp, **aim}, writing
            )
            if digest is None:
                return None
            with open(path, encoding="utf-8") as file:
                text = file.read()
            assert "--hash=sha256:" in text
            return next(line.split()[0] for line in text.splitlines() if line.startswith("tiny=="))

    Lab.publish(1)
    return Lab


def test_what_is_locked_stays_until_an_upgrade(lab):
    assert lab.run() == "tiny==1"
    lab.publish(2)
    assert lab.run() == "tiny==1"
    assert lab.run("new", "T1") == "tiny==2"


def test_all_hosts_of_a_run_get_what_its_first_one_found(lab):
    lab.run()
    lab.publish(2)
    assert lab.run("new", "T1") == "tiny==2"
    lab.publish(3)
    assert [lab.run("new", "T1"), lab.run("new", "T2")] == ["tiny==2", "tiny==3"]


def test_a_rollback_is_one_step_for_all_hosts_of_a_run_and_holds(lab):
    lab.run()
    lab.publish(2)
    lab.run("new", "T1")
    assert [lab.run("previous", "T2"), lab.run("previous", "T2"), lab.run()] == ["tiny==1", "tiny==1", "tiny==1"]
    assert lab.run("previous", "T3") == "tiny==2"


def test_an_upgrade_that_fails_on_several_hosts_is_taken_back_once(lab):
    lab.run()
    lab.publish(2)
    lab.run("new", "T1")
    assert [lab.run("back", "T1"), lab.run("back", "T1"), lab.run("new", "T1"), lab.run()] == ["tiny==1"] * 4


def test_an_upgrade_that_found_nothing_newer_takes_nothing_back(lab):
    lab.run()
    lab.publish(2)
    lab.run("new", "T1")
    assert [lab.run("new", "T2"), lab.run("back", "T2")] == ["tiny==2", "tiny==2"]


def test_an_upgrade_of_another_instance_leaves_the_lock_alone(lab):
    lab.run()
    lab.publish(2)
    assert lab.run("new", "T1", instances=["two"]) == "tiny==1"


def test_check_mode_writes_nothing(lab):
    assert lab.run(writing=False) is None
    assert not lab.locks.exists()


def test_a_kernel_whose_versions_no_upgrade_has_moved_stays_in_a_rollback(lab):
    assert [lab.run(name="lab.own"), lab.run("previous", "T1", name="lab.own")] == ["tiny==1", "tiny==1"]


def test_there_may_be_no_lock_to_go_back_to(lab):
    lab.run()
    with pytest.raises(LockError, match=r"There is no py3\.11-x86_64-.*previous to go back to"):
        lab.run("previous", "T1")


def test_what_nothing_fits_is_said(lab):
    with pytest.raises(LockError, match=r"instance 'lab': packages: there is no set of packages that fits"):
        lab.run(packages=["tiny==99"])


def test_no_folder_of_others_says_what_is_locked(lab, tmp_path, monkeypatch):
    """uv looks for settings where it is run, and in every folder above: /tmp is one of those for anybody who works
    below it."""
    lab.publish(2)
    (tmp_path / "uv.toml").write_text('constraint-dependencies = ["tiny==1"]\n')
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert lab.run() == "tiny==2"
