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
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator

from ._errors import FilesError

#: Keeps git from ever picking up a folder of secrets, whatever the user's own ignore file says.
GITIGNORE = b"# Secrets and state of one control node: never commit them.\n*\n"


def private_directory(path: str) -> bool:
    """Make ``path`` a folder of mode 0700 that git ignores. Return whether anything changed.

    Raises FilesError for a symbolic link or another kind of file at ``path``, or where the disk refuses.
    """
    changed = directory(path)
    return write(os.path.join(path, ".gitignore"), GITIGNORE, 0o600) or changed


def directory(path: str) -> bool:
    """Make ``path`` a folder of mode 0700, its parents as the umask has them. Return whether anything changed.

    Raises FilesError for a symbolic link or another kind of file at ``path``, or where the disk refuses.
    """
    try:
        try:
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            os.mkdir(path, 0o700)
            return True
        except FileExistsError:
            found = os.lstat(path)
            if not stat.S_ISDIR(found.st_mode):
                raise FilesError(f"{path} is not a folder. Move it away: secrets are kept there, and a link could lead them elsewhere.") from None
            if stat.S_IMODE(found.st_mode) == 0o700:
                return False
            os.chmod(path, 0o700)
            return True
    except OSError as error:
        raise FilesError(f"Cannot make the private folder {path}: {error.strerror}.") from error


def require_safe_place(path: str) -> None:
    """Refuse a place for secrets where another account could swap a folder on the way to it.

    Every folder above ``path`` that exists must be closed to others for writing, or sticky as /tmp is (then only the owner
    of an entry may rename it); ``path`` itself must be ours. Raises FilesError with the command that mends it.
    """
    path = os.path.abspath(path)
    folder = path
    while True:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found = os.stat(folder)
            if folder == path and found.st_uid != os.geteuid():
                raise FilesError(f"{path} belongs to another account (uid {found.st_uid}). Move it away, or run as its owner.")
            if folder != path and found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
                raise FilesError(f"Everybody may write to {folder}, so anybody could swap {path} for their own. Run: chmod o-w {folder}")
        if folder == os.path.dirname(folder):
            return
        folder = os.path.dirname(folder)


def read(path: str) -> bytes | None:
    """Return the content of ``path``, or None where there is no such file."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FilesError(f"Cannot read {path}: {error.strerror}.") from error


def write(path: str, data: bytes, mode: int) -> bool:
    """Give ``path`` this content and mode in one step. Return whether anything changed.

    Raises FilesError where ``path`` is not a regular file (a planted link is never followed), or the disk refuses;
    the old file is then untouched.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            found = os.lstat(path)
            if not stat.S_ISREG(found.st_mode):
                raise FilesError(f"{path} is not a regular file. Move it away and run again.")
            if read(path) == data:
                if stat.S_IMODE(found.st_mode) == mode:
                    return False
                os.chmod(path, mode)
                return True
        _replace(path, data, mode)
    except OSError as error:
        raise FilesError(f"Cannot write {path}: {error.strerror}. The file there is unchanged.") from error
    return True


def write_all(files: Iterable[tuple[str, bytes, int]]) -> None:
    """Write many files (path, content, mode), each as `write` does. All contents reach the disk before the first name changes."""
    for path, data, mode in files:
        directory(os.path.dirname(path))
        write(path, data, mode)


def remove(path: str) -> bool:
    """Remove the file ``path``. Return whether there was one."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise FilesError(f"Cannot remove {path}: {error.strerror}.") from error
    return True


def _replace(path: str, data: bytes, mode: int) -> None:
    folder = os.path.dirname(path) or "."
    descriptor, temporary = tempfile.mkstemp(prefix=".new-", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    folder_descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(folder_descriptor)
    finally:
        os.close(folder_descriptor)


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
                    raise FilesError(f"Another run has held {folder} for {seconds:.0f} s. Let it end, then run again.") from None
                time.sleep(0.1)
        yield
    finally:
        os.close(descriptor)
