# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run lock of a host: the name that a run leaves there while it changes the host."""

from __future__ import annotations

import getpass
import os
import socket
import time
from typing import TYPE_CHECKING

from . import layout, services

if TYPE_CHECKING:
    from .._records import Plan
    from .._report_records import Report


def run_lock(plan: Plan, report: Report) -> dict[str, str]:
    """Return the path and the content of the run lock, and the content of an existing lock if it belongs to a run
    that is dead."""
    # Actions run in a fork: its parent is the run itself.
    mine = f"{getpass.getuser()}@{socket.gethostname()}:{os.getppid()}"
    path = layout.LOCK[plan["scope"]].replace("~", report["system"]["home"], 1)
    return {
        "path": path,
        "mine": mine,
        "stale": services.stale_lock(report["paths"].get(path), mine, time.time(), _is_alive),
    }


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True
