# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try TCP ports of a host from the addresses of this machine. :mod:`outcomes` interprets the results."""

from __future__ import annotations

import ipaddress
import json
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

#: A SYN is sent again after one second, and after two more: three that get no answer are no accident.
PATIENCE = 4.0
MOST_ADDRESSES = 8


def resolve(host: str, port: int) -> tuple[str, str] | None:
    """Return the address by which this machine reaches the host, and its own address on the way there."""
    try:
        for family, kind, protocol, _name, place in socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM):
            with socket.socket(family, kind, protocol) as way:
                way.connect(place)  # sends nothing
                return str(place[0]), str(way.getsockname()[0])
    except OSError:
        pass
    return None


def others(own: str) -> list[str]:
    """Return further addresses of this machine, of the family of its own one; none where its system has no ``ip``."""
    try:
        done = subprocess.run(
            ["ip", "-json", "address"], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=10
        )
        said = [
            item["local"] for link in json.loads(done.stdout) for item in link.get("addr_info", []) if item.get("local")
        ]
        found = [ipaddress.ip_address(text) for text in said]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, subprocess.SubprocessError):
        return []
    version = ipaddress.ip_address(own).version
    usable = [one for one in found if one.version == version and not (one.is_loopback or one.is_link_local)]
    return [str(one) for one in usable if str(one) != own][:MOST_ADDRESSES]


def knock(address: str, port: int, source: str) -> str:
    """Return how a connection from this source ends (:data:`outcomes.OUTCOMES`)."""
    try:
        socket.create_connection((address, port), PATIENCE, source_address=(source, 0)).close()
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "silence"
    except OSError:
        return "prohibited"
    return "connected"


def all_at_once(tries: list[tuple[str, int, str]]) -> list[str]:
    """Return the outcome of each ``(address, port, source)``."""
    if not tries:
        return []
    with ThreadPoolExecutor(min(32, len(tries))) as pool:
        return list(pool.map(lambda one: knock(*one), tries))


__all__ = ["PATIENCE", "all_at_once", "knock", "others", "resolve"]
