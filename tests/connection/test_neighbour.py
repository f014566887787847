# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another account of the control node, while a check goes through its tunnel: it reads every command line and listens
where it can.

The neighbour is a process of uid 65534, which is why these tests need root; everything is on the loopback.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pwd
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import report as observation
from ansible_collections.remote.notebooks.plugins.plugin_utils._check import diagnosis

from .conftest import PASSWORD, free_port, wait_for

NOBODY = 65534
ANSWERS = {
    "GET /api": b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"version": "2.21.1"}',
    "GET /login": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: _xsrf=2|1; Path=/\r\n\r\nlogin",
}
CLOSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"


def spy(heard) -> None:
    """Take each port of the command line before its owner does, answer like Jupyter, and store the requests."""
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    taken: set[int] = set()
    while True:
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{name}/cmdline").read_bytes().decode("utf-8", "replace")
                for port in map(int, re.findall(r"(?:127\.0\.0\.1|localhost|\*):(\d+):", words)):
                    if port not in taken:
                        taken.add(port)
                        listener = socket.create_server(("127.0.0.1", port))
                        heard.put(f"listens on {port}")
                        threading.Thread(target=serve, args=(listener, heard), daemon=True).start()


def serve(listener: socket.socket, heard) -> None:
    while True:
        connection, _place = listener.accept()
        threading.Thread(target=converse, args=(connection, heard), daemon=True).start()


def converse(connection: socket.socket, heard) -> None:
    with connection:
        while True:
            request = connection.recv(65536).decode("utf-8", "replace")
            if not request:
                return
            heard.put(request)
            connection.sendall(ANSWERS.get(" ".join(request.split()[:2]), CLOSED))


@pytest.fixture
def neighbour():
    """The requests that the other account received."""
    context = multiprocessing.get_context("fork")
    heard = context.Queue()
    process = context.Process(target=spy, args=(heard,), daemon=True)
    process.start()

    def so_far() -> list[str]:
        got = []
        while not heard.empty():
            got.append(heard.get())
        return got

    yield so_far
    process.kill()
    process.join()


def test_another_account_hears_no_password(check, sshd, jupyter, neighbour):
    causes = [
        check("http://localhost:8888/", password=PASSWORD, timeout=10, tunnel=sshd.tunnel(jupyter.port))["cause"]
        for _time in range(5)
    ]
    time.sleep(0.2)
    got = neighbour()
    assert [text for text in got if quote_plus(PASSWORD) in text] == []
    assert got == []
    assert causes == ["ok"] * 5


def squat(address: str, port: int, ready) -> None:
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    with socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET):
        ready.set()
        time.sleep(600)


@pytest.fixture
def squatter():
    """Has another account listen at an address of this machine, on a port."""
    context, started = multiprocessing.get_context("fork"), []

    def listen(address: str, port: int) -> int:
        ready = context.Event()
        process = context.Process(target=squat, args=(address, port, ready), daemon=True)
        process.start()
        assert ready.wait(10)
        started.append(process)
        return process.pid

    yield listen
    for process in started:
        process.kill()
        process.join()


def who_listens(port: int, ours: int):
    lab = {"name": "lab", "port": port, "access": "tunnel", "networked": False, "user": "root"}
    plan = {"host": "web1", "prefix": "/opt", "scope": "system", "timeout": 0, "instances": [lab]}
    target = {"instance": "lab", "way": "tunnel", "url": f"http://localhost:{port}/", "possible": True}
    probe = {**diagnosis.probe(plan), "units": []}
    said = observation.report(probe, lambda _command: (1, "", ""), lambda: None, lambda _asked: None)
    said["servers"] = [{"pid": ours, "uid": 0, "instance": "lab", "trial": 0.0}]
    return diagnosis.known([target], plan, said)[0]


def test_another_account_of_the_host_that_has_the_port_is_told_by_name(squatter):
    """The server is down, and any program that listens in its place would be sent its password."""
    port = free_port()
    pid = squatter("127.0.0.1", port)
    found = who_listens(port, 0)
    assert (found["proven"], found["stranger"]["cause"]) == (False, "port_held")
    assert f"(process {pid} of the account '{pwd.getpwuid(NOBODY).pw_name}')" in found["stranger"]["message"]


def test_another_account_beside_the_server_is_told_as_well(jupyter, squatter):
    """At ::1, which who says localhost may be sent to, and for which the server's own address does not stand."""
    assert who_listens(jupyter.port, jupyter.process.pid)["proven"] is True
    squatter("::1", jupyter.port)
    assert who_listens(jupyter.port, jupyter.process.pid)["stranger"]["cause"] == "port_held"


@pytest.mark.parametrize("address", ["127.0.0.2", "127.255.255.254", "own"])
def test_another_account_where_nobody_is_sent_is_in_no_ones_way(jupyter, squatter, own_address, address):
    """Every account can listen there at any time: a check that told of it, or a start that failed, would be in its
    hands."""
    squatter(own_address if address == "own" else address, jupyter.port)
    found = who_listens(jupyter.port, jupyter.process.pid)
    assert (found["proven"], found["stranger"]) == (True, None)
    assert ready(jupyter).returncode == 0


@pytest.fixture
def own_address():
    """An address of this machine that is none of the loopback."""
    said = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout
    return next(word for word in said.split() if ":" not in word)


SCRIPT = Path(__file__).parents[2] / "roles/jupyter/files/wait_ready.py"


def ready(jupyter) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), f"http://127.0.0.1:{jupyter.port}/api", str(jupyter.process.pid), "5"]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("address", "code", "words"),
    [("::1", 1, "the account '{nobody}' listens"), ("", 0, "")],
    ids=["with another", "alone"],
)
def test_a_server_beside_which_another_account_listens_is_not_ready(jupyter, squatter, address, code, words):
    if address:
        squatter(address, jupyter.port)
    done = ready(jupyter)
    assert done.returncode == code, done.stderr
    assert words.format(nobody=pwd.getpwuid(NOBODY).pw_name) in done.stderr


def test_a_server_whose_answer_does_not_end_is_not_waited_for():
    """One byte now and then is within the time of each read."""
    sent = threading.Event()

    def trickle(listening: socket.socket) -> None:
        connection, _client = listening.accept()
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        sent.set()
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b"a")
                time.sleep(0.2)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=trickle, args=(listening,), daemon=True).start()
        command = [
            sys.executable,
            str(SCRIPT),
            f"http://127.0.0.1:{listening.getsockname()[1]}/api",
            str(os.getpid()),
            "1",
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert sent.is_set()
    assert (done.returncode, "no answer within 1 s" in done.stderr) == (1, True)


@pytest.fixture
def running(check, sshd, jupyter, tmp_path):
    """A check in the middle of its work, and the ssh processes that belong to it."""
    code = f"import pathlib, time; pathlib.Path({str(tmp_path / 'runs')!r}).touch(); time.sleep(60)"
    command = check.command("http://localhost:8888/", password=PASSWORD, tunnel=sshd.tunnel(jupyter.port), code=code)
    before = listening()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for((tmp_path / "runs").exists, "cell")
        yield process, before
        process.kill()
        process.wait()
    jupyter.end_kernels()


def listening() -> set[str]:
    """The TCP sockets that listen here, but for those of kernels and of other tests' servers."""
    out = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    return {line.split()[3] for line in out.splitlines() if '"ssh"' in line}


def clients(sshd) -> list[list[str]]:
    listing = subprocess.run(["ps", "-ww", "-eo", "args="], capture_output=True, text=True, check=True).stdout
    return [
        line.split() for line in listing.splitlines() if line.split()[0].endswith("/ssh") and str(sshd.folder) in line
    ]


def test_nothing_listens_for_others_while_the_check_runs(running, sshd):
    _process, before = running
    assert listening() == before
    found = clients(sshd)
    assert found
    for words in found:
        folder = Path(words[words.index("-S") + 1]).parent
        assert (folder.stat().st_mode & 0o7777, folder.stat().st_uid) == (0o700, os.getuid())


def test_a_check_that_is_killed_leaves_nothing_open(running, sshd):
    process, before = running
    folders = {Path(words[words.index("-S") + 1]).parent for words in clients(sshd)}
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for(lambda: clients(sshd) == [], "end of ssh", 3)
    assert listening() == before
    wait_for(lambda: not any(folder.exists() for folder in folders), "end of the folder", 3)
