# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the lock files: for every supported Python and platform, with hashes, and without the address of any package index.

Versions stay unless pyproject.toml rules them out; ``--upgrade`` (make lock ARGS=--upgrade) takes the newest of everything.
"""

from __future__ import annotations

import subprocess
import sys

from tools.environment import BENCH_LOCKS, LOCKS, ROOT, VENV, installer_environment

COMMAND = [
    *(str(VENV / "bin" / "uv"), "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"),
    *("--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock"),
]
#: What each lock is made of.
SOURCES = {
    "runtime": ["pyproject.toml"],
    "dev": ["pyproject.toml", "--group", "dev"],
    "bench": ["--group", "bench"],
}


def main() -> None:
    for kind, lock in {**LOCKS, "bench": BENCH_LOCKS["venv"]}.items():
        subprocess.run([*COMMAND, *SOURCES[kind], *sys.argv[1:], "--output-file", lock], check=True, cwd=ROOT, env=installer_environment())
        if "://" in (ROOT / lock).read_text():
            sys.exit(f"{lock} names an address: a lock must fit every package index")
        print(f"{lock}: written")


if __name__ == "__main__":
    main()
