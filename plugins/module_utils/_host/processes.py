# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processes are this host's own. Runs on the host.

Those of its containers stand in ``/proc`` as well, with the same names and account numbers as ours may have, and are
none of our business.
"""

from __future__ import annotations


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
