# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a folder of the control node is closed to other accounts. Reads, and writes nothing."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Iterator

from ..module_utils._errors import FilesError


@contextlib.contextmanager
def closed_to_others() -> Iterator[None]:
    """Only this account can write to files created meanwhile, with any umask."""
    before = os.umask(0o077)
    os.umask(before | 0o022)
    try:
        yield
    finally:
        os.umask(before)


def require_safe_place(path: str) -> None:
    """Refuse a place for secrets where another account could swap a folder on the way to it.

    Every folder above ``path`` that exists must belong to root or to us, and be closed to others for writing, or sticky
    as /tmp is (then only the owner of an entry may rename it); ``path`` itself must be ours. Raises FilesError with the
    command that mends it.
    """
    path = os.path.abspath(path)
    *above, last = _way(path)
    trusted = {0, os.geteuid(), caller()}
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        found = os.lstat(last)
        if found.st_uid != os.geteuid():
            raise FilesError(belongs(path, found.st_uid))
    for folder in reversed(above):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            require_closed(folder, path, trusted)


def require_closed_place(path: str) -> None:
    """Refuse a folder to read from that another account could change, or swap. It may be root's, or that of the account
    that called sudo. Raises FilesError with the command that mends it."""
    trusted = {0, os.geteuid(), caller()}
    for folder in reversed(_way(os.path.abspath(path))):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            require_closed(folder, path, trusted)


def require_closed(folder: str, path: str, trusted: set[int]) -> None:
    """Refuse a folder, or a link, on the way to ``path`` that an account besides ``trusted`` could swap, or swap
    something in."""
    found = os.lstat(folder)
    if stat.S_ISLNK(found.st_mode):
        # In any other folder a link is its owner's no longer: only who may write to the folder may replace it.
        if found.st_uid not in trusted and os.stat(os.path.dirname(folder)).st_mode & stat.S_ISVTX:
            raise FilesError(
                f"{folder} is a link of {_account(found.st_uid)}, who could lead {path} elsewhere. Keep it elsewhere,"
                " without that link."
            )
        return
    if found.st_uid not in trusted:
        raise FilesError(
            f"{folder} belongs to {_account(found.st_uid)}, who could swap {path} for another one. Keep it elsewhere,"
            " or run as that account."
        )
    if found.st_mode & stat.S_ISVTX:
        return
    if _is_open_to_a_group(folder, found):
        raise FilesError(
            f"The group of {folder}, or an access list, may write there, so others could swap {path} for their own."
            f" Run: chmod g-w {folder}"
        )
    if found.st_mode & stat.S_IWOTH:
        raise FilesError(
            f"Everybody may write to {folder}, so anybody could swap {path} for their own. Run: chmod o-w {folder}"
        )


def _way(path: str) -> list[str]:
    """Return every folder and every link on the way from / to an absolute path. A link is followed by the parts of
    last."""
    way, here, links = ["/"], "/", 0
    names = path.split("/")[::-1]
    while names:
        name = names.pop()
        if name == "..":
            if way[-1] == here != "/":  # its content does not matter
                way.pop()
            here = os.path.dirname(here)
        if name in ("", ".", ".."):
            continue
        way.append(os.path.join(here, name))
        try:
            target = os.readlink(way[-1])
        except OSError:  # no link
            here = way[-1]
            continue
        links += 1
        if links > 40:  # as many as Linux follows (path_resolution(7))
            raise FilesError(f"{path} leads round in a circle: {way[-1]} is a link. Remove it.")
        here = "/" if target.startswith("/") else here
        names += target.split("/")[::-1]
    return way


def belongs(path: str, uid: int) -> str:
    return (
        f"{path} belongs to another account ({_account(uid)}), who can read and change what is kept there. Move it"
        " away, or run as its owner."
    )


def _account(uid: int) -> str:
    try:
        return f"{pwd.getpwuid(uid).pw_name}, uid {uid}"
    except KeyError:
        return f"uid {uid}"


def caller() -> int:
    """Who became root by sudo is root already, so a folder of theirs is no danger to root. Else: us."""
    text = os.environ.get("SUDO_UID", "") if os.geteuid() == 0 else ""
    return int(text) if text.isascii() and text.isdigit() else os.geteuid()


def _is_open_to_a_group(folder: str, found: os.stat_result) -> bool:
    """Tell whether others may write to a folder by its group, or by an access list (acl(5)), whose bound the group's
    bits then are."""
    return bool(found.st_mode & stat.S_IWGRP) and (is_shared(found.st_gid) or has_access_list(folder))


def has_access_list(folder: str) -> bool:
    try:
        return bool(os.getxattr(folder, "system.posix_acl_access"))
    except (OSError, AttributeError):  # none there, or no such thing on this system
        return False


def is_shared(gid: int) -> bool:
    """Tell whether a group has anybody in it but us and root. Where each account has a group of its own, a umask of 002
    is usual."""
    us = {"root", _name(os.geteuid()), _name(caller())}
    try:
        members = set(grp.getgrgid(gid).gr_mem)
    except KeyError:
        members = set()
    return bool(members - us) or any(entry.pw_gid == gid and entry.pw_name not in us for entry in pwd.getpwall())


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""
