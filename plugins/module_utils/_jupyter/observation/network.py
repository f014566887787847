# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of the machine, and the name that it answers to by multicast DNS. Starts no process, sends nothing."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
from typing import Any

#: A machine with more addresses than this does not say them: a part would look as if the rest had gone.
MOST = 1000
#: rtnetlink(7), linux/rtnetlink.h, linux/if_addr.h
_GETADDR, _NEWADDR, _DONE = 22, 20, 3
_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_ADDRESS, _LOCAL, _FLAGS = 1, 2, 8
_SCOPE_SITE = 200  # the scopes above it are those of one link, and of the machine itself
_PASSING = 0x01 | 0x20 | 0x40  # of IPv6: temporary, deprecated, tentative
#: Of networks for documentation (RFC 5737, RFC 3849). To connect a UDP socket sends nothing.
_ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
#: The title that avahi-daemon gives its process. After a conflict in the network, the name is ``lab-2.local``.
_TITLE = re.compile(r"avahi-daemon: (?:running|registering) \[([A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.local)\]")
_MDNS = "14E9"  # port 5353


def network() -> dict[str, Any]:
    """Return ``addresses``, those of them that the machine sends from (``senders``), the name that avahi publishes
    (``published``, or an empty text), and whether any program answers multicast DNS (``answers``)."""
    found = _addresses()
    found = found if len(found) <= MOST else []
    return {
        "addresses": found,
        "senders": [address for address in _senders() if address in found],
        "published": _published(),
        "answers": _answers(),
    }


def _addresses() -> list[str]:
    """The addresses that last, of all interfaces; none where the kernel does not say them."""
    found: list[str] = []
    with contextlib.suppress(OSError), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        kernel.settimeout(2)
        kernel.bind((0, 0))
        kernel.send(struct.pack("=LHHLLBBBBL", 24, _GETADDR, _DUMP, 1, 0, socket.AF_UNSPEC, 0, 0, 0, 0))
        while _read(kernel.recv(1 << 16), found):
            pass
    return sorted(dict.fromkeys(found))


def _read(data: bytes, found: list[str]) -> bool:
    """Add the addresses of one answer. Return whether more answers follow."""
    while len(data) >= 16:
        size, kind = struct.unpack_from("=LH", data)
        if kind != _NEWADDR or size < 24:
            return False  # the end, or an error
        family, _length, flags, scope = struct.unpack_from("=BBBB", data, 16)
        parts = _attributes(data[24:size])
        address = parts.get(_LOCAL) or parts.get(_ADDRESS)
        if _FLAGS in parts:
            (flags,) = struct.unpack("=L", parts[_FLAGS])
        passing = family == socket.AF_INET6 and flags & _PASSING
        if address and family in (socket.AF_INET, socket.AF_INET6) and scope <= _SCOPE_SITE and not passing:
            found.append(socket.inet_ntop(family, address))
        data = data[(size + 3) & ~3 :]
    return True


def _attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        if size < 4:
            break
        found[kind] = data[4:size]
        data = data[(size + 3) & ~3 :]
    return found


def _senders() -> list[str]:
    found = []
    for family, there in _ELSEWHERE:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((there, 9))
            found.append(str(probe.getsockname()[0]))
    return found


def _published() -> str:
    try:
        with open("/run/avahi-daemon/pid", encoding="ascii") as file:
            process = int(file.read(20))
        with open(f"/proc/{process}/cmdline", encoding="utf-8", errors="replace") as file:
            title = _TITLE.match(file.read(300))
    except (OSError, ValueError):
        return ""
    return title[1].lower() if title else ""


def _answers() -> bool:
    """Tell whether a program listens on the port of multicast DNS; true where that cannot be read."""
    read = False
    for path in ("/proc/net/udp", "/proc/net/udp6"):  # without IPv6 there is no second one
        with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
            read = True
            if any(f":{_MDNS} " in line for line in file):
                return True
    return not read
