# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses with a password in them, ``http://user:password@proxy``: an action takes the real one in, and gives a
hidden one out.

A result is registered, shown with ``-v`` and logged; anybody who needs the real address reads it again where it was
given, in the inventory.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from ansible.errors import AnsibleActionFail

#: The keys of an instance, each with a host-wide variable, that may hold such an address.
KEYS = ("index_url", "http_proxy", "python_mirror")
HIDDEN = "********"
_LOGIN = re.compile(r"(://[^/@:\s\"']*:)[^/@\s\"']+@")


class Logins:
    """The addresses of a host that hold a password, and the replacement of each."""

    def __init__(self, templar: Any, task_vars: dict[str, Any]) -> None:
        given = [templar.template(task_vars.get(f"jupyter_{key}")) for key in KEYS]
        instances = templar.template(task_vars.get("jupyter_instances"))
        for instance in instances if isinstance(instances, list) else []:
            given += [instance.get(key) for key in KEYS] if isinstance(instance, dict) else []
        self._hidden: dict[str, str] = {}
        for address in given:
            if isinstance(address, str) and address not in self._hidden and _parts(address)[2]:
                self._hidden[str(address)] = masked(str(address), len(self._hidden))

    def hide(self, value: Any) -> Any:
        """Return ``value`` with the password of each such address hidden, also where its host stands alone or is
        another one."""
        if not self._hidden:
            return value
        logins = [_parts(real)[1:3] for real in self._hidden]
        words = {**self._hidden, **{f"{user}:{secret}@": f"{user}:{HIDDEN}@" for user, secret in logins}}
        return _replaced(value, lambda text: _each(text, words))

    @contextlib.contextmanager
    def hiding(self) -> Iterator[None]:
        """Hide them in the message of a failed action."""
        try:
            yield
        except AnsibleActionFail as error:
            said = self.hide(str(error))
            if said == str(error):
                raise
            raise AnsibleActionFail(said) from None

    def reveal(self, value: Any) -> Any:
        """Return ``value`` with the real addresses."""
        real = {hidden: address for address, hidden in self._hidden.items()}
        return _replaced(value, lambda text: _each(text, real)) if real else value


def _parts(address: str) -> tuple[str, str, str, str]:
    """Return scheme, user, password (as it stands there; empty for none) and the rest of an address."""
    scheme, _colon, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    login, at, name = host.rpartition("@")
    user, _colon, secret = login.partition(":")
    return scheme, user, secret if at else "", f"{name}{slash}{path}"


def masked(address: str, number: int) -> str:
    """Return an address whose password is hidden; ``number`` tells apart those that then look alike."""
    scheme, user, _secret, rest = _parts(address)
    return f"{scheme}://{user}:{HIDDEN}{number or ''}@{rest}"


def scrubbed(diff: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return a diff without any password in an address: the text before may hold one that no
    inventory knows any more."""
    return [{key: _LOGIN.sub(rf"\1{HIDDEN}@", text) for key, text in part.items()} for part in diff]


def _each(text: str, words: dict[str, str]) -> str:
    for old, new in words.items():
        text = text.replace(old, new)
    return text


def _replaced(value: Any, change: Callable[[str], str]) -> Any:
    """Return ``value`` with ``change`` applied to each text in it, however deep. An unchanged part stays the same
    object."""
    if isinstance(value, str):
        new = change(value)
        return value if new == value else new
    if isinstance(value, dict):
        return {_replaced(key, change): _replaced(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_replaced(item, change) for item in value]
    return value
