# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lock files: one for each Python version, machine and list of requirements, with every version and its hashes. Pure:
no I/O, no Ansible.

The format is pip's (https://pip.pypa.io/en/stable/topics/secure-installs/), so either installer reads it. Three
comments stand above it: the requirements, the Python, and the *stamp* of the run that wrote it. By the stamp
the hosts of one run know that it was done for them already.
"""

from __future__ import annotations

import hashlib
import re

from ...module_utils._errors import LockError

#: uv's names of the machines that it resolves for; uname(1)'s are the keys.
MACHINES = {"x86_64": "x86_64-unknown-linux-gnu", "aarch64": "aarch64-unknown-linux-gnu"}

_STAMP = re.compile(r"(?m)^# State: (\S+)$")


def file_name(version: list[int], machine: str, packages: list[str]) -> str:
    """Return the name of a lock file, for example ``py3.11-x86_64-1a2b3c4d.txt``."""
    wish = hashlib.sha256("\0".join(packages).encode()).hexdigest()[:8]
    return f"py{version[0]}.{version[1]}-{machine}-{wish}.txt"


def command(uv: str, version: list[int], machine: str) -> list[str]:
    """Return the words that resolve the requirements on standard input for another machine.

    :raises LockError: for a machine that uv does not know.
    """
    if machine not in MACHINES:
        raise LockError(
            f"lock: versions cannot be resolved for {machine}, only for {' and '.join(MACHINES)}. Leave lock out for"
            " this host."
        )
    words = [uv, "pip", "compile", "--generate-hashes", "--no-header", "--no-emit-index-url", "--no-emit-find-links"]
    return [*words, "--python-version", f"{version[0]}.{version[1]}", "--python-platform", MACHINES[machine], "-"]


def render(body: str, version: list[int], machine: str, packages: list[str], stamp: str) -> str:
    """Return the whole file."""
    head = [f"# For: {', '.join(packages)}", f"# On: Python {version[0]}.{version[1]}, {machine}", f"# State: {stamp}"]
    return "\n".join([*head, body.strip(), ""])


def stamp(text: str) -> str:
    """Return the stamp of the run that wrote a lock file; empty where somebody took it out."""
    found = _STAMP.search(text)
    return found.group(1) if found else ""


def stamped(text: str, new: str) -> str:
    """Return the file with another stamp."""
    return _STAMP.sub(f"# State: {new}", text, count=1) if stamp(text) else f"# State: {new}\n{text}"


def digest(text: str) -> str:
    """Fingerprint the packages of a lock file. Comments are for people."""
    lines = [line.strip() for line in text.splitlines()]
    return hashlib.sha256("\n".join(line for line in lines if line and not line.startswith("#")).encode()).hexdigest()
