# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of this host and of containers on it: namespaces of the kernel's own, as every container has them."""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import details, listeners, servers
from ansible_collections.remote.notebooks.plugins.plugin_utils._input import report_answers

#: The mark of a process in a container: namespaces of its own. The host's /proc shows it all the same.
CONTAINER = ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--pid", "--fork", "--kill-child", "--"]


@contextlib.contextmanager
def server(environment, instance, *before):
    """Run a program that looks like a server of ours. Yield once its command line is there."""
    python = environment / "bin" / "python"
    python.parent.mkdir(parents=True, exist_ok=True)
    if not python.is_symlink():
        python.symlink_to(sys.executable)
    with subprocess.Popen(
        [
            *before,
            python,
            "-X",
            f"remote_notebooks={instance if ':' in instance else f'{instance}:0'}",
            "-c",
            "print(1, flush=True); input()",
        ],
        stdin=-1,
        stdout=-1,
    ) as process:
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def test_only_our_own_servers_are_seen(tmp_path):
    owners = {"lab": {os.getuid()}}
    with server(tmp_path / "envs/one", "lab") as ours, server(tmp_path / "envs/one", "lab", *CONTAINER), server(
        tmp_path / "elsewhere/one", "lab"
    ):
        found = servers.servers(f"{tmp_path}/envs", owners, servers.commands(), set())
        assert [(each["pid"], each["instance"], each["environment"]) for each in found] == [
            (ours.pid, "lab", f"{tmp_path}/envs/one")
        ]


@pytest.mark.parametrize(
    ("installed", "notebook7"),
    [
        pytest.param("notebook-7.5.1.dist-info", True, id="Notebook 7, whichever package brought it"),
        pytest.param("notebook-6.5.7.dist-info", False, id="Notebook 6"),
        pytest.param("notebook_shim-7.0.0.dist-info", False, id="a name that begins like it"),
    ],
)
def test_a_server_tells_whether_its_environment_holds_notebook_7(tmp_path, installed, notebook7):
    with server(tmp_path / "envs/one", "lab"):
        (tmp_path / "envs/one/lib/python3.13/site-packages" / installed).mkdir(parents=True)
        (found,) = servers.servers(f"{tmp_path}/envs", {"lab": {os.getuid()}}, servers.commands(), set())
    assert found["notebook7"] is notebook7


@contextlib.contextmanager
def spoofed(name, *, uid=None, program=sys.executable, mark="remote_notebooks=lab:0"):
    """Run a process that calls itself ``name`` and carries the mark, as any account can."""
    command = [name, "-X", mark, "-c", "print(1, flush=True); input()"]
    with subprocess.Popen(
        command, executable=program, stdin=-1, stdout=-1, **({} if uid is None else {"user": uid})
    ) as process:
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    "name",
    [
        "{envs}/../home/evil",
        "{envs}/one/../../home/evil",
        "{envs}/../bin/python",
        "{envs}/./bin/python",
        "{envs}//bin/python",
        "{envs}/one/bin/python3",
    ],
)
def test_a_command_line_names_no_program_elsewhere(tmp_path, name):
    with server(tmp_path / "envs/one", "lab") as ours, spoofed(name.format(envs=tmp_path / "envs")):
        found = servers.servers(f"{tmp_path}/envs", {"lab": {os.getuid()}}, servers.commands(), set())
    assert [each["pid"] for each in found] == [ours.pid]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs something as another account")
def test_a_process_of_another_account_is_no_server_and_keeps_no_environment(tmp_path):
    one, other = tmp_path / "envs/one", tmp_path / "envs/other"
    with server(one, "lab") as ours, spoofed(f"{other}/bin/python", uid=65534, program="/usr/bin/python3"):
        started = servers.commands()
        assert [each["pid"] for each in servers.servers(f"{tmp_path}/envs", {"lab": {0}}, started, set())] == [ours.pid]
        assert servers.used([str(one), str(other)], started, {0}) == [str(one)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder away")
@pytest.mark.parametrize(("what", "ran"), [(None, 1), ("envs/one", 0), ("envs/one/bin", 0), ("envs", 0)])
def test_of_an_environment_that_others_could_change_root_runs_nothing(tmp_path, what, ran):
    called = []
    with server(tmp_path / "envs/one", "lab"):
        if what:
            os.chown(tmp_path / what, 65534, 65534)
        found = servers.servers(f"{tmp_path}/envs", {"lab": {0}}, servers.commands(), set())
        said = details.details(found, "/script", {}, lambda command: called.append(command) or (0, "{}", ""))
    assert [process["busy"] for process in said["processes"].values()] == [None]
    assert len(called) == ran


def test_a_mark_of_any_length_spoils_no_answer(tmp_path):
    """An account may give the mark of its own server to other programs. A whole host, and with it a run, must not
    be refused for that."""
    with server(tmp_path / "envs/one", "lab"), server(tmp_path / "envs/one", f"lab:{'a' * 2000}"):
        found = servers.servers(f"{tmp_path}/envs", {"lab": {os.getuid()}}, servers.commands(), set())
    assert len(found) == 2
    for each in found:
        report_answers.SERVER(each, "server")


def test_the_one_that_systemd_knows_comes_first(tmp_path):
    with server(tmp_path / "envs/one", "lab") as lower, server(tmp_path / "envs/one", "lab") as main:
        found = servers.servers(f"{tmp_path}/envs", {"lab": {os.getuid()}}, servers.commands(), {str(main.pid)})
    assert [each["pid"] for each in found] == [main.pid, lower.pid]


@pytest.mark.parametrize("said", ["", "{}", "[]", "null", '{"7": 1}', '{"7": [1]}', '{"7"', "[" * 100_000, '{"8": []}'])
def test_what_is_not_what_the_script_says_is_no_answer(said):
    assert details._busy(said, "7") is None
    assert details._busy('{"7": ["a kernel"]}\n', "7") == ["a kernel"]


def test_an_environment_that_only_a_container_uses_is_not_in_use(tmp_path):
    one, other = tmp_path / "envs/one", tmp_path / "envs/other"
    with server(one, "lab"), server(other, "lab", *CONTAINER):
        assert servers.used([str(one), str(other)], servers.commands(), {os.getuid()}) == [str(one)]


@pytest.mark.parametrize("likely", [{}, {1: 0}, {os.getpid(): os.getuid()}])
def test_who_listens_is_found_wherever_it_is_looked_first(likely):
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_server(("0.0.0.0", 0)) as other:
        ports = [listening.getsockname()[1], other.getsockname()[1]]
        found = listeners.listeners([*ports, 1], likely)
    assert {port: (owner["pid"], owner["loopback"]) for port, owner in found.items()} == {
        str(ports[0]): (os.getpid(), True),
        str(ports[1]): (os.getpid(), False),
    }


LOOK = """
import os, sys
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import listeners
port, pid, uid = map(int, sys.argv[1:])
asked, listdir = [], os.listdir
os.listdir = lambda path: asked.append(path) or listdir(path)
found = listeners.listeners([port], {pid: uid})
print(found[str(port)]["pid"], found[str(port)]["uid"] == uid, [path for path in asked if path.endswith("/fd")])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs something as another account")
@pytest.mark.parametrize("sees", [True, False])
def test_where_a_server_may_not_be_looked_into_no_other_process_is(sees):
    """Root of a container has no CAP_SYS_PTRACE: the descriptors of hundreds of processes would cost more than all
    else, and tell nothing."""
    without = ["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace"]
    account, uid = ("root", 0) if sees else ("nobody", pwd.getpwnam("nobody").pw_uid)
    os.seteuid(uid)  # whose a socket is, is its creator
    try:
        listening = socket.create_server(("127.0.0.1", 0))
    finally:
        os.seteuid(0)
    port, command = (
        listening.getsockname()[1],
        [
            *without,
            "setpriv",
            "--reuid",
            account,
            "--clear-groups",
            "sleep",
            "60",
        ],
    )
    with listening, subprocess.Popen(command, pass_fds=[listening.fileno()]) as server:
        try:
            listening.close()
            while Path(f"/proc/{server.pid}/comm").read_text() != "sleep\n":
                time.sleep(0.01)
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
            look = [*without, sys.executable, "-c", LOOK, str(port), str(server.pid), str(uid)]
            done = subprocess.run(look, check=True, capture_output=True, text=True, env=environment)
        finally:
            server.kill()
    assert done.stdout == f"{server.pid if sees else None} True ['/proc/{server.pid}/fd']\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root ends the processes of other accounts")
def test_an_account_that_is_cut_off_ends_nobody_in_a_container():
    """Accounts of two systems share their numbers. In a namespace of the test's own, where nothing else can be hit."""
    script = """
    import subprocess, time
    from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import install
    nobody = ["setpriv", "--reuid", "nobody", "sleep", "60"]
    here, there = subprocess.Popen(nobody), subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", *nobody])
    time.sleep(0.5)
    assert install.cut_off(["nobody"]) == [here.pid]
    assert here.wait(5) == -9
    time.sleep(0.2)
    assert there.poll() is None
    there.kill()
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [
        "unshare",
        "--pid",
        "--fork",
        "--mount-proc",
        "--kill-child",
        "--",
        sys.executable,
        "-c",
        textwrap.dedent(script),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
