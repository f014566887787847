# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate revocation lists."""

from __future__ import annotations

import datetime
from typing import Any

from .sign import Issuer, authority_key_identifier

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
except ImportError:  # pragma: no cover - ansible-test sanity imports without it
    pass


#: openssl's words in index.txt that are not plain reasons of RFC 5280 5.3.1 (openssl-ca(1), -crl_compromise and others)
_OPENSSL_REASONS = {"CAkeyTime": "CACompromise", "keyTime": "keyCompromise", "holdInstruction": "certificateHold"}
REASONS = (
    "unspecified",
    "keyCompromise",
    "CACompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "certificateHold",
)


def sign_crl(
    issuer: Issuer,
    revoked: list[tuple[int, datetime.datetime, str | None]],
    number: int,
    days: int,
    now: datetime.datetime,
) -> Any:
    """Create a CRL (RFC 5280 section 5) of (serial, moment, reason as in openssl's index)."""
    start = now.replace(microsecond=0)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(start)
        .next_update(start + datetime.timedelta(days=days))
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(authority_key_identifier(issuer.certificate), critical=False)
    )
    for serial, moment, reason in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment)
        flag = crl_reason(reason)
        # RFC 5280 5.3.1: "unspecified" is said by leaving the reason out
        if flag is not x509.ReasonFlags.unspecified:
            entry = entry.add_extension(x509.CRLReason(flag), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(issuer.key, hashes.SHA256())


def crl_reason(reason: str | None) -> Any:
    word = (reason or "unspecified").split(",", maxsplit=1)[0]
    word = _OPENSSL_REASONS.get(word, word)
    known = {flag.value.lower(): flag for flag in x509.ReasonFlags}
    return known.get(word.lower(), x509.ReasonFlags.unspecified)


def load_crl(data: bytes) -> Any:
    """Read a CRL from PEM. Raises ValueError."""
    return x509.load_pem_x509_crl(data)


def crl_entries(crl: Any) -> dict[int, tuple[datetime.datetime, str | None]]:
    """Serial number to (moment, reason) of each revocation in a CRL."""
    entries = {}
    for item in crl:
        try:
            reason = item.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
        except x509.ExtensionNotFound:
            reason = None
        # RFC 5280 writes cACompromise, openssl CACompromise
        entries[item.serial_number] = (item.revocation_date_utc, "CACompromise" if reason == "cACompromise" else reason)
    return entries


def crl_number(crl: Any) -> int:
    try:
        return int(crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number)
    except x509.ExtensionNotFound:
        return 0


def crl_pem(crl: Any) -> bytes:
    return crl.public_bytes(serialization.Encoding.PEM)  # type: ignore[no-any-return]


def crl_der(crl: Any) -> bytes:
    return crl.public_bytes(serialization.Encoding.DER)  # type: ignore[no-any-return]
