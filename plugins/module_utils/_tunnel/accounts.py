# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH accounts that forward to named ports and do nothing else: the user's input. Pure.

An *account* is complete after :func:`resolve`, and holds no secret::

    {"name": "ipad", "permit_open": ["localhost:8888", "127.0.0.1:8888"],
     "public_keys": ["ecdsa-sha2-nistp256 AAAA... comment"], "groups": [], "key_type": "ecdsa", "identity_file": ""}

A *report* is the result of :mod:`_tunnel.host`. Two restrictions apply to each account, and each is enough alone:
options before each of its keys (sshd(8), AUTHORIZED_KEYS FILE FORMAT), and a ``Match User`` block (sshd_config(5)). The
keys lie in a folder of root's that only that block names, so that an account whose block is lost cannot log in at all.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from typing import Any, Dict

from .._errors import TunnelError
from .names import NAME

Account = Dict[str, Any]
Report = Dict[str, Any]
KEY_TYPES = ("ecdsa", "ed25519", "rsa")
#: Of an entry in ``tunnel_accounts``.
ACCOUNT_KEYS = (
    "name",
    "state",
    "permit_open",
    "public_keys",
    "key_type",
    "passphrase",
    "groups",
    "identity_file",
    "device",
)
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
_OWNER = re.compile(r"[a-z][a-z0-9_]{0,19}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


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
    device = str(entry.get("device") or "")
    if device and not NAME.fullmatch(device):
        wrong("device", f"'{device}' cannot name a file. Write lower-case letters, digits, '-' and '_' (32 at most).")
    for key in ("public_keys", "identity_file") if device else ():
        if entry.get(key):
            wrong("device", f"its key is made, and {key} says that there is one. Leave one of the two out.")
    return {
        **({"device": device} if device else {}),
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
    its common names: sshd compares the client's request as text. Raise TunnelError if it is no target.
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


def key_file(name: str) -> str:
    """Where the keys of an account lie on the host."""
    return f"{FOLDER}/{name}"
