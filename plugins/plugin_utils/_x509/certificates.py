# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and requests: read and compared. No disk, no Ansible.

Every certificate here follows the profile of RFC 5280 and Apple's rules for servers
(https://support.apple.com/en-us/103769): SHA-256, names and addresses in the subject alternative name,
serverAuth, at most 825 days.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from .sign import ip_address

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID
except ImportError as error:  # pragma: no cover - ansible-test sanity imports without it
    CRYPTOGRAPHY_ERROR: ImportError | None = error
else:
    CRYPTOGRAPHY_ERROR = None


#: Apple refuses a server certificate that is valid for longer, also under a private authority.
LONGEST_DAYS = 825
#: Passes Apple's rule for public authorities (398 days) as well, so no client has a reason to refuse.
DEFAULT_DAYS = 397


def load_certificates(data: bytes) -> list[Any]:
    """Read every certificate of a PEM file, in order. Raises ValueError where there is none or one is damaged."""
    return _loaded(x509.load_pem_x509_certificates, data)  # type: ignore[no-any-return]


def load_der(data: bytes) -> Any:
    """Read one certificate in DER. Raises ValueError."""
    return _loaded(x509.load_der_x509_certificate, data)


def _loaded(load: Callable[[bytes], Any], data: bytes) -> Any:
    try:
        return load(data)
    except (x509.InvalidVersion, UnsupportedAlgorithm) as error:  # which are no ValueError
        raise ValueError(str(error)) from error


def certificate_pem(certificate: Any) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)  # type: ignore[no-any-return]


def certificate_der(certificate: Any) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)  # type: ignore[no-any-return]


def sha256(certificate: Any) -> str:
    """The fingerprint a person compares: SHA-256 of the DER form, lower-case hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()  # type: ignore[no-any-return]


def hexadecimal(serial: int) -> str:
    """A serial number as openssl writes it: upper case, an even number of digits (BN_bn2hex(3))."""
    digits = f"{serial:X}"
    return "0" * (len(digits) % 2) + digits


def iso(moment: datetime.datetime) -> str:
    """ISO 8601 in UTC, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def common_name(name: Any) -> str:
    """The (first) common name of a subject or issuer, or an empty text."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def addresses_of(certificate: Any) -> frozenset[str]:
    """DNS names (lower case) and IP addresses of the subject alternative name; other entries as ``type:value``."""
    try:
        entries = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(
        (
            entry.value.lower()
            if isinstance(entry, x509.DNSName)
            else str(entry.value)
            if isinstance(entry, x509.IPAddress)
            else f"other:{entry!r}"
        )
        for entry in entries
    )


def signed_by(certificate: Any, issuer: Any) -> bool:
    """Tell whether the issuer's name and key stand behind the certificate's signature."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def is_authority(certificate: Any) -> bool:
    """Tell whether basicConstraints lets this certificate sign others."""
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False


def oneline(name: Any) -> str:
    """A subject as ``/CN=web1``: the form in which openssl's index.txt keeps it (X509_NAME_oneline(3))."""
    short = {
        NameOID.COMMON_NAME: "CN",
        NameOID.ORGANIZATION_NAME: "O",
        NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
        NameOID.COUNTRY_NAME: "C",
        NameOID.STATE_OR_PROVINCE_NAME: "ST",
        NameOID.LOCALITY_NAME: "L",
        NameOID.EMAIL_ADDRESS: "emailAddress",
        NameOID.DOMAIN_COMPONENT: "DC",
    }

    def text(value: bytes) -> str:
        return "".join(chr(byte) if 0x20 <= byte <= 0x7E else f"\\x{byte:02X}" for byte in value)

    parts = ((short.get(part.oid, part.oid.dotted_string), part.value) for part in name)
    return "".join(f"/{key}={text(value.encode() if isinstance(value, str) else value)}" for key, value in parts)


def constraints_of(certificate: Any) -> Any:
    """The name constraints of an authority, or None."""
    try:
        return certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return None


def permits(constraints: Any, address: str) -> bool:
    """Tell whether name constraints let an authority vouch for this DNS name or IP address (RFC 5280 4.2.1.10)."""
    if constraints is None:
        return True
    ip = ip_address(address)
    kind = x509.DNSName if ip is None else x509.IPAddress

    def covers(subtree: Any) -> bool:
        if ip is not None:
            return ip in subtree.value
        domain = subtree.value.lower().lstrip(".")
        return not domain or address == domain or address.endswith(f".{domain}")

    permitted = [subtree for subtree in constraints.permitted_subtrees or [] if isinstance(subtree, kind)]
    excluded = [subtree for subtree in constraints.excluded_subtrees or [] if isinstance(subtree, kind)]
    return (not permitted or any(map(covers, permitted))) and not any(map(covers, excluded))


def load_request(text: str) -> Any:
    """Read a certificate signing request and check that its sender holds the key. Raises ValueError."""
    request = _loaded(x509.load_pem_x509_csr, text.encode())
    try:
        fits = request.is_signature_valid
    except (UnsupportedAlgorithm, InvalidSignature, TypeError) as error:
        raise ValueError(f"its signature cannot be verified: {error}") from error
    if not fits:
        raise ValueError("its signature does not fit its key")
    return request
