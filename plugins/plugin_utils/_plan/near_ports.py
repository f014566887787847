# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ports of a laptop at which tunnels begin. Pure.

With one number for all servers, the second tunnel finds the port of the first in use. ``auto`` derives a number from
the names of host and instance: it is the same in each run, and no other host of the inventory has it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from ...module_utils._tunnel.client_config import near_port

if TYPE_CHECKING:
    from .._records import Instance

#: Below the ports that Linux gives to outgoing connections (ip_local_port_range, from 32768), macOS and Windows
#: (RFC 6335, from 49152).
FIRST, LAST = 20000, 32767
#: The ports of one host. More instances than that reach into the ports of the next host.
EACH = 8
SLOTS = (LAST + 1 - FIRST) // EACH


def settle_near_ports(host: str, instances: list[Instance], hosts: list[str]) -> list[str]:
    """Replace ``local_port`` of each instance by a number. Return the faults.

    :param hosts: the names of all hosts of the inventory.
    """
    problems = []
    automatic = [item for item in instances if str(item["local_port"]) == "auto"]
    first = FIRST + EACH * _places([*hosts, host], SLOTS)[host] if automatic else 0
    offsets = _places([item["name"] for item in automatic], max(EACH, len(automatic)))
    for item in instances:
        if item in automatic:
            number: Any = FIRST + (first - FIRST + offsets[item["name"]]) % (LAST + 1 - FIRST)
        else:
            number = item["local_port"] or near_port(item["port"])
        if not str(number).isdigit() or not 1024 <= int(number) <= 65535:
            problems.append(
                f"instance '{item['name']}': local_port: '{number}' is no port of a laptop. Write auto, or one from"
                " 1024 to 65535."
            )
            number = item["port"]
        item["local_port"] = int(number)
    seen: dict[int, str] = {}
    for item in instances:
        other = seen.setdefault(item["local_port"], item["name"])
        if other != item["name"]:
            problems.append(
                f"instance '{item['name']}': local_port: {item['local_port']} is taken by instance '{other}' already."
                " Give each its own, or write auto."
            )
    return problems


def _places(names: list[str], size: int) -> dict[str, int]:
    """Give each name a place by its digest, or the next free one. A name that is added moves only names that have its
    place."""
    taken: dict[int, str] = {}
    places = {}
    for name in sorted(set(names)):
        place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % size
        while place in taken and len(taken) < size:
            place = (place + 1) % size
        taken[place], places[name] = name, place
    return places
