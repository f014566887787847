# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time limit of a start depends on the time of the trial of the environment, and systemd gets it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import venv
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "roles" / "jupyter" / "files" / "wait_ready.py"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    return folder


@pytest.mark.parametrize(
    ("trial", "given", "told"),
    [
        pytest.param("4.2", [], "", id="a usual machine"),
        pytest.param("60.0", [], "EXTEND_TIMEOUT_USEC=250000000", id="a slow one"),
        pytest.param("5000", [], "EXTEND_TIMEOUT_USEC=910000000", id="one that will never do"),
        pytest.param("many", [], "", id="damaged"),
        pytest.param(None, [], "", id="of an earlier release"),
        pytest.param("60.0", ["7"], "", id="the operator says less"),
        pytest.param("4.2", ["120"], "EXTEND_TIMEOUT_USEC=130000000", id="the operator says more"),
    ],
)
def test_a_start_has_the_time_that_suits_its_machine(environment, tmp_path, trial, given, told):
    file = environment / "remote-notebooks.json.trial"
    file.unlink(missing_ok=True)
    if trial is not None:
        file.write_text(trial)
    gone = subprocess.Popen([sys.executable, "-c", ""])  # no server, so that nobody has to wait
    gone.wait()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        command = [environment / "bin" / "python", SCRIPT, "http://127.0.0.1:9/api", str(gone.pid), *given]
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")},
        )
        assert done.returncode == 1
        assert "ended before it answered" in done.stderr
        systemd.setblocking(False)
        try:
            said = systemd.recv(1000).decode()
        except BlockingIOError:
            said = ""
    assert said == told
