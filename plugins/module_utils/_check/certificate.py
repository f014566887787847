# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the bytes of a certificate to plain values. Pure; the one place of the check that knows the library
``cryptography``."""

from __future__ import annotations

import traceback
from datetime import datetime, timezone
from typing import Any

from .._errors import CheckError
from .trust import Certificate

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID

    CRYPTOGRAPHY_IMPORT_ERROR = None
except ImportError:
    CRYPTOGRAPHY_IMPORT_ERROR = traceback.format_exc()


def read_der(der: bytes) -> Certificate:
    """Read one certificate. Raise ValueError where the bytes are none."""
    return _read(x509.load_der_x509_certificate(der))


def read_pem_bundle(pem: bytes, where: str) -> list[Certificate]:
    """Read the authorities of a PEM file. Raise CheckError, naming ``where`` they were, if there is none."""
    try:
        return [_read(certificate) for certificate in x509.load_pem_x509_certificates(pem)]
    except ValueError as error:
        raise CheckError(
            f"ca_file: {where} holds no certificate in PEM form ({error}). Give the authority's ca.pem."
        ) from error


def _read(certificate: Any) -> Certificate:
    try:
        return _described(certificate)
    except (
        x509.UnsupportedGeneralNameType,
        x509.DuplicateExtension,
        x509.InvalidVersion,
        UnsupportedAlgorithm,
        OverflowError,
        TypeError,
    ) as error:
        raise ValueError(f"a certificate that cannot be read: {error}") from error


def _described(certificate: Any) -> Certificate:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        key_type, bits, curve = "RSA", key.key_size, ""
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key_type, bits, curve = "EC", key.curve.key_size, key.curve.name
    else:
        key_type, bits, curve = type(key).__name__.replace("PublicKey", "").strip("_"), 0, ""
    algorithm = certificate.signature_hash_algorithm
    return Certificate(
        serial=format(certificate.serial_number, "x"),
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        not_before=_moment(certificate, "not_valid_before"),
        not_after=_moment(certificate, "not_valid_after"),
        names=_names(certificate),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        self_issued=certificate.subject == certificate.issuer,
        key_type=key_type,
        key_bits=bits,
        curve=curve,
        signature_hash="" if algorithm is None else algorithm.name,
        server_auth=_server_auth(certificate),
    )


def _moment(certificate: Any, attribute: str) -> datetime:
    # cryptography before 42 has only the naive form, later ones warn about it.
    aware = getattr(certificate, f"{attribute}_utc", None)
    return aware if isinstance(aware, datetime) else getattr(certificate, attribute).replace(tzinfo=timezone.utc)


def _names(certificate: Any) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in found if isinstance(name, (x509.DNSName, x509.IPAddress)))


def _server_auth(certificate: Any) -> bool:
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        # OpenSSL takes a certificate without the extension, Apple's page asks for it: 103769.
        return False
    return ExtendedKeyUsageOID.SERVER_AUTH in usages
