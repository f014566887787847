# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the tunnel accounts of a host, and our part of its SSH server's configuration. Runs on the host."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import stat
from typing import Any

from .._errors import TunnelError
from . import accounts as tunnel_accounts
from . import names as tunnel_names
from . import server_config
from .sshd import Command, Server, included
from .sshd import text as _text
from .trial import Trial

#: No account has this name, so the settings that apply to it are the administrator's for everybody.
ANYONE = "remote-notebooks-anyone"


def read(owner: str, accounts: list[dict[str, Any]], run: Command) -> dict[str, Any]:
    """Describe the state that :mod:`accounts` compares. Nothing on the host changes; a trial of the block lives in a
    folder that is gone at the end."""
    names = [account["name"] for account in accounts]
    complaint = ""
    block = None
    try:
        server = Server(run)
        block = Block(server, owner)
    except TunnelError as error:
        complaint = str(error)
    mine = owned(owner)
    report: dict[str, Any] = {
        "accounts": {name: _account(name) for name in names},
        # Those that are asked for: a directory service may have a hundred thousand.
        "groups": [
            name
            for name in sorted({name for account in accounts for name in account.get("groups", [])})
            if _has_group(name)
        ],
        "owned": mine,
        "keys": {name: keys_of(name) for name in sorted({*names, *mine})},
        "block": block.found if block else "",
        "place": block.place["path"] if block else "",
        "error": complaint,
        "effective": {},
        "anyone": {},
        "address": "",
        "loose": [],
        "host_keys": [],
    }
    if not accounts or block is None:
        return report
    wanted = server_config.block(owner, accounts)
    try:
        # As it will be: with the block, and with the accounts in their groups, where sshd does not yet know either.
        with Trial(
            server,
            block.files(wanted),
            {ANYONE: [ANYONE], **{name: _groups(account) for name, account in zip(names, accounts)}},
        ) as trial:
            complaint = "" if block.found == wanted else trial.test()
            if complaint:
                server.effective(ANYONE, server.config)  # fails where it was broken before
                return {**report, "error": f"sshd does not take the block for {', '.join(names)}: {complaint}"}
            anyone = trial.effective(ANYONE)
            report["effective"] = {name: _relevant(trial.effective(name)) for name in names}
    except TunnelError as error:
        return {**report, "error": str(error)}
    report.update(anyone=_relevant(anyone), address=server.connection.get("addr", "127.0.0.1"), loose=_loose())
    report["host_keys"] = [key for key in map(_host_key, anyone["values"].get("hostkey", [])) if key]
    return report


def _groups(account: dict[str, Any]) -> list[str]:
    """The groups that an account has and will have."""
    found = [account["name"], *account.get("groups", [])]
    with contextlib.suppress(KeyError):
        found[0] = grp.getgrgid(pwd.getpwnam(account["name"]).pw_gid).gr_name
    return found


def _loose() -> list[dict[str, str]]:
    """The folders above ours that others than root may write to (sshd(8), StrictModes)."""
    found = []
    path = os.path.dirname(tunnel_accounts.FOLDER)
    while True:
        state = os.stat(path)
        if state.st_uid != 0 or state.st_mode & 0o022:
            found.append({"path": path, "mode": f"{stat.S_IMODE(state.st_mode):04o}", "owner": _user(state.st_uid)})
        if path == "/":
            return found
        path = os.path.dirname(path)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _relevant(effective: dict[str, Any]) -> dict[str, Any]:
    """The settings that the comparison reads. sshd has a hundred settings, and the report goes over the wire."""
    return {
        part: {keyword: value for keyword, value in effective[part].items() if keyword in server_config.KEYWORDS}
        for part in effective
    }


def _has_group(name: str) -> bool:
    try:
        return bool(grp.getgrnam(name))
    except KeyError:
        return False


def owned(owner: str) -> list[str]:
    """The accounts that earlier runs created for this owner. The comment alone does not tell: an account may change its
    own (chfn(1))."""
    marked = [entry.pw_name for entry in pwd.getpwall() if entry.pw_gecos.split(",")[0] == tunnel_names.mark(owner)]
    return sorted(filter(tunnel_names.NAME.fullmatch, marked))


def _account(name: str) -> dict[str, Any] | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return {
        "uid": entry.pw_uid,
        "comment": entry.pw_gecos.split(",")[0],
        "shell": entry.pw_shell,
        "home": entry.pw_dir,
        "password": _password(name),
        "groups": sorted(group.gr_name for group in grp.getgrall() if name in group.gr_mem),
    }


def _password(name: str) -> str:
    """Say of which kind the password is; the hash itself goes nowhere (shadow(5))."""
    for line in (_text("/etc/shadow") or "").splitlines():
        if line.startswith(f"{name}:"):
            field = line.split(":")[1]
            return (
                "disabled" if field == "*" else "locked" if field.startswith("!") else "empty" if not field else "set"
            )
    return "unknown"


def keys_of(name: str) -> dict[str, Any] | None:
    path = tunnel_accounts.key_file(name)
    text = "" if os.path.isdir(path) else _text(path)
    if text is None:
        return None
    found, folder = os.stat(path), os.stat(tunnel_accounts.FOLDER)
    # An account that may write to the folder decides about the content of the file.
    mode = found.st_mode | (folder.st_mode & 0o022)
    return {"text": text, "mode": f"{stat.S_IMODE(mode):04o}", "owner": _user(found.st_uid or folder.st_uid)}


def _host_key(path: str) -> str | None:
    """The public half of a host key as ``type base64``."""
    words = (_text(f"{path}.pub") or "").split()
    return " ".join(words[:2]) if len(words) >= 2 else None


class Block:
    """Our text in the server's configuration: where it is or should be, and how the whole reads with another one."""

    def __init__(self, server: Server, owner: str) -> None:
        self.server = server
        self.owner = owner
        self.main = _text(server.config) or ""
        folders = {
            os.path.dirname(path)
            for keyword, arguments, _number, _match in server_config.parse(self.main)
            if keyword == "include"
            for path in included(arguments)
        }
        self.place = server_config.place(
            server.config, self.main, owner, [folder for folder in folders if os.path.isdir(folder)]
        )
        self.in_folder = self.place["include"] is not None
        # A block in the other of the two places was put there before the configuration changed.
        self.bare_main = server_config.with_block(self.main, owner, "")
        self.stale = "" if self.in_folder else f"/etc/ssh/sshd_config.d/00-remote-notebooks-{owner}.conf"
        if self.in_folder:
            self.found = (_text(self.place["path"]) or "") + ("" if self.bare_main == self.main else self.main)
        else:
            # A file that is no longer included does nothing, so it must not count as wanted, even if it holds
            # the same.
            self.found = self._inner() + (f"# {self.stale}\n" if os.path.exists(self.stale) else "")

    def _inner(self) -> str:
        """The block within the main file, without its marks."""
        found = re.search(
            rf"# BEGIN remote\.notebooks {self.owner}\b[^\n]*\n(.*?)Match all\n# END remote\.notebooks {self.owner}\n",
            self.main,
            re.DOTALL,
        )
        return found.group(1) if found else ""

    def files(self, wanted: str) -> dict[str, str | None]:
        """Each file of the configuration that is ours or holds ours, as it should be: its text, or None where it should
        not be."""
        if self.in_folder:
            return {self.place["path"]: wanted or None, self.server.config: self.bare_main}
        return {self.server.config: server_config.with_block(self.main, self.owner, wanted), self.stale: None}
