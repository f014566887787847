# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Describe this very machine as an inventory, once: the file is the user's from then on.

``local_inventory.py PATH`` writes the file when PATH is the default one and missing; any other PATH has to exist.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path

import yaml

from plugins.plugin_utils._new import local

#: The first one is of earlier versions.
DEFAULTS = (".local/inventory.yml", "inventory/hosts.yml")
HEADER = "# This machine, written once by `make up` and never overwritten: change what you like.\n---\n"


def write(path: Path) -> None:
    """A proxy's address may hold a password, and the state beside the file always does: both for the owner only."""
    if path.parent.is_file():
        sys.exit(
            f"{path.parent} is a file, and no folder. Type INVENTORY={path.parent} behind the command, or move it."
        )
    path.parent.mkdir(mode=0o700, exist_ok=True)
    hosts = {local.name(socket.gethostname()): local.variables(os.environ, root=os.geteuid() == 0)}
    inventory = {"jupyter": {"hosts": hosts}}
    text = HEADER + yaml.safe_dump(inventory, sort_keys=False)
    with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600), encoding="utf-8") as file:
        file.write(text)
    print(f"Described this machine in {path}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--existing", action="store_true", help="never write, only insist on the file")
    parser.add_argument("path")
    arguments = parser.parse_args()
    path = Path(arguments.path)
    if path.exists() or "," in arguments.path:  # `host,` is an inventory of Ansible's, too
        return
    if arguments.path not in DEFAULTS:
        sys.exit(f"INVENTORY={arguments.path}: no such file or folder; inventory.example is an example")
    if arguments.existing:
        sys.exit(f"{path} does not exist: nothing is installed from this checkout. Type make new, or make up, first.")
    write(path)


if __name__ == "__main__":
    main()
