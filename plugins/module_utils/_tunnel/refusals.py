# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reasons why a host cannot have a tunnel account, or would not let it in. Pure."""

from __future__ import annotations

import base64
import fnmatch
import ipaddress
from typing import Any

from .accounts import ALGORITHMS, KEY_TYPES, Account, Report
from .names import mark
from .server_config import in_groups, settings, strange_files


def refusals(
    accounts: list[Account], report: Report, owner: str, override: bool, *, strangers: bool = True
) -> list[str]:
    """Return why these accounts cannot work on this host, or must not be created; each with the file, the line and the
    cure.

    :param override: whether the accounts may be an exception from the settings of the host's administrator.
    :param strangers: whether files in the way are named; anybody who asks may have a cure for them.
    """
    if not accounts:
        return []
    if report["error"]:
        return [report["error"]]
    problems = []
    files = strange_files(report) if strangers else []
    if files:
        problems.append(
            f"In the way, and created by no run of this role: {', '.join(files)}. Move"
            f" {'it' if len(files) == 1 else 'them'} away."
        )
    for account in accounts:
        found = report["accounts"].get(account["name"])
        if found and found["comment"] != mark(owner):
            problems.append(
                f"tunnel account '{account['name']}': there is an account of that name already, and this role did not"
                " make it. Choose another name."
            )
        problems += _missing_groups(account, report)
    if not override:
        problems += _policy(report["anyone"])
    for account in accounts:
        effective = report["effective"][account["name"]]
        problems += _lists(account, effective)
        problems += _algorithms(account, effective)
        problems += _beaten(account, effective)
    problems += _loose(report)
    return list(dict.fromkeys(problems))


def _loose(report: Report) -> list[str]:
    """Folders on the way to the keys that others may write to: sshd then takes no key from there (StrictModes)."""
    if _values(report["anyone"], "strictmodes") == ["no"]:
        return []
    return [
        f"{each['path']} belongs to {each['owner']} and has mode {each['mode']}: others than root could change keys"
        f" below it, and sshd takes none from there (StrictModes). Type: chown root {each['path']} && chmod go-w"
        f" {each['path']}"
        for each in report["loose"]
    ]


def _missing_groups(account: Account, report: Report) -> list[str]:
    return [
        f"tunnel account '{account['name']}': groups: there is no group '{group}' on this host. Make it, or leave it"
        " out."
        for group in account["groups"]
        if group not in report["groups"]
    ]


def _values(effective: dict[str, Any], *keywords: str) -> list[str]:
    return [word for keyword in keywords for line in effective["values"].get(keyword, []) for word in line.split()]


def place_of(effective: dict[str, Any], keyword: str) -> str:
    """Name the line behind a setting: ``/etc/ssh/sshd_config:57: AllowTcpForwarding no``."""
    found = effective["origins"].get(keyword)
    if not found:
        return f"The SSH server's configuration ({keyword})"
    within = f" (under '{found['match']}')" if found["match"] else ""
    return f"{found['path']}:{found['line']}: '{found['text']}'{within}"


EXCEPTION = "or make these accounts an exception from it with tunnel_override: true."


def _policy(anyone: dict[str, Any]) -> list[str]:
    """The settings of the host's administrator for everybody that our block would silently undo."""
    problems = []
    if _values(anyone, "disableforwarding") == ["yes"]:
        problems.append(
            f"{place_of(anyone, 'disableforwarding')} forbids all forwarding. Write 'DisableForwarding no' there,"
            f" {EXCEPTION}"
        )
    if _values(anyone, "allowtcpforwarding")[:1] in (["no"], ["remote"]):
        problems.append(
            f"{place_of(anyone, 'allowtcpforwarding')} forbids tunnels. Write 'AllowTcpForwarding local' there,"
            f" {EXCEPTION}"
        )
    if _values(anyone, "permitopen") not in ([], ["any"]):
        problems.append(
            f"{place_of(anyone, 'permitopen')} limits what tunnels lead to. Write 'PermitOpen any' there, {EXCEPTION}"
        )
    if _values(anyone, "pubkeyauthentication") == ["no"]:
        problems.append(
            f"{place_of(anyone, 'pubkeyauthentication')} forbids keys. Write 'PubkeyAuthentication yes' there,"
            f" {EXCEPTION}"
        )
    methods = _values(anyone, "authenticationmethods")
    if methods and not {"any", "publickey"} & set(methods):
        problems.append(
            f"{place_of(anyone, 'authenticationmethods')} demands more than a key, and phone apps send a key or a"
            f" password, not both. Write 'AuthenticationMethods any' there, {EXCEPTION}"
        )
    return problems


def _lists(account: Account, effective: dict[str, Any]) -> list[str]:
    """AllowUsers, DenyUsers, AllowGroups, DenyGroups: sshd asks them before any key (sshd_config(5)); no Match block
    can lift a Deny."""
    name = account["name"]
    groups = [name, *account["groups"]]
    problems = []
    allow, deny = _values(effective, "allowusers"), _values(effective, "denyusers")
    if allow and not _among(name, allow):
        problems.append(f"{place_of(effective, 'allowusers')} lets only those in. Add {name} to that line.")
    if _among(name, [pattern for pattern in deny if "@" not in pattern]):
        problems.append(
            f"{place_of(effective, 'denyusers')} keeps {name} out. Take it from that line, or choose another name."
        )
    allow, deny = _values(effective, "allowgroups"), _values(effective, "denygroups")
    if allow and not in_groups(groups, allow):
        problems.append(
            f"{place_of(effective, 'allowgroups')} lets only those groups in. Add {name} to that line, or give the"
            " account one of them: groups: [...]."
        )
    if in_groups(groups, deny):
        problems.append(
            f"{place_of(effective, 'denygroups')} keeps {name} out. Take the group from that line, or from the account."
        )
    return problems


def _among(name: str, patterns: list[str], address: str = "") -> bool:
    """Tell whether AllowUsers or DenyUsers means an account; with ``address``, from there, else from anywhere
    (USER@HOST)."""
    excepted = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in excepted):
        return False
    for pattern in patterns:
        user, at, place = pattern.partition("@")
        if fnmatch.fnmatchcase(name, user) and (not at or not address or _is_there(address, place)):
            return True
    return False


def _is_there(address: str, pattern: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return fnmatch.fnmatchcase(address, pattern)


def elsewhere(account: Account, report: Report) -> str:
    """Name the line by which an account may come from other places only than this connection does; empty where there is
    none."""
    effective, address, name = report["effective"][account["name"]], report["address"], account["name"]
    allow = _values(effective, "allowusers")
    if allow and not _among(name, allow, address):
        return f"{place_of(effective, 'allowusers')} does not let it in from {address}"
    if _among(name, _values(effective, "denyusers"), address):
        return f"{place_of(effective, 'denyusers')} keeps it out from {address}"
    return ""


def _algorithms(account: Account, effective: dict[str, Any]) -> list[str]:
    """A key of a type, or of a length, that sshd does not accept."""
    text = ",".join(_values(effective, "pubkeyacceptedalgorithms", "pubkeyacceptedkeytypes"))
    accepted = set(text.split(","))
    keyword = (
        "pubkeyacceptedalgorithms" if "pubkeyacceptedalgorithms" in effective["values"] else "pubkeyacceptedkeytypes"
    )
    problems = []
    for kind in dict.fromkeys(key.split()[0] for key in account["public_keys"]):
        if text and not accepted & set(ALGORITHMS[kind]):
            others = [name for name in KEY_TYPES if accepted & set(ALGORITHMS[TYPE_NAMES[name]])]
            problems.append(
                f"{place_of(effective, keyword)} does not accept the {kind} key of '{account['name']}'. Add"
                f" {ALGORITHMS[kind][-1]} there, or choose another"
                f" key_type{': ' + ' or '.join(others) if others else ''}."
            )
    least = next((int(value) for value in _values(effective, "requiredrsasize") if value.isdigit()), 0)
    bits = min((_rsa_bits(key) for key in account["public_keys"] if key.startswith("ssh-rsa ")), default=least)
    if bits < least:
        problems.append(
            f"{place_of(effective, 'requiredrsasize')} does not accept the RSA key of '{account['name']}', which has"
            f" {bits} bits."
        )
    return problems


def _rsa_bits(key: str) -> int:
    """RFC 4253 section 6.6: type, exponent, modulus, each with its length before it."""
    blob, fields = base64.b64decode(key.split()[1]), []
    while len(blob) > 4:
        size = int.from_bytes(blob[:4], "big")
        fields.append(blob[4 : 4 + size])
        blob = blob[4 + size :]
    return int.from_bytes(fields[2], "big").bit_length() if len(fields) > 2 else 0


TYPE_NAMES = {"ecdsa": "ecdsa-sha2-nistp256", "ed25519": "ssh-ed25519", "rsa": "ssh-rsa"}


def _beaten(account: Account, candidate: dict[str, Any]) -> list[str]:
    """Where another line of the configuration wins over our block, in a trial of the whole with the block in it."""
    problems = []
    for keyword, value in settings(account).items():
        found = candidate["values"].get(keyword.lower())
        if found is not None and sorted(" ".join(found).split()) != sorted(value.split()):
            problems.append(
                f"{place_of(candidate, keyword.lower())} comes before the block for '{account['name']}' and wins over"
                f" its '{keyword} {value}'. Take that line away, or keep its Match line from meaning {account['name']}."
            )
    return problems
