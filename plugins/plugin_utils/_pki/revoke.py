# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates withdrawn before their end."""

from __future__ import annotations

import os
from typing import Any

from ...module_utils._errors import PkiError
from .. import _files
from .._authority import authority as pki_authority
from .._authority import books, index, read
from .._x509 import certificates as x509_certificates
from . import request as pki_request
from .issue import alone, authority_directory, passphrase_of
from .paths import certificate_path
from .settings import Settings


def revoke(settings: Settings, names: list[str], serials: list[str], reason: str) -> dict[str, Any]:
    """Revoke certificates by name or serial number and generate the revocation list again. Return the result of
    `pki_revoke` returns.

    A name stands for its certificate and for every other one of the same key: a renewal keeps the key, and anybody who
    has the key could go on with a certificate from before. Raises PkiError, and then nothing was changed.
    """
    if not names and not serials:
        raise PkiError(
            "Nothing to revoke. Give pki_revoke (names from pki_certificates, such as web1/lab) or pki_revoke_serials."
        )
    wanted_authority = pki_request.authority(
        {key: value for key, value in settings.authority.items() if key != "name_constraints"}
    )
    with alone(settings.directory, settings.check_mode):
        changes = pki_authority.Changes()
        authority = _existing_authority(settings, wanted_authority, changes)
        asked = dict.fromkeys(
            [
                *(serial for name in names for serial in _serials_of(name, authority, settings)),
                *(_serial(text, authority) for text in serials),
            ]
        )
        new = [serial for serial in asked if not authority.is_revoked(serial)]
        if new and authority.key is None:
            raise PkiError(
                f"{authority.layout.key} is missing, and it must sign the revocation list. Put the key back from where"
                " you keep it."
            )
        for serial in new:
            authority.index[serial] = index.revoked(
                authority.index[serial], settings.now, None if reason == "unspecified" else reason
            )
        if new:
            books.put_index(authority, changes)
        books.put_crl(authority, wanted_authority.crl_days, settings.now, changes)
        if not settings.check_mode:
            changes.commit(settings.directory)
        lines = [f"revoked {x509_certificates.hexadecimal(serial)} {authority.index[serial].subject}" for serial in new]
        return {
            "changed": bool(changes.files),
            "revoked": [x509_certificates.hexadecimal(serial) for serial in new],
            "already_revoked": [x509_certificates.hexadecimal(serial) for serial in asked if serial not in new],
            "crl": authority.layout.crl,
            "crl_der": authority.layout.crl_der,
            "advice": changes.warnings,
            "diff": {"before": "", "after": "".join(f"{line}\n" for line in [*lines, *changes.notes])},
        }


def _existing_authority(
    settings: Settings, wanted: pki_request.WantedAuthority, changes: pki_authority.Changes
) -> pki_authority.Authority:
    passphrase = passphrase_of(settings.directory, settings.passphrase)
    layout = pki_authority.Layout(authority_directory(settings.directory, wanted.directory))
    authority = read.read(layout, passphrase, changes)
    if authority is not None and wanted.intermediate:
        layout = pki_authority.Layout(os.path.join(layout.directory, "intermediate"), "intermediate")
        authority = read.read(layout, passphrase, changes, authority)
    if authority is None:
        raise PkiError(
            f"{layout.certificate} does not exist. Give the pki_dir (and pki_authority) of the authority that issued"
            " the certificate."
        )
    return authority


def _serials_of(name: str, authority: pki_authority.Authority, settings: Settings) -> list[int]:
    path = certificate_path(settings.directory, name)
    data = _files.read(path, follow=False) if pki_request.is_safe_name(name) else None
    try:
        certificate = x509_certificates.load_certificates(data or b"")[0]
    except ValueError:
        raise PkiError(
            f"pki_revoke: {path} {'is damaged' if data else 'does not exist'}. Give a name from pki_certificates, "
            f"or the serial number from {authority.layout.index}."
        ) from None
    if certificate.serial_number not in authority.index:
        raise PkiError(
            f"pki_revoke: '{name}' was not issued by {authority.layout.certificate}. Give the pki_authority that"
            " issued it."
        )
    same_key = [
        entry.serial
        for entry in authority.index.values()
        if entry.status == "V" and entry.end > settings.now and entry.serial != certificate.serial_number
        for issued in books.certificates_in(authority.layout.issued(entry.serial))
        if issued.public_key() == certificate.public_key()
    ]
    return [certificate.serial_number, *same_key]


def _serial(text: str, authority: pki_authority.Authority) -> int:
    """Read a serial number as openssl and browsers print it: hexadecimal, colons allowed."""
    try:
        serial = int(text.replace(":", ""), 16)
    except ValueError:
        raise PkiError(
            f"pki_revoke: '{text}' is no serial number. Give it in hexadecimal, as {authority.layout.index} has it."
        ) from None
    if serial not in authority.index:
        raise PkiError(f"pki_revoke: {authority.layout.index} has no certificate with the serial number {text}.")
    return serial
