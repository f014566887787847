# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a run: the task of each host, the changes, and the facts that its last lines need. Pure.

Ansible reports events. The callback turns them into the calls below, and the screen draws this record.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from .builds import Count

#: The subject of a changed task, by the name of its file. The files that are left out have no subject of their own.
AREAS = {
    "account": "accounts",
    "acme": "certificates",
    "certificates": "certificates",
    "environment": "environment",
    "install": "environment",
    "packages": "system packages",
    "configure": "configuration",
    "service": "servers",
    "systemd": "servers",
    "tmux": "servers",
    "stop": "servers",
    "firewall": "firewall",
    "throttle": "login throttling",
    "ssh_client": "tunnel accounts",
    "handoff": "hand-off pages",
    "remove": "removal",
}
UNNAMED = {"compare", "idle", "inspect", "journal", "lock", "manifest", "unlock"}
#: The subject of a changed task of another role of this collection.
OF_ROLES = {"pki": "certificates", "firewall": "firewall", "tunnel": "tunnel accounts", "trust": "trust"}
_PLACE = re.compile(r"/remote/notebooks/roles/(\w+)/tasks/(?:\w+/)*(\w+)\.yml(?::\d+)?$")


@dataclass
class Host:
    """One host: its task, since when, and the outcome so far."""

    name: str
    work: str = ""
    since: float = 0.0
    busy: bool = False
    builds: bool = False  # its task is the build of an environment
    count: Count | None = None
    failure: str = ""  # "", "failed" or "out of reach"


@dataclass
class Run:
    """All hosts of a run, and the data of its last lines."""

    began: float = 0.0
    play: str = ""
    dry: bool = False
    hosts: dict[str, Host] = field(default_factory=dict)
    listed: dict[str, None] = field(default_factory=dict)  # all hosts of plays that go through them in batches
    changed: dict[str, None] = field(default_factory=dict)  # the subjects of changes, in their order
    rows: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)  # the proof, as _check.table has it
    expiries: dict[str, str] = field(default_factory=dict)  # the end of each server's certificate
    addresses: set[str] = field(default_factory=set)  # the lines about single servers
    last_lines: list[list[str]] = field(default_factory=list)  # of each batch
    warnings: dict[str, None] = field(default_factory=dict)

    def begin(self, host: str, work: str, now: float, builds: bool = False) -> None:
        """A task starts on a host. Without ``work`` the task is too small for a name: the earlier one stays."""
        one = self.hosts.setdefault(host, Host(host, since=now))
        one.busy, one.builds, one.count = True, builds, None
        if work and work != one.work:
            one.work, one.since = work, now

    def end(self, host: str) -> None:
        if host in self.hosts:
            self.hosts[host].busy = self.hosts[host].builds = False
            self.hosts[host].count = None

    def fail(self, host: str, how: str) -> None:
        self.hosts.setdefault(host, Host(host)).failure = how

    def change(self, path: str, name: str) -> None:
        """A task has changed a host."""
        subject = area(path, name)
        if subject:
            self.changed[subject] = None

    def learn(self, action: str, result: dict[str, Any]) -> None:
        """Keep the facts for the last lines from the result of an action of this collection."""
        if action == "remote.notebooks.jupyter_verdict_table":  # it prints the rows itself
            self.rows.clear()
        servers = result.get("servers")
        if not isinstance(servers, list):
            return
        if action == "remote.notebooks.jupyter_verdicts":
            self.rows.update({(row["host"], row["instance"], row["way"]): row for row in servers})
        elif action == "remote.notebooks.jupyter_state":
            for server in servers:
                ends = (server.get("tls") or {}).get("not_after")
                if ends:
                    self.expiries[f"{server['instance']} on {server['host']}"] = str(ends)
            self.addresses |= {
                line for line in result.get("connect", []) if not line.startswith(("note: ", "WARNING: "))
            }


def area(path: str, name: str) -> str:
    """Return the subject of a changed task. An empty text stands for the books of a run."""
    found = _PLACE.search(path)
    if not found:
        return name
    role, stem = found.groups()
    if role != "jupyter":
        return OF_ROLES.get(role, name)
    return "" if stem in UNNAMED else AREAS.get(stem, name)
