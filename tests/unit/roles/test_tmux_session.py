# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that starts and stops tmux sessions, against an account that answers as it likes."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

SCRIPT = (Path(__file__).parents[3] / "roles/jupyter/files/tmux_session.sh").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could hit a process of another account")
@pytest.mark.parametrize("account", ["nobody", "no-such-account"])
@pytest.mark.parametrize("said", ["{pid}", "-1", "0", "1 {pid}", "{pid}\n{pid}"])
def test_the_tmux_of_an_account_ends_no_process_of_another(tmp_path, account, said):
    """Stop a session whose tmux names a process of root, in a namespace where nothing else can be hit."""
    tmux, script = tmp_path / "tmux", tmp_path / "script"
    answer = said.replace("{pid}", "%s").replace("\n", "%s")
    script.write_text(f"""
        sleep 60 & victim=$!
        printf '#!/bin/sh\\n[ $1 = list-panes ] && printf "{answer}" $pid $pid; exit 1' >{tmux}
        sed -i "s/\\$pid/$victim/g" {tmux}; chmod 755 {tmux}
        session=s server=$victim uid=65534 account={account} sh -c {shlex.quote(SCRIPT)} sh stop {tmux}
        kill -0 $victim && echo alive
    """)
    command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "--", "sh", str(script)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.stdout == "alive\n", done.stderr


@pytest.mark.parametrize(
    ("name", "words", "code"),
    [("stop", [], None), ("start", [], 1), ("ask", ["list-panes"], 0)],
    ids=["stop", "start", "ask"],
)
@pytest.mark.parametrize("does", ["sleep 600", "cat /dev/zero"], ids=["keeps them", "writes without end"])
def test_the_tmux_of_an_account_holds_nobody_up_by_the_descriptors_it_got(tmp_path, name, words, code, does):
    """A tmux client sends its standard descriptors to its server, and the server belongs to the account."""
    script = re.sub(r"\b(10|30)\b", "1", SCRIPT)  # seconds
    tmux = tmp_path / "tmux"
    tmux.write_text(f"#!/bin/sh\n[ $1 = has-session ] && exit 1\n{does} & echo $! >>{tmp_path}/pids\n")
    tmux.chmod(0o755)
    environment = {**os.environ, "session": "s", "server": "0", "uid": "", "account": "", "start": "true"}
    try:
        done = subprocess.run(
            ["sh", "-c", script, "sh", name, str(tmux), *words],
            check=False,
            timeout=30,
            env=environment,
            capture_output=True,
        )
    finally:
        for pid in (tmp_path / "pids").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    assert len(done.stdout + done.stderr) <= 20_001
    assert code is None or done.returncode == code


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize(("owner", "stays"), [(12345, False), (65534, True)], ids=["another account's", "its own"])
def test_a_folder_that_another_account_made_keeps_no_tmux_from_its_start(tmp_path, owner, stays):
    """tmux has its sockets in /tmp, by the number of the account, and everybody may create a folder of that name
    there."""
    place, tmux = Path("/tmp/tmux-65534"), tmp_path / "tmux"
    place.mkdir()
    try:
        os.chown(place, owner, owner)
        tmux.write_text("#!/bin/sh\n")
        tmux.chmod(0o755)
        environment = {**os.environ, "session": "s", "server": "0", "uid": "", "account": "nobody", "start": "true"}
        done = subprocess.run(["sh", "-c", SCRIPT, "sh", "start", str(tmux)], check=False, timeout=60, env=environment)
        assert (done.returncode, place.exists()) == (0, stays)
    finally:
        for left in Path("/tmp").glob("tmux-65534*"):
            left.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes the account of a session")
def test_the_tmux_of_an_account_that_never_answers_is_not_waited_for(tmp_path):
    tmux = tmp_path / "tmux"
    tmux.write_text("#!/bin/sh\n[ $1 = has-session ] && exit 1\nexec sleep 600\n")
    tmux.chmod(0o755)
    environment = {**os.environ, "session": "s", "server": "0", "uid": "", "account": "nobody"}
    done = subprocess.run(["sh", "-c", SCRIPT, "sh", "stop", str(tmux)], check=False, timeout=60, env=environment)
    assert done.returncode >= 0  # it came to its end by itself
