# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processes are this host's own, and which of them we have started. Runs on the host.

Those of its containers stand in ``/proc`` as well, with the same names and account numbers as ours may have, and are
none of our business.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

#: How long programs of ours may take to be gone, in seconds, once they are killed.
SECONDS = 20


def is_here(pid: int | str) -> bool:
    """Tell whether a process lives in this PID namespace, and not in one below it. False for one that is gone.

    ``NSpid`` in proc_pid_status(5) is its number in each namespace from ours down. A kernel older than Linux 4.1 says
    nothing, and is believed.
    """
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            return all(len(line.split()) == 2 for line in file if line.startswith("NSpid:"))
    except OSError:
        return False


def end_ours(folder: str, scripts: str) -> None:
    """End the programs of ours that are at work in a folder which is about to be removed: files that they wrote
    afterwards would be left of it.

    :param scripts: where ours lie. They have the folder's program as their first word and one of these behind it; a
        server is no such program.
    """
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = [pid for pid in filter(str.isdigit, os.listdir("/proc")) if _is_ours(pid, folder, scripts)]
        if not found:
            return
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.05)


def _is_ours(pid: str, folder: str, scripts: str) -> bool:
    try:
        if os.stat(f"/proc/{pid}").st_uid != os.geteuid():
            return False
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = [os.fsdecode(word) for word in file.read(1 << 16).split(b"\0")]
    except OSError:
        return False  # gone by now; a zombie has no words
    return (
        words[0].startswith(f"{folder}/")
        and any(word.startswith(f"{scripts}/") for word in words[1:3])
        and is_here(pid)
    )
