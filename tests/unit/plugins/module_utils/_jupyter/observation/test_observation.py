# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments beside their seals, in folders and processes of these tests' own."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from datetime import datetime, timezone

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import (
    accounts,
    environments,
    paths,
    system,
)
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import report as observation
from ansible_collections.remote.notebooks.plugins.plugin_utils._input import report_answers


@pytest.fixture
def sealed(tmp_path):
    """Create environments of a hundred files and more, each sealed; return their folders."""

    def make(*names):
        folders = []
        for name in names:
            folder = tmp_path / name
            (folder / "lib").mkdir(parents=True)
            files = {f"lib/{number:03}.py": number for number in range(120)}
            for path, size in files.items():
                (folder / path).write_bytes(b"x" * size)
            (folder / "remote-notebooks.json").write_text(
                json.dumps({"files": files, "built": 4711, "before": "/envs/old"})
            )
            folders.append(str(folder))
        return folders

    return make


@pytest.mark.parametrize("cores", [1, 2, 3, 64])
def test_what_is_missing_is_found_by_however_many_processes(sealed, monkeypatch, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(cores)))
    whole, damaged = sealed("whole", "damaged")
    for name in ("lib/000.py", "lib/060.py"):
        os.unlink(f"{damaged}/{name}")
    with open(f"{damaged}/lib/119.py", "w", encoding="ascii") as file:
        file.write("short")

    found = environments.environments([whole, damaged])()

    assert found[whole] == {"sealed": True, "missing": [], "built": 4711, "before": "/envs/old"}
    assert found[damaged]["missing"] == ["lib/000.py", "lib/060.py", "lib/119.py"]


def test_ten_of_many_missing_are_named(sealed):
    (folder,) = sealed("empty")
    for number in range(120):
        os.unlink(f"{folder}/lib/{number:03}.py")
    assert environments.environment(folder)["missing"] == [f"lib/{number:03}.py" for number in range(10)]


@pytest.mark.parametrize("seal", [None, "", '{"files"', '{"built": 1}'])
def test_an_environment_without_a_whole_seal_was_never_finished(tmp_path, seal):
    if seal is not None:
        (tmp_path / "remote-notebooks.json").write_text(seal)
    assert environments.environments([str(tmp_path)])() == {str(tmp_path): {"sealed": False, "missing": []}}


def test_processes_that_helped_are_gone(sealed, monkeypatch):
    fork, made = os.fork, []
    monkeypatch.setattr(os, "fork", lambda: made.append(fork()) or made[-1])
    environments.environments(sealed("one"))()
    assert made
    for process in made:
        with pytest.raises(ChildProcessError):
            os.waitpid(process, os.WNOHANG)


@pytest.mark.parametrize("moment", [1e14, 9e17, -1e14])
def test_a_file_of_any_time_is_looked_at(moment):
    """An account may set the time of its own files. Btrfs, ZFS and tmpfs accept times that ext4 does not."""
    folder = tempfile.mkdtemp(dir="/dev/shm")
    try:
        os.utime(folder, (moment, moment))
        found = paths.path(folder)
        assert abs(os.stat(folder).st_mtime) > 1e12
        report_answers.STATE(found, "path")
        datetime.fromtimestamp(found["modified"], tz=timezone.utc)
    finally:
        os.rmdir(folder)


@pytest.mark.parametrize(
    ("name", "is_what"),
    [
        pytest.param("root", "usable", id="its own"),
        pytest.param("nobody", "missing", id="/nonexistent"),
        pytest.param("bin", "another's", id="/bin"),
    ],
)
def test_whether_an_account_can_work_in_its_home(name, is_what):
    assert accounts.account(name)["home_is"] == is_what


def test_a_home_whose_name_holds_a_wildcard(tmp_path, monkeypatch):
    (tmp_path / "a[b]").mkdir()
    (tmp_path / "a[b]" / "x.json").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "a[b]"))
    assert paths.expand(["~/*.json"]) == [f"{tmp_path}/a[b]/x.json"]


def test_a_mac_is_told_what_servers_run_on(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(OSError, match="servers of this collection run on Linux alone") as found:
        system.system()
    assert "become" not in observation.trouble(found.value)


def test_where_an_account_may_not_look_more_rights_are_named():
    error = PermissionError(13, "Permission denied", "/opt/remote-notebooks/manifest.json")
    assert observation.trouble(error).endswith("Run with become, or set jupyter_scope: user.")


@pytest.mark.parametrize("answers", [True, False])
def test_a_systemd_that_does_not_answer_is_no_proof_that_nothing_runs(monkeypatch, answers):
    """Without PAM (sudo, su, cron) nobody has said where the account's own systemd is asked."""
    asked = []

    def run(command):
        asked.append(command[:4])
        return (
            (0, "Id=jupyter@lab.service\nLoadState=loaded\n", "")
            if answers
            else (1, "", "Failed to connect to bus: No medium found")
        )

    monkeypatch.setattr(os.path, "exists", lambda path: path == f"/run/user/{os.geteuid()}/systemd/private")
    if answers:
        assert system.units(["jupyter@lab.service"], True, run)["jupyter@lab.service"]["LoadState"] == "loaded"
    else:
        with pytest.raises(OSError, match="No medium found"):
            system.units(["jupyter@lab.service"], True, run)
    assert asked == [["env", f"XDG_RUNTIME_DIR=/run/user/{os.geteuid()}", "systemctl", "--user"]]
