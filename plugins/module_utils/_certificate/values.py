# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate in plain values, as every rule and every message uses it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any


@dataclass(frozen=True)
class Certificate:
    """The relevant fields of an X.509 certificate (RFC 5280), in plain values. None: it has no such extension."""

    serial: str  # hexadecimal, lower case
    sha256: str  # of the DER, lower-case hex
    not_before: datetime  # both aware, UTC
    not_after: datetime
    names: tuple[str, ...]  # DNS names and IP addresses of subjectAltName
    subject: str  # RFC 4514
    issuer: str
    self_issued: bool
    key_type: str  # RSA, EC, or another type
    key_bits: int
    curve: str  # of an EC key, else ""
    signature_hash: str  # "" where the scheme has none of its own
    extended_usages: tuple[str, ...] | None  # serverAuth, anyExtendedKeyUsage, or the number of another
    key_usages: tuple[str, ...] | None = ("digital_signature",)
    dns_names: tuple[str, ...] | None = ()  # those of subjectAltName alone
    common_name: bool = True
    version: int = 3
    authority: bool = False  # CA:TRUE
    critical_constraints: bool = True
    subject_key: bool = True  # has a subject key identifier
    authority_key: bool = True  # has an authority key identifier
    unknown_critical: tuple[str, ...] = ()  # numbers of critical extensions that clients do not know

    @property
    def days(self) -> int:
        """From the first moment to the last, a part of a day counting as a whole: ``openssl x509 -days 825`` gives
        825."""
        return int(-(-(self.not_after - self.not_before).total_seconds() // 86400))

    def summary(self) -> dict[str, Any]:
        """The result of the module."""
        return {
            "serial": self.serial,
            "sha256": self.sha256,
            "not_after": iso(self.not_after),
            "days": self.days,
            "names": list(self.names),
        }


def ends_soon(left: float, valid: int, within: int) -> bool:
    """Tell whether a certificate needs attention, because nothing renews it in time.

    :param left: the remaining days; negative after the end.
    :param valid: its days from the first moment to the last. A short-lived one is renewed when a third is left, which
        is usual among ACME clients (https://letsencrypt.org/docs/integration-guide/#when-to-renew).
    :param within: the days that the operator asked for.
    """
    return left < min(within, valid / 3)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC, to the second."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
