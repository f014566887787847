# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compress the pages of an environment and prepare its seal: ``seal_environment.py FOLDER BEFORE PACKAGE ...``; BEFORE
is the one whose place it takes, or the empty text.

Writes FOLDER/remote-notebooks.json.new: the requirements, the version of each package, the time, the replaced
environment, and every file with its size. Anybody who has tried the environment takes the ``.new`` away. Without a seal
an environment was never finished; one that no longer matches it was damaged. Either is built anew. Run it with the
environment's own Python.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import sysconfig
import time

SEAL = "remote-notebooks.json"


def files(folder: str) -> dict[str, int]:
    """Map each file below ``folder`` to its size; compiled bytecode, which Python may write again, is left out."""
    found = {}
    for path, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            full = os.path.join(path, name)
            if not name.startswith(SEAL) and os.path.exists(full):
                found[os.path.relpath(full, folder)] = os.stat(full).st_size
    return found


def versions() -> dict[str, str]:
    """Map each package of this environment, and of no place beside it, to its version."""
    place = sysconfig.get_path("purelib")
    return {found.metadata["Name"]: found.version for found in importlib.metadata.distributions(path=[place])}


def main() -> None:
    folder, before, packages = sys.argv[1], sys.argv[2], sys.argv[3:]
    sys.dont_write_bytecode = True  # root runs this: no list would know the bytecode of the module beside it
    import light_pages

    light_pages.copy_all(folder)
    content = {
        "packages": packages,
        "versions": versions(),
        "built": time.time(),
        "before": before,
        "files": files(folder),
    }
    with open(os.path.join(folder, SEAL + ".new"), "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    main()
