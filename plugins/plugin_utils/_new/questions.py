# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The questions of ``make new``: each with its reason, and the check of an answer. Pure.

An answer is a text, from the terminal or from a flag. A check returns its value, or raises PlanError with the cure.
"""

from __future__ import annotations

import re

from ...module_utils._errors import PlanError
from ...module_utils._plain import plain
from .._input import addresses
from .survey import HOST, LOCAL

ACCESS = {"network": "direct", "away": "tunnel", "both": "both"}
CLIENTS = {"browser": "browser", "ipad": "juno", "vscode": "vscode"}
#: Key: (question, reason).
QUESTIONS = {
    "host": (
        "Which machine gets Jupyter?",
        "A name or address as for ssh, such as lab or admin@192.0.2.7. localhost is this machine.",
    ),
    "access": (
        "From where do people connect: network, away or both?",
        "network opens a port, with HTTPS, for the networks of the machine. away opens none and goes through SSH.",
    ),
    "clients": (
        "With what: browser, ipad, vscode?",
        "The iPad needs the classic pages, and a key of its own for SSH.",
    ),
    "people": (
        "One person, or several?",
        "one, or a name for each, such as: ann bob. Each gets a server, a password and an account.",
    ),
    "address": (
        "By which names or addresses do they reach the machine?",
        "The certificate names all of them, so that a browser accepts them.",
    ),
}
#: Names of accounts that are created, and of instances.
PERSON = re.compile(r"[a-z_][a-z0-9_-]{0,30}")


def words(text: str) -> list[str]:
    """Return the words of an answer, each once."""
    return list(dict.fromkeys(re.split(r"[\s,]+", text.strip().strip(","))))


def host(text: str) -> tuple[str, str, str]:
    """Return account, host and port of an answer. Account and port may be empty."""
    text = text.strip()
    address, port = text, ""
    if match := re.fullmatch(r"(.+[^:\]]|.*\]):(\d{1,5})", text):
        before, digits = match.groups()
        if before.endswith("]") or ":" not in before:
            address, port = before, digits
    found = HOST.fullmatch(address)
    if not found or (port and not 0 < int(port) < 65536):
        raise PlanError(f"'{plain(text, 60)}' is no name or address for ssh. Write it as in: lab, admin@192.0.2.7:2222")
    name = found["host"].strip("[]")
    if name in ("all", "ungrouped", "jupyter"):
        raise PlanError(f"'{name}' is the name of a group. Write the address of the machine.")
    return found["user"] or "", name, port


def access(text: str, is_root: bool) -> str:
    """Return the value of ``jupyter_access``."""
    value = ACCESS.get(text.strip().lower())
    if value is None:
        raise PlanError(f"'{plain(text, 60)}' is none of: network, away, both.")
    if value != "tunnel" and not is_root:
        raise PlanError("without root nobody can open the firewall, so only 'away' works there.")
    return value


def clients(text: str) -> list[str]:
    """Return the value of ``jupyter_clients``."""
    found = words(text.lower())
    unknown = [word for word in found if word not in CLIENTS]
    if unknown:
        raise PlanError(f"'{plain(unknown[0], 60)}' is none of: browser, ipad, vscode.")
    return list(dict.fromkeys(["browser", *(CLIENTS[word] for word in found)]))


def people(text: str, is_root: bool, present: list[str]) -> list[str]:
    """Return the accounts, empty for one person who has the service account.

    :param present: the accounts with a server in the inventory.
    """
    found = [] if text.strip().lower() == "one" else words(text)
    for name in found:
        if not PERSON.fullmatch(name) or name == "root":
            raise PlanError(f"'{plain(name, 60)}' cannot be the name of an account: a to z, digits, - and _.")
    if found and not is_root:
        raise PlanError("without root nobody can create accounts, so only 'one' works there.")
    gone = [name for name in present if name not in found]
    if gone:
        raise PlanError(
            f"{' and '.join(gone)} would lose a server. Name all, and write state: absent into the inventory for one"
            " that has to go."
        )
    return found


def names(text: str) -> list[str]:
    """Return the value of ``jupyter_addresses``."""
    found = []
    for word in words(text):
        try:
            name = addresses.address(word)
        except ValueError as error:
            raise PlanError(f"'{plain(word, 60)}' is neither a DNS name nor an IP address: {error}.") from None
        if name.startswith("*"):
            raise PlanError(f"'{plain(word, 60)}' is a pattern. Write the name that people type.")
        found.append(name)
    if not found or LOCAL in found:
        raise PlanError("people on other machines need a name or address of this one.")
    return found
