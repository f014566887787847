# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What roles/jupyter/vars concludes from the state of a host, rendered by Ansible itself."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.remote.notebooks.plugins.plugin_utils._jupyter import strangers
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import layout

VARS = Path(__file__).parents[3] / "roles/jupyter/vars/main.yml"

OLD_SERVICE = {"id": "service jupyter@old.service", "kind": "service", "instance": "old"}
LAB_FILE = {"id": "file /etc/remote-notebooks/lab/x", "kind": "file", "instance": "lab"}
SHARED_FILE = {"id": "file /opt/remote-notebooks/libexec/x", "kind": "file", "instance": ""}
ENVIRONMENT = {"id": "environment /opt/remote-notebooks/envs/a", "kind": "environment", "instance": ""}


def test_the_role_and_the_comparison_call_things_alike():
    variables = DataLoader().load_from_file(str(VARS), trusted_as_template=True)
    assert variables["__jupyter_account_comment"] == strangers.ACCOUNT_COMMENT
    assert variables["__jupyter_traces"] == list(layout.TRACES)


@pytest.mark.parametrize(
    ("busy", "gone"),
    [
        pytest.param("{}", [OLD_SERVICE, LAB_FILE, SHARED_FILE, ENVIRONMENT], id="everything that is left over"),
        pytest.param(
            '{"7": ["a kernel"]}', [OLD_SERVICE, ENVIRONMENT], id="a busy server keeps what it was started from"
        ),
    ],
)
def test_what_goes(busy, gone):
    loader = DataLoader()
    state = {
        "orphans": [OLD_SERVICE, LAB_FILE, SHARED_FILE, ENVIRONMENT],
        "steps": [{"instance": "lab", "pid": 7, "when": "idle"}],
    }
    variables = {
        **loader.load_from_file(str(VARS), trusted_as_template=True),
        "__jupyter_state": state,
        "__jupyter_busy": {"stdout": busy},
    }
    templar = Templar(loader, variables=variables)

    assert templar.template(variables["__jupyter_gone"]) == gone


def test_the_list_of_what_there_is_goes_when_all_else_is_gone():
    """An account can hold a removal up until somebody calls it off: the next one has to know what is left."""
    loader = DataLoader()
    paths = [
        "/opt",
        "/opt/remote-notebooks",
        "/opt/remote-notebooks/libexec",
        "/etc/remote-notebooks/lab",
        "/opt/remote-notebooks/manifest.json",
    ]
    orphans = [{"id": f"directory {path}", "kind": "directory", "instance": "", "path": path} for path in paths]
    orphans[0]["shared"] = True
    state = {
        "orphans": [{"id": "account bob", "kind": "account", "instance": ""}, *orphans],
        "steps": [],
        "report": {"system": {"home": "/root"}},
    }
    plan = {"plan": {"prefix": "/opt/remote-notebooks"}}
    variables = {
        **loader.load_from_file(str(VARS), trusted_as_template=True),
        "__jupyter_state": state,
        "__jupyter_plan": plan,
    }
    last = Templar(loader, variables=variables).template(variables["__jupyter_gone_last"])
    assert [thing["path"] for thing in reversed(last)] == [
        "/opt/remote-notebooks/manifest.json",
        "/opt/remote-notebooks",
        "/opt",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could hit a process of another account")
@pytest.mark.parametrize("account", ["nobody", "no-such-account"])
@pytest.mark.parametrize("said", ["{pid}", "-1", "0", "1 {pid}", "{pid}\n{pid}"])
def test_the_tmux_of_an_account_ends_no_process_of_another(tmp_path, account, said):
    """Stop a session whose tmux names a process of root, in a namespace where nothing else can be hit."""
    stop = DataLoader().load_from_file(str(VARS), trusted_as_template=True)["__jupyter_tmux_stop"]
    tmux, script = tmp_path / "tmux", tmp_path / "script"
    answer = said.replace("{pid}", "%s").replace("\n", "%s")
    script.write_text(f"""
        sleep 60 & victim=$!
        printf '#!/bin/sh\\n[ $1 = list-panes ] && printf "{answer}" $pid $pid; exit 1' >{tmux}
        sed -i "s/\\$pid/$victim/g" {tmux}; chmod 755 {tmux}
        session=s server=$victim uid=65534 account={account} sh -c {shlex.quote(stop)} sh {tmux}
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
    """A client sends its server what it reads from and writes to, and the server is the account's."""
    variables = DataLoader().load_from_file(str(VARS), trusted_as_template=True)
    script = (
        variables[f"__jupyter_tmux_{name}"]
        if name != "start"
        else variables["__jupyter_tmux_stop"] + variables["__jupyter_tmux_start"]
    )
    script = re.sub(r"\b(10|30)\b", "1", script)  # seconds
    tmux = tmp_path / "tmux"
    tmux.write_text(f"#!/bin/sh\n[ $1 = has-session ] && exit 1\n{does} & echo $! >>{tmp_path}/pids\n")
    tmux.chmod(0o755)
    environment = {**os.environ, "session": "s", "server": "0", "uid": "", "account": "", "start": "true"}
    try:
        done = subprocess.run(
            ["sh", "-c", script, "sh", str(tmux), *words], check=False, timeout=30, env=environment, capture_output=True
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
    """tmux has its sockets in /tmp, by the number of the account, and everybody may make a folder of that name
    there."""
    variables = DataLoader().load_from_file(str(VARS), trusted_as_template=True)
    place, tmux = Path("/tmp/tmux-65534"), tmp_path / "tmux"
    place.mkdir()
    try:
        os.chown(place, owner, owner)
        tmux.write_text("#!/bin/sh\n")
        tmux.chmod(0o755)
        environment = {**os.environ, "session": "s", "server": "0", "uid": "", "account": "nobody", "start": "true"}
        script = variables["__jupyter_tmux_stop"] + variables["__jupyter_tmux_start"]
        done = subprocess.run(["sh", "-c", script, "sh", str(tmux)], check=False, timeout=60, env=environment)
        assert (done.returncode, place.exists()) == (0, stays)
    finally:
        for left in Path("/tmp").glob("tmux-65534*"):
            left.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes the account of a session")
def test_the_tmux_of_an_account_that_never_answers_is_not_waited_for(tmp_path):
    stop = DataLoader().load_from_file(str(VARS), trusted_as_template=True)["__jupyter_tmux_stop"]
    tmux = tmp_path / "tmux"
    tmux.write_text("#!/bin/sh\n[ $1 = has-session ] && exit 1\nexec sleep 600\n")
    tmux.chmod(0o755)
    environment = {**os.environ, "session": "s", "server": "0", "uid": "", "account": "nobody"}
    done = subprocess.run(["sh", "-c", stop, "sh", str(tmux)], check=False, timeout=60, env=environment)
    assert done.returncode >= 0  # it came to its end by itself
