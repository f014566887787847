# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's settings of an authority and its certificates, checked and completed; and their demands on a
certificate that exists.

Pure: values in, records or one PkiError out. The error names the certificate and the key as they stand in the
inventory.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...module_utils._errors import PkiError
from .._input.addresses import address as client_address
from .._x509.certificates import DEFAULT_DAYS, LONGEST_DAYS
from .._x509.keys import KEY_TYPES
from .name_constraints import constraints

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@+-]*")


SOURCES = ("authority", "self_signed", "provided")
EXPORTS = ("chain", "der", "pkcs12", "pkcs12_legacy")


@dataclass(frozen=True)
class Wanted:
    """One server certificate as the inventory asks for it, complete."""

    name: str
    addresses: tuple[str, ...]
    days: int = DEFAULT_DAYS
    key_type: str = "ecdsa_p256"
    source: str = "authority"
    #: Where a certificate from elsewhere lies on the control node, with its chain; its key; the roots it should lead to
    certificate_file: str | None = None
    key_file: str | None = None
    ca_file: str | None = None
    exports: tuple[str, ...] = ()
    #: Where key and certificate go on the host, for a key that is born there; read by the role, not here
    host: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class WantedAuthority:
    """The authority of the inventory. Settings that are part of its certificate apply at its creation and never
    afterwards."""

    directory: str = "ca"
    common_name: str | None = None
    organization: str | None = None
    days: int = 7300
    key_type: str = "ecdsa_p256"
    intermediate: bool = False
    #: Domains and networks it may vouch for; empty: no limit
    name_constraints: tuple[str, ...] = ()
    crl_days: int = 90
    crl_url: str | None = None


def authority(options: Mapping[str, Any], wanted: Iterable[Wanted] = ()) -> WantedAuthority:
    """Read ``pki_authority``. ``wanted`` are the certificates from which ``name_constraints: inventory`` is derived."""
    where = "pki_authority"
    _known_keys(where, options, WantedAuthority)
    crl_url = _text(where, "crl_url", options)
    # https would need the very certificate that is being checked (RFC 5280 8)
    if crl_url and not crl_url.startswith("http://"):
        raise PkiError(
            f"{where}: crl_url is '{crl_url}'. Give an address that starts with http://: a CRL is signed, and clients"
            " fetch it before they trust TLS."
        )
    return WantedAuthority(
        directory=_text(where, "directory", options) or "ca",
        common_name=_text(where, "common_name", options),
        organization=_text(where, "organization", options),
        days=_days(where, "days", options, 7300, 36500),
        key_type=_choice(where, "key_type", options, KEY_TYPES),
        intermediate=_boolean(where, "intermediate", options),
        name_constraints=constraints(where, options.get("name_constraints"), wanted),
        crl_days=_days(where, "crl_days", options, 90, 3650),
        crl_url=crl_url,
    )


def certificates(items: Iterable[Any], renew_before_days: int) -> list[Wanted]:
    """Read ``pki_certificates``. Two entries of one name, or of names that meet in one file, are refused."""
    if renew_before_days < 0:
        raise PkiError(f"pki_renew_before_days is {renew_before_days}. Give a number of days, 30 for example.")
    wanted = [_certificate(number, item, renew_before_days) for number, item in enumerate(items, start=1)]
    seen: dict[str, Wanted] = {}
    for item in wanted:
        # Some file systems do not tell Web1 from web1
        other = seen.setdefault(item.name.casefold(), item)
        if other is not item:
            raise PkiError(
                f"pki_certificates: '{other.name}' and '{item.name}' would share one file. Give each certificate a name"
                " of its own."
            )
    return wanted


def _certificate(number: int, item: Any, renew_before_days: int) -> Wanted:
    where = f"pki_certificates, entry {number}"
    if not isinstance(item, Mapping):
        raise PkiError(f"{where}: expected a dict with name and addresses, found {item!r}.")
    name = item.get("name")
    if not isinstance(name, str) or not is_safe_name(name):
        raise PkiError(
            f"{where}: name is {name!r}. Give a path of letters, digits and _ . : @ + - such as 'web1/lab'; "
            "no part may start with a dot or end in .pem, because it becomes a file name."
        )
    where = f"pki_certificates, '{name}'"
    _known_keys(where, item, Wanted)
    wanted = Wanted(
        name=name,
        addresses=_addresses(where, item.get("addresses")),
        days=_certificate_days(where, item, renew_before_days),
        key_type=_choice(where, "key_type", item, KEY_TYPES),
        source=_choice(where, "source", item, SOURCES),
        certificate_file=_text(where, "certificate_file", item),
        key_file=_text(where, "key_file", item),
        ca_file=_text(where, "ca_file", item),
        exports=_exports(where, item.get("exports")),
        host=item.get("host"),
    )
    _require_consistent(where, wanted)
    return wanted


def _require_consistent(where: str, wanted: Wanted) -> None:
    files = [key for key in ("certificate_file", "key_file", "ca_file") if getattr(wanted, key)]
    if wanted.source == "provided":
        if not wanted.certificate_file:
            raise PkiError(
                f"{where}: source is provided, so give certificate_file (and key_file, unless the key is in the same"
                " file)."
            )
    elif files:
        raise PkiError(f"{where}: {files[0]} is only read with source: provided. Add that, or leave {files[0]} out.")


def _addresses(where: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable) or not (entries := list(value)):
        raise PkiError(f"{where}: addresses must be a list of at least one DNS name or IP address that clients use.")
    return tuple(dict.fromkeys(address(where, entry) for entry in entries))


def _certificate_days(where: str, item: Mapping[str, Any], renew_before_days: int) -> int:
    days = _number(where, "days", item, DEFAULT_DAYS)
    if days > LONGEST_DAYS:
        raise PkiError(
            f"{where}: days is {days}, but iOS and macOS refuse a server certificate that is valid for more than"
            f" {LONGEST_DAYS} days (https://support.apple.com/en-us/103769), also from a private authority. Give at"
            f" most {LONGEST_DAYS}; {DEFAULT_DAYS} is the default."
        )
    if days < 1:
        raise PkiError(f"{where}: days is {days}. Give 1 to {LONGEST_DAYS}; {DEFAULT_DAYS} is the default.")
    if days <= renew_before_days:
        raise PkiError(
            f"{where}: days is {days} and pki_renew_before_days is {renew_before_days}: every run would issue it again."
            " Give more days."
        )
    return days


def _exports(where: str, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if (
        isinstance(value, (str, Mapping))
        or not isinstance(value, Iterable)
        or not set(entries := list(value)) <= set(EXPORTS)
    ):
        raise PkiError(f"{where}: exports is {value!r}. Give a list of {', '.join(EXPORTS)}.")
    return tuple(dict.fromkeys(entries))


def address(where: str, value: Any) -> str:
    """Return a DNS name in lower case (international ones as A-labels) or an IP address in its shortest form."""
    try:
        return client_address(value)
    except ValueError as error:
        raise PkiError(
            f"{where}: the address '{value}' is neither a DNS name nor an IP address that clients can use: {error}."
        ) from None


def is_safe_name(name: str) -> bool:
    """Tell whether a certificate's name can be a path below a folder, and stay there."""
    return (
        all(_SEGMENT.fullmatch(part) and not part.lower().endswith(".pem") for part in name.split("/"))
        and len(name) <= 200
    )


def _known_keys(where: str, options: Mapping[str, Any], record: Any) -> None:
    known = list(record.__dataclass_fields__)
    for key in options:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f"Did you mean '{close[0]}'?" if close else f"Known keys: {', '.join(known)}."
            raise PkiError(f"{where}: there is no key '{key}'. {hint}")


def _text(where: str, key: str, options: Mapping[str, Any]) -> str | None:
    value = options.get(key)
    if value is None or (isinstance(value, str) and value.strip() and value.isprintable()):
        return value
    raise PkiError(f"{where}: {key} is {value!r}. Give a text that a screen can show, or leave the key out.")


def _number(where: str, key: str, options: Mapping[str, Any], default: int) -> int:
    value = options.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, str) and value.strip().isdigit())):
        raise PkiError(f"{where}: {key} is {value!r}. Give a whole number.")
    return int(value)


def _days(where: str, key: str, options: Mapping[str, Any], default: int, most: int) -> int:
    days = _number(where, key, options, default)
    if not 1 <= days <= most:
        raise PkiError(f"{where}: {key} is {days}. Give 1 to {most}; {default} is the default.")
    return days


def _boolean(where: str, key: str, options: Mapping[str, Any]) -> bool:
    value = options.get(key) or False
    if isinstance(value, str) and value.lower() in ("true", "yes", "false", "no"):
        return value.lower() in ("true", "yes")
    if not isinstance(value, bool):
        raise PkiError(f"{where}: {key} is {value!r}. Give true or false.")
    return value


def _choice(where: str, key: str, options: Mapping[str, Any], choices: tuple[str, ...]) -> str:
    """One of ``choices``, the first where nothing is said."""
    value = options.get(key)
    if value is None:
        return choices[0]
    if value not in choices:
        raise PkiError(f"{where}: {key} is {value!r}. Give one of {', '.join(choices)}.")
    return str(value)
