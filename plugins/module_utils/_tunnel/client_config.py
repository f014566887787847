# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of the user's ssh for tunnel accounts. Pure."""

from __future__ import annotations

import re

from .accounts import Account
from .names import alias, quoted


def near_port(port: int) -> int:
    """Return the port of a user's machine for one of a server: the same where that needs no root (80 becomes 8080)."""
    return port if port >= 1024 else port + 8000


def local_forwards(targets: list[str], ports: dict[str, int] | None = None) -> list[tuple[int, str]]:
    """Give each target a port of the user's machine: that of :func:`near_port`, or the next free one.

    :param ports: other numbers, by the port on the host's loopback.
    """
    forwards: dict[int, str] = {}
    loopback = set()
    for target in targets:
        host, _colon, port = target.rpartition(":")
        if host in ("localhost", "127.0.0.1", "[::1]"):
            if port in loopback:
                continue  # another name of the same
            loopback.add(port)
        wanted = (ports or {}).get(port) if host in ("localhost", "127.0.0.1", "[::1]") else None
        local = wanted or near_port(int(port))
        while local in forwards:
            local += 1
        forwards[local] = target
    return list(forwards.items())


def jump(ssh_args: list[str]) -> str:
    """The line by which the inventory reaches a host through another one, as ssh_config(5) writes it; empty where it
    does not.

    :param ssh_args: the words of ``ansible_ssh_common_args`` and its like.
    """
    words = iter(ssh_args)
    for word in words:
        if word.startswith("-J"):
            return f"ProxyJump {word[2:] or next(words, '')}"
        if word.startswith("-o"):
            option = word[2:] or next(words, "")
            parts = re.match(r"\s*(ProxyJump|ProxyCommand)(?:\s*=\s*|\s+)(.+)", option, re.IGNORECASE | re.DOTALL)
            if parts:
                return (
                    f"{'ProxyJump' if parts.group(1).lower() == 'proxyjump' else 'ProxyCommand'}"
                    f" {parts.group(2).strip()}"
                )
    return ""


def host_name(address: str, port: int) -> str:
    """How known_hosts writes a server (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
    return address if port == 22 else f"[{address}]:{port}"


def known_hosts(address: str, port: int, keys: list[str]) -> str:
    """The lines by which ssh knows the host."""
    return "".join(f"{host_name(address, port)} {key}\n" for key in keys)


def client_config(
    host: str,
    account: Account,
    server: tuple[str, int],
    known_hosts_file: str,
    via: str,
    *,
    ports: dict[str, int] | None = None,
) -> str:
    """The block for the user's ssh: ``ssh -N <host>-<account>`` opens the tunnel, or says why not.

    :param server: address and port.
    :param via: a ``ProxyJump`` or ``ProxyCommand`` line, or "".
    :param ports: as for :func:`local_forwards`.
    """
    lines = [
        f"Host {alias(host, account['name'])}",
        f"    HostName {server[0]}",
        f"    Port {server[1]}",
        f"    User {account['name']}",
    ]
    if account["identity_file"]:
        lines += [f"    IdentityFile {quoted(account['identity_file'])}", "    IdentitiesOnly yes"]
    lines += [f"    UserKnownHostsFile {quoted(known_hosts_file)}", "    StrictHostKeyChecking yes"]
    lines += [f"    LocalForward {local} {target}" for local, target in local_forwards(account["permit_open"], ports)]
    lines += ["    ExitOnForwardFailure yes", "    ServerAliveInterval 30"]
    lines += [f"    {via}"] if via else []
    return "\n".join(lines) + "\n"


def with_include(text: str, line: str, wanted: bool) -> str:
    """A user's own ssh configuration with our one line at its top (below a Host line it would count for that host
    alone), or without it."""
    rest = "".join(row for row in text.splitlines(keepends=True) if row.rstrip("\n") != line)
    return f"{line}\n{rest}" if wanted else rest
