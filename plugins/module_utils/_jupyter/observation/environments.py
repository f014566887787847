# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments of a host, compared with their seals."""

from __future__ import annotations

import itertools
import json
import os
from typing import Any, Callable

from ..._host import other_account

#: The seal of an environment: its packages, and every file with its size.
SEAL = "remote-notebooks.json"
LARGEST_SEAL = 1 << 26


def environment(folder: str) -> dict[str, Any]:
    """Compare an environment with its seal.

    :returns: ``{"sealed": bool, "missing": [relative path, ...] (ten at most), "built": seconds since the epoch,
        "before": path or None}``;
        ``before`` is the environment whose place it took.
    """
    return environments([folder])()[folder]


def environments(folders: list[str]) -> Callable[[], dict[str, dict[str, Any]]]:
    """Begin to compare each environment with its seal (:func:`environment`). Return a function that waits for the
    answer.

    Reading the sizes of thousands of files is most of the work of a host: other processes do it, one a core,
    while this one goes on.
    """
    found: dict[str, dict[str, Any]] = {}
    files: list[tuple[str, str, int]] = []
    for folder in folders:
        try:
            seal = json.loads(other_account.content(os.path.join(folder, SEAL), LARGEST_SEAL))
            files += [(folder, name, size) for name, size in seal["files"].items()]
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            found[folder] = {"sealed": False, "missing": []}
            continue
        found[folder] = {"sealed": True, "missing": [], "built": seal.get("built"), "before": seal.get("before")}
    share = len(files) // min(4, len(os.sched_getaffinity(0))) + 1
    parts = [files[first : first + share] for first in range(0, len(files), share)]
    answers = [other_account.begin(lambda part=part: _differing(part)) for part in parts]  # type: ignore[misc]

    def answer() -> dict[str, dict[str, Any]]:
        for folder, name in itertools.chain.from_iterable(each() for each in answers):
            found[folder]["missing"] = [*found[folder]["missing"], name][:10]
        return found

    return answer


def _differing(files: list[tuple[str, str, int]]) -> list[tuple[str, str]]:
    """Return folder and name of each file that is gone, or has another size."""
    differ = []
    for folder, part in itertools.groupby(files, lambda file: file[0]):
        top = os.open(folder, os.O_RDONLY)  # the kernel need not walk down to it for each name below it
        try:
            for _folder, name, size in part:
                try:
                    if os.stat(name, dir_fd=top).st_size == size:
                        continue
                except OSError:
                    pass
                differ.append((folder, name))
        finally:
            os.close(top)
    return differ
