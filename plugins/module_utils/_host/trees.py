# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove files and folders: as root only those that root alone could have created, else with the rights of the owner.
Runs on hosts."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import stat
import subprocess

from . import other_account, ownership

# There is no AnsibleModule here, and so no run_command().
# pylint: disable=ansible-bad-function

#: How long a tree of an account may take to go, in seconds: notebooks may be millions of files, and the account can
#: stop any process with its rights.
SECONDS = 3600


def replaced(path: str) -> str:
    """Describe the foreign resource that replaced a folder of an earlier run. Empty if it is a folder
    still."""
    if os.path.islink(path):
        return f"it is a link, to {os.readlink(path)}, and that was made by somebody else"
    return "a file system is mounted there" if os.path.ismount(path) else ""


def ours(path: str) -> str:
    return os.path.join(ownership.ours(os.path.dirname(path)), os.path.basename(path))


def remove_tree(path: str) -> None:
    """Remove a resource that only root could have created. Inside, no link is followed
    (shutil.rmtree)."""
    if stat.S_ISDIR(os.lstat(path).st_mode):
        # The seal of an environment goes first: a folder that is half gone must not look whole.
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(path, "remote-notebooks.json"))
        shutil.rmtree(path)
    else:
        os.unlink(path)


def remove_folder(path: str) -> tuple[bool, str]:
    """Remove a folder of ours, whose listed content is removed. Other content belongs to somebody else, and stays."""
    for name in os.listdir(path):
        if ".ansible_tmp" in name:  # of a run that was cut off
            os.unlink(os.path.join(path, name))
    left = sorted(os.listdir(path))
    if not left:
        os.rmdir(path)
        return True, ""
    return False, f"{path} stays, because of what is in it, and was created by no run of ours: {', '.join(left[:5])}."


def remove_empty_folder(path: str, owner: pwd.struct_passwd | None) -> tuple[bool, str]:
    try:
        if owner is None:
            os.rmdir(ours(path))
        else:
            try:
                other_account.call(owner.pw_name, lambda: os.rmdir(path), seconds=ownership.SECONDS)
            except PermissionError:
                _rmdir(path, owner.pw_uid)
    except OSError:
        return False, ""  # others use it, or it is somebody's: in both cases it is not ours to speak of
    return True, ""


def remove_as_owner(path: str, owner: pwd.struct_passwd) -> tuple[bool, str]:
    """Remove a tree with the rights of its owner; the folder itself, where that lies in a folder of root's, as root
    once it is empty."""
    other_account.call(owner.pw_name, lambda: _rm(path), seconds=SECONDS)
    if not os.path.lexists(path):
        return True, ""
    try:
        _rmdir(path, owner.pw_uid)
    except OSError as error:
        return (
            True,
            (
                f"{path} stays, as far as '{owner.pw_name}' cannot remove it: {error.strerror}. Look, and remove it by"
                " hand."
            ),
        )
    return True, ""


def _rm(path: str) -> None:
    """Remove a tree with the rights of this process; how much of it went, is looked at afterwards."""
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    # An account may change the mode of its own folder again. A link at the end would be followed.
    if not os.path.islink(path):
        subprocess.run(
            ["chmod", "--recursive", "--silent", "u+rwX", "--", path],
            check=False,
            env=environment,
            stderr=subprocess.DEVNULL,
        )
    # Below may lie a disk of somebody, or a storage far away.
    subprocess.run(
        ["rm", "--recursive", "--force", "--one-file-system", "--", path],
        check=False,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _rmdir(path: str, uid: int) -> None:
    """Remove an empty folder of an account from a folder of root's."""
    real = ours(path)
    found = os.lstat(real)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid:
        raise PermissionError(1, "it is another account's, or a link")
    os.rmdir(real)
