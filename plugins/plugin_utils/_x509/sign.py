# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of an authority and of servers, signed."""

from __future__ import annotations

import datetime
import ipaddress
import secrets
from dataclasses import dataclass
from typing import Any

from ...module_utils._errors import PkiError

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:  # pragma: no cover - ansible-test sanity imports without it
    pass


#: Clients whose clock is a little behind accept a new certificate, too.
BACKDATE = datetime.timedelta(hours=1)


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
    """Create the certificate of an authority: signed by itself, or by ``issuer`` where that is given.

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
        # RFC 5280 4.2.1.10 requires it critical; old Apple releases refuse a certificate with a critical one, and
        # new ones heed it either way.
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


def path_length_of(certificate: Any) -> int | None:
    """How many authorities may stand below this one; None: no limit."""
    return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length  # type: ignore[no-any-return]


class Signer:
    """Signs server certificates for one issuer. Common parts of all certificates are generated once."""

    def __init__(self, issuer: Issuer, now: datetime.datetime, crl_url: str | None = None) -> None:
        self._issuer = issuer
        self._start = max((now - BACKDATE).replace(microsecond=0), issuer.certificate.not_valid_before_utc)
        self._shared = [*_server_extensions(), (authority_key_identifier(issuer.certificate), False)]
        if crl_url:
            point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
            self._shared.append((x509.CRLDistributionPoints([point]), False))

    def sign(self, public_key: Any, addresses: tuple[str, ...], days: int) -> Any:
        """Create a server certificate for these DNS names and IP addresses, ending with its issuer at the latest."""
        end = min(end_of(self._start, days), self._issuer.certificate.not_valid_after_utc)
        builder = _server(public_key, addresses, self._start, end, self._shared)
        return builder.issuer_name(self._issuer.certificate.subject).sign(self._issuer.key, hashes.SHA256())


def sign_by_itself(key: Any, addresses: tuple[str, ...], days: int, now: datetime.datetime) -> Any:
    """Create a server certificate that nobody vouches for. Not an authority: its key must not be able to sign for other
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
        # RSA key exchange of TLS 1.2 requires keyEncipherment; an EC key only ever signs.
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
    ip = ip_address(address)
    return x509.DNSName(address) if ip is None else x509.IPAddress(ip)


def ip_address(address: str) -> Any:
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
