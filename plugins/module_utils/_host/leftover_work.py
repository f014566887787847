# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""End the processes of an account, and the jobs that it left with cron and at. Runs on hosts."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import time
from typing import Any

from . import other_account, ownership
from .processes import is_here

# There is no AnsibleModule here, and so no run_command().
# pylint: disable=ansible-bad-function

#: How often the processes of an account are looked for until there are none.
LOOKS = 50


def end_jobs(name: str) -> None:
    """Remove the jobs of an account in cron and at. They would run for the next account of its name, or of its
    number."""
    quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with contextlib.suppress(OSError):  # there is no cron
        subprocess.run(["crontab", "-r", "-u", name], check=False, stdout=subprocess.DEVNULL, **quiet)
    with contextlib.suppress(OSError):  # there is no at
        # A line is: number, date and time, queue, account (at(1)).
        lines = (
            subprocess.run(["atq"], check=False, stdout=subprocess.PIPE, **quiet)
            .stdout.decode("utf-8", "replace")
            .splitlines()
        )
        jobs = [
            words[0] for words in map(str.split, lines) if len(words) > 2 and words[-1] == name and words[0].isdigit()
        ]
        if jobs:
            subprocess.run(["atrm", *jobs], check=False, stdout=subprocess.DEVNULL, **quiet)


def end_processes(entry: pwd.struct_passwd) -> None:
    for _look in range(LOOKS):
        pids = [pid for pid in filter(str.isdigit, os.listdir("/proc")) if _is_of(pid, entry.pw_uid)]
        if not pids:
            return
        with contextlib.suppress(OSError):
            other_account.call(entry.pw_name, lambda: _kill(pids), seconds=ownership.SECONDS)  # noqa: B023
        time.sleep(0.1)


def _is_of(pid: str, uid: int) -> bool:
    """Tell whether an account may end a process: also one of a program such as su, which is root's by now and was
    started by the account."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            told = dict(line.split(":", 1) for line in file if line.startswith(("Uid:", "State:")))
        return str(uid) in told["Uid"].split() and told["State"].split()[0] != "Z" and is_here(pid)
    except (OSError, KeyError):
        return False  # gone by now


def _kill(pids: list[str]) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(int(pid), signal.SIGKILL)
