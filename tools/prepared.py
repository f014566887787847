# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of test hosts that hold the default Jupyter environment, for scenarios that are not about its installation.

The scenario ``environment`` builds that environment with the role itself and stores it. The tag of an image is a digest
of all files that take part, so no scenario gets an environment of other code.
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from tools import test_hosts

ROOT = Path(__file__).resolve().parent.parent
SCENARIO = "environment"
REPOSITORY = "remote-notebooks-prepared"
SOURCES = ("plugins", "roles", "playbooks", f"molecule/{SCENARIO}", "molecule/shared")


def tag() -> str:
    """The digest of the collection and of the test image, 12 hexadecimal digits."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *SOURCES]
    names = sorted(subprocess.check_output(listed, cwd=ROOT, text=True).split("\0"))
    digest = hashlib.sha256(test_hosts.recipe_digest().encode())
    for name in filter(None, names):
        path = ROOT / name
        if path.is_file():  # deleted files are listed until the deletion is committed
            digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()[:12]


def images(wanted: str) -> list[str]:
    return [f"{REPOSITORY}:{suite}-{wanted}" for suite in test_hosts.SUITES]


def exist(wanted: str) -> bool:
    return test_hosts.succeeds("docker", "image", "inspect", *images(wanted))


def remove_older(wanted: str) -> None:
    """Remove the images that this checkout has stored for other states of its files. One in use stays."""
    query = ["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"label=checkout={ROOT}"]
    stored = subprocess.check_output(query, text=True).split()
    for name in set(stored) - set(images(wanted)):
        test_hosts.succeeds("docker", "image", "rm", name)
