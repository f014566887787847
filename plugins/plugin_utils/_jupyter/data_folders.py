# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders with data outside of homes: a unit writes to those of ``data_dirs`` alone. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ...module_utils._plain import plain

if TYPE_CHECKING:
    from .._records import Instance, Plan
    from .._report_records import Report

#: The profiles whose unit has a read-only system.
READ_ONLY = ("standard", "strict")


def asked(plan: Plan) -> dict[str, list[str]]:
    """Return by account the folders to look at, beside those that are usual."""
    found: dict[str, list[str]] = {}
    for item in plan["instances"] if plan["scope"] == "system" else ():
        if item["data_dirs"] or item["hardening"] in READ_ONLY:
            found[item["user"]] = list(dict.fromkeys([*found.get(item["user"], []), *item["data_dirs"]]))
    return found


def remarks(plan: Plan, report: Report) -> list[str]:
    """Name the folders that an account could write to, and its unit cannot, and the other way round."""
    found = []
    for item in plan["instances"]:
        writable = report["folders"].get(item["user"])
        if writable is None:
            continue
        found += [
            f"instance '{item['name']}': data_dirs: '{item['user']}' cannot write to {folder}. Give it the rights, or"
            " create the folder."
            for folder in item["data_dirs"]
            if not _is_below(folder, writable)
        ]
        shut = [folder for folder in writable if not _is_below(folder, _open(item))]
        if shut and report["system"]["systemd"] and item["hardening"] in READ_ONLY:
            line = ", ".join(json.dumps(plain(folder), ensure_ascii=False) for folder in [*item["data_dirs"], *shut])
            found.append(
                f"instance '{item['name']}': '{item['user']}' may write to {plain(', '.join(shut))}, and the unit of"
                f" its server may not. If kernels are to write there, add data_dirs: [{line}]"
            )
    return found


def _open(item: Instance) -> list[str]:
    return [*item["data_dirs"], *([item["root_dir"]] if item["root_dir"].startswith("/") else [])]


def _is_below(path: str, folders: list[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder.rstrip('/')}/") for folder in folders)
