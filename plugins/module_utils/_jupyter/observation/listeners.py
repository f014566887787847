# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes that listen on ports of a host."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import posixpath
import pwd
import re
import sys
from typing import Any, Iterator

from .paths import name_of, printable
from .servers import SEVERAL

#: In seconds since the epoch.
UNIT_NAME = re.compile(r"[A-Za-z0-9:_.\\@-]{1,200}\.service")


def listeners(ports: list[int], likely: dict[int, int]) -> dict[str, dict[str, Any]]:
    """Say who listens on each of ``ports``; a port nobody listens on is left out. Keys are decimal text.

    :param likely: process ids to look at first, and whose they are; all others only where those do not hold every
        socket.

    ``loopback`` tells that it is reached from the host itself only, ``everywhere`` that it listens at every address.
    A program at 127.0.0.2 and the like is left out: nobody is sent there, every account may do it, and it must be
    in nobody's way.
    ``pid`` and ``command`` are None where the process cannot be told: without root, and in containers without
    CAP_SYS_PTRACE.
    ``unit`` is the unit of systemd that has started it, where one has, and ``users`` tells that it is one of the
    account's own systemd. Where the process cannot be told it is the only unit that runs anything as that account;
    where there are several, none. Where several listen, each at another address, ``also`` holds those after the first
    one: the listener at 127.0.0.1 need not be at ::1.
    """
    found: dict[str, dict[str, Any]] = {}
    owners: dict[str, list[dict[str, Any]]] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as file:
                rows = [line.split() for line in file][1:]
        except OSError:
            continue
        for row in rows:
            port = int(row[1].rpartition(":")[2], 16)
            if row[3] != "0A" or port not in ports:  # TCP_LISTEN (include/net/tcp_states.h)
                continue
            address = _address(row[1].rpartition(":")[0])
            if address.is_loopback and str(address) not in ("127.0.0.1", "::1"):
                continue
            where = {"loopback": address.is_loopback, "everywhere": address.is_unspecified}
            account = {"uid": int(row[7]), "account": name_of(pwd.getpwuid, int(row[7]))}
            found[f"socket:[{row[9]}]"] = {"pid": None, "command": None, **where, **account}
            owners.setdefault(str(port), []).append(found[f"socket:[{row[9]}]"])
    sockets = dict(found)
    for pid in (*likely, *map(int, filter(str.isdigit, os.listdir("/proc")))):
        if not sockets:
            break
        try:
            for link in _opened(pid):
                owner = sockets.pop(link, None)
                if owner:
                    with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                        owner.update(pid=pid, command=printable(file.read()), **_unit_of(pid))
        except PermissionError:
            # The result for one process of another account holds for all of it (ptrace(2)): to ask hundreds of others
            # would tell no more.
            if likely.get(pid, os.geteuid()) != os.geteuid():
                sockets = {name: owner for name, owner in sockets.items() if owner["uid"] != likely[pid]}
        except OSError:
            continue  # gone by now
    for owner in found.values():
        if owner["pid"] is None:
            owner.update(_only_unit(owner["uid"]))
    return {port: _together(each) for port, each in owners.items()}


def _unit_of(pid: int | str) -> dict[str, Any]:
    """Return the service that a process belongs to, by its control group (systemd.resource-control(5)): anybody may
    read that."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as file:
            paths = [
                line.rstrip("\n").split(":", 2)[2]
                for line in file
                if line.startswith("0::") or ":name=systemd:" in line
            ]
    except (OSError, IndexError):
        return {}
    for path in paths:
        name = posixpath.basename(path)
        if UNIT_NAME.fullmatch(name) and not name.startswith("user@"):
            return {"unit": name, "users": "/user@" in path}
    return {}


def _only_unit(uid: int) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{pid}").st_uid == uid:
                unit = _unit_of(pid)
                found.setdefault(unit.get("unit", ""), unit)
    found.pop("", None)
    return next(iter(found.values())) if len(found) == 1 else {}


def _together(owners: list[dict[str, Any]]) -> dict[str, Any]:
    """Describe who listens on one port: once for each process, or account where that cannot be told, and kind of
    address."""
    # Any account may listen at an address of the host's own, any number of times: those who may be in a server's way
    # come first.
    owners.sort(key=lambda owner: not (owner["loopback"] or owner["everywhere"]))
    first, *others = {
        (owner["pid"], owner["uid"], owner["loopback"], owner["everywhere"]): owner for owner in owners
    }.values()
    return {**first, **({"also": others[:SEVERAL]} if others else {})}


def _opened(pid: int) -> Iterator[str]:
    """Yield the target of each open descriptor of a process (proc_pid_fd(5)). Raises PermissionError if this account
    may not look."""
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed by now
            yield os.readlink(f"/proc/{pid}/fd/{descriptor}")


def _address(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Read an address of /proc/net/tcp or tcp6: hexadecimal, in words of the machine's own byte order (proc(5))."""
    words = [
        bytes.fromhex(address[start : start + 8])[:: -1 if sys.byteorder == "little" else 1]
        for start in range(0, len(address), 8)
    ]
    found = ipaddress.ip_address(b"".join(words))
    return getattr(found, "ipv4_mapped", None) or found
