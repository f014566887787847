# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which servers start, restart or stop, and why. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from . import layout

if TYPE_CHECKING:
    from .._records import Change, Resource, Step
    from .._report_records import PathState, Report


def stale_lock(found: PathState | None, mine: str, now: float, alive: Callable[[int], bool]) -> str:
    """Return the content of an abandoned lock, or the empty text if there is none, or its run may still be at work.

    A lock is a link to ``user@control-node:process``: created in one step, and readable by anybody.

    :param found: the file at the lock's path, as the report describes it.
    :param mine: the content of this run's own lock.
    :param now: the time, in seconds since the epoch; how far the clocks of two machines differ does not matter here.
    :param alive: tells whether a process of this control node lives.
    """
    if found is None or found["kind"] != "link":
        return ""
    where, _colon, pid = found["target"].rpartition(":")
    dead = where == mine.rpartition(":")[0] and pid.isdigit() and not alive(int(pid))
    return str(found["target"]) if dead or now - found["modified"] > layout.LOCK_AGE else ""


#: The reasons of a step that ends the kernels of a service, by the kind of difference.
REASONS = {
    "service": "it moves to another service manager",
    "revision": "what it was started from has changed",
    "configuration": "it has read a file that was changed by hand",
    "environment": "its environment was damaged",
}


def service_steps(
    wanted: list[Resource], changes: list[Change], report: Report, urgent: list[str] | None = None
) -> list[Step]:
    """Return the steps for each service. Those of the instances in ``urgent`` restart now, with any policy.

    Each is ``{"id", "name", "manager", "user", "instance", "step": "restart" | "start" | "enable", "pid", "uid",
    "when", "why"}``. ``pid`` is the server that would end, 0 where none runs, and ``uid`` the number of its account.
    ``when`` is ``now``; ``idle``: when nothing is busy in that server; or ``later``: not in this run.
    """
    steps: list[Step] = []
    for thing in wanted:
        if thing["kind"] != "service":
            continue
        mine = {change["what"] for change in changes if change["id"] == thing["id"] and change["stage"] == "service"}
        # systemd has to read the files that are written for it.
        written = thing["manager"] != "tmux" and any(
            change["kind"] == "file" and change["stage"] == "service" and change["instance"] in (thing["instance"], "")
            for change in changes
        )
        if not mine and not written:
            continue
        step = (
            "start"
            if "service" in mine
            else "restart"
            if mine & {"revision", "configuration", "environment"}
            else "enable"
        )
        # Wherever it runs: a server that moves to another manager ends just as one that restarts.
        server = next(
            (server for server in report["servers"] if server["instance"] == thing["instance"]), {"pid": 0, "uid": 0}
        )
        pid = server["pid"]
        when = "now"
        if pid and step != "enable":
            # In a damaged environment kernels fail by themselves: nothing to wait for.
            when = {"when_idle": "now" if "environment" in mine else "idle", "never": "later"}.get(
                thing["restart"], "now"
            )
        if thing["instance"] in (urgent or []):
            when = "now"
        steps.append(
            {
                "id": thing["id"],
                "manager": thing["manager"],
                "user": thing["user"],
                "instance": thing["instance"],
                "name": thing["id"].split(" ", 1)[1],
                "step": step,
                "pid": pid,
                "uid": server["uid"],
                "when": when,
                "why": next((text for what, text in REASONS.items() if what in mine), ""),
            }
        )
    return steps
