# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that a client's stores should trust, and the differences. Pure: no I/O, no Ansible; Python's own
library alone.

A certificate goes by ``<name>-<first 16 digits of its SHA-256>``: two of them, while one authority takes over from
another, have a place each, and one that is no longer wanted is found again without knowing it. The bare
``remote-notebooks`` counts as ours, too: the hand-off pages tell people to type it. Another bare name is
somebody's: ``trust_name: corp`` takes no company's ``corp.crt`` away.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from typing import Dict, Tuple

from ._errors import PkiError

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
# certutil -L: a nickname, which may hold blanks, and three groups of letters; the headings hold a slash.
_ROW = re.compile(r"(?P<nickname>\S.*?)\s+(?P<flags>[A-Za-z]*,[A-Za-z]*,[A-Za-z]*)\s*")

#: The name that the pages to hand over tell people to type.
TYPED = "remote-notebooks"

#: Nickname -> (trust flags as certutil shows them, SHA-256 of the certificate).
Stored = Dict[str, Tuple[str, str]]


def certificates(pem: str, name: str) -> dict[str, str]:
    """Split ``pem`` into single certificates: ``<name>-<digits>`` -> PEM.

    :raises PkiError: where it holds none, or ``name`` cannot name a file.
    """
    if not _NAME.fullmatch(name):
        raise PkiError(f"name: '{name}' cannot name a file. Use letters, digits, '.', '-' and '_'.")
    found = {}
    for block in _PEM.findall(pem):
        try:
            der = ssl.PEM_cert_to_DER_cert(block)
        except ValueError as error:
            raise PkiError(
                f"certificates: one of them is damaged ({error}). Copy the authority's ca.pem anew."
            ) from error
        found[f"{name}-{hashlib.sha256(der).hexdigest()[:16]}"] = ssl.DER_cert_to_PEM_cert(der)
    if not found:
        raise PkiError("certificates: there is no certificate in PEM form. Give the authority's ca.pem.")
    return found


def is_ours(text: str, name: str) -> bool:
    """Tell whether a file or a nickname goes by our ``name``."""
    return text == name == TYPED or re.fullmatch(re.escape(name) + r"-[0-9a-f]{16}", text) is not None


def sha256(pem: str) -> str:
    """SHA-256 of one certificate, lower-case hex."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.strip())).hexdigest()


def is_bundled(pem: str, bundle: str) -> bool:
    """Tell whether a bundle holds the certificate, however its lines are broken."""
    body = "".join(pem.split("-----")[2].split())
    return body in "".join(bundle.split())


def rows(listing: str) -> dict[str, str]:
    """Nicknames and trust flags from the output of ``certutil -L``."""
    matches = (_ROW.fullmatch(line) for line in listing.splitlines())
    return {match["nickname"]: match["flags"] for match in matches if match}


def nss_changes(stored: Stored, wanted: dict[str, str], name: str) -> tuple[list[str], list[str]]:
    """Return the nicknames to add and those to remove.

    A certificate that somebody trusts there under another name is left to them: NSS keeps each certificate once.
    """
    trusted = {digest for flags, digest in stored.values() if "C" in flags.split(",")[0]}
    digests = {nickname: sha256(pem) for nickname, pem in wanted.items()}
    add = [nickname for nickname, digest in digests.items() if digest not in trusted]
    remove = [
        nickname
        for nickname, (_flags, digest) in stored.items()
        if is_ours(nickname, name) and digest not in digests.values()
    ]
    return add, remove


def lines(names: list[str]) -> str:
    """A list as ``--diff`` shows it."""
    return "".join(f"{each}\n" for each in sorted(names))
