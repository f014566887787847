# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate that a server shows, and the reason why a client refuses it. Pure: values in, a cause out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from .causes import Stop

#: Apple refuses a longer life, also under a private authority: https://support.apple.com/103769 (was HT210176).
MOST_DAYS = 825


APPLE_RULES_SINCE = datetime(2019, 7, 1, tzinfo=timezone.utc)


#: Same page: RSA keys of the server and of the authority.
LEAST_RSA_BITS = 2048


#: What every browser takes: https://cabforum.org/working-groups/server/baseline-requirements/ section 6.1.5 (no
#: Ed25519, no DSA).
BROWSER_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})


BROWSER_HASHES = frozenset({"sha256", "sha384", "sha512"})


@dataclass(frozen=True)
class Certificate:
    """What matters in an X.509 certificate (RFC 5280), in plain values."""

    serial: str  # lower-case hex
    sha256: str  # of the DER, lower-case hex
    not_before: datetime  # both aware, UTC
    not_after: datetime
    names: tuple[str, ...]  # DNS names and IP addresses of subjectAltName
    subject: str  # RFC 4514
    issuer: str
    self_issued: bool
    key_type: str  # RSA, EC, or what else it is
    key_bits: int
    curve: str  # of an EC key, else ""
    signature_hash: str  # "" where the scheme has none of its own
    server_auth: bool  # serverAuth is among the extended key usages

    def summary(self) -> dict[str, Any]:
        """What the module returns."""
        return {
            "serial": self.serial,
            "sha256": self.sha256,
            "not_after": iso(self.not_after),
            "names": list(self.names),
        }


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC, to the second."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


#: OpenSSL's answers (x509_vfy.h), by the number that ssl.SSLCertVerificationError.verify_code carries.
_VERIFY_CAUSES = {
    2: "unknown_ca",
    7: "unknown_ca",  # signature failure: another authority of the same name
    9: "not_yet_valid",
    10: "expired",
    18: "unknown_ca",
    19: "unknown_ca",
    20: "unknown_ca",
    21: "unknown_ca",
    26: "no_server_auth",
    47: "name_constraint",
    48: "name_constraint",
    62: "name_not_in_certificate",
    64: "name_not_in_certificate",
    66: "weak_key",
    67: "weak_key",
    68: "weak_signature",
}


def refused_trust(
    leaf: Certificate, authorities: list[Certificate], now: datetime, *, code: int, words: str, name: str, trust: str
) -> Stop:
    """Why OpenSSL refused a certificate, in our words.

    ``code`` and ``words`` are OpenSSL's, ``leaf`` is what the server showed, ``authorities`` is what the client trusts
    (empty for the system's store, which ``trust`` then names).
    """
    cause = _VERIFY_CAUSES.get(code, "not_trusted")
    if cause in {"expired", "not_yet_valid"} and leaf.not_before <= now <= leaf.not_after:
        cause = "ca_expired"
    if cause == "not_trusted" and not (leaf.not_before <= now <= leaf.not_after):
        cause = "expired" if leaf.not_after < now else "not_yet_valid"
    same_name = any(authority.subject == leaf.issuer for authority in authorities)
    if leaf.self_issued:
        origin = "signed by itself"
    elif same_name:
        origin = f"signed by another authority with the name {leaf.issuer} than the one at hand"
    else:
        origin = f"signed by {leaf.issuer}"
    detail = words
    if cause == "weak_key":
        detail = _weak_key(leaf, authorities) or words
    elif cause == "weak_signature":
        detail = leaf.signature_hash.upper() or words
    return Stop(cause, origin=origin, trust=trust, detail=detail, name=name, now=iso(now), **_certificate_facts(leaf))


def unfit_for_clients(leaf: Certificate, authorities: list[Certificate], now: datetime) -> Stop | None:
    """Why a certificate that OpenSSL accepts is refused by browsers and by Apple's devices; None where it is fine."""
    facts = {"now": iso(now), **_certificate_facts(leaf)}
    weak = _weak_key(leaf, authorities)
    if weak:
        return Stop("weak_key", detail=weak, **facts)
    if leaf.signature_hash and leaf.signature_hash not in BROWSER_HASHES:
        return Stop("weak_signature", detail=leaf.signature_hash.upper(), **facts)
    if not leaf.server_auth:
        return Stop("no_server_auth", **facts)
    # RFC 5280, 4.1.2.5: the last second counts.
    if leaf.not_before >= APPLE_RULES_SINCE and leaf.not_after - leaf.not_before > timedelta(days=MOST_DAYS):
        return Stop("valid_too_long", **facts)
    return None


def _certificate_facts(leaf: Certificate) -> dict[str, Any]:
    return {
        "names": ", ".join(leaf.names) or "nothing",
        "not_after": iso(leaf.not_after),
        "not_before": iso(leaf.not_before),
        "issuer": leaf.issuer,
        "days": (leaf.not_after - leaf.not_before).days,
    }


def _weak_key(leaf: Certificate, authorities: list[Certificate]) -> str:
    """Name the key that clients refuse: the server's, or that of the authority which issued it. "" where both are
    fine."""
    issuers = [authority for authority in authorities if authority.subject == leaf.issuer and authority != leaf]
    for owner, certificate in [("the server's", leaf)] + [("the authority's", authority) for authority in issuers]:
        if certificate.key_type == "RSA" and certificate.key_bits < LEAST_RSA_BITS:
            return f"{owner} is RSA of {certificate.key_bits} bits"
        if certificate.key_type == "EC" and certificate.curve not in BROWSER_CURVES:
            return f"{owner} is on the curve {certificate.curve}"
        if certificate.key_type not in {"RSA", "EC"}:
            return f"{owner} is {certificate.key_type}, which browsers do not take"
    return ""


#: What OpenSSL says when the other side speaks plain HTTP (ssl/record; the names vary with its version).
_PLAIN_HTTP_REASONS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "HTTPS_PROXY_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "UNKNOWN_PROTOCOL",
    "RECORD_LAYER_FAILURE",
)


def not_tls(reason: str | None) -> bool:
    """Whether OpenSSL's reason means: those bytes were no TLS at all."""
    return reason in _PLAIN_HTTP_REASONS
