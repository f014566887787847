# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate the lock files: for every supported Python and platform, with hashes, and without the address of any package
index.

Versions stay unless pyproject.toml rules them out; ``--upgrade`` (make lock ARGS=--upgrade) takes the newest of
everything.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import tomllib

from tools.environment import APART, LOCKS, ROOT, SERIES, VENV, installer_environment

COMMAND = [
    *(
        str(VENV / "bin" / "uv"),
        "pip",
        "compile",
        "--quiet",
        "--universal",
        "--generate-hashes",
    ),
    *("--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock"),
]
#: The inputs of each lock.
SOURCES = {
    "runtime": ["pyproject.toml"],
    "dev": ["pyproject.toml", "--group", "dev"],
    "bench": ["--group", "bench"],
}
#: The uv that hosts get is this machine's own, as a module of the collection.
WHEELS = ROOT / "plugins" / "module_utils" / "_jupyter" / "uv_wheels.py"
WHEELS_HEAD = """\
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
\"\"\"The wheels of uv for Linux: compatibility tag (PEP 425) and digest (SHA-256).

`make lock` writes this file from the lock files.
\"\"\"

from __future__ import annotations

"""


def locked_uv() -> str:
    (version,) = re.findall(r"(?m)^uv==(\S+)", (ROOT / LOCKS["runtime"]).read_text())
    return str(version)


def uv_wheels() -> str:
    """Return that module: the uv of the lock file, with the digests that the lock file has as well."""
    locked = (ROOT / LOCKS["runtime"]).read_text()
    version = locked_uv()
    command: list[str | Path] = [
        VENV / "bin" / "uv",
        "pip",
        "compile",
        "--quiet",
        "--no-deps",
        "--universal",
        "--format",
        "pylock.toml",
        "-",
    ]
    answer = subprocess.run(
        command,
        check=True,
        input=f"uv=={version}",
        text=True,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=installer_environment(),
    )
    (package,) = tomllib.loads(answer.stdout)["packages"]
    found = {
        Path(wheel["url"]).stem.split("-", maxsplit=4)[4]: wheel["hashes"]["sha256"] for wheel in package["wheels"]
    }
    lines = [
        f'    "{tag}": "{digest}",' for tag, digest in sorted(found.items()) if "linux" in tag and digest in locked
    ]
    # ruff breaks a line that is too long only where brackets let it.
    lines = [line if len(line) <= 120 else re.sub(r": (.+),", r": (\1),", line) for line in lines]
    return "\n".join([f'{WHEELS_HEAD}VERSION = "{version}"', "WHEELS = {", *lines, "}", ""])


def compile_lock(lock: str, *options: str, python: str = "3.11") -> None:
    words = [*COMMAND, "--python-version", python, *options, *sys.argv[1:], "--output-file", lock]
    subprocess.run(words, check=True, cwd=ROOT, env=installer_environment())
    if "://" in (ROOT / lock).read_text():
        sys.exit(f"{lock} names an address: a lock must fit every package index")
    print(f"{lock}: written")


def main() -> None:
    for kind, lock in {**LOCKS, "bench": APART["bench"]}.items():
        compile_lock(lock, *SOURCES[kind])
    for series, python in SERIES.items():
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as override:
            override.write(f"ansible-core=={series}.*\nuv=={locked_uv()}\n")
            override.flush()
            # Annotations would name the temporary file.
            words = ["--no-annotate", "--override", override.name]
            compile_lock(APART[f"core-{series}"], *SOURCES["runtime"], *words, python=python)
    WHEELS.write_text(uv_wheels())
    subprocess.run([VENV / "bin" / "ruff", "format", "--quiet", WHEELS], check=True)
    print(f"{WHEELS.relative_to(ROOT)}: written")


if __name__ == "__main__":
    main()
