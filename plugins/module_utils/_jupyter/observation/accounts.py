# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of a host, their homes, and whether they can work in a folder."""

from __future__ import annotations

import contextlib
import glob
import grp
import os
import pwd
from typing import Any, Callable

from ..._host import other_account, ownership
from .paths import SECONDS_OPTIONS

#: Stands in for an account that is not there yet.
NOBODY = "nobody"
#: Of the comment of an account, which may be the account's own to choose (chfn(1)). Ours is shorter.
LONGEST_COMMENT = 200


def account(name: str) -> dict[str, Any] | None:
    """Describe an account, or return None where there is none of that name."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    try:
        group = grp.getgrgid(entry.pw_gid).gr_name
    except KeyError:
        group = str(entry.pw_gid)
    return {
        "uid": entry.pw_uid,
        "group": group,
        "home": entry.pw_dir,
        "home_is": _home_is(entry),
        "comment": entry.pw_gecos[:LONGEST_COMMENT],
        "shares_group": _is_shared(entry),
    }


def _home_is(entry: pwd.struct_passwd) -> str:
    """Tell whether an account can work in its home: ``usable``; ``private``, where root may not enter (root_squash of
    exports(5), FUSE); ``missing`` or ``another's``, which is an administrator's doing; or ``shut``, which may be its
    own."""
    look = other_account.begin(
        lambda: [os.path.isdir(entry.pw_dir), _works(entry.pw_dir)], entry.pw_name, seconds=SECONDS_OPTIONS
    )
    try:
        there, works = look()
        if there and works:
            return "usable" if _enters(entry.pw_dir) else "private"
        # Where the account can change the way to its home, it may have taken it away itself.
        if is_changed_by_others(entry.pw_dir):
            return "shut"
        return (
            "missing"
            if not os.path.lexists(entry.pw_dir)
            else "shut"
            if os.stat(entry.pw_dir).st_uid == entry.pw_uid
            else "another's"
        )
    except OSError:
        return "shut"


def _enters(home: str) -> bool:
    """Tell whether this process may go into a folder."""
    try:
        os.stat(os.path.join(home, "."))
    except PermissionError:
        return False
    except OSError:
        return True  # something else is amiss, and is found where it matters
    return True


def homes(things: list[dict[str, Any]], wanted: list[str]) -> dict[str, dict[str, Any]]:
    """Describe the home of each account that an earlier run created, and that none of ``wanted`` is: it may be about to
    go."""
    found = {}
    for name in [thing["id"].split(" ", 1)[1] for thing in things if thing["kind"] == "account"]:
        with contextlib.suppress(KeyError):
            home = pwd.getpwnam(name).pw_dir
            if name not in wanted:
                from ..._host import homes as host_homes

                notebooks = [
                    thing["path"]
                    for thing in things
                    if thing.get("keep") and thing.get("path", "").startswith(f"{home}/")
                ]
                found[name] = {
                    "path": home,
                    "strangers": host_homes.strangers(name, home, [path[len(home) + 1 :] for path in notebooks]),
                }
    return found


def _is_shared(entry: pwd.struct_passwd) -> bool:
    """Tell whether another account is in the primary group of ``entry``, as far as this host lists them (a directory
    service may list none)."""
    try:
        members = set(grp.getgrgid(entry.pw_gid).gr_mem)
    except KeyError:
        members = set()
    return bool(members - {entry.pw_name}) or any(
        other.pw_gid == entry.pw_gid and other.pw_name != entry.pw_name for other in pwd.getpwall()
    )


def unusable(roots: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the instances whose folder of notebooks is there, and of no use to the account that is to work in it:
    ``unusable``, and ``astray`` where the account itself may have made it so. That must be in nobody else's way.

    :param roots: by instance the account, and its folder, which may begin with ``~``. It may be a link: only the rights
        of the account count.
    """
    begun = []
    for instance, (account_name, folder) in roots.items():
        root = os.path.expanduser(folder)
        try:
            name, uid = account_name, pwd.getpwnam(account_name).pw_uid if account_name else os.geteuid()
        except KeyError:
            # It is created in this run, and will be in no group but its own: it will have the rights of every account.
            name, uid = NOBODY, -1
        if not root.startswith("/"):
            continue  # in the home of an account that is not there yet
        if ownership.is_usable(root, uid) is None and os.path.lexists(root):
            look = other_account.begin(lambda root=root: _works(root), name, seconds=SECONDS_OPTIONS)  # type: ignore[misc]
            begun.append((instance, root, look))
    found: dict[str, list[str]] = {"unusable": [], "astray": []}
    for instance, root, look in begun:
        if not _answered(look):
            found["astray" if os.geteuid() == 0 and is_changed_by_others(root) else "unusable"].append(instance)
    return found


#: The folders for data outside of homes.
DATA = ("/data", "/data/*", "/mnt/*", "/srv", "/srv/*", "/scratch", "/scratch/*", "/media/*", "/media/*/*")
MOST_FOLDERS = 100


def folders(asked: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return by account the folders for data that it can write to, the outermost alone.

    :param asked: by account more folders to try.
    """
    begun = {}
    for name, more in asked.items():
        try:
            who = pwd.getpwnam(name).pw_name
        except KeyError:
            who = NOBODY
        # In a process of its own: a network file system that is gone would let the whole run wait.
        begun[name] = other_account.begin(lambda more=more: _writable(more), who, seconds=SECONDS_OPTIONS)  # type: ignore[misc]
    found: dict[str, list[str]] = {}
    for name, look in begun.items():
        found[name] = []
        with contextlib.suppress(OSError):
            found[name] = look()
    return found


def _writable(more: list[str]) -> list[str]:
    found: list[str] = []
    for path in [*more, *sorted(path for pattern in DATA for path in glob.glob(pattern))]:
        inside = any(path == each or path.startswith(f"{each}/") for each in found)
        if not inside and os.path.isdir(path) and os.access(path, os.W_OK | os.X_OK):
            found.append(path)
    return found[:MOST_FOLDERS]


def loose(wanted: list[str]) -> list[str]:
    """Return the folders, of those that systemd binds into a sandbox, in whose place somebody but root can put a link:
    systemd follows it as root."""
    return [path for path in wanted if is_changed_by_others(path)]


def is_changed_by_others(path: str) -> bool:
    """Tell whether somebody but root can change the target of a path: all but its last name, whose owner is to
    be corrected."""
    try:
        return bool(ownership.way(os.path.dirname(path)).stranger)
    except OSError:
        return True


def _works(root: str) -> bool:
    return not os.path.lexists(root) or (os.path.isdir(root) and os.access(root, os.R_OK | os.W_OK | os.X_OK))


def _answered(look: Callable[[], Any]) -> bool:
    try:
        return bool(look())
    except OSError:
        return False
