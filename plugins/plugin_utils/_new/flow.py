# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of the questions of ``make new``, and the file that it writes. A terminal or a playbook asks them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ...module_utils._errors import PlanError
from .. import _files
from . import local, questions, survey
from .inventory_text import Inventory

Value = TypeVar("Value")
PORT = 8888
#: Defaults of the role, for a host with other lines already.
ROLE_CLIENTS = ["browser", "juno"]


@dataclass
class Talk:
    """The means to ask.

    ``given`` has answers that are known already: none of them is asked, and a wrong one ends the run. ``ask`` is None
    where nobody is there to answer: every default counts then. ``ask_key`` is that of :func:`survey.look`.
    """

    given: Mapping[str, str]
    say: Callable[[str], None]
    ask: Callable[[str], str] | None = None
    ask_key: Callable[[list[str]], None] | None = None
    asked: int = 0

    def answer(self, key: str, default: str, check: Callable[[str], Value]) -> Value:
        """Ask until the answer is right."""
        text = self.given.get(key)
        if text is not None or self.ask is None:
            try:
                return check(default if text is None else text)
            except PlanError as error:
                raise PlanError(f"{key}: {error}") from None
        question, reason = questions.QUESTIONS[key]
        self.asked += 1
        self.say(f"{self.asked}. {question}\n   {reason}")
        while True:
            try:
                return check(self.ask(f"   [{default}] ").strip() or default)
            except PlanError as error:
                self.say(f"   {error}")


@dataclass
class Result:
    """The written file, and the host in it."""

    path: str
    host: str
    changed: bool
    needs_password: bool


def run(path: str, talk: Talk, write: bool = True) -> Result:
    """Ask, look at the machine, and write the inventory.

    :raises PlanError, FilesError: with the cure.
    """
    inventory = Inventory((_files.read(path) or b"").decode(errors="replace"), path)
    before = inventory.text() if os.path.exists(path) else ""
    seen: dict[str, survey.Survey] = {}

    def machine(text: str) -> tuple[str, str, str]:
        account, address, port = questions.host(text)
        known = {} if address == survey.LOCAL else inventory.variables(address)
        target = f"{account}@" if account else f"{known['ansible_user']}@" if known.get("ansible_user") else ""
        there = str(known.get("ansible_host", address))
        # A host of the inventory may have any address there: it is the user's own line.
        if not survey.HOST.fullmatch(f"{target}{there}"):
            raise PlanError(
                f"the inventory names '{target}{there}' for it, which ssh does not take. Correct that line."
            )
        asked_port = int(port or known.get("ansible_port", 0) or 0)
        seen["it"] = survey.look(target + there, asked_port or None, talk.ask_key)
        return account, address, port

    names = inventory.names()
    first = survey.LOCAL if not names or inventory.local() else names[0]
    account, address, port = talk.answer("host", first, machine)
    found = seen["it"]
    for line in found.lines():
        talk.say(f"   {line}")
    is_local = address == survey.LOCAL
    name = (inventory.local() or local.name(socket.gethostname())) if is_local else address
    known = inventory.variables(name)
    is_root = found.rights != "none" and known.get("jupyter_scope") != "user"
    wanted = _settings(talk, found, known, is_root, name if not is_local else "")
    if is_local:
        as_user = (
            found.rights != "root" and wanted["jupyter_access"] == "tunnel" and not wanted.get("jupyter_instances")
        )
        connection: dict[str, Any] = local.variables(os.environ, root=not as_user, logins=False)
        wanted = {**connection, **wanted} if not known else wanted
    else:
        connection = {"ansible_user": account or None, "ansible_port": int(port) if port else None}
        wanted = {**{key: value for key, value in connection.items() if value}, **wanted}
        if not is_root:
            wanted["jupyter_scope"] = "user"
    inventory.set(name, wanted)
    text = inventory.text()
    if write and text != before:
        _files.directory(os.path.dirname(os.path.abspath(path)))
        _files.write(path, text.encode(), 0o600)
    needs = found.rights == "password" and wanted.get("jupyter_scope", known.get("jupyter_scope")) != "user"
    return Result(path, name, text != before, needs)


def _settings(talk: Talk, found: survey.Survey, known: dict[str, Any], is_root: bool, address: str) -> dict[str, Any]:
    """Ask all questions but the first. Return the variables of the host. ``None`` is for one that it must not have."""
    words = {value: word for word, value in questions.ACCESS.items()}
    default = words.get(str(known.get("jupyter_access")), "both" if is_root and address else "away")
    access = talk.answer("access", default, lambda text: questions.access(text, is_root))
    apps = {value: word for word, value in questions.CLIENTS.items()}
    had = [apps[client] for client in known.get("jupyter_clients") or (ROLE_CLIENTS if known else []) if client in apps]
    clients = talk.answer("clients", " ".join(had) or "browser", questions.clients)
    servers = [dict(entry) for entry in known.get("jupyter_instances") or []]
    present = [str(entry["user"]) for entry in servers if entry.get("user") and entry.get("state") != "absent"]
    people = talk.answer("people", " ".join(present) or "one", lambda text: questions.people(text, is_root, present))
    wanted: dict[str, Any] = {"jupyter_access": access, "jupyter_allowed_sources": None, "jupyter_addresses": None}
    if access != "tunnel":
        own = [name for name in (address, *found.hosts[:1], found.multicast_name(address)) if name]
        names = known.get("jupyter_addresses") or list(dict.fromkeys(own))
        wanted["jupyter_addresses"] = talk.answer("address", " ".join(map(str, names)), questions.names)
        wanted["jupyter_allowed_sources"] = known.get("jupyter_allowed_sources") or found.networks or None
    wanted["jupyter_clients"] = clients
    devices = [str(device) for device in known.get("jupyter_tunnel_accounts") or []]
    if access == "direct" or not is_root:
        wanted["jupyter_tunnel_accounts"] = None
    elif "juno" in clients and "ipad" not in had and not devices:
        wanted["jupyter_tunnel_accounts"] = ["ipad"]
    ports = (port for port in range(PORT, PORT + 1000) if port not in found.listens)
    if people:
        taken = {int(entry.get("port", 0)) for entry in servers}
        free = (port for port in ports if port not in taken)
        servers += [{"name": name, "port": next(free), "user": name} for name in people if name not in present]
        wanted["jupyter_create_user"] = True
        wanted["jupyter_instances"] = servers
    elif not known and PORT in found.listens:
        wanted["jupyter_port"] = next(ports)
    return wanted
