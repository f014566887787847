# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of an SSH server for tunnel accounts: key options, the Match block, its place. Pure."""

from __future__ import annotations

import fnmatch
import re
from typing import Any

from .accounts import FOLDER, Account, Report, key_file

#: How our part of the SSH server's configuration begins.
_HEADER = "# Tunnel accounts of "


def authorized_keys(account: Account) -> str:
    """The lines that let an account in: no shell, no command, no -R, nothing but its targets (sshd(8))."""
    # permitlisten="none" would make sshd refuse the whole key; port 1 is nobody's, and the Match block forbids -R
    # altogether.
    options = ["restrict", "port-forwarding", *(f'permitopen="{target}"' for target in account["permit_open"])]
    options += ['permitlisten="localhost:1"', 'command="/bin/false"']
    return "".join(f"{','.join(options)} {key}\n" for key in account["public_keys"])


def settings(account: Account) -> dict[str, str]:
    """The settings that sshd must apply to an account, by keyword (sshd_config(5))."""
    return {
        "AuthorizedKeysFile": f"{FOLDER}/%u",
        # It has no home to be shut up in, and no session.
        "ChrootDirectory": "none",
        "AuthorizedKeysCommand": "none",
        "AuthenticationMethods": "publickey",
        "PubkeyAuthentication": "yes",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "DisableForwarding": "no",
        "AllowTcpForwarding": "local",
        "PermitOpen": " ".join(account["permit_open"]),
        "PermitListen": "none",
        "AllowStreamLocalForwarding": "no",
        "AllowAgentForwarding": "no",
        "X11Forwarding": "no",
        "PermitTunnel": "no",
        "GatewayPorts": "no",
        "PermitTTY": "no",
        "PermitUserRC": "no",
        # No session at all: no shell, no command, no subsystem.
        "MaxSessions": "0",
        "ForceCommand": "/bin/false",
    }


#: The keywords of sshd's that are looked at.
KEYWORDS = frozenset(
    [
        *(keyword.lower() for keyword in settings({"permit_open": []})),
        *("allowusers", "denyusers", "allowgroups", "denygroups", "pubkeyacceptedalgorithms", "pubkeyacceptedkeytypes"),
        *("requiredrsasize", "strictmodes"),
    ]
)


def block(owner: str, accounts: list[Account]) -> str:
    """The text for the SSH server's configuration; empty where there is no account."""
    if not accounts:
        return ""
    shared = {key: value for key, value in settings(accounts[0]).items() if key != "PermitOpen"}
    lines = [
        f"{_HEADER}{owner}: they forward to the ports named and do nothing else. Written by Ansible (remote.notebooks)."
    ]
    for account in accounts:
        lines += [f"Match User {account['name']}", f"    PermitOpen {settings(account)['PermitOpen']}"]
    lines += [
        f"Match User {','.join(account['name'] for account in accounts)}",
        *(f"    {key} {value}" for key, value in shared.items()),
    ]
    return "\n".join(lines) + "\n"


def place(main: str, text: str, owner: str, folders: list[str]) -> dict[str, Any]:
    """Decide where the block goes: a file of its own where the configuration includes a folder of them, else the end of
    the main file.

    :param folders: the folders that exist on the host among those that Include lines of ``text`` name.
    :returns: ``{"path": str, "include": str | None}``, the word of the Include line that covers the path.
    """
    for keyword, arguments, _number, match in parse(text):
        if match:
            break  # conditional from here on
        for word in arguments.split() if keyword == "include" else []:
            pattern = word.strip('"')
            folder = pattern.rpartition("/")[0] if pattern.startswith("/") else f"/etc/ssh/{pattern}".rpartition("/")[0]
            # First of all files there: sshd takes the first value it finds.
            path = f"{folder}/00-remote-notebooks-{owner}.conf"
            if folder in folders and fnmatch.fnmatchcase(
                path, pattern if pattern.startswith("/") else f"/etc/ssh/{pattern}"
            ):
                return {"path": path, "include": word}
    return {"path": main, "include": None}


def with_block(text: str, owner: str, wanted: str) -> str:
    """Return the main file with this owner's marked block at its end, or without any where ``wanted`` is empty."""
    begin, end = f"# BEGIN remote.notebooks {owner}\n", f"# END remote.notebooks {owner}\n"
    joined = begin.replace("\n", " (the line above had no end)\n")
    for start in (begin, joined):
        before, found, rest = text.partition(start)
        if found and end in rest:
            text = (before[:-1] if start is joined else before) + rest.partition(end)[2]
    if not wanted:
        return text
    # `Match all`: a line that somebody adds below is meant for everybody, not for the last account of ours.
    ended = not text or text.endswith("\n")
    return text + (begin if ended else f"\n{joined}") + wanted + "Match all\n" + end


def parse(text: str, *, matches: bool = False) -> list[tuple[str, str, int, str]]:
    """The lines of a configuration file as (lower-case keyword, arguments, line number, the Match line above it or "").

    :param matches: whether the Match lines themselves are among them.
    """
    rows, match = [], ""
    for number, line in enumerate(text.split("\n"), 1):
        words = re.match(r"\s*([A-Za-z0-9]+)(?:\s+|\s*=\s*)(.*?)\s*$", line)
        if not words:
            continue
        keyword = words.group(1).lower()
        if keyword == "match":
            match = "" if words.group(2).lower() == "all" else f"Match {words.group(2)}"
        if keyword != "match" or matches:
            rows.append((keyword, words.group(2), number, match))
    return rows


def by_user(arguments: str, groups: dict[str, list[str]]) -> str:
    """Say a Match line without groups: for these accounts, each with the groups that it will have, by their names."""
    words = iter(re.findall(r'"[^"]*"|[^\s=]+', arguments))
    said = []
    for word in words:
        if word.lower() in ("all", "invalid-user"):
            said.append(word)
        elif word.lower() == "group":
            patterns = next(words, "").strip('"').split(",")
            members = ",".join(name for name, own in groups.items() if in_groups(own, patterns))
            said.append(f"User {members or 'remote-notebooks-nobody'}")
        else:
            said.append(f"{word} {next(words, '')}")
    return " ".join(said)


def in_groups(groups: list[str], patterns: list[str]) -> bool:
    """As sshd compares the groups of an account with a pattern list: one group that is excepted is enough."""
    if any(
        fnmatch.fnmatchcase(group, pattern[1:]) for pattern in patterns if pattern.startswith("!") for group in groups
    ):
        return False
    return any(fnmatch.fnmatchcase(group, pattern) for pattern in patterns for group in groups)


def strange_files(report: Report) -> list[str]:
    """Return the files that are where ours belong, and are not ours: an account is created before its keys, and all of
    them before sshd's block."""
    found = [
        key_file(name) for name, keys in report["keys"].items() if keys is not None and name not in report["owned"]
    ]
    if report["place"].rpartition("/")[2].startswith("00-remote-notebooks-") and not is_ours(report):
        found.append(report["place"])
    return found


def is_ours(report: Report) -> bool:
    """Tell whether the block of the SSH server's configuration, if there is one, is ours."""
    return not report["block"] or bool(report["owned"]) or is_block(report["block"])


def is_block(text: str) -> bool:
    """Tell whether a text is one that :func:`block` gives, of whichever release."""
    return text.startswith(_HEADER)
