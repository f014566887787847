# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory in YAML with a host more, or with other variables of one: all other lines and comments stay. Pure."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from ...module_utils._errors import FilesError

try:
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.error import YAMLError
except ImportError:  # pragma: no cover - ansible-test sanity imports without it
    pass

HEAD = """\
---
# `make new` wrote this file. Change any line: `make new` edits only its own, and `make up` brings them to the hosts.
# Secrets do not belong here: passwords and keys lie in the folders beside this file.
"""
#: The comment behind each line.
REASONS = {
    "ansible_connection": "this machine: no ssh",
    "ansible_host": "ssh connects to this address",
    "ansible_port": "the port of its SSH server",
    "ansible_user": "the account for ssh. It may become root",
    "ansible_python_interpreter": "the system's own Python",
    "jupyter_scope": "user: all files in the home of this account, no root. system: a service account",
    "jupyter_access": "direct: HTTPS from the network. tunnel: through SSH. both",
    "jupyter_allowed_sources": "the firewall opens the port for these networks only",
    "jupyter_addresses": "people type one of these. The certificate names all",
    "jupyter_clients": "juno brings the pages that the iPad needs",
    "jupyter_tunnel_accounts": "SSH keys of devices, which can only forward to the server",
    "jupyter_create_user": "creates the accounts of the next line",
    "jupyter_instances": "one server for each person",
    "jupyter_port": "another program has 8888",
    "jupyter_ca_bundle": "the authorities of this network",
    "jupyter_index_url": "the package index of this network",
    "jupyter_http_proxy": "the proxy of this network",
}


class Inventory:
    """The text of an inventory."""

    def __init__(self, text: str, path: str) -> None:
        """:raises FilesError: for a text that is no inventory in YAML."""
        self._yaml = YAML()
        self._yaml.preserve_quotes = True
        self._yaml.width = 4096  # lines of the user stay whole
        self._yaml.indent(mapping=2, sequence=4, offset=2)
        text = text or HEAD + "all:\n  hosts: {}\n"
        # The library drops comments above the first line of the document.
        above = re.match(r"(?:[ \t]*(?:#.*)?\n)*---[ \t]*(?:#.*)?\n", text)
        self._above = above[0] if above else ""
        try:
            self._tree = self._yaml.load(text[len(self._above) :])
        except (YAMLError, ValueError) as error:
            line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1 + self._above.count("\n")
            raise FilesError(
                f"{path}, line {line}, is no YAML. Correct it, or name another file with INVENTORY=."
            ) from None
        if not isinstance(self._tree, CommentedMap) or not all(
            isinstance(it, dict | None) for it in self._tree.values()
        ):
            raise FilesError(f"{path} is no inventory in YAML: inventory.example is one. Name another with INVENTORY=.")

    def _hosts(self, groups: Any = None) -> Iterator[CommentedMap]:
        for group in (self._tree if groups is None else groups).values():
            if isinstance(group, dict):
                if isinstance(group.get("hosts"), dict):
                    yield group["hosts"]
                yield from self._hosts(group.get("children") or {})

    def names(self) -> list[str]:
        return [str(name) for hosts in self._hosts() for name in hosts]

    def variables(self, name: str) -> dict[str, Any]:
        """Return the variables in the lines of a host."""
        return next((dict(hosts[name] or {}) for hosts in self._hosts() if name in hosts), {})

    def local(self) -> str:
        """Return the name of this machine, if it is a host."""
        return next((name for name in self.names() if self.variables(name).get("ansible_connection") == "local"), "")

    def set(self, name: str, wanted: dict[str, Any]) -> None:
        """Give a host these variables. ``None`` removes one."""
        hosts = next((hosts for hosts in self._hosts() if name in hosts), None)
        if hosts is None:
            hosts = next(self._hosts(), None)
        if hosts is None:
            if not isinstance(self._tree.get("all"), CommentedMap):
                self._tree["all"] = CommentedMap()
            hosts = self._tree["all"]["hosts"] = CommentedMap()
        if hosts.fa.flow_style():
            hosts.fa.set_block_style()
        if not isinstance(hosts.get(name), CommentedMap):
            hosts[name] = CommentedMap()
        lines = hosts[name]
        for key, value in wanted.items():
            if value is None:
                lines.pop(key, None)
            elif lines.get(key) != value:
                new = key not in lines
                lines[key] = self._flow(value)
                if new and not lines.fa.flow_style():
                    lines.yaml_add_eol_comment(REASONS[key], key, column=0)

    def _flow(self, value: Any) -> Any:
        """Return a list or mapping that stands on one line."""
        if not isinstance(value, (list, dict)):
            return value
        node = (
            self._yaml.seq([self._flow(item) for item in value]) if isinstance(value, list) else self._yaml.map(**value)
        )
        node.fa.set_flow_style()
        return node

    def text(self) -> str:
        output = io.StringIO()
        self._yaml.dump(self._tree, output)
        return self._above + output.getvalue()
