# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The route from a client to the SSH server of a host, in words that another machine understands: an alias of the
operator's ``~/.ssh/config`` is replaced by its address, port and user (``ssh -G``)."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...module_utils._tunnel import client_config
from .contact import configured, own_configuration

if TYPE_CHECKING:
    from .._records import Contact, Hop, Route

#: The settings of ssh for one host: ``hostname``, ``port``, ``user``, ``proxyjump``, ``proxycommand``.
Ask = Callable[[str], "dict[str, str]"]
Known = Callable[[str], "Hop | None"]
#: A chain of jump hosts that is longer is a circle.
MOST_HOPS = 8


def way(address: str, jump: str, reached: Any) -> tuple[tuple[str, int], str]:
    """Return how clients reach a host: address and port, and a ``ProxyJump`` or ``ProxyCommand`` line, or "".

    :param address, jump: the inventory's values. Default: the connection of Ansible.
    :param reached: :func:`contact.contact`.
    """
    via = f"ProxyJump {jump}" if jump else client_config.jump(reached["ssh_args"]) or reached["proxy"]
    return (address or reached["address"], reached["address_port"]), via


def spelled(via: str, reached: Any) -> str:
    """Return the ``ProxyJump`` or ``ProxyCommand`` line for a configuration of ssh that does not know the operator's
    aliases, as with ``ssh -F tunnel/config``. A name that is no alias of the operator's stays: it may be one of there.

    :param reached: :func:`contact.contact`.
    """
    words = own_configuration(reached["ssh_args"])
    ask = functools.cache(lambda host: configured("ssh", host, words))
    kind, _space, value = via.partition(" ")
    jump = _jump_of(value) if kind == "ProxyCommand" else value
    names = jump.split(",") if jump else []
    if not any(ask(host).get("hostname", host) != host for host in (_parts(name)[1] for name in names)):
        return via
    listed = [*_above(names[0], ask), *names]
    return "ProxyJump " + ",".join(
        _written(_hop(name, ask, lambda _name: None)) if ask(host).get("hostname", host) != host else name
        for name in listed
        for host in [_parts(name)[1]]
    )


def route(reached: Contact, address: str, jump: str, ask: Ask, known: Known) -> Route:
    """Return the route of clients.

    :param address, jump: ``tunnel_address`` and ``tunnel_jump`` of the inventory, empty for Ansible's own route.
    :param known: returns the tunnel account that an alias names, as a hop, or None.
    """
    (host, port), via = way(address, jump, reached)
    found = ask(host) if address else {}
    hops, command = _hops(via, ask, known)
    return {
        "host": found.get("hostname", host),
        "port": int(found.get("port", port)) if port == 22 else port,
        "user": reached["user"] or reached["address_user"],
        "hops": hops,
        "command": command,
    }


def _hops(via: str, ask: Ask, known: Known) -> tuple[list[Hop], str]:
    """Return the jump hosts of a line of ssh's configuration, the first to connect to first, and the command that is
    none."""
    kind, _space, value = via.partition(" ")
    if kind == "ProxyCommand":
        jump = _jump_of(value)
        if not jump:
            return [], value
        value = jump
    names = [name for name in value.split(",") if name]
    # The configuration of a jump host may name another one. ssh obeys that for the first of a list alone.
    above = _above(names[0], ask) if names and not known(names[0]) else []
    return [_hop(name, ask, known) for name in [*above, *names]], ""


def _above(name: str, ask: Ask) -> list[str]:
    """The jump hosts of a jump host, by ssh's configuration."""
    above: list[str] = []
    while len(above) < MOST_HOPS:
        jump = ask(_parts(name)[1]).get("proxyjump", "")
        if not jump:
            return above
        above = [*jump.split(","), *above]
        name = above[0]
    return above


def _hop(name: str, ask: Ask, known: Known) -> Hop:
    account = known(name)
    if account:
        return account
    user, host, port = _parts(name)
    found = ask(host)
    return {
        "host": found.get("hostname", host),
        "port": int(port or found.get("port") or 22),
        "user": user or found.get("user"),
        "alias": None,
        "private_key_file": None,
    }


def _parts(name: str) -> tuple[str, str, str]:
    """User, host and port of ``[user@]host[:port]`` or ``ssh://[user@]host[:port]`` (ssh_config(5), ProxyJump)."""
    rest = name.strip().removeprefix("ssh://").rstrip("/")
    user, _at, rest = rest.rpartition("@")
    parts = re.fullmatch(r"\[([^]]*)\](?::(\d+))?|([^:]*)(?::(\d+))?", rest)
    if not parts:
        return user, rest, ""  # an IPv6 address without brackets
    return user, parts[1] or parts[3] or "", parts[2] or parts[4] or ""


def _jump_of(command: str) -> str:
    """The jump host of the command by which Ansible's own documentation writes one: ``ssh -W %h:%p -q ann@bastion``.
    Empty for any other."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    if not words or words.pop(0).rpartition("/")[2] != "ssh":
        return ""
    port = user = host = ""
    forwards = False
    while words:
        word = words.pop(0)
        if word in ("-W", "-p", "-l") and words:
            value = words.pop(0)
            forwards |= (word, value) == ("-W", "%h:%p")
            port, user = (value if word == "-p" else port), (value if word == "-l" else user)
        elif word == "-W%h:%p":
            forwards = True
        elif word in ("-q", "--"):
            continue
        elif word.startswith("-") or host:
            return ""
        else:
            host = word
    if not (host and forwards):
        return ""
    return f"{f'{user}@' if user else ''}{host}{f':{port}' if port else ''}"


def jump_words(hops: list[Hop]) -> str:
    """The value of ``ProxyJump`` and ``ssh -J`` for a route."""
    return ",".join(hop["alias"] or _written(hop) for hop in hops)


def _written(hop: Hop) -> str:
    host = f"[{hop['host']}]" if ":" in hop["host"] else hop["host"]
    port = "" if hop["port"] == 22 else f":{hop['port']}"
    return f"{hop['user']}@{host}{port}" if hop["user"] else f"{host}{port}"


def ssh_command(ssh: dict[str, Any], key: str = "") -> str:
    """The command that opens a tunnel along a route.

    :param ssh: the part ``ssh`` of a hand-off record. :param key: the private key, as the reader names it.
    """
    words = ["ssh", "-N"]
    words += ["-p", str(ssh["port"])] if ssh["port"] != 22 else []
    words += ["-J", jump_words(ssh["hops"])] if ssh["hops"] else []
    words += ["-o", shlex.quote(f"ProxyCommand={ssh['command']}")] if ssh["command"] else []
    words += ["-i", key] if key else []
    login = f"{ssh['user']}@{ssh['host']}" if ssh["user"] else ssh["host"]
    return " ".join([*words, "-L", f"{ssh['local_port']}:localhost:{ssh['remote_port']}", login])
