# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""X.509 in memory: keys, certificates and their fields. No disk, no Ansible.

Every certificate here follows the profile of RFC 5280 and Apple's rules for servers
(https://support.apple.com/en-us/103769): SHA-256, names and addresses in the subject alternative name,
serverAuth, at most 825 days.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import re
import secrets
from dataclasses import dataclass
from typing import Any

from ...module_utils._errors import PkiError

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import pkcs7 as _pkcs7
    from cryptography.hazmat.primitives.serialization import pkcs12 as _pkcs12
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
    family, _separator, size = key_type.partition("_")
    if family == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=int(size))
    return ec.generate_private_key(ec.SECP384R1() if size == "p384" else ec.SECP256R1())


def key_type_of(public_key: Any) -> str:
    """Name the type of a public key as KEY_TYPES does; a type we never make gets a name outside that list."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return f"rsa_{public_key.key_size}"
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return {"secp256r1": "ecdsa_p256", "secp384r1": "ecdsa_p384"}.get(
            public_key.curve.name, f"ecdsa_{public_key.curve.name}"
        )
    return type(public_key).__name__.lstrip("_").replace("PublicKey", "").lower()


def key_pem(key: Any, passphrase: bytes | None = None) -> bytes:
    """Write a private key as PKCS#8 PEM, under AES-256 where a passphrase is given (:mod:`encrypted_key`)."""
    encoding = serialization.Encoding.DER if passphrase else serialization.Encoding.PEM
    data: bytes = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    if not passphrase:
        return data
    from . import encrypted_key

    return encrypted_key.pem(data, passphrase)


def load_key(data: bytes, passphrase: bytes | None = None) -> Any:
    """Read a private key from PEM. The primality test of RSA keys (33 ms each) is left out: see `matches`.

    Raises TypeError where a passphrase is missing, ValueError for a wrong one or damaged data, as ``cryptography``
    does, except that a passphrase given for a key without one is simply not needed.
    """
    if passphrase and b"ENCRYPTED" not in data:
        passphrase = None
    try:
        return serialization.load_pem_private_key(data, passphrase, unsafe_skip_rsa_key_validation=True)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error


def _load_der_key(data: bytes) -> None:
    with contextlib.suppress(TypeError):  # encrypted, and whole
        serialization.load_der_private_key(data, None, unsafe_skip_rsa_key_validation=True)


def other_form(data: bytes) -> str:
    """Where a file is not PEM, but whole in another form: which, and the command that makes PEM of it. Else an empty
    text."""
    begin = re.search(rb"-----BEGIN ([A-Z0-9 ]+)-----", data)
    if begin:
        if begin.group(1) in (b"PKCS7", b"CMS"):
            return "it is PKCS#7; make PEM of it: openssl pkcs7 -print_certs -in FILE -out FILE.pem"
        return "it is a certificate request, not yet a certificate" if b"REQUEST" in begin.group(1) else ""
    for what, read in (
        ("x509", load_der),
        ("pkey", _load_der_key),
        ("pkcs7 -print_certs", _pkcs7.load_der_pkcs7_certificates),
    ):
        with contextlib.suppress(ValueError, UnsupportedAlgorithm):
            read(data)
            return (
                f"it is DER, not PEM, whatever its name says; convert it: openssl {what} -inform DER -in FILE -out"
                " FILE.pem"
            )
    # PFX of RFC 7292: a sequence that begins with version 3
    if data[:1] == b"\x30" and b"\x02\x01\x03\x30" in data[:9]:
        return "it is PKCS#12, not PEM; take it apart: openssl pkcs12 -in FILE -noenc -out FILE.pem"
    return ""


def cure_of_form(data: bytes, otherwise: str) -> str:
    """:func:`other_form` as a sentence, or another one."""
    other = other_form(data)
    return other[:1].upper() + other[1:] if other else otherwise


def public_key_of(certificate: Any) -> Any:
    """The public key of a certificate, which is read only now. Raises ValueError where it is damaged, or of a kind that
    nobody knows."""
    try:
        return certificate.public_key()
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


def key_id(public_key: Any) -> bytes:
    """The public key as bytes, to compare and to look up."""
    return public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)  # type: ignore[no-any-return]


# Fields of a certificate


def load_certificates(data: bytes) -> list[Any]:
    """Read every certificate of a PEM file, in order. Raises ValueError where there is none or one is damaged."""
    return x509.load_pem_x509_certificates(data)


def load_der(data: bytes) -> Any:
    """Read one certificate in DER. Raises ValueError."""
    return x509.load_der_x509_certificate(data)


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


# Issuing


@dataclass(frozen=True)
class Issuer:
    """The signer: its certificate, its key (None if it is stored elsewhere), and the certificates that a server must
    send along."""

    certificate: Any
    key: Any
    #: The intermediate certificates between a leaf and the root, the root itself left out: clients have it.
    chain: tuple[Any, ...] = ()


def random_serial() -> int:
    """128 random bits: no counter to lose, nothing to guess (RFC 5280 4.1.2.2 asks for a positive number of at most 20
    octets)."""
    return secrets.randbits(128) or 1


def end_of(start: datetime.datetime, days: int) -> datetime.datetime:
    """The last second of a validity of ``days``: both ends belong to it (RFC 5280 4.1.2.5)."""
    return start + datetime.timedelta(days=days, seconds=-1)


def sign_authority(
    key: Any,
    subject: Any,
    *,
    days: int,
    now: datetime.datetime,
    path_length: int,
    permitted: tuple[str, ...] = (),
    issuer: Issuer | None = None,
) -> Any:
    """Make the certificate of an authority: signed by itself, or by ``issuer`` where that is given.

    ``permitted``: domains and networks; where there are any, the authority can vouch for nothing else.
    """
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
    if permitted:
        # RFC 5280 4.2.1.10 wants it critical; old Apple releases refuse a certificate with a critical one, and new ones
        # heed it either way.
        builder = builder.add_extension(name_constraints(permitted), critical=False)
    return builder.sign(issuer.key if issuer else key, hashes.SHA256())


def authority_key_identifier(issuer: Any) -> Any:
    """Point at the issuer's key by the identifier it carries itself, so that every path builder finds it (RFC 5280
    4.2.1.1)."""
    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def name_constraints(permitted: tuple[str, ...]) -> Any:
    """Constrain an authority to these domains (with their subdomains) and networks.

    A kind of name that is not mentioned would be unconstrained (RFC 5280 4.2.1.10), so a list without a network
    excludes all addresses, and one without a domain all names.
    """
    names: list[Any] = [x509.DNSName(entry) for entry in permitted if not _is_network(entry)]
    networks: list[Any] = [x509.IPAddress(ipaddress.ip_network(entry)) for entry in permitted if _is_network(entry)]
    excluded: list[Any] = [] if names else [x509.DNSName("")]
    if not networks:
        excluded += [x509.IPAddress(ipaddress.ip_network(everything)) for everything in ("0.0.0.0/0", "::/0")]
    return x509.NameConstraints([*names, *networks], excluded or None)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


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
    ip = _ip(address)
    kind = x509.DNSName if ip is None else x509.IPAddress

    def covers(subtree: Any) -> bool:
        if ip is not None:
            return ip in subtree.value
        domain = subtree.value.lower().lstrip(".")
        return not domain or address == domain or address.endswith(f".{domain}")

    permitted = [subtree for subtree in constraints.permitted_subtrees or [] if isinstance(subtree, kind)]
    excluded = [subtree for subtree in constraints.excluded_subtrees or [] if isinstance(subtree, kind)]
    return (not permitted or any(map(covers, permitted))) and not any(map(covers, excluded))


def path_length_of(certificate: Any) -> int | None:
    """How many authorities may stand below this one; None: no limit."""
    return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length  # type: ignore[no-any-return]


class Signer:
    """Signs server certificates for one issuer. Common parts of all certificates are made once."""

    def __init__(self, issuer: Issuer, now: datetime.datetime, crl_url: str | None = None) -> None:
        self._issuer = issuer
        self._start = max((now - BACKDATE).replace(microsecond=0), issuer.certificate.not_valid_before_utc)
        self._shared = [*_server_extensions(), (authority_key_identifier(issuer.certificate), False)]
        if crl_url:
            point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
            self._shared.append((x509.CRLDistributionPoints([point]), False))

    def sign(self, public_key: Any, addresses: tuple[str, ...], days: int) -> Any:
        """Make a server certificate for these DNS names and IP addresses, ending with its issuer at the latest."""
        end = min(end_of(self._start, days), self._issuer.certificate.not_valid_after_utc)
        builder = _server(public_key, addresses, self._start, end, self._shared)
        return builder.issuer_name(self._issuer.certificate.subject).sign(self._issuer.key, hashes.SHA256())


def sign_by_itself(key: Any, addresses: tuple[str, ...], days: int, now: datetime.datetime) -> Any:
    """Make a server certificate that nobody vouches for. Not an authority: its key must not be able to sign for other
    sites."""
    start = (now - BACKDATE).replace(microsecond=0)
    builder = _server(key.public_key(), addresses, start, end_of(start, days), _server_extensions())
    return builder.issuer_name(subject_for(addresses)).sign(key, hashes.SHA256())


def _server_extensions() -> list[tuple[Any, bool]]:
    return [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        # clientAuth is left out: a server's key should not log in anywhere.
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
    ]


def _server(
    public_key: Any,
    addresses: tuple[str, ...],
    start: datetime.datetime,
    end: datetime.datetime,
    shared: list[tuple[Any, bool]],
) -> Any:
    name = subject_for(addresses)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(public_key)
        .serial_number(random_serial())
        .not_valid_before(start)
        .not_valid_after(end)
        # Critical where the subject is empty (RFC 5280 4.2.1.6)
        .add_extension(alternative_names(addresses), critical=not list(name))
        # RSA key exchange of TLS 1.2 wants keyEncipherment; an EC key only ever signs.
        .add_extension(
            _key_usage(digital_signature=True, key_encipherment=isinstance(public_key, rsa.RSAPublicKey)), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )
    for extension, critical in shared:
        builder = builder.add_extension(extension, critical=critical)
    return builder


def subject_for(addresses: tuple[str, ...]) -> Any:
    """The first address that fits into a common name (64 characters, RFC 5280 appendix A), else an empty subject.
    Clients ignore it."""
    fitting = [address for address in addresses if len(address) <= 64]
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, fitting[0])] if fitting else [])


def alternative_names(addresses: tuple[str, ...]) -> Any:
    """Names as DNS entries, addresses as IP entries: iOS and others never look for an IP address in a DNS entry."""
    return x509.SubjectAlternativeName([_general_name(address) for address in addresses])


def _general_name(address: str) -> Any:
    ip = _ip(address)
    return x509.DNSName(address) if ip is None else x509.IPAddress(ip)


def _ip(address: str) -> Any:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None


def _key_usage(**bits: bool) -> Any:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
    )
    return x509.KeyUsage(**{name: bits.get(name, False) for name in names}, encipher_only=False, decipher_only=False)


def authority_subject(common: str, organization: str | None = None) -> Any:
    """The subject of an authority. It has a common name: iOS does not list a root without one in its trust settings."""
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    try:
        return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common)])
    except ValueError as error:
        raise PkiError(
            f"pki_authority: common_name and organization must be 1 to 64 characters each ({error})."
        ) from error


# Requests and revocations


def load_request(text: str) -> Any:
    """Read a certificate signing request and check that its sender holds the key. Raises ValueError."""
    request = x509.load_pem_x509_csr(text.encode())
    if not request.is_signature_valid:
        raise ValueError("its signature does not fit its key")
    return request


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
    """Make a CRL (RFC 5280 section 5) of (serial, moment, reason as in openssl's index)."""
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


# Other containers


def pkcs12(name: str, key: Any, certificate: Any, chain: list[Any], passphrase: bytes, *, legacy: bool) -> bytes:
    """Key, certificate and chain in one PKCS#12 file (RFC 7292): AES-256, or 3DES with SHA-1 for systems that open
    nothing newer."""
    protection: Any = serialization.BestAvailableEncryption(passphrase)
    if legacy:
        protection = (
            serialization.PrivateFormat.PKCS12.encryption_builder()
            .kdf_rounds(50000)
            .key_cert_algorithm(_pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
            .hmac_hash(hashes.SHA1())  # noqa: S303 - `legacy` needs it: those systems know no other
            .build(passphrase)
        )
    return _pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, chain or None, protection)


def pkcs12_holds(data: bytes, key: Any, certificate: Any, chain: list[Any], passphrase: bytes) -> bool:
    """Tell whether a PKCS#12 file opens with this passphrase and holds exactly this."""
    try:
        found = _pkcs12.load_key_and_certificates(data, passphrase)
    except ValueError:
        return False
    return (
        found[0] is not None
        and found[0].public_key() == key.public_key()
        and found[1] == certificate
        and list(found[2]) == chain
    )
