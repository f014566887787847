# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate that a server shows, and the reason why a client refuses it. Pure: values in, a cause out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .._certificate.rules import APPLE, AUTHORITY, CHROMIUM, SERVER, broken
from .._certificate.values import Certificate, iso
from .causes import Stop

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

    ``code`` and ``words`` are OpenSSL's, ``leaf`` is the server's certificate, ``authorities`` are those that the
    client trusts (empty for the system's store, which ``trust`` then names).
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
        weak = unfit_for_clients(leaf, authorities, now)
        detail = str(weak.facts["detail"]) if weak and weak.cause == "weak_key" else words
    elif cause == "weak_signature":
        detail = leaf.signature_hash.upper() or words
    return Stop(cause, origin=origin, trust=trust, detail=detail, name=name, now=iso(now), **_certificate_facts(leaf))


def unfit_for_clients(leaf: Certificate, authorities: list[Certificate], now: datetime) -> Stop | None:
    """Why a certificate that OpenSSL accepts is refused by browsers and by Apple's devices; None where it is fine."""
    issuers = [authority for authority in authorities if authority.subject == leaf.issuer and authority != leaf]
    for place, certificate in [(SERVER, leaf), *((AUTHORITY, each) for each in issuers)]:
        for rule, words in broken(certificate, place):
            refusing = {APPLE, CHROMIUM} & set(rule.refusing(certificate))
            # This client judges the key of an authority, not its signature.
            if rule.cause and refusing and (place == SERVER or rule.cause == "weak_key"):
                detail = leaf.signature_hash.upper() if rule.cause == "weak_signature" else f"of the {place}, {words}"
                return Stop(rule.cause, detail=detail, now=iso(now), **_certificate_facts(leaf))
    return None


def _certificate_facts(leaf: Certificate) -> dict[str, Any]:
    return {
        "names": ", ".join(leaf.names) or "nothing",
        "not_after": iso(leaf.not_after),
        "not_before": iso(leaf.not_before),
        "issuer": leaf.issuer,
        "days": leaf.days,
    }


#: The messages of OpenSSL if the other side speaks plain HTTP (ssl/record; the names vary with its version).
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
