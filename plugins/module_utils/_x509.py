# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""X.509 in memory: keys, certificates and what can be read from them. No disk, no Ansible.

Every certificate here follows the profile of RFC 5280 and Apple's rules for servers
(https://support.apple.com/en-us/103769): SHA-256, names and addresses in the subject alternative name,
serverAuth, at most 825 days.
"""

from __future__ import annotations

import datetime
import ipaddress
import secrets
from dataclasses import dataclass
from typing import Any

from ._errors import PkiError

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError as error:  # pragma: no cover - ansible-test sanity imports without it
    CRYPTOGRAPHY_ERROR: ImportError | None = error
else:
    CRYPTOGRAPHY_ERROR = None

#: Apple refuses a server certificate that is valid for longer, also under a private authority.
LONGEST_DAYS = 825
#: Passes Apple's rule for public authorities (398 days) as well, so no client has a reason to refuse.
DEFAULT_DAYS = 397
#: Clients whose clock is a little behind accept a new certificate, too.
BACKDATE = datetime.timedelta(hours=1)

KEY_TYPES = ("ecdsa_p256", "ecdsa_p384", "rsa_2048", "rsa_3072", "rsa_4096")


# Keys


def generate_key(key_type: str) -> Any:
    """Return a new private key of one of KEY_TYPES. RSA takes tens of milliseconds and lets other threads run."""
    family, _, size = key_type.partition("_")
    if family == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=int(size))
    return ec.generate_private_key(ec.SECP384R1() if size == "p384" else ec.SECP256R1())


def key_type_of(public_key: Any) -> str:
    """Name the type of a public key as KEY_TYPES does; a type we never make gets a name outside that list."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return f"rsa_{public_key.key_size}"
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return {"secp256r1": "ecdsa_p256", "secp384r1": "ecdsa_p384"}.get(public_key.curve.name, f"ecdsa_{public_key.curve.name}")
    return type(public_key).__name__.lstrip("_").replace("PublicKey", "").lower()


def key_pem(key: Any, passphrase: bytes | None = None) -> bytes:
    """Write a private key as PKCS#8 PEM, under AES-256 where a passphrase is given (RFC 5958, PBES2)."""
    protection = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)  # type: ignore[no-any-return]


def load_key(data: bytes, passphrase: bytes | None = None) -> Any:
    """Read a private key from PEM. The primality test of RSA keys (33 ms each) is left out: see `matches`.

    Raises TypeError where a passphrase is missing, ValueError for a wrong one or damaged data, as ``cryptography`` does,
    except that a passphrase given for a key without one is simply not needed.
    """
    if passphrase and b"ENCRYPTED" not in data:
        passphrase = None
    try:
        return serialization.load_pem_private_key(data, passphrase, unsafe_skip_rsa_key_validation=True)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error


def matches(key: Any, public_key: Any) -> bool:
    """Tell whether the private key belongs to the public key.

    An RSA key file carries both halves, so its arithmetic is checked as well (n = p q, e d = 1 modulo p-1 and q-1):
    all that the skipped primality test would notice about a damaged file, in microseconds.
    """
    if key.public_key() != public_key:
        return False
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        e, n = numbers.public_numbers.e, numbers.public_numbers.n
        p, q, d = numbers.p, numbers.q, numbers.d
        return p * q == n and (e * d) % (p - 1) == 1 and (e * d) % (q - 1) == 1
    return True


# What a certificate says


def load_certificates(data: bytes) -> list[Any]:
    """Read every certificate of a PEM file, in order. Raises ValueError where there is none or one is damaged."""
    return x509.load_pem_x509_certificates(data)


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
        entry.value.lower() if isinstance(entry, x509.DNSName) else str(entry.value) if isinstance(entry, x509.IPAddress) else f"other:{entry!r}"
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


# What we issue


@dataclass(frozen=True)
class Issuer:
    """Whoever signs: its certificate, its key (None where it lies elsewhere), and what a server must send along."""

    certificate: Any
    key: Any
    #: The intermediate certificates between a leaf and the root, the root itself left out: clients have it.
    chain: tuple[Any, ...] = ()


def random_serial() -> int:
    """128 random bits: no counter to lose, nothing to guess (RFC 5280 4.1.2.2 asks for a positive number of at most 20 octets)."""
    return secrets.randbits(128) or 1


def end_of(start: datetime.datetime, days: int) -> datetime.datetime:
    """The last second of a validity of ``days``: both ends belong to it (RFC 5280 4.1.2.5)."""
    return start + datetime.timedelta(days=days, seconds=-1)


def sign_authority(key: Any, subject: Any, days: int, now: datetime.datetime, path_length: int, constraints: Any = None, issuer: Issuer | None = None) -> Any:
    """Make the certificate of an authority: signed by itself, or by ``issuer`` where that is given."""
    public_key = key.public_key()
    start = (now - BACKDATE).replace(microsecond=0)
    end = end_of(start, days)
    above = issuer.certificate if issuer else None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above.subject if above else subject)
        .public_key(public_key)
        .serial_number(random_serial())
        .not_valid_before(start)
        .not_valid_after(min(end, above.not_valid_after_utc) if above else end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )
    if above:
        builder = builder.add_extension(authority_key_identifier(above), critical=False)
    if constraints:
        # RFC 5280 4.2.1.10 wants it critical; old Apple releases refuse a certificate with a critical one, and new ones heed it either way.
        builder = builder.add_extension(constraints, critical=False)
    return builder.sign(issuer.key if issuer else key, hashes.SHA256())


def authority_key_identifier(issuer: Any) -> Any:
    """Point at the issuer's key by the identifier it carries itself, so that every path builder finds it (RFC 5280 4.2.1.1)."""
    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


class Signer:
    """Signs server certificates for one issuer; what all of them share is made once."""

    def __init__(self, issuer: Issuer, now: datetime.datetime, crl_url: str | None = None) -> None:
        self._issuer = issuer
        self._start = max((now - BACKDATE).replace(microsecond=0), issuer.certificate.not_valid_before_utc)
        self._shared = [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            # clientAuth is left out: a server's key should not log in anywhere.
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (authority_key_identifier(issuer.certificate), False),
        ]
        if crl_url:
            point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
            self._shared.append((x509.CRLDistributionPoints([point]), False))

    def sign(self, public_key: Any, addresses: tuple[str, ...], days: int) -> Any:
        """Make a server certificate for these DNS names and IP addresses, ending with its issuer at the latest."""
        name = subject_for(addresses)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._issuer.certificate.subject)
            .public_key(public_key)
            .serial_number(random_serial())
            .not_valid_before(self._start)
            .not_valid_after(min(end_of(self._start, days), self._issuer.certificate.not_valid_after_utc))
            # Critical where the subject is empty (RFC 5280 4.2.1.6)
            .add_extension(alternative_names(addresses), critical=not list(name))
            # RSA key exchange of TLS 1.2 wants keyEncipherment; an EC key only ever signs.
            .add_extension(_key_usage(digital_signature=True, key_encipherment=isinstance(public_key, rsa.RSAPublicKey)), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        )
        for extension, critical in self._shared:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self._issuer.key, hashes.SHA256())


def subject_for(addresses: tuple[str, ...]) -> Any:
    """The first address that fits into a common name (64 characters, RFC 5280 appendix A), else an empty subject. Clients ignore it."""
    fitting = [address for address in addresses if len(address) <= 64]
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, fitting[0])] if fitting else [])


def alternative_names(addresses: tuple[str, ...]) -> Any:
    """Names as DNS entries, addresses as IP entries: iOS and others never look for an IP address in a DNS entry."""
    return x509.SubjectAlternativeName([_general_name(address) for address in addresses])


def _general_name(address: str) -> Any:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _key_usage(**bits: bool) -> Any:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign")
    return x509.KeyUsage(**{name: bits.get(name, False) for name in names}, encipher_only=False, decipher_only=False)


def authority_subject(common: str, organization: str | None = None) -> Any:
    """The subject of an authority. It has a common name: iOS does not list a root without one in its trust settings."""
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    try:
        return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common)])
    except ValueError as error:
        raise PkiError(f"pki_authority: common_name and organization must be 1 to 64 characters each ({error}).") from error
