# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH accounts that forward to named ports and do nothing else: what they are, what stands in their way, what differs.
Pure.

An *account* is complete after :func:`resolve`, and holds no secret::

    {"name": "ipad", "permit_open": ["localhost:8888", "127.0.0.1:8888"], "public_keys": ["ecdsa-sha2-nistp256 AAAA...
    comment"],
     "groups": [], "key_type": "ecdsa", "identity_file": ""}

A *report* is what :mod:`_tunnel.host` read. Two fences stand around each account, and either holds alone: options
before each of its keys (sshd(8), AUTHORIZED_KEYS FILE FORMAT), and a ``Match User`` block (sshd_config(5)). The keys
lie in a folder of root's that only that block names, so that an account whose block is lost cannot log in at all.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import ipaddress
import re
from typing import Any, Dict

from .._errors import TunnelError
from .names import NAME, alias, mark, quoted

Account = Dict[str, Any]
Report = Dict[str, Any]

KEY_TYPES = ("ecdsa", "ed25519", "rsa")
#: Of an entry in ``tunnel_accounts``.
ACCOUNT_KEYS = ("name", "state", "permit_open", "public_keys", "key_type", "passphrase", "groups", "identity_file")
#: Root's folder on the host, a file for each account.
FOLDER = "/etc/ssh/remote-notebooks"
SHELL = "/usr/sbin/nologin"
HOME = "/nonexistent"

#: The algorithms by which a key of each type may sign (RFC 8332 for RSA: the SHA-1 form is gone from OpenSSH 8.8 on).
ALGORITHMS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-256", "rsa-sha2-512"),
    "sk-ssh-ed25519@openssh.com": ("sk-ssh-ed25519@openssh.com",),
    "sk-ecdsa-sha2-nistp256@openssh.com": ("sk-ecdsa-sha2-nistp256@openssh.com",),
}

#: How our part of the SSH server's configuration begins.
_HEADER = "# Tunnel accounts of "

_OWNER = re.compile(r"[a-z][a-z0-9_]{0,19}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


# --- what the user wrote
# -----------------------------------------------------------------------------------------------


def resolve(owner: str, given: list[dict[str, Any]], forwards: dict[str, list[Any]] | None = None) -> list[Account]:
    """Return the accounts that should be there, complete but for generated keys.

    :param given: the entries of ``tunnel_accounts``; a ``passphrase`` in them is passed over.
    :param forwards: the targets by account, of a role that knows the ports. It is then the list, and ``given`` only
        says more of its accounts.
    :raises TunnelError: with everything that is wrong, one a line, each naming the account, the key and the cure.
    """
    problems: list[str] = []
    if not _OWNER.fullmatch(owner):
        problems.append(
            f"tunnel_owner: '{owner}' cannot be used. Write lower-case letters, digits and '_' (20 at most)."
        )
    entries = given
    if forwards is not None:
        own = [entry for entry in given if entry.get("name") in forwards]
        named = [entry["name"] for entry in own]
        entries = [*own, *({"name": name} for name in forwards if name not in named)]
    accounts: list[Account] = []
    for entry in entries:
        account = _account(entry, (forwards or {}).get(str(entry.get("name", "")), []), problems)
        if any(account["name"] == other["name"] for other in accounts):
            problems.append(
                f"tunnel account '{account['name']}': it is listed twice. Put all its targets into one entry."
            )
        elif entry.get("state", "present") == "present":
            accounts.append(account)
    if problems:
        raise TunnelError("\n".join(problems))
    return accounts


def _account(entry: dict[str, Any], more: list[Any], problems: list[str]) -> Account:
    name = str(entry.get("name", ""))

    def wrong(key: str, text: str) -> None:
        problems.append(f"tunnel account '{name}': {key}: {text}")

    for key in entry:
        if key not in ACCOUNT_KEYS:
            wrong(key, f"there is no such key. Known: {', '.join(ACCOUNT_KEYS)}.")
    if not NAME.fullmatch(name):
        wrong("name", "an account's name is made of lower-case letters, digits, '-' and '_' (32 at most).")
    elif name == "root":
        wrong("name", "root can do everything, and a tunnel account nothing but forward. Choose another name.")
    targets: list[str] = []
    for item in [*_several(entry.get("permit_open")), *more]:
        try:
            targets += targets_of(item)
        except TunnelError as error:
            wrong("permit_open", str(error))
    present = entry.get("state", "present") == "present"
    if (
        present
        and not targets
        and not any(problem.startswith(f"tunnel account '{name}': permit_open") for problem in problems)
    ):
        wrong("permit_open", "say at least one port that it may forward to, for example [8888].")
    keys = []
    for text in _several(entry.get("public_keys")):
        try:
            keys += public_keys(str(text))
        except TunnelError as error:
            wrong("public_keys", str(error))
    return {
        "name": name,
        "permit_open": list(dict.fromkeys(targets)),
        "public_keys": list(dict.fromkeys(keys)),
        "groups": sorted(_several(entry.get("groups"))),
        "key_type": entry.get("key_type") or "ecdsa",
        "identity_file": entry.get("identity_file") or "",
    }


def _several(given: Any) -> list[Any]:
    """A list, or the one thing that somebody wrote in the place of one."""
    return list(given) if isinstance(given, (list, tuple)) else [] if given is None or given == "" else [given]


def targets_of(item: Any) -> list[str]:
    """Return the targets that one entry of ``permit_open`` stands for. A bare port is this host's loopback under both
    its common names: sshd compares what a client asks for as text. Raise TunnelError where it is none.
    """
    text = str(item)
    if text.isdigit():
        return [f"localhost:{_port(text)}", f"127.0.0.1:{_port(text)}"]
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        raise TunnelError(f"'{text}' is neither a port nor host:port. Write for example 8888 or db.example.org:5432.")
    if host.startswith("[") and host.endswith("]"):
        try:
            return [f"[{ipaddress.IPv6Address(host[1:-1])}]:{_port(port)}"]
        except ValueError as error:
            raise TunnelError(f"'{text}': {error}. Write for example [2001:db8::1]:8888.") from error
    if not _HOST.fullmatch(host):
        raise TunnelError(
            f"'{text}': one host by its name or address, no wildcards; an IPv6 address stands in brackets."
        )
    return [f"{host}:{_port(port)}"]


def _port(text: str) -> int:
    if not 1 <= int(text) <= 65535:
        raise TunnelError(f"{text} is no TCP port.")
    return int(text)


def public_keys(text: str) -> list[str]:
    """Return every key of a text as :func:`public_key` does: of one ``.pub`` file, or of several that stand in one as
    in ``authorized_keys``."""
    lines = list(enumerate(re.split(r"\r\n|\r|\n", text.lstrip("\ufeff")), 1))
    rows = [(number, line) for number, line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not rows:
        raise TunnelError("there is no key in it. Copy the line of the .pub file.")
    keys = []
    for number, line in rows:
        try:
            keys.append(public_key(line))
        except TunnelError as error:
            raise TunnelError(f"line {number}: {error}" if len(lines) > 1 else str(error)) from error
    return keys


def public_key(text: str) -> str:
    """Return a public key as ``type base64 comment``. Raise TunnelError for anything else; the text itself is never
    repeated."""
    if "PRIVATE KEY" in text:
        raise TunnelError(
            "this is a private key. Keep it to yourself, and give the content of the .pub file beside it."
        )
    words = text.split()
    if len(words) < 2 or words[0] not in ALGORITHMS:
        raise TunnelError(
            f"a key begins with its type ({', '.join(ALGORITHMS)}), without options in front: the role writes those."
        )
    if set(words[2:]) & set(ALGORITHMS):
        raise TunnelError(
            "two keys stand in one line. Give each a line of its own (YAML joins lines below '>', and keeps them below"
            " '|')."
        )
    try:
        blob = base64.b64decode(words[1], validate=True)
    except binascii.Error:
        blob = b""
    # RFC 4253 section 6.6: the blob names its type again.
    if blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode("ascii", "replace") != words[0]:
        raise TunnelError(f"the {words[0]} key is cut off or damaged. Copy the whole line of the .pub file.")
    comment = re.sub(r"[^A-Za-z0-9@._+-]", "_", "_".join(words[2:]))
    return f"{words[0]} {words[1]} {comment}".rstrip()


# --- what the host gets
# ------------------------------------------------------------------------------------------------


def key_file(name: str) -> str:
    """Where the keys of an account lie on the host."""
    return f"{FOLDER}/{name}"


def authorized_keys(account: Account) -> str:
    """The lines that let an account in: no shell, no command, no -R, nothing but its targets (sshd(8))."""
    # permitlisten="none" would make sshd refuse the whole key; port 1 is nobody's, and the Match block forbids -R
    # altogether.
    options = ["restrict", "port-forwarding", *(f'permitopen="{target}"' for target in account["permit_open"])]
    options += ['permitlisten="localhost:1"', 'command="/bin/false"']
    return "".join(f"{','.join(options)} {key}\n" for key in account["public_keys"])


def settings(account: Account) -> dict[str, str]:
    """What sshd must apply to an account, by keyword (sshd_config(5))."""
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
            members = ",".join(name for name, own in groups.items() if _in_groups(own, patterns))
            said.append(f"User {members or 'remote-notebooks-nobody'}")
        else:
            said.append(f"{word} {next(words, '')}")
    return " ".join(said)


def _in_groups(groups: list[str], patterns: list[str]) -> bool:
    """As sshd compares the groups of an account with a pattern list: one group that is excepted is enough."""
    if any(
        fnmatch.fnmatchcase(group, pattern[1:]) for pattern in patterns if pattern.startswith("!") for group in groups
    ):
        return False
    return any(fnmatch.fnmatchcase(group, pattern) for pattern in patterns for group in groups)


# --- what stands in the way
# --------------------------------------------------------------------------------------------


def strange_files(report: Report) -> list[str]:
    """Return the files that are where ours belong, and are not ours: an account is made before its keys, and all of
    them before sshd's block."""
    found = [
        key_file(name) for name, keys in report["keys"].items() if keys is not None and name not in report["owned"]
    ]
    if report["place"].rpartition("/")[2].startswith("00-remote-notebooks-") and not _is_ours(report):
        found.append(report["place"])
    return found


def _is_ours(report: Report) -> bool:
    """Tell whether the block of the SSH server's configuration, if there is one, is ours."""
    return not report["block"] or bool(report["owned"]) or is_block(report["block"])


def is_block(text: str) -> bool:
    """Tell whether a text is one that :func:`block` gives, of whichever release."""
    return text.startswith(_HEADER)


def refusals(
    accounts: list[Account], report: Report, owner: str, override: bool, *, strangers: bool = True
) -> list[str]:
    """Return why these accounts cannot work on this host, or must not be made; each with the file, the line and the
    cure.

    :param override: whether the accounts may be an exception from what the host's administrator set for everybody.
    :param strangers: whether files in the way are named; whoever asks may have a cure for them.
    """
    if not accounts:
        return []
    if report["error"]:
        return [report["error"]]
    problems = []
    files = strange_files(report) if strangers else []
    if files:
        problems.append(
            f"In the way, and made by no run of this role: {', '.join(files)}. Move"
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


def _where(effective: dict[str, Any], keyword: str) -> str:
    """Name the line behind a setting: ``/etc/ssh/sshd_config:57: AllowTcpForwarding no``."""
    found = effective["origins"].get(keyword)
    if not found:
        return f"The SSH server's configuration ({keyword})"
    within = f" (under '{found['match']}')" if found["match"] else ""
    return f"{found['path']}:{found['line']}: '{found['text']}'{within}"


EXCEPTION = "or make these accounts an exception from it with tunnel_override: true."


def _policy(anyone: dict[str, Any]) -> list[str]:
    """What the host's administrator decided for everybody and what our block would silently undo."""
    problems = []
    if _values(anyone, "disableforwarding") == ["yes"]:
        problems.append(
            f"{_where(anyone, 'disableforwarding')} forbids all forwarding. Write 'DisableForwarding no' there,"
            f" {EXCEPTION}"
        )
    if _values(anyone, "allowtcpforwarding")[:1] in (["no"], ["remote"]):
        problems.append(
            f"{_where(anyone, 'allowtcpforwarding')} forbids tunnels. Write 'AllowTcpForwarding local' there,"
            f" {EXCEPTION}"
        )
    if _values(anyone, "permitopen") not in ([], ["any"]):
        problems.append(
            f"{_where(anyone, 'permitopen')} limits what tunnels lead to. Write 'PermitOpen any' there, {EXCEPTION}"
        )
    if _values(anyone, "pubkeyauthentication") == ["no"]:
        problems.append(
            f"{_where(anyone, 'pubkeyauthentication')} forbids keys. Write 'PubkeyAuthentication yes' there,"
            f" {EXCEPTION}"
        )
    methods = _values(anyone, "authenticationmethods")
    if methods and not {"any", "publickey"} & set(methods):
        problems.append(
            f"{_where(anyone, 'authenticationmethods')} demands more than a key, and phone apps send a key or a"
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
        problems.append(f"{_where(effective, 'allowusers')} lets only those in. Add {name} to that line.")
    if _among(name, [pattern for pattern in deny if "@" not in pattern]):
        problems.append(
            f"{_where(effective, 'denyusers')} keeps {name} out. Take it from that line, or choose another name."
        )
    allow, deny = _values(effective, "allowgroups"), _values(effective, "denygroups")
    if allow and not _in_groups(groups, allow):
        problems.append(
            f"{_where(effective, 'allowgroups')} lets only those groups in. Add {name} to that line, or give the"
            " account one of them: groups: [...]."
        )
    if _in_groups(groups, deny):
        problems.append(
            f"{_where(effective, 'denygroups')} keeps {name} out. Take the group from that line, or from the account."
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
        return f"{_where(effective, 'allowusers')} does not let it in from {address}"
    if _among(name, _values(effective, "denyusers"), address):
        return f"{_where(effective, 'denyusers')} keeps it out from {address}"
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
                f"{_where(effective, keyword)} does not accept the {kind} key of '{account['name']}'. Add"
                f" {ALGORITHMS[kind][-1]} there, or choose another"
                f" key_type{': ' + ' or '.join(others) if others else ''}."
            )
    least = next((int(value) for value in _values(effective, "requiredrsasize") if value.isdigit()), 0)
    bits = min((_rsa_bits(key) for key in account["public_keys"] if key.startswith("ssh-rsa ")), default=least)
    if bits < least:
        problems.append(
            f"{_where(effective, 'requiredrsasize')} does not accept the RSA key of '{account['name']}', which has"
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
                f"{_where(candidate, keyword.lower())} comes before the block for '{account['name']}' and wins over its"
                f" '{keyword} {value}'. Take that line away, or keep its Match line from meaning {account['name']}."
            )
    return problems


# --- what differs
# ------------------------------------------------------------------------------------------------------


def difference(accounts: list[Account], report: Report, owner: str) -> list[dict[str, Any]]:
    """Compare. Each entry is ``{"id", "kind": "account" | "keys" | "sshd" | "unwanted", "name", "text"}``; empty:
    nothing to do."""
    changes: list[dict[str, Any]] = []

    def differs(kind: str, name: str, text: str) -> None:
        changes.append({"id": f"{kind} {name}", "kind": kind, "name": name, "text": f"tunnel {kind} {name}: {text}"})

    names = [account["name"] for account in accounts]
    for account in accounts:
        name = account["name"]
        found = report["accounts"].get(name)
        if found is None:
            differs("account", name, "absent, wanted")
        else:
            for key, wanted in (("shell", SHELL), ("home", HOME), ("groups", account["groups"])):
                if found[key] != wanted:
                    differs("account", name, f"{key} is {found[key]}, wanted {wanted}")
            # '!' locks the account, and with UsePAM no sshd then refuses its keys as well (sshd(8)); '*' only fits no
            # password.
            if found["password"] != "disabled":  # noqa: S105 - a word for what is there
                differs("account", name, f"password is {found['password']}, wanted disabled")
        keys = report["keys"].get(name)
        if keys is None:
            differs("keys", name, "absent, wanted")
        elif keys["text"] != authorized_keys(account):
            differs("keys", name, "content is another, wanted its own")
        elif (keys["mode"], keys["owner"]) != ("0644", "root"):
            differs("keys", name, f"mode and owner are {keys['mode']} {keys['owner']}, wanted 0644 root")
    if report["block"] != block(owner, accounts) and (accounts or _is_ours(report)):
        differs(
            "sshd",
            report["place"],
            "the block is another, wanted its own" if report["block"] and accounts else "the block is absent, wanted",
        )
        if not accounts:
            changes[-1]["text"] = f"tunnel sshd {report['place']}: left by an earlier run, no longer wanted"
    for name in report["owned"]:
        if name not in names:
            differs("unwanted", name, "left by an earlier run, no longer wanted")
    return changes


def due(accounts: list[Account], changes: list[dict[str, Any]]) -> list[str]:
    """The accounts that have to log in before a run is green: those that changed themselves, else all, where sshd's
    block did."""
    own = {change["name"] for change in changes if change["kind"] in ("account", "keys")}
    every = not own and any(change["kind"] == "sshd" for change in changes)
    return [account["name"] for account in accounts if every or account["name"] in own]


def cut_off(accounts: list[Account], report: Report) -> list[str]:
    """The accounts whose open connections must end: something that let them in, or that they were let do, is gone."""
    ended = [name for name in report["owned"] if name not in {account["name"] for account in accounts}]
    for account in accounts:
        before = set(((report["keys"].get(account["name"]) or {}).get("text") or "").splitlines())
        if before - set(authorized_keys(account).splitlines()):
            ended.append(account["name"])
    return ended


# --- what the user's ssh gets
# ------------------------------------------------------------------------------------------


def local_forwards(targets: list[str]) -> list[tuple[int, str]]:
    """Give each target a port of the user's machine: the same number where that is free and needs no root (80 becomes
    8080)."""
    forwards: dict[int, str] = {}
    loopback = set()
    for target in targets:
        host, _colon, port = target.rpartition(":")
        if host in ("localhost", "127.0.0.1", "[::1]"):
            if port in loopback:
                continue  # another name of the same
            loopback.add(port)
        local = int(port) if int(port) >= 1024 else int(port) + 8000
        while local in forwards:
            local += 1
        forwards[local] = target
    return list(forwards.items())


def jump(ssh_args: list[str]) -> str:
    """The line by which the inventory reaches a host through another one, as ssh_config(5) writes it; empty where it
    does not.

    :param ssh_args: the words of ``ansible_ssh_common_args`` and its like.
    """
    words = iter(ssh_args)
    for word in words:
        if word.startswith("-J"):
            return f"ProxyJump {word[2:] or next(words, '')}"
        if word.startswith("-o"):
            option = word[2:] or next(words, "")
            parts = re.match(r"\s*(ProxyJump|ProxyCommand)(?:\s*=\s*|\s+)(.+)", option, re.IGNORECASE | re.DOTALL)
            if parts:
                return (
                    f"{'ProxyJump' if parts.group(1).lower() == 'proxyjump' else 'ProxyCommand'}"
                    f" {parts.group(2).strip()}"
                )
    return ""


def host_name(address: str, port: int) -> str:
    """How known_hosts writes a server (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
    return address if port == 22 else f"[{address}]:{port}"


def known_hosts(address: str, port: int, keys: list[str]) -> str:
    """The lines by which ssh knows the host."""
    return "".join(f"{host_name(address, port)} {key}\n" for key in keys)


def client_config(host: str, account: Account, server: tuple[str, int], known_hosts_file: str, via: str) -> str:
    """The block for the user's ssh: ``ssh -N <host>-<account>`` opens the tunnel, or says why not.

    :param server: address and port.
    :param via: a ``ProxyJump`` or ``ProxyCommand`` line, or "".
    """
    lines = [
        f"Host {alias(host, account['name'])}",
        f"    HostName {server[0]}",
        f"    Port {server[1]}",
        f"    User {account['name']}",
    ]
    if account["identity_file"]:
        lines += [f"    IdentityFile {quoted(account['identity_file'])}", "    IdentitiesOnly yes"]
    lines += [f"    UserKnownHostsFile {quoted(known_hosts_file)}", "    StrictHostKeyChecking yes"]
    lines += [f"    LocalForward {local} {target}" for local, target in local_forwards(account["permit_open"])]
    lines += ["    ExitOnForwardFailure yes", "    ServerAliveInterval 30"]
    lines += [f"    {via}"] if via else []
    return "\n".join(lines) + "\n"


def with_include(text: str, line: str, wanted: bool) -> str:
    """A user's own ssh configuration with our one line at its top (below a Host line it would count for that host
    alone), or without it."""
    rest = "".join(row for row in text.splitlines(keepends=True) if row.rstrip("\n") != line)
    return f"{line}\n{rest}" if wanted else rest
