# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the bytes of a certificate to plain values. Pure; the one reader of certificates for the rules, and the one file
in ``module_utils`` that knows the library ``cryptography``."""

from __future__ import annotations

import traceback
from datetime import datetime, timezone
from typing import Any, Callable

from .._errors import CheckError
from .values import Certificate

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID

    CRYPTOGRAPHY_IMPORT_ERROR = None
except ImportError:
    CRYPTOGRAPHY_IMPORT_ERROR = traceback.format_exc()


#: Extensions that every client knows, by the names of the library.
UNDERSTOOD = (
    "BasicConstraints",
    "KeyUsage",
    "ExtendedKeyUsage",
    "SubjectAlternativeName",
    "NameConstraints",
    "CertificatePolicies",
    "PolicyConstraints",
)


def read_der(der: bytes) -> Certificate:
    """Read one certificate. Raise ValueError where the bytes are none."""
    return read(_loaded(x509.load_der_x509_certificate, der))


def read_pem_bundle(pem: bytes, where: str) -> list[Certificate]:
    """Read the authorities of a PEM file. Raise CheckError, naming ``where`` they were, if there is none."""
    try:
        return [read(certificate) for certificate in _loaded(x509.load_pem_x509_certificates, pem)]
    except ValueError as error:
        raise CheckError(
            f"ca_file: {where} holds no certificate in PEM form ({error}). Give the authority's ca.pem."
        ) from error


def _loaded(load: Callable[[bytes], Any], data: bytes) -> Any:
    try:
        return load(data)
    except x509.InvalidVersion as error:  # which is no ValueError
        raise ValueError(f"a certificate that cannot be read: {error}") from error


def read(certificate: Any) -> Certificate:
    """Read a certificate of the library. Raise ValueError where it cannot be read."""
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
    names = _extension(certificate, x509.SubjectAlternativeName)
    constraints = _extension(certificate, x509.BasicConstraints)
    critical = {extension.oid: extension.value for extension in certificate.extensions if extension.critical}
    return Certificate(
        serial=format(certificate.serial_number, "x"),
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        not_before=_moment(certificate, "not_valid_before"),
        not_after=_moment(certificate, "not_valid_after"),
        names=tuple(str(name.value) for name in names or () if isinstance(name, (x509.DNSName, x509.IPAddress))),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        self_issued=certificate.subject == certificate.issuer,
        key_type=key_type,
        key_bits=bits,
        curve=curve,
        signature_hash="" if algorithm is None else algorithm.name,
        extended_usages=_extended_usages(certificate),
        key_usages=_key_usages(certificate),
        dns_names=None if names is None else tuple(names.get_values_for_type(x509.DNSName)),
        common_name=bool(certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)),
        version=certificate.version.value + 1,
        authority=constraints is not None and constraints.ca,
        critical_constraints=x509.BasicConstraints.oid in critical,
        subject_key=_extension(certificate, x509.SubjectKeyIdentifier) is not None,
        authority_key=_extension(certificate, x509.AuthorityKeyIdentifier) is not None,
        unknown_critical=tuple(
            oid.dotted_string for oid, value in critical.items() if type(value).__name__ not in UNDERSTOOD
        ),
    )


def _moment(certificate: Any, attribute: str) -> datetime:
    # cryptography before 42 has only the naive form, later ones warn about it.
    aware = getattr(certificate, f"{attribute}_utc", None)
    return aware if isinstance(aware, datetime) else getattr(certificate, attribute).replace(tzinfo=timezone.utc)


def _extended_usages(certificate: Any) -> tuple[str, ...] | None:
    usages = _extension(certificate, x509.ExtendedKeyUsage)
    known = {
        ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "anyExtendedKeyUsage",
    }
    return None if usages is None else tuple(known.get(usage, usage.dotted_string) for usage in usages)


def _key_usages(certificate: Any) -> tuple[str, ...] | None:
    usage = _extension(certificate, x509.KeyUsage)
    names = ("digital_signature", "key_cert_sign")
    return None if usage is None else tuple(name for name in names if getattr(usage, name))


def _extension(certificate: Any, kind: Any) -> Any:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
