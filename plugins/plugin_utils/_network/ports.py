# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of instances, and who listens on them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._records import Instance
    from .._report_records import Listener, Report


def in_the_way(item: Instance, report: Report) -> list[Listener]:
    """Return who listens on the port of an instance, as far as a server there, or who wants to reach it, has to do with
    that."""
    listener = report["listeners"].get(str(item["port"]))
    found = [listener, *listener.get("also", [])] if listener else []
    return [each for each in found if item["networked"] or each["loopback"] or each["everywhere"]]


def taken(item: Instance, report: Report) -> list[str]:
    """Say who has the port of an instance."""
    listener = next((each for each in in_the_way(item, report) if not _is_ours(each, item, report)), None)
    if listener is None:
        return []
    return [f"port: {item['port']} is used by {holder(listener)}. {stopping(listener)}, or choose another port."]


def holder(listener: Listener) -> str:
    unit = listener.get("unit", "")
    if listener["pid"]:
        return f"{listener['command']} (process {listener['pid']}{f' of {unit}' if unit else ''})"
    return f"a process of the account '{listener['account']}'{f', {unit} by the look of it' if unit else ''}"


def stopping(listener: Listener) -> str:
    """Return how to stop the program on a port: a unit of systemd starts again after a while, or after a boot."""
    unit = listener.get("unit")
    if not unit:
        return "Stop that"
    how = f"as '{listener['account']}': systemctl --user" if listener["users"] else "sudo systemctl"
    return f"Stop that for good, else it has the port again after a boot ({how} disable --now {shlex.quote(unit)})"


def is_taken_since(item: Instance, report: Report) -> bool:
    """Tell whether an account has taken the port of a server that an earlier run has created.

    Any account can: that must be in nobody else's way.
    """
    ours = [
        thing for thing in report["manifest"] if thing.get("kind") == "service" and thing["instance"] == item["name"]
    ]
    known = any(thing.get("port") == item["port"] for thing in ours)
    return known and report["system"]["uid"] == 0 and all(each["uid"] for each in in_the_way(item, report))


def _is_ours(listener: Listener, item: Instance, report: Report) -> bool:
    """Tell whether a server of ours holds the port of an instance: its own, one of the same account, or one that an
    earlier run gave this port.

    Any other server of ours is another person's, who may have made it listen there. Where the process cannot be told,
    the account has to do.
    """
    before = {
        thing["instance"]
        for thing in report["manifest"]
        if thing["kind"] == "service" and thing.get("port") == item["port"]
    }
    own = {server["uid"] for server in report["servers"] if server["instance"] == item["name"]}
    own.add((report["accounts"].get(item["user"]) or report["system"])["uid"])
    near = [server for server in report["servers"] if server["instance"] in before or server["uid"] in own]
    if listener["pid"]:
        return listener["pid"] in {server["pid"] for server in near}
    return listener["uid"] in {server["uid"] for server in near}
