# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say of any certificate whether Apple platforms, Chromium and openssl accept it, and which rule it breaks. No disk, no
Ansible.

The rules of one certificate, with their sources, are those of :mod:`_certificate.rules`; here are those of a chain:
order, signatures, names, dates, and the limits of an authority for certificates below it.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import asdict, dataclass
from typing import Any

from ...module_utils._certificate import rules as certificate_rules
from ...module_utils._certificate.reader import read
from ...module_utils._certificate.rules import ALL
from ...module_utils._errors import PkiError
from .._x509 import certificates as x509_certificates
from .._x509 import keys, sign


@dataclass(frozen=True)
class Finding:
    """One broken rule. ``refused_by`` is empty for a fact that all clients accept and a person should know."""

    rule: str
    subject: str
    text: str
    cure: str
    refused_by: tuple[str, ...] = ALL


@dataclass(frozen=True)
class Report:
    """The findings about one certificate, or about a chain that starts with it."""

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
    if x509_certificates.is_authority(leaf) and not chain and roots is None and not addresses:
        return Report(tuple(_authority(leaf, now)))
    findings = _server(leaf, now)
    if key is not None and not keys.matches(key, leaf.public_key()):
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
    names = x509_certificates.addresses_of(certificate)
    _label, dot, parent = address.partition(".")
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return address in names or (bool(dot) and f"*.{parent}" in names)
    return address in names


def _server(leaf: Any, now: datetime.datetime) -> list[Finding]:
    return _rules(leaf, certificate_rules.SERVER) + _dates(leaf, now)


def _authority(certificate: Any, now: datetime.datetime) -> list[Finding]:
    return _rules(certificate, certificate_rules.AUTHORITY) + _dates(certificate, now)


def _rules(certificate: Any, place: str) -> list[Finding]:
    """The rules of :mod:`_certificate.rules` that a certificate breaks; the connection check has the same."""
    who = _name(certificate)
    try:
        facts = read(certificate)
    except ValueError as error:
        raise PkiError(f"{who}: {error}. Have it issued again.") from error
    return [
        Finding(rule.name, who, words, rule.cure, rule.refusing(facts))
        for rule, words in certificate_rules.broken(facts, place)
    ]


def _dates(certificate: Any, now: datetime.datetime) -> list[Finding]:
    who, found = _name(certificate), []
    if now < certificate.not_valid_before_utc:
        words = f"it is valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on"
        found.append(Finding("dates", who, words, "Wait, or set this machine's clock."))
    if now > certificate.not_valid_after_utc:
        words = f"it ended on {certificate.not_valid_after_utc:%Y-%m-%d}"
        found.append(Finding("dates", who, words, "Have it issued again."))
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
                    f"no trusted authority signed it; its issuer is {x509_certificates.oneline(below.issuer)}",
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
    return x509_certificates.signed_by(certificate, authority)


def _is_weak(certificate: Any) -> bool:
    algorithm = certificate.signature_hash_algorithm
    return algorithm is not None and algorithm.name not in certificate_rules.HASHES


def _may_stand_above(authority: Any, leaf: Any, depth: int) -> list[Finding]:
    """The limits of an authority for certificates below it. ``depth`` authorities are in between."""
    found = []
    length = sign.path_length_of(authority) if x509_certificates.is_authority(authority) else None
    if length is not None and depth > length:
        found.append(
            Finding(
                "path-length",
                _name(authority),
                f"it allows {length} authorities below it, and there are {depth}",
                "Shorten the chain.",
            )
        )
    constraints = x509_certificates.constraints_of(authority)
    found += [
        Finding(
            "name-constraints",
            _name(leaf),
            f"{_name(authority)} may not vouch for {name}",
            "Leave that name out, or use another authority.",
        )
        for name in sorted(x509_certificates.addresses_of(leaf))
        if not x509_certificates.permits(constraints, name)
    ]
    return found


def _name(certificate: Any) -> str:
    return (
        x509_certificates.oneline(certificate.subject)
        or f"certificate {x509_certificates.hexadecimal(abs(certificate.serial_number))}"
    )
