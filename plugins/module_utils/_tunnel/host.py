# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's tunnel accounts: read them, try a changed configuration of its SSH server, install it, take it back. Runs on
the host, as root.

:mod:`accounts` compares and decides; :mod:`_tunnel.sshd` asks sshd.
"""

from __future__ import annotations

import contextlib
import glob
import grp
import json
import os
import pwd
import re
import signal
import stat
import tempfile
import time
from typing import Any, Callable

from .._errors import TunnelError
from .._host.processes import is_here
from . import accounts as tunnel_accounts
from . import names as tunnel_names
from .sshd import Command, Server, Trial, heard, included
from .sshd import text as _text
from .sshd import write as _write

#: No account has this name, so what applies to it is what the administrator decided for everybody.
ANYONE = "remote-notebooks-anyone"
#: Of so many people's accounts at most is it seen that a change leaves their settings alone.
PEOPLE = 30
#: What the last change found, until its accounts have logged in; gone with the next start of the host.
BEFORE = "/run/remote-notebooks-tunnel"
#: Where one of these is, pam_nologin(8) and sshd(8) refuse everybody but root.
NOLOGIN = ("/etc/nologin", "/run/nologin", "/var/run/nologin")
#: Where no change is known, so many seconds of the log are read.
RECENT = 60


# --- read
# --------------------------------------------------------------------------------------------------------------


def read(owner: str, accounts: list[dict[str, Any]], run: Command) -> dict[str, Any]:
    """Describe what :mod:`accounts` compares. Nothing on the host changes; a trial of the block lives in a folder that
    is gone at the end."""
    names = [account["name"] for account in accounts]
    complaint = ""
    block = None
    try:
        server = Server(run)
        block = _Block(server, owner)
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
        "keys": {name: _keys(name) for name in sorted({*names, *mine})},
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
    wanted = tunnel_accounts.block(owner, accounts)
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
    """What the comparison looks at; sshd has a hundred settings, and the report goes over the wire."""
    return {
        part: {keyword: value for keyword, value in effective[part].items() if keyword in tunnel_accounts.KEYWORDS}
        for part in effective
    }


def _has_group(name: str) -> bool:
    try:
        return bool(grp.getgrnam(name))
    except KeyError:
        return False


def owned(owner: str) -> list[str]:
    """The accounts that earlier runs made for this owner."""
    return sorted(entry.pw_name for entry in pwd.getpwall() if entry.pw_gecos.split(",")[0] == tunnel_names.mark(owner))


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


def _keys(name: str) -> dict[str, Any] | None:
    path = tunnel_accounts.key_file(name)
    text = "" if os.path.isdir(path) else _text(path)
    if text is None:
        return None
    found, folder = os.stat(path), os.stat(tunnel_accounts.FOLDER)
    # Who may write to the folder decides what the file holds.
    mode = found.st_mode | (folder.st_mode & 0o022)
    return {"text": text, "mode": f"{stat.S_IMODE(mode):04o}", "owner": _user(found.st_uid or folder.st_uid)}


def _host_key(path: str) -> str | None:
    """The public half of a host key as ``type base64``."""
    words = (_text(f"{path}.pub") or "").split()
    return " ".join(words[:2]) if len(words) >= 2 else None


class _Block:
    """Our text in the server's configuration: where it is or should be, and how the whole reads with another one."""

    def __init__(self, server: Server, owner: str) -> None:
        self.server = server
        self.owner = owner
        self.main = _text(server.config) or ""
        folders = {
            os.path.dirname(path)
            for keyword, arguments, _number, _match in tunnel_accounts.parse(self.main)
            if keyword == "include"
            for path in included(arguments)
        }
        self.place = tunnel_accounts.place(
            server.config, self.main, owner, [folder for folder in folders if os.path.isdir(folder)]
        )
        self.in_folder = self.place["include"] is not None
        # What stands in the other of the two places was put there before the configuration changed its ways.
        self.bare_main = tunnel_accounts.with_block(self.main, owner, "")
        self.stale = "" if self.in_folder else f"/etc/ssh/sshd_config.d/00-remote-notebooks-{owner}.conf"
        if self.in_folder:
            self.found = (_text(self.place["path"]) or "") + ("" if self.bare_main == self.main else self.main)
        else:
            # A file that is no longer included does nothing, so it must not count as what is wanted, even where it says
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
        return {self.server.config: tunnel_accounts.with_block(self.main, self.owner, wanted), self.stale: None}


# --- act
# ---------------------------------------------------------------------------------------------------------------


def plan(owner: str, accounts: list[dict[str, Any]], run: Command) -> list[dict[str, Any]]:
    """List the files that :func:`install` would change: ``{"path", "before": text | None, "after": text | None}``, keys
    first."""
    block = _Block(Server(run), owner)
    names = {account["name"] for account in accounts}
    if not accounts and not owned(owner) and block.found and not tunnel_accounts.is_block(block.found):
        return []  # somebody else's file, by the name that ours would have
    files: dict[str, str | None] = {
        tunnel_accounts.key_file(account["name"]): tunnel_accounts.authorized_keys(account) for account in accounts
    }
    files.update({tunnel_accounts.key_file(name): None for name in set(owned(owner)) - names})
    files.update(block.files(tunnel_accounts.block(owner, accounts)))
    changes = []
    for path, after in files.items():
        before = _text(path)
        keys = path.startswith(f"{tunnel_accounts.FOLDER}/")
        found = _keys(os.path.basename(path)) if keys and before is not None else None
        if before != after or (found and (found["mode"], found["owner"]) != ("0644", "root")):
            changes.append({"path": path, "before": before, "after": after})
    return changes


def install(
    owner: str, accounts: list[dict[str, Any]], run: Command, move: Callable[[str, str], None]
) -> list[dict[str, Any]]:
    """Bring keys and configuration up to date and let sshd read it. Return what changed, as :func:`plan` does.

    The whole configuration is tried first, in a copy: sshd must take it, and it must not change what applies to anybody
    else. Raises TunnelError, with the configuration as it was, where either fails. What was there before is kept, for
    :func:`take_back`.

    :param move: puts a file in the place of another in one step, with the owner, mode and context of that.
    """
    changes = plan(owner, accounts, run)
    if not changes:
        _keep(owner, [])
        return []
    server = Server(run)
    configuration = [change for change in changes if not change["path"].startswith(f"{tunnel_accounts.FOLDER}/")]
    if configuration:
        _try(
            server,
            _Block(server, owner).files(tunnel_accounts.block(owner, accounts)),
            {account["name"] for account in accounts},
        )
    _keep(owner, changes if accounts else [])
    _exchange(server, changes, move)
    return changes


def _exchange(server: Server, changes: list[dict[str, Any]], move: Callable[[str, str], None]) -> None:
    """Put each file in its place, and let sshd read its configuration; all of it, or nothing."""
    configuration = any(not change["path"].startswith(f"{tunnel_accounts.FOLDER}/") for change in changes)
    done: list[dict[str, Any]] = []
    try:
        for change in changes:
            done.append(change)
            _put(change["path"], change["after"], move)
        complaint = server.test(server.config) if configuration else ""
    except OSError as error:
        complaint = str(error)
    if complaint:
        for change in reversed(done):
            _put(change["path"], change["before"], move)
        raise TunnelError(f"Nothing was changed, because sshd refuses the result: {complaint}")
    with contextlib.suppress(OSError):
        os.rmdir(tunnel_accounts.FOLDER)  # only an empty one goes
    if configuration:
        server.reload()


def _kept(owner: str) -> str:
    return os.path.join(BEFORE, f"{owner}.json")


def _keep(owner: str, changes: list[dict[str, Any]]) -> None:
    """Remember what a change found; where nothing is wanted, nothing either."""
    path = _kept(owner)
    if not changes:
        with contextlib.suppress(OSError):
            os.unlink(path)
            os.rmdir(BEFORE)
        return
    os.makedirs(BEFORE, mode=0o700, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=BEFORE)
    with open(descriptor, "w", encoding="ascii") as file:
        json.dump(changes, file)
    os.replace(temporary, path)


def take_back(owner: str, new: list[str], run: Command, move: Callable[[str, str], None]) -> None:
    """Undo the last :func:`install` of this owner, and remove the accounts that were made for it."""
    path = _kept(owner)
    said = _text(path)
    if said is not None:
        changes = [
            {"path": each["path"], "before": each["after"], "after": each["before"]}
            for each in reversed(json.loads(said))
        ]
        _exchange(Server(run), changes, move)
        os.unlink(path)
    for name in set(new) & set(owned(owner)):
        cut_off([name])
        code, out, err = run(["userdel", "--force", name])
        if code != 0:
            raise TunnelError(f"'userdel {name}' failed: {' '.join((err or out).split())}")


def explain(
    owner: str, accounts: list[dict[str, Any]], about: str, override: bool, run: Command
) -> dict[str, list[str]]:
    """Say why an account is not let in: what its settings have against it, and what sshd wrote into its log since the
    last change."""
    why = tunnel_accounts.refusals(accounts, read(owner, accounts, run), owner, override)
    why += [f"{path} lets nobody in but root. Remove it." for path in NOLOGIN if os.path.exists(path)]
    try:
        since = os.stat(_kept(owner)).st_mtime
    except FileNotFoundError:
        since = time.time() - RECENT
    return {"why": why, "heard": heard(about, since, run)}


def _try(server: Server, files: dict[str, str | None], ours: set[str]) -> None:
    people = [name for name in _people() if name not in ours]
    before = {name: server.effective(name, server.config)[0] for name in people}
    with Trial(server, files) as trial:
        complaint = trial.test()
        if complaint:
            raise TunnelError(f"Nothing was changed, because sshd refuses the result: {complaint}")
        for name in people:
            after = trial.values(name)
            for keyword in sorted({*before[name], *after}):
                if before[name].get(keyword) != after.get(keyword):
                    raise TunnelError(
                        f"Nothing was changed, because '{keyword}' would become {after.get(keyword)} instead of"
                        f" {before[name].get(keyword)} for the account '{name}'. Look at the end of {server.config}:"
                        " lines below a Match line count for that alone."
                    )


def _people() -> list[str]:
    """root, whoever Ansible came as, and everybody else with a shell."""
    shells = [entry.pw_name for entry in pwd.getpwall() if not entry.pw_shell.endswith(("nologin", "false", "sync"))]
    return list(dict.fromkeys([ANYONE, "root", *filter(None, [os.environ.get("SUDO_USER")]), *shells]))[:PEOPLE]


def _put(path: str, text: str | None, move: Callable[[str, str], None]) -> None:
    """Make ``path`` hold ``text`` in one step, or be gone."""
    if text is None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return
    if path.startswith(f"{tunnel_accounts.FOLDER}/"):
        os.makedirs(tunnel_accounts.FOLDER, mode=0o755, exist_ok=True)
        # sshd reads them as the account itself, so they are open to all; whatever the umask was, only root writes
        # (StrictModes).
        os.chmod(tunnel_accounts.FOLDER, 0o755)  # noqa: S103
        os.chown(tunnel_accounts.FOLDER, 0, 0)
    descriptor, temporary = tempfile.mkstemp(prefix=".remote-notebooks-", dir=os.path.dirname(path))
    os.close(descriptor)
    try:
        _write(temporary, text)
        os.chmod(temporary, 0o644)
        existed = os.path.exists(path)
        move(temporary, path)
        if not existed or path.startswith(f"{tunnel_accounts.FOLDER}/"):
            os.chmod(path, 0o644)
            os.chown(path, 0, 0)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def cut_off(names: list[str]) -> list[int]:
    """End every process of these accounts: the connections they hold open. Return their ids."""
    ended = []
    for name in names:
        try:
            uid = pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
        for entry in glob.glob("/proc/[0-9]*"):
            with contextlib.suppress(OSError):
                if os.stat(entry).st_uid == uid and uid != 0 and is_here(os.path.basename(entry)):
                    os.kill(int(os.path.basename(entry)), signal.SIGKILL)
                    ended.append(int(os.path.basename(entry)))
    return ended
