# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An authority as it lies on the disk."""

from __future__ import annotations

import functools
import os
import stat
from typing import Any

from ...module_utils._errors import PkiError
from .. import _files
from .._x509 import certificates as x509_certificates
from .._x509 import encrypted_key, keys
from .authority import Authority, Changes, Layout
from .books import complete_index, put_books, read_crl, read_index
from .passphrase import Passphrase


def read(layout: Layout, passphrase: Passphrase, changes: Changes, parent: Authority | None = None) -> Authority | None:
    """Read the authority in this folder, created by us or by hand, or return None where there is none (yet).

    Missing files that `openssl ca` needs beside key and certificate are put into ``changes``.
    Raises PkiError for anything that is there but cannot be used: an authority is never replaced by itself.
    """
    passphrase = passphrase.of(layout)
    certificate_data, key_data = _files.read(layout.certificate), _files.read(layout.key)
    index = read_index(layout)
    if certificate_data is None:
        if index:
            raise PkiError(
                f"{layout.certificate} is missing, but {layout.index} lists what it issued. Put it back from a backup; "
                f"to start again with another authority, move {layout.directory} away."
            )
        return None
    try:
        certificate = x509_certificates.load_certificates(certificate_data)[0]
        is_authority, public_key = x509_certificates.is_authority(certificate), keys.public_key_of(certificate)
    except ValueError as error:
        other = keys.other_form(certificate_data)
        if other:
            raise PkiError(f"{layout.certificate} cannot be used as it is: {other}.") from None
        raise PkiError(
            f"{layout.certificate} is damaged ({error}). Put it back from a backup; an authority is never replaced by"
            " itself."
        ) from None
    if not is_authority:
        raise PkiError(
            f"{layout.certificate} is no authority: its basicConstraints lack CA:TRUE. Put the right certificate there."
        )
    key_type = keys.key_type_of(public_key)
    if not key_type.startswith(("rsa_", "ecdsa_")):
        raise PkiError(
            f"{layout.certificate} has a key of type {key_type}. Browsers, phones and most of TLS trust authorities"
            " with RSA or ECDSA keys only (CA/Browser Forum Baseline Requirements, 6.1.5). Adopt one of those, or give"
            " an empty folder: then one is made."
        )
    opens = None
    if key_data is not None:
        opens = functools.cache(functools.partial(_opened, layout, passphrase, key_data, public_key))
        if not passphrase.may_open(layout.key, key_data):
            opens()
        if encrypted_key.is_weak(key_data):
            key = opens()
            changes.notes.append(f"{layout.key} written again: its passphrase is slower to guess now")
            changes.add(layout.key, keys.key_pem(key, (passphrase.text() or "").encode()), 0o400)
        elif stat.S_IMODE(os.stat(layout.key).st_mode) & 0o277:
            changes.notes.append(f"{layout.key} closed to everybody but its owner")
            changes.add(layout.key, key_data, 0o400)
        if b"ENCRYPTED" not in key_data:
            changes.warnings.append(
                f"{layout.key} has no passphrase. Run: openssl pkcs8 -topk8 -v2 aes-256-cbc -in {layout.key} -out"
                f" {layout.key}.new, and rename it."
            )
    authority = Authority(layout, certificate, opens, parent, index=index)
    authority.crl = read_crl(authority, changes)
    complete_index(authority, changes)
    put_books(authority, changes)
    return authority


def _opened(layout: Layout, passphrase: Passphrase, data: bytes, public_key: Any) -> Any:
    key = passphrase.open(layout.key, data)
    if not keys.matches(key, public_key):
        raise PkiError(
            f"{layout.key} does not belong to {layout.certificate}. Put the pair that belongs together back from a"
            " backup."
        )
    return key
