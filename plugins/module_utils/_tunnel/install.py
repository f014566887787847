# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install keys and configuration of tunnel accounts on a host: tried first, all or nothing, undone where asked.

Runs on the host, as root. :mod:`difference` decides; :mod:`_tunnel.sshd` asks sshd.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import pwd
import signal
import tempfile
import time
from typing import Any, Callable

from .._errors import TunnelError
from .._host.processes import is_here
from . import accounts as tunnel_accounts
from . import refusals as tunnel_refusals
from . import server_config
from .host import ANYONE, Block, keys_of, owned, read
from .sshd import Command, Server, heard
from .sshd import text as _text
from .sshd import write as _write
from .trial import Trial

#: Of so many people's accounts at most is it seen that a change leaves their settings alone.
PEOPLE = 30
#: The state before the last change, until its accounts have logged in. Gone with the next start of the host.
BEFORE = "/run/remote-notebooks-tunnel"
#: Where one of these is, pam_nologin(8) and sshd(8) refuse everybody but root.
NOLOGIN = ("/etc/nologin", "/run/nologin", "/var/run/nologin")
#: Where no change is known, so many seconds of the log are read.
RECENT = 60


def plan(owner: str, accounts: list[dict[str, Any]], run: Command) -> list[dict[str, Any]]:
    """List the files that :func:`install` would change: ``{"path", "before": text | None, "after": text | None}``, keys
    first."""
    block = Block(Server(run), owner)
    names = {account["name"] for account in accounts}
    if not accounts and not owned(owner) and block.found and not server_config.is_block(block.found):
        return []  # somebody else's file, by the name that ours would have
    files: dict[str, str | None] = {
        tunnel_accounts.key_file(account["name"]): server_config.authorized_keys(account) for account in accounts
    }
    files.update({tunnel_accounts.key_file(name): None for name in set(owned(owner)) - names})
    files.update(block.files(server_config.block(owner, accounts)))
    changes = []
    for path, after in files.items():
        before = _text(path)
        keys = path.startswith(f"{tunnel_accounts.FOLDER}/")
        found = keys_of(os.path.basename(path)) if keys and before is not None else None
        if before != after or (found and (found["mode"], found["owner"]) != ("0644", "root")):
            changes.append({"path": path, "before": before, "after": after})
    return changes


def install(
    owner: str, accounts: list[dict[str, Any]], run: Command, move: Callable[[str, str], None]
) -> list[dict[str, Any]]:
    """Bring keys and configuration up to date and let sshd read it. Return the changes, as :func:`plan` does.

    The whole configuration is tried first, in a copy: sshd must take it, and it must not change the settings of any
    account else. Raises TunnelError, with the configuration as it was, if either fails. The former files are kept, for
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
            Block(server, owner).files(server_config.block(owner, accounts)),
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
    """Store the state before a change. If nothing is wanted, remove it."""
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
    """Undo the last :func:`install` of this owner, and remove the accounts that were created for it."""
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
    """Return why an account is not let in: the settings that block it, and the messages of sshd in its log since the
    last change."""
    why = tunnel_refusals.refusals(accounts, read(owner, accounts, run), owner, override)
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
    """root, the account of Ansible, and everybody else with a shell."""
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
        # sshd reads them as the account itself, so they are open to all. With any umask, only root writes
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
