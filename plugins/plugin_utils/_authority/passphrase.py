# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The passphrase of an authority's keys."""

from __future__ import annotations

import os
import re
import secrets
from typing import Any

from ...module_utils._errors import PkiError
from .. import _files
from .._x509 import encrypted_key, keys
from .authority import Changes, Layout

SHORTEST_PASSPHRASE = 8


class Passphrase:
    """The passphrase of the authority's keys: given by the user, or kept in a file beside them.

    A key whose passphrase is another one has that in a file of its own, ``passphrase`` beside the key (:meth:`of`).
    """

    def __init__(self, given: str | None, file: str) -> None:
        self.given = given
        self.file = file

    def of(self, layout: Layout) -> Passphrase:
        """The passphrase of one authority's key."""
        own = os.path.join(os.path.dirname(layout.key), "passphrase")
        return Passphrase(None, own) if os.path.lexists(own) else self

    def text(self) -> str | None:
        if self.given:
            return self.given
        kept = _files.read(self.file)
        return kept.decode(errors="replace").strip() or None if kept else None

    def text_or_new(self, changes: Changes) -> str:
        """The passphrase for a key that is about to be created; without one, one of 256 random bits is generated and
        kept."""
        if self.given is not None and len(self.given) < SHORTEST_PASSPHRASE:
            raise PkiError(
                f"pki_passphrase has {len(self.given)} characters. Give at least {SHORTEST_PASSPHRASE}, or leave it"
                " out: then one is made and kept."
            )
        text = self.text()
        if text is None:
            self.given = text = secrets.token_urlsafe(32)
            changes.add(self.file, f"{text}\n".encode(), 0o600)
        return text

    def may_open(self, path: str, data: bytes) -> bool:
        """Tell, without the work of trying it, whether the key is encrypted as ours are, and there is a passphrase."""
        return bool(self.text()) and encrypted_key.is_whole(data)

    def open(self, path: str, data: bytes) -> Any:
        """Read the encrypted key at ``path``. Raises PkiError with the way out."""
        text = self.text()
        try:
            return keys.load_key(data, text.encode() if text else None)
        except TypeError:
            raise PkiError(
                f"{path} is encrypted, and there is no passphrase: give pki_passphrase, or put {self.file} back from a"
                " backup."
            ) from None
        except ValueError:
            # A wrong passphrase and a damaged key look alike to the library; the outer form tells most damage.
            if not re.search(
                rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.*\n-----END [A-Z ]*PRIVATE KEY-----", data, re.DOTALL
            ):
                other = keys.other_form(data)
                if other:
                    raise PkiError(f"{path} cannot be used as it is: {other}.") from None
                raise PkiError(
                    f"{path} is damaged. Put it back from a backup; an authority is never replaced by itself."
                ) from None
            source = "pki_passphrase" if self.given else f"the passphrase in {self.file}"
            beside = os.path.join(os.path.dirname(path), "passphrase")
            own = (
                ""
                if self.file == beside
                else f" Has this key a passphrase of its own? Put it into {beside} (mode 0600)."
            )
            cure = (
                f" Leave pki_passphrase out to use the one kept in {self.file}."
                if self.given and os.path.exists(self.file)
                else ""
            )
            raise PkiError(
                f"{source} does not open {path}. Give the one it was made with, or put the key back from a"
                f" backup.{cure}{own}"
            ) from None
