# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of hubs and of their servers on the control node, beside the passwords: ``<host>/<instance>.hub.json`` and
``<host>/<instance>.hubs.json``, each as the host gets it."""

from __future__ import annotations

import glob
import json
import os
from typing import Any

from ...module_utils._errors import FilesError
from .. import _files
from .pairs import Entry, Hubs, digests

HUB, SERVER = ".hub.json", ".hubs.json"
KEYS = ("name", "host", "instance", "url", "ca", "pinned", "key")


def has_files(folder: str) -> bool:
    """Tell whether a host is a hub, or has keys of one, by an earlier run."""
    return any(name.endswith((HUB, SERVER)) for name in (os.listdir(folder) if os.path.isdir(folder) else ()))


def read(directory: str) -> Hubs:
    """Return the entries of all hubs.

    :raises FilesError: for a file that this collection did not write.
    """
    found: Hubs = {}
    for path in sorted(glob.glob(os.path.join(glob.escape(directory), "*", f"*{HUB}"))):
        host, name = os.path.basename(os.path.dirname(path)), os.path.basename(path).removesuffix(HUB)
        try:
            found[host, name] = [_entry(each) for each in json.loads(_files.read(path, follow=False) or b"")]
        except (ValueError, LookupError, TypeError) as error:
            raise FilesError(
                f"{path}: it is no list of kernels of other hosts ({error}). Remove it: the next run writes it again,"
                " with new keys."
            ) from error
    return found


def _entry(given: Any) -> Entry:
    return {key: str(given[key]) for key in KEYS}


def write(directory: str, hubs: Hubs) -> bool:
    """Bring the files up to date, and remove those of hubs and servers that are none any more. Return whether anything
    changed."""
    wanted = {_path(directory, place, HUB): _text(entries) for place, entries in hubs.items()}
    wanted.update({_path(directory, place, SERVER): _text(keys) for place, keys in digests(hubs).items()})
    changed = False
    for path, text in wanted.items():
        changed |= _files.private_directory(os.path.dirname(path))
        changed |= _files.write(path, text, 0o600)
    for ending in (HUB, SERVER):
        for path in glob.glob(os.path.join(glob.escape(directory), "*", f"*{ending}")):
            if path not in wanted:
                changed |= _files.remove(path)
    return changed


def differs(directory: str, hubs: Hubs) -> bool:
    """Tell whether :func:`write` would change anything."""
    return read(directory) != hubs


def files(directory: str | None, host: str) -> dict[str, dict[str, str]]:
    """Return the files of one host, by instance: ``hub`` and ``hubs``, each empty where there is none."""
    folder, found = os.path.join(directory or "", host), dict[str, dict[str, str]]()
    for name in sorted(os.listdir(folder)) if directory and os.path.isdir(folder) else ():
        for kind, ending in (("hub", HUB), ("hubs", SERVER)):
            if name.endswith(ending):
                empty = {"hub": "", "hubs": ""}
                found.setdefault(name.removesuffix(ending), empty)[kind] = os.path.join(folder, name)
    return found


def _path(directory: str, place: tuple[str, str], ending: str) -> str:
    return os.path.join(directory, place[0], f"{place[1]}{ending}")


def _text(content: Any) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()
