# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An encrypted archive of `pki_dir`, and the way back.

The form is that of two tools every Unix has, so that the archive opens without this collection::

    openssl enc -d -aes-256-cbc -pbkdf2 -iter 600000 -md sha256 -in pki.backup -pass file:secret | tar -xz
    sha256sum -c SHA256SUMS

``enc`` does not notice a changed file, so the list of digests inside does: it is generated and checked here, too.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import secrets
import tarfile
import zlib
from typing import Any

from ...module_utils._errors import PkiError
from .. import _file_sets, _files, _safe_place

try:
    from cryptography.hazmat.primitives import padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
except ImportError:  # pragma: no cover - reported by _x509.CRYPTOGRAPHY_ERROR
    pass

#: OWASP's figure for PBKDF2 with SHA-256 (Password Storage Cheat Sheet)
ROUNDS = 600_000
MANIFEST = "SHA256SUMS"
SHORTEST_PASSPHRASE = 8
_MAGIC = b"Salted__"
#: Files that need no backup
_LEFT_OUT = (".lock", ".gitignore", ".restored")


def backup(directory: str, destination: str, passphrase: str, check_mode: bool) -> dict[str, object]:
    """Create the archive of ``directory`` unless ``destination`` already holds exactly that. Raises PkiError or
    FilesError."""
    _require_passphrase(passphrase)
    certificate = os.path.join(directory, "ca", "certs", "ca.cert.pem")
    if os.path.realpath(destination).startswith(os.path.realpath(directory) + os.sep):
        raise PkiError(
            f"pki_backup_file {destination} lies inside {directory}: it would be lost with it. Give a path elsewhere."
        )
    if not os.path.isdir(directory):
        raise PkiError(
            f"{directory} does not exist, so there is nothing to back up. Give the pki_dir of your authority."
        )
    if check_mode:
        files = collect(directory)
    else:
        with _files.lock(directory):
            _files.sweep(directory)
            files = collect(directory)
    advice = []
    if certificate not in (os.path.join(directory, name) for name in files):
        advice.append(f"{certificate} is not there: an authority that lies elsewhere needs a backup of its own.")
    before = _files.read(destination)
    changed = before is None or _opened_or_none(before, passphrase) != files
    if changed and not check_mode:
        _files.write(destination, seal(files, passphrase), 0o600)
    return {"changed": changed, "file": destination, "files": len(files), "advice": advice}


def restore(source: str, directory: str, passphrase: str, check_mode: bool) -> dict[str, object]:
    """Bring an archive back to ``directory``, which must not hold anything else. Raises PkiError or FilesError; then
    nothing was changed."""
    data = _files.read(source)
    if data is None:
        raise PkiError(f"pki_backup_file {source} does not exist. Give the path of the archive on the control node.")
    files = unseal(data, passphrase, source)
    _safe_place.require_safe_place(directory)
    existing = collect(directory) if os.path.isdir(directory) else {}
    changed = existing != files
    if changed and existing:
        raise PkiError(
            f"{directory} already holds {len(existing)} files that are not those of {source}. Move it away, then"
            " restore."
        )
    if changed and not check_mode:
        _files.directory(directory)
        with _files.lock(directory):
            _files.private_directory(directory)
            # The authority's certificate last: without it the folder counts as empty, should this be cut off
            ordered = sorted(files, key=lambda name: (name.endswith(".cert.pem"), name))
            _file_sets.write_all([(os.path.join(directory, name), *files[name]) for name in ordered], directory)
    return {"changed": changed, "directory": directory, "files": len(files)}


def _require_passphrase(passphrase: str) -> None:
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise PkiError(f"pki_backup_passphrase has {len(passphrase)} characters. Give at least {SHORTEST_PASSPHRASE}.")


def collect(directory: str) -> dict[str, tuple[bytes, int]]:
    """Read every file below ``directory``: relative path to (content, mode)."""
    found: dict[str, tuple[bytes, int]] = {}
    for where, _folders, names in os.walk(directory):
        for name in names:
            path = os.path.join(where, name)
            if name in _LEFT_OUT or name.startswith(_files.TEMPORARY):
                continue
            data = _files.read(path, follow=False)
            if data is not None:
                found[os.path.relpath(path, directory)] = (data, _mode(os.stat(path).st_mode))
    return found


def seal(files: dict[str, tuple[bytes, int]], passphrase: str) -> bytes:
    """Pack and encrypt."""
    manifest = _manifest(files)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, (data, mode) in [(MANIFEST, (manifest.encode(), 0o600)), *sorted(files.items())]:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), mode
            archive.addfile(member, io.BytesIO(data))
    salt = secrets.token_bytes(8)
    padder = padding.PKCS7(128).padder()
    encryptor = _cipher(passphrase, salt).encryptor()
    return _MAGIC + salt + encryptor.update(padder.update(buffer.getvalue()) + padder.finalize()) + encryptor.finalize()


def unseal(data: bytes, passphrase: str, source: str) -> dict[str, tuple[bytes, int]]:
    """Decrypt and unpack in memory, and check every digest. Raises PkiError that names ``source``."""
    if not data.startswith(_MAGIC):
        raise PkiError(f"{source} is no archive of this kind. Give a file that pki_backup has written.")
    salt, body = data[8:16], data[16:]
    decryptor, unpadder = _cipher(passphrase, salt).decryptor(), padding.PKCS7(128).unpadder()
    try:
        plain = unpadder.update(decryptor.update(body) + decryptor.finalize()) + unpadder.finalize()
        files = _unpacked(plain)
        manifest = files.pop(MANIFEST)[0].decode()
        if manifest != _manifest(files):
            raise ValueError
    except _TooLargeError:
        raise PkiError(
            f"{source} unpacks to more than {_most(data) // 1_000_000} MB, and that is no archive of ours. Give a file"
            " that a backup has written."
        ) from None
    except (ValueError, KeyError, EOFError, OSError, tarfile.TarError, zlib.error, gzip.BadGzipFile):
        raise PkiError(
            f"pki_backup_passphrase does not open {source}, or the file is damaged. Give the one it was made with, or"
            " an older archive."
        ) from None
    return files


class _TooLargeError(Exception):
    """It unpacks to more than anything that was packed by :func:`seal`."""


class _Limited(io.RawIOBase):
    """Return the content of a compressed stream, up to a limit of its ratio."""

    def __init__(self, stream: Any, most: int) -> None:
        self._stream, self._left = stream, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise _TooLargeError
        buffer[: len(data)] = data
        return len(data)


def _most(data: bytes) -> int:
    """Notebooks come compressed, and certificates shrink to a half: twenty times is beyond both."""
    return 64_000_000 + 20 * len(data)


def _unpacked(plain: bytes) -> dict[str, tuple[bytes, int]]:
    """Return the regular files of a packed archive. Raises ValueError for content that :func:`seal` never packs."""
    files: dict[str, tuple[bytes, int]] = {}
    limited = _Limited(gzip.GzipFile(fileobj=io.BytesIO(plain)), _most(plain))
    with tarfile.open(fileobj=limited, mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() and member.size <= _most(plain) else None
            if content is None or not _is_below(member.name) or member.name in files:
                raise ValueError
            files[member.name] = (content.read(), _mode(member.mode))
        while limited.read(1 << 16):  # tarfile stops before the end, where gzip has its checksum
            pass
    folders = {parent for name in files for parent in _above(name)}
    if folders & set(files):
        raise ValueError
    return files


def _mode(mode: int) -> int:
    """The mode of a stored file. Its creator decides whether it is secret. Write access of others, and execution, are
    never granted."""
    return mode & 0o644 | 0o400


def _above(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:place]) for place in range(1, len(parts))]


def _manifest(files: dict[str, tuple[bytes, int]]) -> str:
    """The digests, in the form that sha256sum(1) writes and checks."""
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, (data, _mode) in sorted(files.items()))


def _opened_or_none(data: bytes, passphrase: str) -> dict[str, tuple[bytes, int]] | None:
    try:
        return unseal(data, passphrase, "")
    except PkiError:
        return None


def _is_below(name: str) -> bool:
    """Tell whether a name of the archive is a path below the folder it goes to, as every file system takes it."""
    parts = name.split("/")
    fits = len(name.encode("utf-8", "surrogateescape")) < 1000 and all(
        0 < len(part.encode("utf-8", "surrogateescape")) < 256 for part in parts
    )
    return fits and name.isprintable() and not {".", ".."} & set(parts)


def _cipher(passphrase: str, salt: bytes) -> Cipher[modes.CBC]:
    """Key and initialization vector as ``openssl enc -pbkdf2`` derives them."""
    material = hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, ROUNDS, 48)
    return Cipher(algorithms.AES(material[:32]), modes.CBC(material[32:]))
