# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many files of the control node, written together: all of them are staged before the first is renamed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from typing import Any

from ..module_utils._errors import FilesError
from ._files import make_folders, require_regular, stage, sync_folder


def write_all(files: Iterable[tuple[str, bytes, int]], within: str) -> None:
    """Write many files (path, content, mode) below the folder ``within``, all or none.

    First every content is brought to the disk under a temporary name, then the names change one after another in the
    order given, then the folders are brought to the disk. A full disk or a closed folder shows before any name has
    changed; a run that is killed has written the first so many files of the order, each whole. Missing folders are
    made, mode 0700.

    Raises FilesError, as `write` does.
    """
    files = list(files)
    for path, _data, _mode in files:
        require_regular(path)
    folders = list(dict.fromkeys(os.path.dirname(path) for path, _data, _mode in files))
    staged: list[str] = []
    path = within
    from concurrent.futures import ThreadPoolExecutor

    # mkdir(2) and fsync(2) wait for the disk and let other threads run: several at once share one commit of its
    # journal.
    with ThreadPoolExecutor(_WRITERS) as pool:
        try:
            for error in pool.map(lambda part: _make_all_folders(part, within), _parts(folders)):
                if error:
                    raise error
            errors = []
            for part, error in pool.map(_stage_all, _parts(files)):
                staged += part
                errors += [error] if error else []
            if errors:
                raise errors[0]
            for temporary, (path, _data, _mode) in zip(tuple(staged), files):
                os.rename(temporary, path)
                staged.pop(0)
            list(pool.map(_sync_all_folders, _parts(folders)))
        except OSError as error:
            raise FilesError(
                f"Cannot write {path}: {error.strerror}. Run again: what was written is complete."
            ) from error
        finally:
            for temporary in staged:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)


#: Threads that write at the same time. A slice of the list for each: handing over single files costs more than writing
#: them.
_WRITERS = 8


def _parts(items: list[Any]) -> list[list[Any]]:
    size = -(-len(items) // _WRITERS) or 1
    return [items[start : start + size] for start in range(0, len(items), size)]


def _make_all_folders(folders: list[str], within: str) -> FilesError | None:
    try:
        for folder in folders:
            make_folders(folder, within)
    except FilesError as error:
        return error
    return None


def _stage_all(files: list[tuple[str, bytes, int]]) -> tuple[list[str], FilesError | None]:
    """Stage each file. Return the temporary names, and the error that stopped it."""
    staged = []
    for path, data, mode in files:
        try:
            staged.append(stage(path, data, mode))
        except OSError as error:
            return staged, FilesError(f"Cannot write {path}: {error.strerror}. Nothing was changed.")
    return staged, None


def _sync_all_folders(folders: list[str]) -> None:
    for folder in folders:
        sync_folder(folder)
