# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user wrote about an authority and its certificates, checked and completed; and what that asks of a certificate that exists.

Pure: values in, records or one PkiError out. The error names the certificate and the key as they stand in the inventory.
"""

from __future__ import annotations

import datetime
import difflib
import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ._errors import PkiError
from ._x509 import DEFAULT_DAYS, KEY_TYPES, LONGEST_DAYS

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@+-]*")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


@dataclass(frozen=True)
class Wanted:
    """One server certificate as the inventory asks for it, complete."""

    name: str
    addresses: tuple[str, ...]
    days: int = DEFAULT_DAYS
    key_type: str = "ecdsa_p256"


@dataclass(frozen=True)
class WantedAuthority:
    """The authority as the inventory asks for it. It is heeded when the authority is made and never afterwards."""

    common_name: str | None = None
    organization: str | None = None
    days: int = 7300
    key_type: str = "ecdsa_p256"


def authority(options: Mapping[str, Any]) -> WantedAuthority:
    """Read ``pki_authority``."""
    where = "pki_authority"
    _known_keys(where, options, WantedAuthority)
    days = _number(where, "days", options, 7300)
    if not 1 <= days <= 36500:
        raise PkiError(f"{where}: days is {days}. Give 1 to 36500; 7300 (20 years) is the default.")
    return WantedAuthority(
        common_name=_text(where, "common_name", options),
        organization=_text(where, "organization", options),
        days=days,
        key_type=_key_type(where, options, "ecdsa_p256"),
    )


def certificates(items: Iterable[Any], renew_before_days: int) -> list[Wanted]:
    """Read ``pki_certificates``. Two entries of one name, or of names that meet in one file, are refused."""
    wanted = [_certificate(number, item, renew_before_days) for number, item in enumerate(items, start=1)]
    seen: dict[str, str] = {}
    for item in wanted:
        # Some file systems do not tell Web1 from web1
        other = seen.setdefault(item.name.casefold(), item.name)
        if other is not item.name:
            raise PkiError(f"pki_certificates: '{item.name}' and '{other}' would share one file. Give each certificate a name of its own.")
    return wanted


def _certificate(number: int, item: Any, renew_before_days: int) -> Wanted:
    where = f"pki_certificates, entry {number}"
    if not isinstance(item, Mapping):
        raise PkiError(f"{where}: expected a dict with name and addresses, found {item!r}.")
    name = item.get("name")
    if not isinstance(name, str) or not _is_safe(name):
        raise PkiError(
            f"{where}: name is {name!r}. Give a path of letters, digits and _ . : @ + - such as 'web1/lab'; "
            "no part may start with a dot or end in .pem, because it becomes a file name."
        )
    where = f"pki_certificates, '{name}'"
    _known_keys(where, item, Wanted)
    addresses = item.get("addresses")
    if isinstance(addresses, str) or not isinstance(addresses, Iterable) or not (addresses := list(addresses)):
        raise PkiError(f"{where}: addresses must be a list of at least one DNS name or IP address that clients use.")
    days = _number(where, "days", item, DEFAULT_DAYS)
    if days > LONGEST_DAYS:
        raise PkiError(
            f"{where}: days is {days}, but iOS and macOS refuse a server certificate that is valid for more than {LONGEST_DAYS} days "
            f"(https://support.apple.com/en-us/103769), also from a private authority. Give at most {LONGEST_DAYS}; {DEFAULT_DAYS} is the default."
        )
    if days < 1:
        raise PkiError(f"{where}: days is {days}. Give 1 to {LONGEST_DAYS}; {DEFAULT_DAYS} is the default.")
    if days <= renew_before_days:
        raise PkiError(
            f"{where}: days is {days} and pki_renew_before_days is {renew_before_days}: every run would issue it anew. "
            "Give more days, or renew later."
        )
    return Wanted(
        name=name,
        addresses=tuple(dict.fromkeys(address(where, entry) for entry in addresses)),
        days=days,
        key_type=_key_type(where, item, "ecdsa_p256"),
    )


def address(where: str, value: Any) -> str:
    """Return a DNS name in lower case (international ones as A-labels) or an IP address in its shortest form."""
    text = str(value).strip()
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return _dns_name(where, text)
    if getattr(parsed, "scope_id", None):
        raise PkiError(f"{where}: the address '{text}' has a zone. Leave out everything from the % on.")
    return str(parsed)


def _dns_name(where: str, text: str) -> str:
    def refuse(why: str) -> PkiError:
        return PkiError(f"{where}: the address '{text}' is neither a DNS name nor an IP address: {why}.")

    if "/" in text:
        raise refuse("leave out the scheme, the path or the network's length")
    if ":" in text:
        raise refuse("leave out the port")
    try:
        name = text.lower() if text.isascii() else text.encode("idna").decode("ascii")
    except UnicodeError:
        raise refuse("it has no form that DNS knows") from None
    labels = (name[2:] if name.startswith("*.") else name).split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise refuse("names are labels of letters, digits and hyphens between dots, without a dot at the end")
    if labels[-1].isdigit():
        raise refuse("it looks like a mistyped IP address")
    if name.startswith("*.") and len(labels) < 2:
        raise refuse("a wildcard needs at least two labels after it; clients refuse less")
    return name


def _is_safe(name: str) -> bool:
    return all(_SEGMENT.fullmatch(part) and not part.lower().endswith(".pem") for part in name.split("/")) and len(name) <= 200


def _known_keys(where: str, options: Mapping[str, Any], record: Any) -> None:
    known = list(record.__dataclass_fields__)
    for key in options:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f"Did you mean '{close[0]}'?" if close else f"Known keys: {', '.join(known)}."
            raise PkiError(f"{where}: there is no key '{key}'. {hint}")


def _text(where: str, key: str, options: Mapping[str, Any]) -> str | None:
    value = options.get(key)
    if value is None or (isinstance(value, str) and value.strip()):
        return value
    raise PkiError(f"{where}: {key} is {value!r}. Give a text, or leave the key out.")


def _number(where: str, key: str, options: Mapping[str, Any], default: int) -> int:
    value = options.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, str) and value.strip().isdigit())):
        raise PkiError(f"{where}: {key} is {value!r}. Give a whole number.")
    return int(value)


def _key_type(where: str, options: Mapping[str, Any], default: str) -> str:
    value = options.get("key_type") or default
    if value not in KEY_TYPES:
        raise PkiError(f"{where}: key_type is {value!r}. Give one of {', '.join(KEY_TYPES)}.")
    return str(value)


# What a certificate that exists lacks


@dataclass(frozen=True)
class Found:
    """A certificate file as it lies there, measured. ``damage`` is the only field that counts where it is set."""

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


def decide(wanted: Wanted, found: Found | None, now: datetime.datetime, renew_before_days: int, latest_end: datetime.datetime) -> Verdict:
    """Say whether ``wanted`` must be issued and why. ``latest_end`` is the issuer's own end: nothing issued outlives it."""
    if found is None:
        return Verdict(True, "missing")
    if found.damage:
        return Verdict(True, f"damaged: {found.damage}")
    if not found.key_matches:
        return Verdict(True, "key and certificate do not match")
    if found.revoked:
        # Nobody says why it was revoked; a key that may be in foreign hands must not come back.
        return Verdict(True, "revoked")
    if found.key_type != wanted.key_type:
        return Verdict(True, f"key type changed: {found.key_type} to {wanted.key_type}")
    if not found.ours:
        return Verdict(True, "signed by another authority", keep_key=True)
    names = frozenset(wanted.addresses)
    if found.addresses != names:
        changes = [f"+{name}" for name in sorted(names - found.addresses)] + [f"-{name}" for name in sorted(found.addresses - names)]
        return Verdict(True, f"names changed: {' '.join(changes)}", keep_key=True)
    if found.end <= now:
        return Verdict(True, f"expired on {found.end:%Y-%m-%d}", keep_key=True)
    days_left = (found.end - now).days
    # A certificate that was cut to its issuer's end gains nothing from another signature of the same issuer
    if days_left < renew_before_days and latest_end - found.end > datetime.timedelta(days=1):
        return Verdict(True, f"expires on {found.end:%Y-%m-%d}, in {days_left} days", keep_key=True)
    if not found.chain_is_current:
        return Verdict(False, "chain changed", rewrite=True)
    return Verdict(False, f"valid until {found.end:%Y-%m-%d}")
