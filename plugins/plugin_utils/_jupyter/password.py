# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords and the hashes Jupyter accepts for them. Pure, but for the random numbers.

Jupyter's own parameters (``jupyter_server.auth.security.passwd``): argon2id with 10 MiB, 10 passes, 8 lanes, a salt of
16 and a digest of 32 bytes, behind the word ``argon2:``. The text of the hash is part of the key that signs the
cookies: a new text, even of the same password, logs every device out. So a hash that still verifies is never generated
anew.
"""

from __future__ import annotations

import importlib.util
import re
import secrets
from typing import Any

PREFIX = "argon2:"
# No 0/O, 1/l/I: it is read off one screen and typed on another. 24 signs out of 56 are 139 bits.
ALPHABET = "23456789abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"

#: Jupyter's own: KiB, passes, lanes.
MEMORY, PASSES, LANES = 10240, 10, 8
#: In characters; those of Jupyter have about a hundred.
LONGEST = 1000

_FORMAT = re.compile(
    r"argon2:\$argon2id?\$v=19\$m=\d{1,9},t=\d{1,9},p=\d{1,9}\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+|(sha1|sha256|sha512):[0-9a-f]+:[0-9a-f]+"
)


def is_possible() -> bool:
    """Tell whether passwords can be hashed here: ``libpass`` is installed."""
    return importlib.util.find_spec("passlib") is not None


def _argon2() -> Any:
    # Imported where it is used: a run that is given hashes need not wait for it.
    from passlib.hash import argon2

    return argon2


def generate() -> str:
    """Return a new password: four groups of six signs, easy to read aloud."""
    return "-".join("".join(secrets.choice(ALPHABET) for _sign in range(6)) for _group in range(4))


def hash_password(password: str) -> str:
    """Return the hash of ``password`` in Jupyter's form, with a fresh salt."""
    hasher = _argon2().using(
        type="ID", memory_cost=MEMORY, time_cost=PASSES, parallelism=LANES, salt_size=16, digest_size=32
    )
    return PREFIX + str(hasher.hash(password))


def verifies(password: str, hashed: str) -> bool:
    """Tell whether ``hashed`` is an argon2 hash of ``password``; another or a damaged text simply does not verify.

    A hash that costs ten times as much as Jupyter's own is refused too: it may come from a host, and this machine has
    other things to do.
    """
    if not hashed.startswith(PREFIX) or not is_hash(hashed) or not _is_affordable(hashed):
        return False
    try:
        return bool(_argon2().verify(password, hashed[len(PREFIX) :]))
    except ValueError:
        return False


def _is_affordable(hashed: str) -> bool:
    memory, passes, lanes = (int(number) for number in re.findall(r"[mtp]=(\d{1,9})(?=[,$])", hashed)[:3])
    return (
        memory <= 10 * MEMORY
        and memory * passes <= 10 * MEMORY * PASSES
        and passes <= 10 * PASSES
        and lanes <= 10 * LANES
    )


def is_hash(text: str) -> bool:
    """Tell whether Jupyter would accept ``text`` as a hash. (It answers a malformed one with HTTP 500, at login
    only.)"""
    return len(text) <= LONGEST and bool(_FORMAT.fullmatch(text))
