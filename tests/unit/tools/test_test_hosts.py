# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess

import pytest

from tools import test_hosts


@pytest.mark.parametrize("name", ["plain", "my notebooks", "ann's; exit 9", "$HOME and more"])
def test_the_last_step_of_an_image_runs_from_any_folder(tmp_path, name):
    script = tmp_path / name / "finish.sh"
    script.parent.mkdir()
    script.write_text('#!/bin/sh\nprintf %s "$1"\n')
    script.chmod(0o755)

    # As mmdebstrap(1) runs a hook that is no program's path.
    done = subprocess.run(
        ["sh", "-c", test_hosts.hook(script), "exec", "/new root"], check=False, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout) == (0, "/new root")


@pytest.mark.parametrize(
    ("free", "used", "in_memory"),
    [
        pytest.param(20_000, [], True, id="enough memory, no Docker before"),
        pytest.param(19_999, [], False, id="less memory"),
        pytest.param(20_000, ["overlay2"], False, id="images of its owner"),
    ],
)
def test_the_engine_has_its_data_in_memory_where_nobody_has_used_it(tmp_path, monkeypatch, free, used, in_memory):
    (tmp_path / "meminfo").write_text(f"MemTotal: 9 kB\nMemAvailable:   {free * 1024} kB\n")
    (tmp_path / "docker").mkdir()
    for name in used:
        (tmp_path / "docker" / name).mkdir()
    mounts = []
    monkeypatch.setattr(test_hosts, "MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(test_hosts, "DOCKER_DATA", tmp_path / "docker")
    monkeypatch.setattr(test_hosts, "DATA_IN_MEMORY", tmp_path / "memory")
    monkeypatch.setattr(test_hosts, "succeeds", lambda *command: mounts.append(command) or True)

    assert test_hosts.place_data() == ([f"--data-root={tmp_path}/memory"] if in_memory else [])
    assert len(mounts) == in_memory
