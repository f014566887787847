# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The step of each build, from the worker of a host to the screen: small files in Ansible's private folder of the run.

The folder exists while a screen is drawn. Without it, no worker asks its host. A host chooses the text: a known step
and two numbers are read from it, and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from typing import NamedTuple

from ansible import constants as C

#: The steps of module_utils/_jupyter/build_progress.py: the words without counts, and with them.
STEPS = {
    "wait": ("wait for another run", ""),
    "python": ("install Python", ""),
    "fetch": ("download uv", ""),
    "resolve": ("resolve packages", ""),
    "download": ("download packages", "packages downloaded"),
    "install": ("install packages", "packages installed"),
    "compile": ("compile packages", "files compiled"),
    "try": ("start a kernel", ""),
}
#: A larger number of packages or files is no answer of ours.
MOST = 1_000_000
#: Bytes of an answer.
LENGTH = 200
CELLS = 8


class Count(NamedTuple):
    """A step of a build, and how much of it is done."""

    step: str
    done: int = 0
    of: int = 0


def parse(text: bytes) -> Count | None:
    """Read the answer of a host, or a file of :func:`tell`. None for anything else."""
    try:
        said = json.loads(text) if len(text) <= LENGTH else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("step") not in list(STEPS):
        return None
    done, of = said.get("done"), said.get("of")
    if isinstance(done, bool) or isinstance(of, bool):  # to Python, these are numbers
        return None
    if not isinstance(done, int) or not isinstance(of, int) or not 0 <= done <= of <= MOST:
        return None
    return Count(said["step"], done, of)


def texts(work: str, count: Count) -> list[str]:
    """Return the texts about a step, the longest first."""
    alone, counted = STEPS[count.step]
    if not (counted and count.of):
        return [f"{work}: {alone}", alone]
    short = f"{count.done} of {count.of} {counted.split()[-1]}"
    full = CELLS * count.done // count.of
    drawn = "█" * full + "─" * (CELLS - full)
    said = f"{drawn} {count.done} of {count.of} {counted}"
    return [f"{work}  {said}", said, f"{drawn} {short}", short]


def _folder() -> str:
    return os.path.join(C.DEFAULT_LOCAL_TMP, "remote-notebooks-builds")


def _path(host: str) -> str:
    return os.path.join(_folder(), hashlib.sha256(host.encode("utf-8", "surrogateescape")).hexdigest())


def open_folder() -> None:
    with contextlib.suppress(OSError):
        os.mkdir(_folder(), 0o700)


def is_open() -> bool:
    return os.path.isdir(_folder())


def tell(host: str, count: Count) -> None:
    """Store the step of a host's build."""
    path = _path(host)
    with contextlib.suppress(OSError):
        with open(f"{path}.new", "w", encoding="ascii") as file:
            json.dump(count._asdict(), file)
        os.rename(f"{path}.new", path)


def forget(host: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(_path(host))


def read(hosts: list[str]) -> dict[str, Count]:
    """Return the steps of these hosts' builds."""
    try:
        names = {name for name in os.listdir(_folder()) if re.fullmatch(r"[0-9a-f]{64}", name)}
    except OSError:
        return {}
    found: dict[str, Count] = {}
    for host in hosts if names else ():
        path = _path(host)
        if os.path.basename(path) in names:
            with contextlib.suppress(OSError), open(path, "rb") as file:
                count = parse(file.read(LENGTH + 1))
                if count:
                    found[host] = count
    return found
