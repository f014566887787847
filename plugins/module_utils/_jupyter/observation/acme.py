# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that a host gets and renews by itself."""

from __future__ import annotations

import json
import os
from typing import Any

from ..._host import other_account
from .paths import LARGEST

KEYS = ("id", "not_after", "served", "failures", "error", "tried", "next")


def acme(name: str) -> dict[str, dict[str, Any]]:
    """Return the state of each certificate, by instance, as ``acme_renew.py`` of the role has left it; empty where it
    has left none."""
    if not name:
        return {}
    try:
        found = json.loads(other_account.content(os.path.expanduser(name), LARGEST))
        return {instance: {key: said[key] for key in KEYS} for instance, said in found.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}
