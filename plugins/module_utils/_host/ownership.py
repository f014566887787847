# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In whose hands a path is. Runs on the host.

An account that may write into a folder decides where its names lead, and may do so between any two steps of ours. So
root works by name only where every folder on the way can be changed by root alone: there it may, for nobody can put a
link in its way. Below anything else the account works itself (:mod:`other_account`). Without root there is nothing to
tell apart.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat

from . import other_account

#: How long an account may take, in seconds. The account can stop any process with its rights.
SECONDS = 30

#: As many links as the kernel follows (path_resolution(7)).
LINKS = 40


class Way:
    """How far a path leads through folders that root alone can change."""

    def __init__(self, real: str, rest: list[str], stranger: str) -> None:
        #: The last such folder, links resolved.
        self.real = real
        #: The names below it that are missing, or somebody else's.
        self.rest = rest
        #: Why it ends there, for a person. Empty if it leads to the end, or to a missing name.
        self.stranger = stranger


def way(path: str) -> Way:
    """Follow an absolute path as far as it is in root's hands. Raises OSError where a name on it is no folder."""
    descriptor, real, rest, links = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), "/", _names(path), 0
    try:
        stranger = _stranger(descriptor, real)
        while rest and not stranger:
            try:
                found = os.stat(rest[0], dir_fd=descriptor, follow_symlinks=False)
            except FileNotFoundError:
                break
            except PermissionError:  # a file system of FUSE, or of a server that takes root for nobody
                return Way(real, rest, f"root may not look at {os.path.join(real, rest[0])}")
            below = os.path.join(real, rest[0])
            if found.st_uid != 0:
                return Way(real, rest, f"{below} belongs to {_account(found.st_uid)}")
            if stat.S_ISLNK(found.st_mode):
                links += 1
                if links > LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                target = os.readlink(rest[0], dir_fd=descriptor)
                rest = [*_names(target), *rest[1:]]
                if target.startswith("/"):
                    os.close(descriptor)
                    descriptor, real = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), "/"
                continue
            inner = os.open(rest.pop(0), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
            os.close(descriptor)
            descriptor, real = inner, os.path.normpath(below)
            stranger = _stranger(descriptor, real)
        return Way(real, rest, stranger)
    finally:
        os.close(descriptor)


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]


def _stranger(descriptor: int, path: str) -> str:
    """Return the accounts, besides root, that may change the content of a folder. Empty if there are none."""
    found = os.fstat(descriptor)
    if found.st_uid != 0:
        return f"{path} belongs to {_account(found.st_uid)}"
    if found.st_mode & stat.S_ISVTX:
        return ""  # others may add names there. They cannot change ours, and the added ones are theirs
    if found.st_mode & stat.S_IWOTH:
        return f"every account may write into {path}"
    if found.st_mode & stat.S_IWGRP and (_has_list(descriptor) or _has_members(found.st_gid)):
        return f"other accounts may write into {path}"
    return ""


def _account(uid: int) -> str:
    try:
        return f"'{pwd.getpwuid(uid).pw_name}'"
    except KeyError:
        return f"account {uid}"


def _has_list(descriptor: int) -> bool:
    """Tell whether a folder has an access control list (acl(5)): the mode of its group is then that of all who are
    named in it."""
    try:
        return bool(os.getxattr(descriptor, "system.posix_acl_access"))
    except OSError:
        return False


def _has_members(gid: int) -> bool:
    try:
        named = set(grp.getgrgid(gid).gr_mem) - {"root"}
    except KeyError:
        named = set()
    return bool(named) or any(entry.pw_gid == gid and entry.pw_uid != 0 for entry in pwd.getpwall())


def absolute(path: str) -> str:
    """Return a path that may begin with somebody's home (``~``, ``~ann``)."""
    return os.path.expanduser(path)


def ours(path: str) -> str:
    """Return a path of ours with its links resolved. Missing names at its end stay as they are.

    :raises OSError: where root would work in a folder that somebody else can change.
    """
    if os.geteuid() != 0:
        return os.path.realpath(path)
    found = way(path)
    if found.stranger:
        raise PermissionError(
            errno.EPERM, f"{found.stranger}, and root does not work where others can put links in its way", path
        )
    return os.path.join(found.real, *found.rest)


def is_usable(path: str, uid: int) -> bool | None:
    """Tell whether an account can work in a folder, by owner and mode alone; None where only the account itself can
    tell."""
    try:
        found = os.lstat(path)
        usable = stat.S_ISDIR(found.st_mode) and found.st_uid == uid and found.st_mode & stat.S_IRWXU == stat.S_IRWXU
        while usable and path != "/":
            path = os.path.dirname(path)
            found = os.lstat(path)
            usable = stat.S_ISDIR(found.st_mode) and bool(
                found.st_mode & (stat.S_IXUSR if found.st_uid == uid else stat.S_IXOTH)
            )
    except OSError:
        return None
    return True if usable else None


def make_folder(path: str, uid: int, gid: int, mode: int) -> None:
    """Create a folder for an account in a place where root alone decides. Missing parents become root's.

    :raises OSError: where something is there, or somebody else could put it there.
    """
    real = ours(path)
    os.makedirs(os.path.dirname(real), 0o755, exist_ok=True)
    os.mkdir(real, 0o700)
    descriptor = os.open(real, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, mode)
        os.fchown(descriptor, uid, gid)
    finally:
        os.close(descriptor)


def rename(path: str, new: str, account: str) -> None:
    """Rename a file within its folder, unless the new name is taken.

    :param account: whose the folder is, and who renames; empty for the one we are. Then the folder is taken as it is
        found without a link in its home, and has to be root's own: others may have changed its name, but nobody
        its content.
    :raises OSError: where that cannot be done.
    """
    if account and os.geteuid() == 0:
        other_account.call(account, lambda: _rename(path, new), seconds=SECONDS)
        return
    folder = os.path.dirname(path)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        stranger = _stranger(descriptor, folder) if os.geteuid() == 0 else ""
        if stranger:
            raise PermissionError(errno.EPERM, f"{stranger}, and root renames nothing there", path)
        _rename(os.path.basename(path), os.path.basename(new), descriptor)
    finally:
        os.close(descriptor)


def _rename(path: str, new: str, descriptor: int | None = None) -> None:
    try:
        os.stat(new, dir_fd=descriptor, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(path, new, src_dir_fd=descriptor, dst_dir_fd=descriptor)
        return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)
