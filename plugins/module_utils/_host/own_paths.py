# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths of keys, where root works by name only if nobody else can lead it elsewhere. Runs on the host."""

from __future__ import annotations

import errno
import os
import stat
from typing import Any

from . import ownership


def settle(certificates: list[dict[str, Any]], strangers: list[str], check_mode: bool) -> str:
    """Resolve the links of each ``path``, in place. Return the refusal of one that another account can change, that
    leads elsewhere, or that has no folder. Empty if there is none.

    :param strangers: names of certificates that were never issued. A file at their path is set aside as it is.
    :param check_mode: whether a folder may be missing, because a task before this one would create it.
    """
    for certificate in certificates:
        name, path = certificate["name"], certificate["path"]
        try:
            certificate["path"] = real = _resolved(path)
        except OSError as error:
            return (
                f"{name}: {path} cannot hold a key: {error.strerror}. Nothing was changed. Choose a folder that only"
                " root can change, and give the file its owner, group and mode there."
            )
        if not os.path.isdir(os.path.dirname(real)) and not check_mode:
            return f"{name}: the folder of {path} does not exist. Make it before the key."
        for each in (f"{real}.key", *([] if name in strangers else [real])):
            if os.path.lexists(each) and not stat.S_ISREG(os.lstat(each).st_mode):
                return f"{name}: {each} is no regular file. Nothing was changed. Look, and move it away."
    return ""


def _resolved(path: str) -> str:
    """Return a path without links in its folder. Raises OSError where somebody else can change names there."""
    folder = ownership.ours(os.path.dirname(os.path.abspath(path)))
    # In a sticky folder others cannot change names of ours. But the file may be given to one of them.
    if os.geteuid() == 0 and os.path.isdir(folder):
        mode = os.stat(folder).st_mode
        if mode & stat.S_ISVTX and mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(errno.EPERM, f"other accounts may add names to {folder}", path)
    return os.path.join(folder, os.path.basename(path))
