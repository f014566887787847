# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets that the inventory gives, read where they are needed and kept out of every task and result."""

from __future__ import annotations

from typing import Any


def given(templar: Any, task_vars: dict[str, Any], name: str) -> dict[str, str]:
    """Return ``password``, ``password_hash`` and ``token`` of the instance ``name``: its own value, else the host-wide
    one; empty for none."""
    instances = templar.template(task_vars.get("jupyter_instances")) or []
    own: dict[str, Any] = next((instance for instance in instances if instance.get("name") == name), {})
    secrets = {}
    for key in ("password", "password_hash", "token"):
        secrets[key] = str(own.get(key) or templar.template(task_vars.get(f"jupyter_{key}")) or "")
    if own.get("password") and not own.get("password_hash"):
        secrets["password_hash"] = ""  # the instance's password beats the host-wide hash
    return secrets
