# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until nothing runs in Jupyter servers of this machine, and print the remaining work: ``busy_kernels.py SECONDS
PID:UID [...]``.

Prints one JSON object: the process id of each server with the work in it, an empty list if a restart would
interrupt nobody. Each server is looked into by a process with the rights of UID, its account, which may stop that
process or make it read without end: so it has a deadline and a limit of memory, and only an answer of the right form
counts. Needs no password: a kernel is asked through its own connection file, as the account that runs it. Its shell
channel answers
``kernel_info_request`` only between two executions, so silence means that it computes, or cannot be asked, and either
way is to be left alone (https://jupyter-client.readthedocs.io/en/stable/messaging.html). A terminal is busy while a
program runs in its shell.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import pwd
import queue
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

#: How long an idle kernel may take to answer; it takes milliseconds. The second answer shows that no further cell was
#: waiting.
PATIENCE = 2.0
SECOND = 0.5

#: How much longer than its wait a look may take, in seconds, and its limits of memory and output, in bytes.
GRACE = 15.0
MEMORY = 2 << 30
LONGEST = 1 << 16
#: The limits for reading a command line and an environment, in bytes, and for the names in the answer.
WORDS = 1 << 18
MANY, LONG = 50, 200
#: Counts as busy if no answer was possible: to restart might end somebody's work.
UNKNOWN = "what could not be asked"


def processes() -> dict[int, dict[str, int]]:
    """Map each process to its parent, session and terminal (proc_pid_stat(5))."""
    found = {}
    for name in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError), open(name, encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
            found[int(name.split("/")[2])] = {
                "parent": int(fields[1]),
                "session": int(fields[3]),
                "terminal": int(fields[4]),
            }
    return found


def children(pid: int, known: dict[int, dict[str, int]]) -> list[int]:
    return [child for child, process in known.items() if process["parent"] == pid]


def descendants(pid: int, known: dict[int, dict[str, int]]) -> Iterator[int]:
    for child in children(pid, known):
        yield child
        yield from descendants(child, known)


def words(pid: int, file: str) -> list[str]:
    """Read the command line or the environment of a process; empty when it is gone."""
    try:
        with open(f"/proc/{pid}/{file}", "rb", buffering=0) as content:
            return content.read(WORDS).decode("utf-8", "replace").split("\0")
    except OSError:
        return []


def kernels(server: int, known: dict[int, dict[str, int]]) -> dict[str, str]:
    """Map the connection file of each kernel of a server to words for a person; a forked helper has its kernel's
    command line, and file."""
    found: dict[str, str] = {}
    for pid in descendants(server, known):
        for word in words(pid, "cmdline"):
            if os.path.basename(word).startswith("kernel-") and word.endswith(".json"):
                notebook = next(
                    (value[17:] for value in words(pid, "environ") if value.startswith("JPY_SESSION_NAME=")), ""
                )
                found.setdefault(
                    word, f"the kernel of {os.path.basename(notebook)}" if notebook else f"a kernel (process {pid})"
                )
    return found


def terminals(server: int, known: dict[int, dict[str, int]]) -> list[str]:
    """Name the programs in the terminals of a server: a terminal's shell leads a session of its own."""
    return [
        f"{words(child, 'cmdline')[0] or 'a program'} in a terminal (process {child})"
        for shell in children(server, known)
        if known[shell]["terminal"] and known[shell]["session"] == shell
        for child in children(shell, known)
        if words(child, "cmdline")
    ]


class Asked:
    """One kernel, and the question it has not answered yet."""

    def __init__(self, connection_file: str) -> None:
        from jupyter_client.blocking import BlockingKernelClient

        self.question = ""
        self.client = BlockingKernelClient(connection_file=connection_file)
        self.client.load_connection_file()
        self.client.start_channels(iopub=False, stdin=False, hb=False, control=False)

    def ask(self) -> None:
        """Ask unless a question is open: those of a busy kernel would only pile up."""
        self.question = self.question or self.client.kernel_info()

    def answers(self, deadline: float) -> bool:
        while self.question:
            try:
                reply = self.client.get_shell_msg(timeout=max(deadline - time.monotonic(), 0.01))
            except queue.Empty:
                return False
            if reply["parent_header"].get("msg_id") == self.question:
                self.question = ""
        return True


def busy(server: int, asked: dict[str, Asked]) -> list[str]:
    """Look once. ``asked`` holds the kernels from one look to the next."""
    known = processes()
    found = kernels(server, known)
    for connection_file in found:
        if connection_file not in asked:
            with contextlib.suppress(OSError, ValueError, KeyError):
                asked[connection_file] = Asked(connection_file)
    mine = {name: asked[name] for name in found if name in asked}
    for kernel in mine.values():
        kernel.ask()
    deadline = time.monotonic() + PATIENCE
    idle = [name for name, kernel in mine.items() if kernel.answers(deadline)]
    for name in idle:
        mine[name].ask()
    deadline = time.monotonic() + SECOND
    idle = [name for name in idle if mine[name].answers(deadline)]
    return [text for name, text in found.items() if name not in idle] + terminals(server, known)


def wait(server: int, uid: int, seconds: float) -> list[str]:
    """Become the account of the server, and look until nothing is busy or the time is over."""
    deadline = time.monotonic() + seconds
    if os.geteuid() == 0:
        account = pwd.getpwuid(uid)
        os.initgroups(account.pw_name, account.pw_gid)
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
        os.environ.update(HOME=account.pw_dir, USER=account.pw_name, LOGNAME=account.pw_name)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    asked: dict[str, Asked] = {}
    while True:
        try:
            if os.stat(f"/proc/{server}").st_uid != uid:
                return []  # another process has its number
        except FileNotFoundError:
            return []  # it has ended by itself
        found = busy(server, asked)
        if not found or time.monotonic() >= deadline:
            return found
        time.sleep(0.5)


def plain(text: str) -> str:
    """Return a text that an account chose, without characters that control a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text[:LONG])


def answered(process: subprocess.Popen[bytes], seconds: float) -> list[str]:
    """Return the result of a look, once it has one. :data:`UNKNOWN` if it gave no valid answer in time."""
    try:
        said = json.loads(process.communicate(timeout=max(seconds, 0))[0][:LONGEST])
    except (subprocess.TimeoutExpired, ValueError, RecursionError):
        said = None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if not isinstance(said, list) or not all(isinstance(text, str) for text in said):
        return [UNKNOWN]
    return [plain(text) for text in said[: MANY + 1]]


def main() -> None:
    if sys.argv[1] == "look":
        found = [plain(text) for text in wait(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))]
        print(json.dumps(found[:MANY] + ([f"{len(found) - MANY} more"] if found[MANY:] else [])))
        return
    seconds, servers = float(sys.argv[1]), [word.split(":") for word in sys.argv[2:]]
    until = time.monotonic() + seconds + GRACE
    # Each as its own account, all in the same time.
    look = [sys.executable, "-I", __file__, "look"]
    quiet = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.DEVNULL,
        "start_new_session": True,
    }
    started = {pid: subprocess.Popen([*look, pid, uid, str(seconds)], **quiet) for pid, uid in servers}
    print(json.dumps({pid: answered(process, until - time.monotonic()) for pid, process in started.items()}))


if __name__ == "__main__":
    main()
