# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say of any certificate whether Apple platforms, Chromium and openssl accept it, and which rule it breaks. No disk, no
Ansible.

Sources, by the name each rule carries:

- Apple: https://support.apple.com/en-us/103769 (requirements for trusted certificates), 102028 (trusted root
  certificates)
- Chromium: https://chromium.googlesource.com/chromium/src/+/main/net/cert/ (common name ignored, SHA-1 and short keys
  refused)
- openssl: openssl-verification-options(1), ``-x509_strict``; SSL_CTX_set_security_level(3), level 2, the default of
  Debian
- RFC 5280, the profile all of them start from
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import asdict, dataclass
from typing import Any

from . import x509 as pki_x509

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID
except ImportError:  # pragma: no cover - reported by _x509.CRYPTOGRAPHY_ERROR
    pass

APPLE, CHROMIUM, OPENSSL = "apple", "chromium", "openssl"
ALL = (APPLE, CHROMIUM, OPENSSL)
#: Apple's limit of 825 days binds what was issued from this day on.
APPLE_LIMIT_SINCE = datetime.datetime(2019, 7, 1, tzinfo=datetime.timezone.utc)
_UNDERSTOOD = (
    "BasicConstraints",
    "KeyUsage",
    "ExtendedKeyUsage",
    "SubjectAlternativeName",
    "NameConstraints",
    "CertificatePolicies",
    "PolicyConstraints",
)


@dataclass(frozen=True)
class Finding:
    """One broken rule. ``refused_by`` is empty for what all accept and a person should know nevertheless."""

    rule: str
    subject: str
    text: str
    cure: str
    refused_by: tuple[str, ...] = ALL


@dataclass(frozen=True)
class Report:
    """What can be said of one certificate, or of a chain that starts with it."""

    findings: tuple[Finding, ...]

    def accepted_by(self, client: str) -> bool:
        return not any(client in finding.refused_by for finding in self.findings)

    @property
    def refused(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.refused_by)

    def as_dict(self) -> dict[str, Any]:
        return {
            "accepted": {client: self.accepted_by(client) for client in ALL},
            "findings": [{**asdict(finding), "refused_by": list(finding.refused_by)} for finding in self.findings],
        }


def lint(
    certificates: list[Any],
    *,
    now: datetime.datetime,
    key: Any = None,
    roots: list[Any] | None = None,
    addresses: tuple[str, ...] = (),
) -> Report:
    """Check a certificate with the chain that follows it, as a server would send them.

    ``key``: its private key, which must match. ``roots``: the authorities it must lead to. ``addresses``: names and
    addresses clients use, each of which it must cover. An authority (CA:TRUE) that comes alone is checked as a root.
    """
    leaf, *chain = certificates
    if pki_x509.is_authority(leaf) and not chain and roots is None and not addresses:
        return Report(tuple(_authority(leaf, now)))
    findings = _server(leaf, now)
    if key is not None and not pki_x509.matches(key, leaf.public_key()):
        findings.append(
            Finding(
                "key-matches",
                _name(leaf),
                "the private key belongs to another certificate",
                "Put the pair together again.",
            )
        )
    findings += [
        Finding(
            "name-covered",
            _name(leaf),
            f"it does not cover {address}",
            f"Have it issued with {address} as a subject alternative name.",
        )
        for address in addresses
        if not covers(leaf, address)
    ]
    findings += _chain(leaf, chain, roots, now)
    return Report(tuple(findings))


def covers(certificate: Any, address: str) -> bool:
    """Tell whether a client that connects to ``address`` finds it in the certificate (RFC 6125 6.4; a wildcard stands
    for one label)."""
    names = pki_x509.addresses_of(certificate)
    _label, dot, parent = address.partition(".")
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return address in names or (bool(dot) and f"*.{parent}" in names)
    return address in names


def _server(leaf: Any, now: datetime.datetime) -> list[Finding]:
    who = _name(leaf)
    found = [*_any_certificate(leaf, now)]

    def add(rule: str, text: str, cure: str, refused_by: tuple[str, ...] = ALL) -> None:
        found.append(Finding(rule, who, text, cure, refused_by))

    entries = _extension(leaf, x509.SubjectAlternativeName)
    if entries is None:
        add(
            "alternative-name",
            "it has no subject alternative name; the common name is ignored",
            "Have it issued with every name and address as a subject alternative name.",
            (APPLE, CHROMIUM),
        )
    for name in entries.get_values_for_type(x509.DNSName) if entries else []:
        if _is_ip(name):
            add(
                "address-as-name",
                f"the address {name} stands in a DNS entry",
                "Have it issued with that address in an IP entry.",
            )
        elif "*" in name and (not name.startswith("*.") or "*" in name[1:] or name.count(".") < 2):
            add(
                "wildcard",
                f"the wildcard {name} matches nothing",
                "A wildcard is the whole first label, with two labels or more after it.",
            )

    usages = _extension(leaf, x509.ExtendedKeyUsage)
    if usages is None:
        add(
            "server-auth",
            "it has no extended key usage",
            "Have it issued with the extended key usage serverAuth.",
            (APPLE,) if leaf.not_valid_before_utc >= APPLE_LIMIT_SINCE else (),
        )
    elif ExtendedKeyUsageOID.SERVER_AUTH not in usages and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in usages:
        add(
            "server-auth",
            "its extended key usage lacks serverAuth",
            "Have it issued with the extended key usage serverAuth.",
        )

    usage = _extension(leaf, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        add(
            "digital-signature",
            "its key usage lacks digitalSignature, which every TLS 1.3 handshake needs",
            "Have it issued with digitalSignature.",
        )

    if leaf.not_valid_before_utc >= APPLE_LIMIT_SINCE and _days(leaf) > pki_x509.LONGEST_DAYS:
        add(
            "825-days",
            f"it is valid for {_days(leaf)} days, more than {pki_x509.LONGEST_DAYS}",
            f"Have it issued for at most {pki_x509.LONGEST_DAYS} days.",
            (APPLE,),
        )
    if pki_x509.is_authority(leaf):
        add(
            "authority-as-server",
            "it is an authority (CA:TRUE) and a server's certificate at once; Firefox refuses that, and its key could"
            " sign for any site",
            "Make an authority and let it sign the server's certificate.",
            (),
        )
    return found


def _authority(certificate: Any, now: datetime.datetime) -> list[Finding]:
    who = _name(certificate)
    found = [*_any_certificate(certificate, now)]

    def add(rule: str, text: str, cure: str, refused_by: tuple[str, ...] = ALL) -> None:
        found.append(Finding(rule, who, text, cure, refused_by))

    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        add("authority", "it signs others without CA:TRUE in its basic constraints", "Use an authority that has it.")
    elif not certificate.extensions.get_extension_for_class(x509.BasicConstraints).critical:
        add(
            "critical-constraints",
            "its basic constraints are not critical",
            "Make the authority with critical basic constraints.",
            (OPENSSL,),
        )
    usage = _extension(certificate, x509.KeyUsage)
    if usage is None:
        add("key-cert-sign", "it has no key usage", "Make the authority with the key usage keyCertSign.", (OPENSSL,))
    elif not usage.key_cert_sign:
        add("key-cert-sign", "its key usage lacks keyCertSign", "Make the authority with the key usage keyCertSign.")
    if _extension(certificate, x509.SubjectKeyIdentifier) is None:
        add("key-identifier", "it has no subject key identifier", "Make the authority with one.", (OPENSSL,))
    if not pki_x509.common_name(certificate.subject):
        add(
            "common-name",
            "it has no common name, so iOS does not list it among the roots to trust",
            "Make the authority with a common name.",
            (APPLE,),
        )
    return found


def _any_certificate(certificate: Any, now: datetime.datetime) -> list[Finding]:
    who = _name(certificate)
    found: list[Finding] = []

    def add(rule: str, text: str, cure: str, refused_by: tuple[str, ...] = ALL) -> None:
        found.append(Finding(rule, who, text, cure, refused_by))

    again = "Have it issued again."
    if certificate.version is not x509.Version.v3:
        add("version-3", "it is not of version 3, so it can carry no extension", again)
    if now < certificate.not_valid_before_utc:
        add(
            "dates",
            f"it is valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on",
            "Wait, or set this machine's clock.",
        )
    if now > certificate.not_valid_after_utc:
        add("dates", f"it ended on {certificate.not_valid_after_utc:%Y-%m-%d}", again)
    if not 0 < certificate.serial_number < 1 << 160:
        add("serial", "its serial number is not a positive number of at most 20 octets", again, (CHROMIUM,))

    selfsigned = certificate.subject == certificate.issuer
    # Nobody checks the signature of a root: it is trusted for what it is
    if not selfsigned and _is_weak(certificate):
        add("sha-2", f"it is signed with {certificate.signature_hash_algorithm.name}", "Have it issued with SHA-256.")
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < 2048:
            add(
                "key-size",
                f"its RSA key has {key.key_size} bits",
                "Make an RSA key of at least 2048 bits, or an EC key on P-256.",
            )
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in ("secp256r1", "secp384r1"):
            add(
                "key-curve",
                f"its key is on the curve {key.curve.name}",
                "Make a key on P-256 or P-384.",
                (APPLE, CHROMIUM),
            )
    else:
        add(
            "key-type",
            f"its key is of type {pki_x509.key_type_of(key)}",
            "Make an EC key on P-256 or an RSA key.",
            (APPLE, CHROMIUM),
        )

    if not selfsigned and _extension(certificate, x509.AuthorityKeyIdentifier) is None:
        add("issuer-identifier", "it has no authority key identifier", again, (OPENSSL,))
    for extension in certificate.extensions:
        if extension.critical and type(extension.value).__name__ not in _UNDERSTOOD:
            add(
                "critical-extension",
                f"it has a critical extension that clients do not know ({extension.oid.dotted_string})",
                again,
            )
    return found


def _chain(leaf: Any, chain: list[Any], roots: list[Any] | None, now: datetime.datetime) -> list[Finding]:
    found: list[Finding] = []
    below = leaf
    for depth, certificate in enumerate(chain):
        if not _vouches(certificate, below):
            found.append(
                Finding(
                    "chain",
                    _name(below),
                    f"the next certificate in the file, {_name(certificate)}, did not sign it",
                    "Put them in order: server first, each signed by the next.",
                )
            )
        found += _authority(certificate, now) + _may_stand_above(certificate, leaf, depth)
        below = certificate
    if roots is not None and below not in roots:
        above = [root for root in roots if _vouches(root, below)]
        if not above:
            found.append(
                Finding(
                    "chain",
                    _name(below),
                    f"no trusted authority signed it; its issuer is {pki_x509.oneline(below.issuer)}",
                    "Add the missing intermediate certificate, or trust its issuer.",
                )
            )
        for root in above[:1]:
            found += _authority(root, now) + _may_stand_above(root, leaf, len(chain))
    return found


def _vouches(authority: Any, certificate: Any) -> bool:
    """Tell whether the authority signed it. A signature too weak to be checked at all has a finding of its own: there
    the name decides."""
    if _is_weak(certificate):
        return bool(certificate.issuer == authority.subject)
    return pki_x509.signed_by(certificate, authority)


def _is_weak(certificate: Any) -> bool:
    algorithm = certificate.signature_hash_algorithm
    return algorithm is not None and algorithm.digest_size < hashes.SHA256.digest_size


def _may_stand_above(authority: Any, leaf: Any, depth: int) -> list[Finding]:
    """The limits an authority carries for what stands below it; ``depth`` authorities stand in between."""
    found = []
    length = pki_x509.path_length_of(authority) if pki_x509.is_authority(authority) else None
    if length is not None and depth > length:
        found.append(
            Finding(
                "path-length",
                _name(authority),
                f"it allows {length} authorities below it, and there are {depth}",
                "Shorten the chain.",
            )
        )
    constraints = pki_x509.constraints_of(authority)
    found += [
        Finding(
            "name-constraints",
            _name(leaf),
            f"{_name(authority)} may not vouch for {name}",
            "Leave that name out, or use another authority.",
        )
        for name in sorted(pki_x509.addresses_of(leaf))
        if not pki_x509.permits(constraints, name)
    ]
    return found


def _extension(certificate: Any, kind: Any) -> Any:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _days(certificate: Any) -> int:
    """Days from notBefore to notAfter, a part counting as a whole. ``openssl x509 -days 825`` makes 825 of them, and
    that is accepted."""
    seconds = (certificate.not_valid_after_utc - certificate.not_valid_before_utc).total_seconds()
    return int(-(-seconds // 86400))


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _name(certificate: Any) -> str:
    return (
        pki_x509.oneline(certificate.subject) or f"certificate {pki_x509.hexadecimal(abs(certificate.serial_number))}"
    )
