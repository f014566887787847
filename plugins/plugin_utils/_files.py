# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control node's disk: the only place that writes to it.

A reader never sees half a file: the content is written beside the target, flushed to the disk and renamed over it
(rename(2) is atomic on one file system). Two runs on one folder exclude each other by flock(2).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from typing import IO

from ..module_utils._errors import FilesError
from ._safe_place import _is_open_to_a_group, belongs, closed_to_others, require_safe_place

#: Makes git ignore a folder of secrets, with any ignore file of the user's own.
GITIGNORE = b"# Secrets and state of one control node: never commit them.\n*\n"
#: The folder for removed files, below the folder in which they were.
REMOVED = "removed"
#: How the name of a file that is not yet complete begins.
TEMPORARY = ".new-"


def private_directory(path: str) -> bool:
    """Create the folder ``path``, mode 0700, that git ignores. Return whether anything changed.

    Raises FilesError for a symbolic link or another kind of file at ``path``, for a place where another account could
    swap it (:func:`require_safe_place`), or where the disk refuses.
    """
    require_safe_place(path)
    changed = directory(path)
    return write(os.path.join(path, ".gitignore"), GITIGNORE, 0o600) or changed


def directory(path: str) -> bool:
    """Create the folder ``path``, mode 0700, its parents as the umask has them, but closed to others. Return whether
    anything changed.

    Raises FilesError for a symbolic link or another kind of file at ``path``, for a folder of another account, for one
    that others could put something into, or where the disk refuses.
    """
    try:
        try:
            with closed_to_others():
                os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            os.mkdir(path, 0o700)
            return True
        except FileExistsError:
            found = os.lstat(path)
            if not stat.S_ISDIR(found.st_mode):
                raise FilesError(
                    f"{path} is not a folder. Move it away: secrets are kept there, and a link could lead them"
                    " elsewhere."
                ) from None
            if found.st_uid != os.geteuid():
                raise FilesError(belongs(path, found.st_uid)) from None
            if found.st_mode & stat.S_IWOTH or _is_open_to_a_group(path, found):
                raise FilesError(
                    f"Others may write to {path}, so what lies there may be theirs. Look at it, then run: chmod 700"
                    f" {path}"
                ) from None
            if stat.S_IMODE(found.st_mode) == 0o700:
                return False
            os.chmod(path, 0o700)
            return True
    except OSError as error:
        raise FilesError(f"Cannot make the private folder {path}: {error.strerror}.") from error


def read(path: str, follow: bool = True) -> bytes | None:
    """Return the content of ``path``, or None where there is no such file. ``follow`` false: a symbolic link is
    refused."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
        with os.fdopen(descriptor, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise FilesError(f"{path} is a symbolic link. Move it away and run again.") from None
        raise FilesError(f"Cannot read {path}: {error.strerror}.") from error


def write(path: str, data: bytes, mode: int) -> bool:
    """Give ``path`` this content and mode in one step. Return whether anything changed.

    Raises FilesError where ``path`` is not a regular file (a planted link is never followed), or the disk refuses;
    the old file is then untouched.
    """
    try:
        require_regular(path)
        with contextlib.suppress(FileNotFoundError):
            found = os.lstat(path)
            if read(path) == data:
                if stat.S_IMODE(found.st_mode) == mode:
                    return False
                os.chmod(path, mode)
                return True
        replace(path, data, mode)
    except OSError as error:
        raise FilesError(f"Cannot write {path}: {error.strerror}. The file there is unchanged.") from error
    return True


def sweep(folder: str) -> None:
    """Remove the temporary files of a killed run. Only the holder of the folder's lock may do this: no other run is
    writing then."""
    for where, _folders, names in os.walk(folder):
        for name in names:
            if name.startswith(TEMPORARY):
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(where, name))


def make_folders(folder: str, within: str) -> None:
    """Create ``folder`` and its missing parents up to ``within``. Refuse a link on that way."""
    if folder != within and folder.startswith(within.rstrip(os.sep) + os.sep):
        make_folders(os.path.dirname(folder), within)
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            raise FilesError(
                f"{folder} is not a folder. Move it away: secrets are kept there, and a link could lead them elsewhere."
            )
    except FileNotFoundError:
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            # Another thread was faster
            make_folders(folder, within)
        except OSError as error:
            raise FilesError(f"Cannot make the folder {folder}: {error.strerror}.") from error
    except OSError as error:
        raise FilesError(f"Cannot use the folder {folder}: {error.strerror}.") from error


def require_regular(path: str) -> None:
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise FilesError(f"{path} is not a regular file. Move it away and run again.")
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:  # a name that no file can have
        raise FilesError(f"Cannot write {path[:300]!r}: {getattr(error, 'strerror', None) or error}.") from error


def remove(path: str) -> bool:
    """Remove the file ``path``. Return whether there was one."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise FilesError(f"Cannot remove {path}: {error.strerror}.") from error
    return True


def set_aside(paths: Iterable[str], within: str) -> list[str]:
    """Move those of the files ``paths`` that are there to a folder of this moment below ``within``, mode 0700. Return
    where they lie now.

    Files that somebody may want back - a password, a key - are removed in no other way:
    ``within/removed/2026-11-30T064500Z/<path below within>``.
    """
    there = [path for path in paths if os.path.lexists(path)]
    if not there:
        return []
    name = time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime())
    moved = []
    for path in there:
        target = os.path.join(within, REMOVED, name, os.path.relpath(path, within))
        for folder in _folders(os.path.dirname(target), within):
            directory(folder)
        while os.path.lexists(target):  # twice in one second
            target += ".again"
        try:
            os.rename(path, target)
            if not os.path.islink(target):
                os.chmod(target, 0o600)
        except OSError as error:
            raise FilesError(f"Cannot move {path} to {target}: {error.strerror}.") from error
        sync_folder(os.path.dirname(target))
        sync_folder(os.path.dirname(path))
        moved.append(target)
    return moved


def _folders(path: str, within: str) -> list[str]:
    """Return the folders from ``within`` to ``path``, the outermost first."""
    names = os.path.relpath(path, within).split("/")
    return [os.path.join(within, *names[: count + 1]) for count in range(len(names))]


def remove_empty(folder: str) -> None:
    """Remove ``folder`` if nothing is in it but its lock."""
    with contextlib.suppress(OSError):
        if not set(os.listdir(folder)) - {".lock"}:
            remove(os.path.join(folder, ".lock"))
            os.rmdir(folder)


def replace(path: str, data: bytes, mode: int) -> None:
    temporary = stage(path, data, mode)
    try:
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    sync_folder(os.path.dirname(path) or ".")


def stage(path: str, data: bytes, mode: int) -> str:
    """Bring the content to the disk beside ``path`` under a temporary name, and return that."""
    descriptor, temporary = tempfile.mkstemp(prefix=TEMPORARY, dir=os.path.dirname(path) or ".")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    return temporary


@contextlib.contextmanager
def replacing(path: str, mode: int) -> Iterator[IO[bytes]]:
    """Yield a file for content too large to hold in memory. It becomes ``path`` in one step when it is whole, or never.

    Raises FilesError, as `write` does.
    """
    require_regular(path)
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=TEMPORARY, dir=os.path.dirname(path) or ".")
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
        sync_folder(os.path.dirname(path) or ".")
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise FilesError(f"Cannot write {path}: {error.strerror}. The file there is unchanged.") from error
        raise


@contextlib.contextmanager
def scratch(folder: str) -> Iterator[str]:
    """Yield an empty folder inside ``folder`` for another program to write into. Only the holder of the folder's lock
    may."""
    path = os.path.join(folder, f"{TEMPORARY}folder")
    shutil.rmtree(path, ignore_errors=True)  # a killed run's
    try:
        os.mkdir(path, 0o700)
    except OSError as error:
        raise FilesError(f"Cannot make the folder {path}: {error.strerror}.") from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def lock(folder: str, seconds: float = 60.0) -> Iterator[None]:
    """Hold ``folder`` alone among the runs on this machine; wait at most ``seconds`` for another one to end."""
    path = os.path.join(folder, ".lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FilesError(f"Cannot lock {folder}: {error.strerror}.") from error
    try:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise FilesError(f"Cannot lock {folder}: {error.strerror}.") from error
                if time.monotonic() > deadline:
                    raise FilesError(
                        f"Another run has held {folder} for {seconds:.0f} s. Let it end, then run again."
                    ) from None
                time.sleep(0.1)
        yield
    finally:
        os.close(descriptor)
