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


def tunnel(record: dict[str, Any], ssh: dict[str, Any]) -> dict[str, Any]:
    """Return the commands, the lines, and the address at the near end.

    :param ssh: the part ``ssh`` of the record, for one account.
    """
    parts = urlsplit(record["url"])
    near = address(f"{parts.scheme}://localhost:{ssh['local_port']}{parts.path}", record["classic"])
    alias = ssh["alias"] or f"jupyter-{record['host']}-{record['instance']}"
    key = ssh["private_key_file"]
    # The path of the key is the operator's. The reader gets the file, and keeps it under a name of its own.
    kept = f"~/.ssh/{alias}" if key else ""
    keyed = [hop for hop in ssh["hops"] if hop["private_key_file"]]
    files = [(posixpath.basename(key), kept)] if key else []
    files += [("/".join(hop["private_key_file"].split("/")[-2:]), f"~/.ssh/{hop['alias']}") for hop in keyed]
    installs = [f"install -m 600 {shlex.quote(name)} {target}" for name, target in files]
    return {
        **near,
        "scan": f"ssh://{_login(ssh)}:{ssh['port']}",
        "ssh_host": ssh["host"],
        "ssh_port": ssh["port"],
        "ssh_user": ssh["user"],
        "via": jump_words(ssh["hops"]) or ssh["command"],
        "local_port": ssh["local_port"],
        "remote_port": ssh["remote_port"],
        "key": key and posixpath.basename(key),
        "pem": ssh["pem_file"] and posixpath.basename(ssh["pem_file"]),
        "files": [name for name, _target in files],
        "keep": " && ".join(["mkdir -p -m 700 ~/.ssh", *installs]) if files else None,
        # -i is for the last host: a jump host with a key of its own needs the configuration.
        "command": None if keyed else ssh_command(ssh, kept),
        "alias": alias,
        "alias_command": f"ssh -N {alias}",
        "block": "\n".join([line for hop in keyed for line in _hop_block(hop)] + _block(ssh, alias, kept)),
    }


def _login(ssh: dict[str, Any]) -> str:
    host = f"[{ssh['host']}]" if ":" in ssh["host"] else ssh["host"]
    return f"{ssh['user']}@{host}" if ssh["user"] else host


def _block(ssh: dict[str, Any], alias: str, kept: str) -> list[str]:
    block = [f"Host {alias}", *_server(ssh, kept)]
    block += [f"    ProxyJump {jump_words(ssh['hops'])}"] if ssh["hops"] else []
    block += [f"    ProxyCommand {ssh['command']}"] if ssh["command"] else []
    return [
        *block,
        f"    LocalForward {ssh['local_port']} localhost:{ssh['remote_port']}",
        "    ExitOnForwardFailure yes",
        "    ServerAliveInterval 30",
    ]


def _hop_block(hop: dict[str, Any]) -> list[str]:
    return [f"Host {hop['alias']}", *_server(hop, f"~/.ssh/{hop['alias']}")]


def _server(ssh: dict[str, Any], key: str) -> list[str]:
    lines = [f"    HostName {ssh['host']}"]
    lines += [f"    Port {ssh['port']}"] if ssh["port"] != 22 else []
    lines += [f"    User {ssh['user']}"] if ssh["user"] else []
    return lines + ([f"    IdentityFile {key}", "    IdentitiesOnly yes"] if key else [])
