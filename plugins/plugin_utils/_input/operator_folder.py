# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's folder: where passwords, keys, certificates, pages and locks are kept. The one place that decides it.

It is, the first of these that there is:

1. the environment variable ``REMOTE_NOTEBOOKS_HOME``;
2. the folder of the inventory, as long as it can be written, or already holds files of an earlier run, and is no
   part of an installed collection, which goes when the collection is updated;
3. ``~/.local/share/remote-notebooks``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ...module_utils._errors import FilesError
from .facts import require_own_variables

VARIABLE = "REMOTE_NOTEBOOKS_HOME"
#: Below the home of the account that runs Ansible.
OWN = ".local/share/remote-notebooks"
#: If one of these exists, an earlier run was here. Its files have to be found again, even if another account may not
#: write there.
KEPT = ("credentials", "pki")


def folder(variables: Mapping[str, Any]) -> str:
    """Return the folder for a host with these variables."""
    return decide(inventory(variables), os.environ)


def inventory(variables: Mapping[str, Any]) -> str:
    """Return the folder of the inventory that a host is from, empty where there is none. Ansible says ``None`` then, as
    a text.

    The implicit localhost is from no inventory: it works for the others, and has the folder of the first of them.
    """
    found = variables.get("inventory_dir")
    if found is None and (variables.get("groups") or {}).get("all"):
        first = variables["hostvars"][variables["groups"]["all"][0]]
        require_own_variables(first)
        found = first.get("inventory_dir")
    return str(found) if os.path.isabs(str(found)) else ""


def decide(inventory_folder: str, environment: Mapping[str, str]) -> str:
    """Return the folder of the operator.

    :raises FilesError: where there is none that can be used.
    """
    named = os.path.expanduser(environment.get(VARIABLE, ""))
    if named:
        if not os.path.isabs(named):
            raise FilesError(
                f"{VARIABLE} is '{named}', which is another folder from every place. Write a path that begins with /"
                " or ~/."
            )
        return os.path.normpath(named)
    if inventory_folder and _serves(inventory_folder):
        return inventory_folder
    own = os.path.join(os.path.expanduser("~"), OWN)
    if not _can_be_written(own):
        tried = f"{inventory_folder}, the folder of the inventory, and " if inventory_folder else ""
        raise FilesError(
            f"Passwords and keys have no place: {tried}{own} cannot be written. Name a folder of yours in the variable"
            f" {VARIABLE}."
        )
    return own


def _serves(path: str) -> bool:
    if not os.path.isdir(path) or is_installed(path):
        return False
    return os.access(path, os.W_OK | os.X_OK) or any(os.path.lexists(os.path.join(path, name)) for name in KEPT)


def is_installed(path: str) -> bool:
    """Tell whether ``path`` is in a collection that ansible-galaxy has put there, which leaves a MANIFEST.json; a
    checkout has none."""
    path = os.path.abspath(path)
    while path != os.path.dirname(path):
        root = os.path.basename(os.path.dirname(os.path.dirname(path))) == "ansible_collections"
        if root and os.path.exists(os.path.join(path, "MANIFEST.json")):
            return True
        path = os.path.dirname(path)
    return False


def _can_be_written(path: str) -> bool:
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return os.access(path, os.W_OK | os.X_OK)
