# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest on a host: the resources that earlier runs created."""

from __future__ import annotations

import json
import os
from typing import Any

from ..._host import other_account
from .paths import LARGEST


def manifest(name: str) -> list[dict[str, Any]]:
    """Return the resources that earlier runs created here; empty where there was no run, or its list is lost.

    The packages that came to the system with them stand beside it, one name a line (``system_packages.sh`` of the
    role).
    """
    path = os.path.expanduser(name)
    try:
        things = json.loads(other_account.content(path, LARGEST))["things"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return []
    things = [thing for thing in things if _is_thing(thing)] if isinstance(things, list) else []
    if not things:
        return []
    try:
        with open(os.path.join(os.path.dirname(path), "installer", "packages"), encoding="utf-8") as file:
            names = file.read().split()
    except OSError:
        names = []
    return [
        *things,
        *({"id": f"package {package}", "kind": "package", "instance": "", "ours": True} for package in names),
    ]


def _is_thing(thing: Any) -> bool:
    """Tell whether an entry of the list is of the form that :func:`_state.manifest.manifest` gives it; a damaged one is
    none."""
    if not isinstance(thing, dict) or not all(isinstance(thing.get(key), str) for key in ("id", "kind", "instance")):
        return False
    paths = [thing[key] for key in ("path", "origin", "backup") if key in thing]
    return thing["id"].startswith(f"{thing['kind']} ") and all(
        isinstance(each, str) and each == os.path.abspath(each) for each in paths
    )
