# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments that somebody else created, and that kernels are to run in. Runs on the host, changes nothing.

Their programs are foreign, so none runs with root's rights: the account of the server tries them.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import select
import signal
import subprocess
import time
from typing import Any, Callable

from ..._host import other_account
from .accounts import NOBODY, is_changed_by_others

# run_command() has no time limit.
# pylint: disable=ansible-bad-function

#: Seconds for the import of ipykernel: a slow disk, or a network's, reads some hundred files for it.
SECONDS = 60
#: Bytes of output that are read.
MOST = 1 << 16
#: Of a path, in characters (PATH_MAX). Links can lead to a longer one, which nothing can open.
LONGEST = 4096
#: The exit code for an environment without ipykernel.
ABSENT = 77
#: Imports as a kernel does at its start. The last line of its output tells it from any other program of that name.
CODE = f"""
import importlib.util, sys
if importlib.util.find_spec("ipykernel") is None:
    sys.exit({ABSENT})
import ipykernel.kernelapp
print("imported")
"""
#: What can be wrong with an environment.
PROBLEMS = ("", "missing", "shut", "no_python", "no_ipykernel", "broken", "silent")


def existing(asked: dict[str, list[str]]) -> Callable[[], dict[str, dict[str, Any]]]:
    """Begin to try each environment. Return a function that waits for the answers.

    :param asked: by kernel, the account and the path, which may begin with the account's home (``~ann``).
    """
    begun = {}
    for name, (account, folder) in asked.items():
        path = os.path.expanduser(folder)
        try:
            entry = pwd.getpwnam(account) if account else pwd.getpwuid(os.geteuid())
        except KeyError:
            entry = pwd.getpwnam(NOBODY)  # created in this run, it will have the rights of every account
        look = other_account.begin(
            lambda path=path, entry=entry: _look(path, entry),  # type: ignore[misc]
            entry.pw_name if account else "",
            seconds=SECONDS + 10,
            limit=MOST,
        )
        begun[name] = (path, look)

    def answer() -> dict[str, dict[str, Any]]:
        return {name: _answered(path, look) for name, (path, look) in begun.items()}

    return answer


def _answered(path: str, look: Callable[[], Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"problem": "silent", "said": "", "conda": False, "real": []}
    with contextlib.suppress(OSError):
        found = look()
    # Who can change it can break it at any time, and must not stop the runs of others with that.
    return {**found, "astray": os.geteuid() == 0 and is_changed_by_others(f"{path}/bin/python")}


def _look(path: str, entry: pwd.struct_passwd) -> dict[str, Any]:
    """Describe an environment with the rights of this process."""
    python = f"{path}/bin/python"
    problem, said = _reach(path, python)
    conda = not problem and os.path.isdir(f"{path}/conda-meta")
    if not problem:
        problem, said = _tried(python, path, conda, entry)
    return {
        "problem": problem,
        "said": said[-400:],
        "conda": conda,
        # The folders that a server has to see, too, in its sandbox.
        "real": [each for each in dict.fromkeys(map(os.path.realpath, (path, python))) if len(each) <= LONGEST],
    }


def _reach(path: str, python: str) -> tuple[str, str]:
    """Return the problem on the way to the interpreter, and the folder or file that it is about."""
    shut = _shut(path)
    if shut:
        return "shut", shut
    if not os.path.isdir(path):
        return "missing", ""
    if not os.path.lexists(python):
        shut = _shut(python)
        return ("shut", shut) if shut else ("no_python", "")
    if not os.access(path, os.R_OK | os.X_OK):
        return "shut", path
    if os.access(python, os.R_OK | os.X_OK):
        return "", ""
    real = os.path.realpath(python)
    shut = _shut(real)
    return ("shut", shut or real) if shut or os.path.lexists(real) else ("no_python", "")


def _shut(path: str) -> str:
    """Return the outermost folder above a path that may not be entered."""
    folder = ""
    for name in os.path.dirname(os.path.realpath(path)).split("/")[1:]:
        folder = f"{folder}/{name}"
        if os.path.isdir(folder) and not os.access(folder, os.X_OK):
            return folder
    return ""


def _tried(python: str, path: str, conda: bool, entry: pwd.struct_passwd) -> tuple[str, str]:
    """Import ipykernel in an environment. Return the problem, and the last line of the output."""
    variables = {
        "HOME": entry.pw_dir,
        "USER": entry.pw_name,
        "LOGNAME": entry.pw_name,
        "LANG": "C.UTF-8",
        "PATH": f"{path}/bin:/usr/local/bin:/usr/bin:/bin",
        # The environment stays as it is, also where the account may write to it.
        "PYTHONDONTWRITEBYTECODE": "1",
        **({"CONDA_PREFIX": path} if conda else {}),
    }
    try:
        code, output = _run([python, "-c", CODE], variables, SECONDS)
    except subprocess.TimeoutExpired:
        return "silent", ""
    except OSError as error:
        return "broken", str(error.strerror)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if code == 0 and lines[-1:] == ["imported"]:
        return "", ""
    return ("no_ipykernel", "") if code == ABSENT else ("broken", (lines or [f"it ended with code {code}"])[-1])


def _run(argv: list[str], variables: dict[str, str], seconds: float) -> tuple[int, str]:
    """Run a foreign program. Return its exit code, and the end of its output."""
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=variables,
        cwd="/",
        start_new_session=True,
    )
    output: Any = process.stdout
    deadline, said = time.monotonic() + seconds, b""
    try:
        while True:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(argv, seconds)
            ended = process.poll() is not None
            if not select.select([output], [], [], 0 if ended else 0.2)[0]:
                if ended:  # a process that it left behind may keep the pipe open
                    break
                continue
            part = os.read(output.fileno(), MOST)
            if not part:
                break
            said = (said + part)[-MOST:]
        return process.wait(max(0.1, deadline - time.monotonic())), said.decode("utf-8", "replace")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        output.close()
