# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tunnel of one account on a page: commands, lines for ssh's configuration, fields of apps. Pure."""

from __future__ import annotations

import posixpath
import shlex
from typing import Any
from urllib.parse import urlsplit

from .._remote.route import jump_words, ssh_command
from .addresses import address

#: Begins the line of a forward in ssh's configuration.
FORWARD = "    LocalForward "
#: The name of a key's file as the reader gets it, and the path where the reader keeps it, by its path here.
Keys = dict[str, tuple[str, str]]


def tunnel(record: dict[str, Any], ssh: dict[str, Any], keys: Keys | None = None) -> dict[str, Any]:
    """Return the commands, the lines, and the address at the near end.

    :param ssh: the part ``ssh`` of the record, for one account.
    :param keys: the files of a page about several servers, which may share one.
    """
    parts = urlsplit(record["url"])
    near = address(f"{parts.scheme}://localhost:{ssh['local_port']}{parts.path}", record["classic"])
    alias, key = alias_of(record, ssh), ssh["private_key_file"]
    # The path of the key is the operator's. The reader gets the file, and keeps it under a name of its own.
    keys, pem = keys or {}, ssh["pem_file"]
    name, kept = keys.get(key) or ((posixpath.basename(key), f"~/.ssh/{alias}") if key else ("", ""))
    keyed = [hop for hop in ssh["hops"] if hop["private_key_file"]]
    places = [keys.get(hop["private_key_file"]) or _hop_key(hop) for hop in keyed]
    files = ([(name, kept)] if key else []) + places
    blocks = ["\n".join(_hop_block(hop, place)) for hop, (_name, place) in zip(keyed, places)]
    blocks.append("\n".join(_block(ssh, alias, kept)))
    return {
        **near,
        "scan": f"ssh://{_login(ssh)}:{ssh['port']}",
        "ssh_host": ssh["host"],
        "ssh_port": ssh["port"],
        "ssh_user": ssh["user"],
        "via": jump_words(ssh["hops"]) or ssh["command"],
        "local_port": ssh["local_port"],
        "remote_port": ssh["remote_port"],
        "key": key and name,
        # Both forms of a key lie in one folder, under one name.
        "pem": pem and posixpath.join(posixpath.dirname(name), posixpath.basename(pem)),
        "files": [name for name, _target in files],
        "kept": files,
        "keep": keep(files),
        # -i is for the last host: a jump host with a key of its own needs the configuration.
        "command": None if keyed else ssh_command(ssh, kept),
        "alias": alias,
        "alias_command": f"ssh -N {alias}",
        "blocks": blocks,
        "block": "\n".join(blocks),
    }


def alias_of(record: dict[str, Any], ssh: dict[str, Any]) -> str:
    """The name of a tunnel in ssh's configuration."""
    return ssh["alias"] or f"jupyter-{record['host']}-{record['instance']}"


def keep(files: list[tuple[str, str]]) -> str | None:
    """The command that puts the files of keys in their places; None without any."""
    installs = [f"install -m 600 {shlex.quote(name)} {target}" for name, target in files]
    return " && ".join(["mkdir -p -m 700 ~/.ssh", *installs]) if files else None


def _login(ssh: dict[str, Any]) -> str:
    host = f"[{ssh['host']}]" if ":" in ssh["host"] else ssh["host"]
    return f"{ssh['user']}@{host}" if ssh["user"] else host


def _block(ssh: dict[str, Any], alias: str, kept: str) -> list[str]:
    block = [f"Host {alias}", *_server(ssh, kept)]
    block += [f"    ProxyJump {jump_words(ssh['hops'])}"] if ssh["hops"] else []
    block += [f"    ProxyCommand {ssh['command']}"] if ssh["command"] else []
    return [
        *block,
        f"{FORWARD}{ssh['local_port']} localhost:{ssh['remote_port']}",
        "    ExitOnForwardFailure yes",
        "    ServerAliveInterval 30",
    ]


def _hop_key(hop: dict[str, Any]) -> tuple[str, str]:
    return "/".join(hop["private_key_file"].split("/")[-2:]), f"~/.ssh/{hop['alias']}"


def _hop_block(hop: dict[str, Any], kept: str) -> list[str]:
    return [f"Host {hop['alias']}", *_server(hop, kept)]


def _server(ssh: dict[str, Any], key: str) -> list[str]:
    lines = [f"    HostName {ssh['host']}"]
    lines += [f"    Port {ssh['port']}"] if ssh["port"] != 22 else []
    lines += [f"    User {ssh['user']}"] if ssh["user"] else []
    return lines + ([f"    IdentityFile {key}", "    IdentitiesOnly yes"] if key else [])
