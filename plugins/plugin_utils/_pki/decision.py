# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a certificate is issued again, and why."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .request import Wanted


@dataclass(frozen=True)
class Found:
    """A certificate file as it lies there, measured. ``damage`` is the only field that counts where it is set.

    ``ours``: its signature is the issuer's (its own, for a self-signed one).
    """

    damage: str | None = None
    key_matches: bool = True
    key_type: str = ""
    addresses: frozenset[str] = frozenset()
    ours: bool = True
    chain_is_current: bool = True
    revoked: bool = False
    start: datetime.datetime = datetime.datetime.min
    end: datetime.datetime = datetime.datetime.max


@dataclass(frozen=True)
class Verdict:
    """Why a certificate stays (``issue`` false) or is issued, and whether its key may serve again."""

    issue: bool
    reason: str
    keep_key: bool = False
    #: The certificate stays, the file is written again: its chain is out of date.
    rewrite: bool = False


def decide(
    wanted: Wanted,
    found: Found | None,
    *,
    now: datetime.datetime,
    renew_before_days: int,
    latest_end: datetime.datetime,
    asked: bool = False,
    key_is_elsewhere: bool = False,
) -> Verdict:
    """Say whether ``wanted`` must be issued and why.

    ``latest_end``: the issuer's own end, which nothing issued outlives. ``asked``: the user asks for a renewal now.
    ``key_is_elsewhere``: the key was born on a host, which also decides its type.
    """
    if found is None:
        return Verdict(True, "missing")
    if found.damage:
        return Verdict(True, f"damaged: {found.damage}")
    if not found.key_matches:
        return Verdict(
            True, "the key on the host is another one" if key_is_elsewhere else "key and certificate do not match"
        )
    if found.revoked:
        # Nobody says why it was revoked; a key that may be in foreign hands must not come back.
        return Verdict(True, "revoked")
    if found.key_type != wanted.key_type and not key_is_elsewhere:
        return Verdict(True, f"key type changed: {found.key_type} to {wanted.key_type}")
    if not found.ours:
        return Verdict(True, "signed by another authority", keep_key=True)
    names = frozenset(wanted.addresses)
    if found.addresses != names:
        changes = [f"+{name}" for name in sorted(names - found.addresses)] + [
            f"-{name}" for name in sorted(found.addresses - names)
        ]
        return Verdict(True, f"names changed: {' '.join(changes)}", keep_key=True)
    if found.end <= now:
        return Verdict(True, f"expired on {found.end:%Y-%m-%d}", keep_key=True)
    days_left = (found.end - now).days
    # A certificate that was cut to its issuer's end gains nothing from another signature of the same issuer
    if days_left < renew_before_days and latest_end - found.end > datetime.timedelta(days=1):
        return Verdict(True, f"expires on {found.end:%Y-%m-%d}, in {days_left} days", keep_key=True)
    if asked:
        return Verdict(True, "renewal was asked for", keep_key=True)
    if not found.chain_is_current:
        return Verdict(False, "chain changed", rewrite=True)
    return Verdict(False, f"valid until {found.end:%Y-%m-%d}")
