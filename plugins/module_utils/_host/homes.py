# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign files in the home of an account that a run created. Runs on the host, changes nothing."""

from __future__ import annotations

import os
import pwd
import stat
from typing import Iterator

from . import other_account

#: The files that servers and kernels write there by themselves
#: (https://docs.jupyter.org/en/latest/use/jupyter-directories.html), and caches, which anybody who reads them can do
#: without (XDG Base Directory Specification; that of npm, https://docs.npmjs.com/cli/configuring-npm/folders#cache,
#: which JupyterLab's language servers are looked for with where the host has it). A folder stands for all that is in
#: it.
OURS = (
    ".cache",
    ".ipython/README",
    ".ipython/extensions",
    ".ipython/nbextensions",
    *(
        f".ipython/profile_default/{name}"
        for name in (
            "db",
            "history.sqlite",
            "history.sqlite-journal",
            "history.sqlite-shm",
            "history.sqlite-wal",
            "log",
            "pid",
            "security",
        )
    ),
    ".ipython/profile_default/startup/README",
    ".jupyter/lab",
    ".jupyter/migrated",
    ".local/share/jupyter/nbsignatures.db",
    ".local/share/jupyter/nbsignatures.db-journal",
    ".local/share/jupyter/notebook_secret",
    ".local/share/jupyter/runtime",
    ".npm",
)
#: The files that useradd(8) copies into a new home.
SKELETON = "/etc/skel"
#: So many are named, and of so many entries the rest is taken for somebody's.
NAMED, MOST = 3, 20_000
SECONDS = 30


def strangers(account: str, home: str, ours: list[str]) -> list[str]:
    """Return the files in a home that come from no run, no server and no useradd(8), as paths below it: :data:`NAMED`
    at most.

    :param account: whose home it is, and with whose rights it is looked into.
    :param ours: folders of notebooks, as paths below it, which have a rule of their own.
    """
    try:
        found, uid = os.lstat(home), pwd.getpwnam(account).pw_uid
    except (OSError, KeyError):
        return []
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid:
        return []  # a link, or another account's: it is not the home that was created, and stays in any case
    try:
        return [str(name) for name in other_account.call(account, lambda: _look(home, {*OURS, *ours}), seconds=SECONDS)]
    except OSError as error:
        return [f"(it cannot be looked into: {error.strerror})"]


def _look(home: str, ours: set[str]) -> list[str]:
    found: list[str] = []
    for count, name in enumerate(_below(home, "", ours)):
        if name:
            found.append(name)
        if len(found) == NAMED or count >= MOST:
            return found or ["(more than can be looked through)"]
    return found


def _below(home: str, folder: str, ours: set[str]) -> Iterator[str]:
    """Yield each stranger, and an empty text for each other entry."""
    for name in sorted(os.listdir(os.path.join(home, folder))):
        path = os.path.join(folder, name)
        kind = stat.S_IFMT(os.lstat(os.path.join(home, path)).st_mode)
        if kind == stat.S_IFLNK or not (path in ours or kind == stat.S_IFDIR):
            yield "" if _is_skeleton(home, path) else path
        elif path in ours:
            yield ""
        else:
            yield ""  # a folder by itself holds nothing
            yield from _below(home, path, ours)


def _is_skeleton(home: str, path: str) -> bool:
    """Tell whether a file is still as useradd(8) copied it."""
    mine, model = os.path.join(home, path), os.path.join(SKELETON, path)
    try:
        if os.path.islink(mine):
            return os.path.islink(model) and os.readlink(mine) == os.readlink(model)
        return not os.path.islink(model) and other_account.content(
            mine, 1 << 20, follow=False
        ) == other_account.content(model, 1 << 20, follow=False)
    except OSError:
        return False
