# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions about a build while the module that builds is at work: one thread, over a second connection.

It asks as the account that Ansible logs in as, and becomes no other. Over SSH it asks only through the connection that
is open already (ControlPersist): a login each second would be a burden, and some firewalls count them. The first
question without an answer is the last one. A build does not depend on any of it.
"""

from __future__ import annotations

import contextlib
import contextvars
import copy
import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

from .._progress import builds

CONNECTIONS = ("ssh", "local")
#: Seconds until the first question, between two, and for the last answer.
FIRST, PAUSE, LAST = 2.0, 1.0, 3.0
#: A host may need long to start the module. It has no answer for so many questions.
SILENT = 30


def is_wanted(connection: Any) -> bool:
    """Tell whether a person watches, and the connection can carry questions."""
    return builds.is_open() and connection.transport in CONNECTIONS


@contextlib.contextmanager
def watched(connection: Any, host: str, path: str) -> Iterator[None]:
    """Ask for the file of a build (``_jupyter.build_progress``) during a block."""
    if not path:
        yield
        return
    stop, context = threading.Event(), contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(_ask, connection, host, path, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(LAST)
        if thread.is_alive():
            _end_commands(thread)
        builds.forget(host)


def _ask(connection: Any, host: str, path: str, stop: threading.Event) -> None:
    if stop.wait(FIRST):
        return
    second = copy.copy(connection)
    second.become = None
    text = f"exec head -c {builds.LENGTH} {shlex.quote(path)} 2>/dev/null"
    command, silent = f"exec /bin/sh -c {shlex.quote(text)}", 0  # one process, which a signal reaches
    with contextlib.suppress(Exception):
        if second.transport == "ssh" and not _is_open(second):
            return
        while silent < SILENT:
            code, said, _errors = second.exec_command(command, sudoable=False)
            count = builds.parse(said)
            if code not in (0, 1) or stop.is_set():  # 1: there is no file yet
                return
            silent = 0 if count else silent + 1
            if count:
                builds.tell(host, count)
            if stop.wait(PAUSE):
                return


def _is_open(connection: Any) -> bool:
    """Ask ssh whether there is a connection to share (``ssh -O check``)."""
    program = connection.get_option("ssh_executable")
    host = connection.get_option("host") or connection.host
    words = connection._build_command(program, "ssh", "-O", "check", host)
    words = words[words.index(os.fsencode(program)) :]  # sshpass is for a login, and this is none
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=LAST)
    return done.returncode == 0


def _end_commands(thread: threading.Thread) -> None:
    """End the command of a question that has no answer."""
    children = f"/proc/self/task/{thread.native_id}/children"
    with contextlib.suppress(OSError, ValueError), open(children, encoding="ascii") as file:
        for pid in file.read().split():
            os.kill(int(pid), signal.SIGKILL)
