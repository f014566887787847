# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and folders of a host, as far as nobody can mislead who reads them."""

from __future__ import annotations

import glob
import grp
import hashlib
import itertools
import json
import os
import pwd
import stat
from typing import Any, Callable

from ..._host import other_account

YEAR_9999 = 253_370_764_800.0
#: The limit for reading a file, in bytes. Ours are some kilobytes. A file of packages' sizes (SEAL) is some megabytes.
LARGEST = 1 << 24
#: The texts of all files together, in bytes of JSON.
MOST_TEXT = 1 << 21
#: Of the target of a link, in characters. Ours are shorter.
LONGEST_TARGET = 1000
SECONDS_OPTIONS = 10
#: Of the entries of a folder no more are counted.
MANY = 1000
#: The state of files that nobody here may look at.
UNKNOWN = {"kind": "other", "mode": "0000", "owner": "", "group": "", "modified": 0.0, "entries": 1}


def expand(names: list[str]) -> list[str]:
    """Return the existing files of ``names``, which may begin with ``~`` and hold wildcards (glob(7))."""
    return [found for name in names for found in glob.glob(_pattern(name))]


def _pattern(name: str) -> str:
    """Return a pattern with the home in it. Characters of the home's name are no wildcards."""
    home, slash, rest = name.partition("/")
    return glob.escape(os.path.expanduser(home)) + slash + rest if home.startswith("~") else name


def path(name: str, text: bool = False) -> dict[str, Any] | None:
    """Describe the resource at ``name``, or return None. ``text`` adds the content of a small text file.

    In a folder of an account it may be another thing at any moment, and the way to it a circle, or a file system that
    shuts root out: that is as good as nothing, and no reason to give up.
    """
    try:
        return _path(name, text)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        if os.geteuid() != 0:
            raise
        return None


def _path(name: str, text: bool) -> dict[str, Any]:
    found = os.lstat(name)
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}
    state: dict[str, Any] = {
        "kind": kinds.get(stat.S_IFMT(found.st_mode), "other"),
        "mode": f"{stat.S_IMODE(found.st_mode):04o}",
        "owner": name_of(pwd.getpwuid, found.st_uid),
        "group": name_of(grp.getgrgid, found.st_gid),
        # The owner of a file may set any time, and some file systems accept times outside of any calendar.
        "modified": max(0.0, min(found.st_mtime, YEAR_9999)),
    }
    if state["kind"] == "link":
        # Where it leads may not be looked into: it is not empty.
        state.update(target=os.readlink(name)[:LONGEST_TARGET], directory=os.path.isdir(name), entries=1)
    elif state["kind"] == "directory":
        state["entries"] = _entries(name)
    elif state["kind"] == "file":
        content = _content(name)
        state["digest"] = "" if content is None else hashlib.sha256(content).hexdigest()
        if text:
            state["text"] = (content or b"").decode("utf-8", "replace")
    return state


def bound_texts(found: dict[str, dict[str, Any] | None]) -> None:
    """Drop the longest texts: an account may put a file of any length in the place of a folder of its own."""
    left = MOST_TEXT
    for state in sorted(filter(None, found.values()), key=lambda state: len(state.get("text", ""))):
        left -= len(json.dumps(state.get("text", "")))
        if left < 0:
            state.pop("text", None)


def shut(probe: dict[str, Any], things: list[dict[str, Any]]) -> dict[str, dict[str, Any] | None]:
    """Describe the relevant files in homes that root may not enter (an NFS server's root_squash), with the rights of
    their accounts.

    A file that the account cannot look at either exists: it must not count as missing.
    """
    if os.geteuid() != 0:
        return {}
    by_account: dict[str, list[str]] = {}
    for account_name, folder in probe["roots"].values():
        names = [folder, *(f"~{account_name}/{trace}" for trace in probe["traces"])]
        by_account.setdefault(account_name, []).extend(
            above for name in names for above in _to(os.path.expanduser(name))
        )
    for thing in things:
        if (
            thing.get("path")
            and thing.get("owner") not in (None, "root")
            and (thing.get("keep") or thing.get("shared"))
        ):
            by_account.setdefault(thing["owner"], []).append(thing["path"])
    begun = []
    for account_name, names in by_account.items():
        hidden = sorted({name for name in names if name.startswith("/") and _is_hidden(name)})
        if hidden:
            begun.append((hidden, _begin_paths(hidden, account_name)))
    found: dict[str, dict[str, Any] | None] = {}
    for hidden, answer in begun:
        try:
            found.update(answer())
        except (OSError, KeyError):  # that account is gone
            found.update({name: dict(UNKNOWN) for name in hidden})
    return found


def _begin_paths(names: list[str], account_name: str) -> Callable[[], Any]:
    try:
        return other_account.begin(lambda: {name: path(name) for name in names}, account_name, seconds=SECONDS_OPTIONS)
    except KeyError:
        return lambda: pwd.getpwnam(account_name)  # says the same once more


def _to(name: str) -> list[str]:
    """Return a path, and the folders above it."""
    return [name, *(["/" + "/".join(name.split("/")[1:count]) for count in range(2, len(name.split("/")))])]


def _is_hidden(name: str) -> bool:
    try:
        os.lstat(name)
        if os.path.isdir(name):
            os.stat(f"{name}/.")
    except PermissionError:
        return True
    except OSError:
        pass
    return False


def _entries(name: str) -> int:
    """Count the content of a folder, up to :data:`MANY`. A folder without access is not empty: it belongs to
    somebody."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return 1
    try:
        with os.scandir(descriptor) as entries:
            return sum(1 for _entry in itertools.islice(entries, MANY))
    finally:
        os.close(descriptor)


def _content(name: str) -> bytes | None:
    """Return the content of a file of ours. None for a resource that cannot be one, and differs in any case."""
    try:
        return other_account.content(name, LARGEST, follow=False)
    except PermissionError:
        raise
    except OSError:
        return None


def name_of(lookup: Callable[[int], Any], number: int) -> str:
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)


def printable(text: str) -> str:
    """Return a text that its process chose, without characters that control a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text.strip())


def aside(patterns: list[str], things: list[dict[str, Any]]) -> list[str]:
    """Return the existing files that runs have moved aside, under their new name, and of their old names in the
    manifest."""
    listed = [thing[key] for thing in things if thing["kind"] in ("shadow", "stranger") for key in ("origin", "backup")]
    return sorted({*expand(patterns), *filter(os.path.lexists, listed)})
