# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One encrypted archive of the records of a control node for its hosts, with notebooks if requested, and the way
back.

The form is that of :mod:`archive`, which two tools of every Unix open as well. In it lie the folders by their names
(``credentials/``, ``pki/``, ...), and ``notebooks/<host>/<instance>.tar.gz``.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
from typing import Dict, Tuple

from ...module_utils._errors import BackupError, PkiError
from ...module_utils._jupyter import notebooks as jupyter_notebooks
from .. import _file_sets, _files, _safe_place
from .._pki import archive

#: Path inside the archive to content and mode.
Files = Dict[str, Tuple[bytes, int]]

#: Names in each folder the archive that it came from: a restore that was cut off goes on, although the main job has
#: worked in the folder since.
MARK = ".restored"
NOTEBOOKS = "notebooks/"
SUFFIX = ".tar.gz"
#: The limit for the notebooks of one server, in bytes.
LIMIT = 100_000_000


def backup(
    destination: str,
    passphrase: str,
    folders: dict[str, str],
    notebooks: dict[str, str],
    *,
    check_mode: bool,
    limit: int = LIMIT,
) -> dict[str, object]:
    """Create the archive unless ``destination`` already holds exactly that.

    :param folders: name in the archive to folder on this machine; one that does not exist is left out.
    :param notebooks: ``<host>/<instance>`` to the archive of its notebooks, ``tar -cz`` in base64. Its content comes
        from a host: only files that :mod:`notebooks` accepts are saved.
    :param limit: the limit for the notebooks of one server, in bytes.
    :raises BackupError: FilesError: where nothing could be saved; the old archive is then untouched.
    """
    _require(destination, passphrase)
    existing = {name: os.path.realpath(path) for name, path in folders.items() if os.path.isdir(path)}
    for path in existing.values():
        if os.path.realpath(destination).startswith(path + os.sep):
            raise BackupError(
                f"backup_file {destination} lies inside {path}: it would be lost with it. Give a path elsewhere."
            )
    if not existing:
        raise BackupError(
            f"There is nothing to back up: none of {', '.join(folders.values())} exists. Run the site playbook first."
        )
    files: Files = {}
    with contextlib.ExitStack() as locks:
        for name, path in existing.items():
            if not check_mode:
                locks.enter_context(_files.lock(path))
            files.update({f"{name}/{inner}": content for inner, content in archive.collect(path).items()})
    left_out: list[str] = []
    for name, content in notebooks.items():
        data, left = _clean(name, content, limit)
        files[f"{NOTEBOOKS}{name}{SUFFIX}"] = (data, 0o600)
        left_out += left
    before = _files.read(destination)
    changed = before is None or _opened_or_none(before, passphrase) != files
    if changed and not check_mode:
        _files.write(destination, archive.seal(files, passphrase), 0o600)
    return {"changed": changed, "file": destination, "files": len(files), "left_out": left_out}


def _clean(name: str, content: str, limit: int) -> tuple[bytes, list[str]]:
    """Return the accepted notebooks of a server, and the omitted files."""
    try:
        data, left_out = jupyter_notebooks.clean(content, limit)
    except BackupError as error:
        raise BackupError(
            f"The notebooks of {jupyter_notebooks.printable(name)} cannot be taken, at most {limit // 1_000_000} MB"
            f" (backup_limit): {error}."
        ) from error
    return data, [f"{jupyter_notebooks.printable(name)}: {each}" for each in jupyter_notebooks.named(left_out)]


def restore(
    source: str, passphrase: str, folders: dict[str, str], *, check_mode: bool, limit: int = LIMIT
) -> dict[str, object]:
    """Bring the folders of an archive back, each to a place that holds nothing else, and return its notebooks, as
    ``backup`` takes them today.

    :raises BackupError: FilesError: then nothing was changed.
    """
    _require(source, passphrase)
    data = _files.read(source)
    if data is None:
        raise BackupError(f"backup_file {source} does not exist. Give the path of the archive on the control node.")
    files = _open(data, passphrase, source)
    notebooks, left_out = {}, []
    for path, (content, _mode) in files.items():
        if path.startswith(NOTEBOOKS) and path.endswith(SUFFIX):
            name = path[len(NOTEBOOKS) : -len(SUFFIX)]
            # An archive of earlier days holds all files that the host had put into it.
            clean, left = _clean(name, base64.b64encode(content).decode(), limit)
            notebooks[name] = base64.b64encode(clean).decode()
            left_out += left
    mark = f"{hashlib.sha256(data).hexdigest()}\n".encode()
    wanted: dict[str, Files] = {}
    for name, path in folders.items():
        inner = {inside[len(name) + 1 :]: content for inside, content in files.items() if inside.startswith(f"{name}/")}
        _safe_place.require_safe_place(path)
        existing = archive.collect(path) if os.path.isdir(path) else {}
        same = _contents(existing) == _contents(inner)
        if existing and not same and _files.read(os.path.join(path, MARK)) != mark:
            raise BackupError(
                f"{path} already holds {len(existing)} files that are not those of {source}. Move it away, then"
                " restore."
            )
        if inner and not existing:
            wanted[path] = inner
    if not check_mode:
        for path, inner in wanted.items():
            _files.directory(path)
            with _files.lock(path):
                _files.private_directory(path)
                _files.write(os.path.join(path, MARK), mark, 0o600)
                # An authority's certificate last: without it the folder counts as empty, should this be cut off.
                ordered = sorted(inner, key=lambda name: (name.endswith(".cert.pem"), name))
                _file_sets.write_all([(os.path.join(path, name), *inner[name]) for name in ordered], path)
    return {
        "changed": bool(wanted),
        "folders": sorted(wanted),
        "files": len(files),
        "notebooks": notebooks,
        "left_out": left_out,
    }


def _contents(files: Files) -> dict[str, bytes]:
    """Return the files without their modes: a copy may have lost these, and is no other's for it."""
    return {name: content for name, (content, _mode) in files.items()}


def _require(file: str, passphrase: str) -> None:
    if not file:
        raise BackupError(
            "backup_file: no archive is named. Give its path on the control node, for example -e"
            " backup_file=/media/stick/notebooks.backup"
        )
    if len(passphrase) < archive.SHORTEST_PASSPHRASE:
        raise BackupError(
            f"backup_passphrase has {len(passphrase)} characters. Give at least {archive.SHORTEST_PASSPHRASE}."
        )


def _open(data: bytes, passphrase: str, source: str) -> Files:
    try:
        return archive.unseal(data, passphrase, source)
    except (PkiError, binascii.Error):
        raise BackupError(
            f"backup_passphrase does not open {source}, or it is no archive of playbooks/backup.yml, or damaged. "
            "Give the passphrase it was made with, or an older archive."
        ) from None


def _opened_or_none(data: bytes, passphrase: str) -> Files | None:
    try:
        return _open(data, passphrase, "")
    except BackupError:
        return None
