# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that clients have for a certificate, each with its source. Pure; standard library only.

One table, used by ``pki_lint``, which names every broken rule, and by ``connection_check``, which stops at the first
one that a browser or a device of Apple's refuses. "Tried" means: with Chromium 156, curl 7.88 and ``openssl verify`` of
OpenSSL 3.0.19, on 2026-11-30; devices of Apple's are judged by Apple's pages.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Callable, Iterator

from .values import Certificate

APPLE, CHROMIUM, OPENSSL = "apple", "chromium", "openssl"
ALL = (APPLE, CHROMIUM, OPENSSL)
#: The rules of Apple for days and extended key usage bind certificates issued from this day on.
APPLE_SINCE = datetime(2019, 7, 1, tzinfo=timezone.utc)
MOST_DAYS = 825
LEAST_RSA_BITS = 2048
SERVER, AUTHORITY = "server", "authority"
BOTH = (SERVER, AUTHORITY)
HASHES = ("sha256", "sha384", "sha512")

_APPLE = "https://support.apple.com/en-us/103769"
_APPLE_ROOTS = "https://support.apple.com/en-us/102028"
_BR = "https://cabforum.org/working-groups/server/baseline-requirements/ "
_CHROMIUM = "https://chromium.googlesource.com/chromium/src/+/main/net/cert/"
_BORINGSSL = "https://boringssl.googlesource.com/boringssl/+/main/ssl/extensions.cc (kVerifySignatureAlgorithms)"
_STRICT = "openssl-verification-options(1), -x509_strict"
_AGAIN = "Have it issued again."
_SERVER_AUTH = "Have it issued with the extended key usage serverAuth."


@dataclass(frozen=True)
class Rule:
    """One row. ``broken`` says in which words a certificate breaks it, "" where it does not."""

    name: str  # of the finding of pki_lint
    of: tuple[str, ...]  # SERVER, AUTHORITY
    refused_by: tuple[str, ...]
    cause: str  # of connection_check; "" where its client finds out by itself: OpenSSL, or the comparison of names
    broken: Callable[[Certificate], str]
    cure: str
    source: str
    since: datetime | None = None  # Apple's rule applies to certificates issued from then on

    def refusing(self, certificate: Certificate) -> tuple[str, ...]:
        """Return the clients that refuse this certificate where it breaks the rule."""
        old = self.since is not None and certificate.not_before < self.since
        return tuple(client for client in self.refused_by if not (old and client == APPLE))


def _usages(certificate: Certificate) -> tuple[str, ...]:
    return certificate.extended_usages or ()


def _other_usages(certificate: Certificate) -> bool:
    usages = certificate.extended_usages
    return usages is not None and "serverAuth" not in usages and "anyExtendedKeyUsage" not in usages


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _address_as_name(certificate: Certificate) -> str:
    found = [name for name in certificate.dns_names or () if _is_ip(name)]
    return f"the address {found[0]} stands in a DNS entry" if found else ""


def _wildcard(certificate: Certificate) -> str:
    names = [name for name in certificate.dns_names or () if "*" in name and not _is_ip(name)]
    wrong = [name for name in names if not name.startswith("*.") or "*" in name[1:] or name.count(".") < 2]
    return f"the wildcard {wrong[0]} matches nothing" if wrong else ""


def _has_other_curve(certificate: Certificate) -> bool:
    return certificate.key_type == "EC" and certificate.curve not in ("secp256r1", "secp384r1", "secp521r1")


#: In the order in which they are looked for. Without a remark, a source says it for each client that is named.
RULES = (
    # Tried: Chromium does not take the handshake (ERR_SSL_VERSION_OR_CIPHER_MISMATCH), curl and openssl do; the same
    # key of an authority is fine for all. Apple's pages name no curve; BR 6.1.5 allows it.
    Rule(
        "key-curve", (SERVER,), (CHROMIUM,), "weak_key",
        lambda it: "its key is on the curve secp521r1" if it.curve == "secp521r1" else "",
        "Make a key on P-256 or P-384.", _BORINGSSL,
    ),
    # Tried: Chromium takes it, curl and openssl do not (error 26). Apple requires serverAuth itself.
    Rule(
        "server-auth", (SERVER,), (APPLE, OPENSSL), "no_server_auth",
        lambda it: "its extended key usage is anyExtendedKeyUsage, without serverAuth"
        if "anyExtendedKeyUsage" in _usages(it) and "serverAuth" not in _usages(it) else "",
        _SERVER_AUTH, _APPLE + "; OpenSSL: X509_check_purpose(3)", APPLE_SINCE,
    ),
    # Tried: Chromium, curl and openssl take it, whenever it was issued; Apple's page binds the newer ones.
    Rule(
        "server-auth", (SERVER,), (APPLE,), "no_server_auth",
        lambda it: "it has no extended key usage" if it.extended_usages is None else "",
        _SERVER_AUTH, _APPLE + "; RFC 5280, 4.2.1.12", APPLE_SINCE,
    ),
    # Tried with clientAuth: ERR_CERT_INVALID in Chromium, error 26 in curl and openssl.
    Rule(
        "server-auth", (SERVER,), ALL, "no_server_auth",
        lambda it: "its extended key usage lacks serverAuth" if _other_usages(it) else "",
        _SERVER_AUTH, _APPLE + "; RFC 5280, 4.2.1.12",
    ),
    Rule(
        "key-size", BOTH, ALL, "weak_key",
        lambda it: f"its RSA key has {it.key_bits} bits"
        if it.key_type == "RSA" and it.key_bits < LEAST_RSA_BITS else "",
        "Make an RSA key of at least 2048 bits, or an EC key on P-256.", _APPLE + "; " + _BR + "6.1.5",
    ),
    # Tried with secp256k1: a handshake failure as a server's, ERR_CERT_INVALID as an authority's.
    Rule(
        "key-curve", BOTH, (APPLE, CHROMIUM), "weak_key",
        lambda it: f"its key is on the curve {it.curve}" if _has_other_curve(it) else "",
        "Make a key on P-256 or P-384.", _BR + "6.1.5",
    ),
    # Tried with Ed25519: a handshake failure as a server's, ERR_CERT_AUTHORITY_INVALID as an authority's.
    Rule(
        "key-type", BOTH, (APPLE, CHROMIUM), "weak_key",
        lambda it: f"its key is of type {it.key_type.lower()}" if it.key_type not in ("RSA", "EC") else "",
        "Make an EC key on P-256 or an RSA key.", _BR + "6.1.5",
    ),
    # Nobody checks the signature of a root: it is trusted as it is.
    Rule(
        "sha-2", BOTH, ALL, "weak_signature",
        lambda it: f"it is signed with {it.signature_hash}"
        if not it.self_issued and it.signature_hash and it.signature_hash not in HASHES else "",
        "Have it issued with SHA-256.", _APPLE + "; " + _CHROMIUM,
    ),
    Rule(
        "825-days", (SERVER,), (APPLE,), "valid_too_long",
        lambda it: f"it is valid for {it.days} days, more than {MOST_DAYS}"
        if it.days > MOST_DAYS and it.not_before >= APPLE_SINCE else "",
        f"Have it issued for at most {MOST_DAYS} days.", _APPLE,
    ),
    Rule(
        "digital-signature", (SERVER,), ALL, "not_trusted",
        lambda it: "its key usage lacks digitalSignature, which every TLS 1.3 handshake needs"
        if it.key_usages is not None and "digital_signature" not in it.key_usages else "",
        "Have it issued with digitalSignature.", "RFC 8446, 4.4.2.2",
    ),
    Rule(
        "version-3", BOTH, ALL, "not_trusted",
        lambda it: "it is not of version 3, so it can carry no extension" if it.version != 3 else "",
        _AGAIN, "RFC 5280, 4.1.2.1",
    ),
    Rule(
        "serial", BOTH, (CHROMIUM,), "not_trusted",
        lambda it: "" if 0 < int(it.serial, 16) < 1 << 160
        else "its serial number is not a positive number of at most 20 octets",
        _AGAIN, "RFC 5280, 4.1.2.2; " + _CHROMIUM,
    ),
    Rule(
        "critical-extension", BOTH, ALL, "not_trusted",
        lambda it: "it has a critical extension that clients do not know"
        f" ({', '.join(it.unknown_critical)})" if it.unknown_critical else "",
        _AGAIN, "RFC 5280, 4.2",
    ),
    Rule(
        "alternative-name", (SERVER,), (APPLE, CHROMIUM), "",
        lambda it: "it has no subject alternative name; the common name is ignored" if it.dns_names is None else "",
        "Have it issued with every name and address as a subject alternative name.", _APPLE + "; " + _CHROMIUM,
    ),
    Rule(
        "address-as-name", (SERVER,), ALL, "", _address_as_name,
        "Have it issued with that address in an IP entry.", "RFC 6125, 6.4",
    ),
    Rule(
        "wildcard", (SERVER,), ALL, "", _wildcard,
        "A wildcard is the whole first label, with two labels or more after it.", "RFC 6125, 6.4.3; " + _CHROMIUM,
    ),
    Rule(
        "authority-as-server", (SERVER,), (), "",
        lambda it: "it is an authority (CA:TRUE) and a server's certificate at once; Firefox refuses that, and its key"
        " could sign for any site" if it.authority else "",
        "Make an authority and let it sign the server's certificate.", _BR + "7.1.2.7",
    ),
    Rule(
        "issuer-identifier", BOTH, (OPENSSL,), "",
        lambda it: "it has no authority key identifier" if not it.self_issued and not it.authority_key else "",
        _AGAIN, _STRICT,
    ),
    Rule(
        "authority", (AUTHORITY,), ALL, "",
        lambda it: "" if it.authority else "it signs others without CA:TRUE in its basic constraints",
        "Use an authority that has it.", "RFC 5280, 4.2.1.9",
    ),
    Rule(
        "critical-constraints", (AUTHORITY,), (OPENSSL,), "",
        lambda it: "its basic constraints are not critical" if it.authority and not it.critical_constraints else "",
        "Make the authority with critical basic constraints.", _STRICT,
    ),
    Rule(
        "key-cert-sign", (AUTHORITY,), (OPENSSL,), "",
        lambda it: "it has no key usage" if it.key_usages is None else "",
        "Make the authority with the key usage keyCertSign.", _STRICT,
    ),
    Rule(
        "key-cert-sign", (AUTHORITY,), ALL, "",
        lambda it: "its key usage lacks keyCertSign"
        if it.key_usages is not None and "key_cert_sign" not in it.key_usages else "",
        "Make the authority with the key usage keyCertSign.", "RFC 5280, 4.2.1.3",
    ),
    Rule(
        "key-identifier", (AUTHORITY,), (OPENSSL,), "",
        lambda it: "" if it.subject_key else "it has no subject key identifier",
        "Make the authority with one.", _STRICT,
    ),
    Rule(
        "common-name", (AUTHORITY,), (APPLE,), "",
        lambda it: "" if it.common_name else "it has no common name, so iOS does not list it among the roots to trust",
        "Make the authority with a common name.", _APPLE_ROOTS,
    ),
)  # fmt: skip


def broken(certificate: Certificate, place: str) -> Iterator[tuple[Rule, str]]:
    """Yield the rules that a certificate breaks in this place (SERVER, AUTHORITY), each with the words for it."""
    for rule in RULES:
        words = rule.broken(certificate) if place in rule.of else ""
        if words:
            yield rule, words
