# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of notebooks as one archive, and back. Runs on hosts, as the account whose notebooks they are, and on the
control node.

An archive comes from a host, and a host may put anything into it. So only this much passes, here and there: regular
files and folders, of nobody in particular, with the plain bits of their mode, and links that lead to another place
within, up to a limit. All omitted files are listed.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import itertools
import os
import posixpath
import stat
import struct
import tarfile
import zlib
from typing import Any, Iterator

from .._errors import BackupError

#: Each name counts for so many bytes, its size in an archive.
BLOCK = 512
#: The number of omitted files that are listed.
NAMED = 20
#: Modification times beyond these, in seconds since the epoch, are none.
LATEST = 1 << 33


class _Bounded(io.RawIOBase):
    """A stream that ends with an error where an archive unpacks to more than it may."""

    def __init__(self, stream: Any, left: int) -> None:
        super().__init__()
        self._stream, self._left = stream, left

    def read(self, size: int = -1) -> bytes:
        part = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(part)
        if self._left < 0:
            raise BackupError("it unpacks to more than that")
        return bytes(part)


class Archive:
    """Files, folders and links by their relative names, and the omitted ones."""

    def __init__(self) -> None:
        self.made: dict[str, tarfile.TarInfo] = {}
        self.contents: dict[str, bytes] = {}
        self.left_out: list[str] = []

    def leave_out(self, name: str, why: str) -> None:
        self.left_out.append(f"{printable(name)} ({why})")

    def add(self, name: str, kind: bytes, mode: int, mtime: float, what: bytes = b"") -> None:
        """Add one, unless its name leads elsewhere. ``what`` is the content of a file, or the target of a link."""
        target, content = (os.fsdecode(what), b"") if kind == tarfile.SYMTYPE else ("", what)
        plain = _inside(name)
        if plain is None:
            self.leave_out(name, "not a name within the folder")
        elif plain in self.made or any(
            self.made[above].type != tarfile.DIRTYPE for above in _above(plain) if above in self.made
        ):
            self.leave_out(name, "another one has that name")
        elif kind == tarfile.SYMTYPE and not _leads_within(plain, target):
            self.leave_out(name, "a link that leads elsewhere")
        else:
            entry = tarfile.TarInfo(plain)
            entry.type, entry.mode, entry.linkname, entry.size = kind, mode & 0o777, target, len(content)
            entry.mtime = int(mtime) if 0 <= mtime < LATEST else 0
            self.made[plain], self.contents[plain] = entry, content

    def data(self) -> bytes:
        """Return the archive; the same bytes for the same notebooks."""
        packed = io.BytesIO()
        stream = gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, filename="")
        with stream, tarfile.open(fileobj=stream, mode="w|", format=tarfile.GNU_FORMAT) as tar:
            for name in sorted(self.made):
                tar.addfile(self.made[name], io.BytesIO(self.contents[name]))
        return packed.getvalue()


def printable(text: str) -> str:
    """Return a name that others chose, without characters that control a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text[:200])


def _inside(name: str) -> str | None:
    """Return a name in its plain form, or None for one that leads out of the folder, or is no name at all."""
    plain = posixpath.normpath(name)
    if name.startswith("/") or "\0" in name or plain in (".", "..") or ".." in name.split("/") or len(plain) > 4000:
        return None
    return None if any(len(part) > 255 for part in plain.split("/")) else plain


def _above(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:number]) for number in range(1, len(parts))]


def _leads_within(name: str, target: str) -> bool:
    if not target or target.startswith("/") or "\0" in target or len(target) > 4000:
        return False
    leads = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    return leads != ".." and not leads.startswith("../")


def collect(root: str, limit: int) -> Archive:
    """Read a folder, with the rights of this process.

    :param limit: in bytes, of all that is in it.
    :raises BackupError: where there is more. :raises OSError: where the folder itself cannot be read.
    """
    archive, found, size = Archive(), [], 0
    for name, entry in _walk(root, archive, limit // BLOCK + 1):
        found.append((name, entry))
        size += BLOCK + (max(entry.st_size, 0) if stat.S_ISREG(entry.st_mode) else 0)
        if size > limit:  # of a folder with millions of files no more is remembered than may pass
            raise BackupError(f"holds {size / 1e6:.1f} MB or more")
    left = limit
    for name, entry in found:
        path = os.path.join(root, name)
        try:
            if stat.S_ISDIR(entry.st_mode):
                archive.add(name, tarfile.DIRTYPE, entry.st_mode, entry.st_mtime)
            elif stat.S_ISLNK(entry.st_mode):
                archive.add(name, tarfile.SYMTYPE, 0o777, entry.st_mtime, os.fsencode(os.readlink(path)))
            elif stat.S_ISREG(entry.st_mode):
                content = _content(path, left)
                left -= len(content)
                archive.add(name, tarfile.REGTYPE, entry.st_mode, entry.st_mtime, content)
            else:
                archive.leave_out(name, "neither a file nor a folder")
        except OSError as error:
            archive.leave_out(name, error.strerror or "it cannot be read")
    return archive


def _walk(root: str, archive: Archive, most: int) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the relative name and the state of everything below a folder. No link is followed, but ``root`` may be one.

    :param most: of one folder no more names are read.
    """
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(os.path.join(root, folder)) as entries:
                names = sorted(entry.name for entry in itertools.islice(entries, most))
        except OSError as error:
            if not folder:
                raise
            archive.leave_out(f"{folder}/", error.strerror or "it cannot be read")
            continue
        for name in (os.path.join(folder, each) for each in names):
            try:
                state = os.lstat(os.path.join(root, name))
            except OSError:
                continue  # gone by now
            yield name, state
            if stat.S_ISDIR(state.st_mode):
                waiting.append(name)


def _content(path: str, limit: int) -> bytes:
    from .._host import other_account

    return other_account.content(path, limit, follow=False)


def parse(data: bytes, limit: int) -> Archive:
    """Read an archive of unknown origin. Return the accepted parts.

    :raises BackupError: where it is none, or unpacks to more than ``limit`` bytes.
    """
    archive, length = Archive(), 0
    try:
        # Names count as well: a header may claim one of any length.
        stream = _Bounded(gzip.GzipFile(fileobj=io.BytesIO(data)), 2 * limit + (1 << 20))
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                length += BLOCK + max(member.size, 0)
                if length > limit:
                    raise BackupError("it unpacks to more than that")
                _take(archive, tar, member)
    except (
        tarfile.TarError,
        EOFError,
        zlib.error,
        OSError,
        ValueError,
        LookupError,
        OverflowError,
        RecursionError,
        struct.error,
    ) as error:
        raise BackupError(f"it is damaged, or no archive of notebooks ({type(error).__name__})") from error
    return archive


def _take(archive: Archive, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    name, before = member.name, posixpath.normpath(member.linkname)
    if all(part in ("", ".") for part in name.split("/")):
        return  # the folder itself
    if member.isdir():
        archive.add(name, tarfile.DIRTYPE, member.mode | 0o700, member.mtime)
    elif member.issym():
        archive.add(name, tarfile.SYMTYPE, 0o777, member.mtime, os.fsencode(member.linkname))
    elif member.isreg() and not member.issparse():
        source = tar.extractfile(member)
        archive.add(name, tarfile.REGTYPE, member.mode, member.mtime, source.read() if source else b"")
    elif member.islnk() and before in archive.made and archive.made[before].type == tarfile.REGTYPE:
        archive.add(name, tarfile.REGTYPE, archive.made[before].mode, member.mtime, archive.contents[before])
    else:
        archive.leave_out(name, "neither a file nor a folder")


def clean(text: str, limit: int) -> tuple[bytes, list[str]]:
    """Return the accepted parts of an archive in base64, and the omitted files.

    :raises BackupError: as :func:`parse`.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BackupError("it is damaged, or no archive of notebooks (base64)") from error
    archive = parse(data, limit)
    return archive.data(), archive.left_out


def write(root: str, archive: Archive) -> None:
    """Create the content of an archive in a folder, with the rights of this process. No existing file is
    replaced."""
    kinds = {
        kind: [name for name in sorted(archive.made) if archive.made[name].type == kind]
        for kind in (tarfile.DIRTYPE, tarfile.REGTYPE)
    }
    for name in kinds[tarfile.DIRTYPE]:
        os.makedirs(os.path.join(root, name), 0o700, exist_ok=True)
    for name in kinds[tarfile.REGTYPE]:
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(archive.contents[name])
            file.flush()
            os.fchmod(file.fileno(), archive.made[name].mode)
            os.utime(file.fileno(), (archive.made[name].mtime, archive.made[name].mtime))
    # Last, so that nothing is written through one; and modes of folders after all that goes into them.
    for name in sorted(set(archive.made) - {each for names in kinds.values() for each in names}):
        os.makedirs(os.path.dirname(os.path.join(root, name)), 0o700, exist_ok=True)
        os.symlink(archive.made[name].linkname, os.path.join(root, name))
    for name in reversed(kinds[tarfile.DIRTYPE]):
        os.chmod(os.path.join(root, name), archive.made[name].mode)


def named(left_out: list[str]) -> list[str]:
    """Return the first omitted files, and the number of the others."""
    more = len(left_out) - NAMED
    return [*left_out[:NAMED], *([f"{more} more"] if more > 0 else [])]
