# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each difference as Ansible shows a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._records import Change
    from .._report_records import Report


def diff_of(changes: list[Change], texts: dict[str, str], report: Report) -> list[dict[str, str]]:
    """Show each difference the way Ansible shows a change: two texts for a file, one line for anything else."""
    shown = []
    for change in changes:
        if change["stage"] == "manifest":
            continue  # follows from all the others
        path = change["id"].split(" ", 1)[1]
        if change["what"] in ("content", "file") and path in texts:
            before = (report["paths"].get(path) or {}).get("text", "")
            shown.append({"before_header": path, "after_header": path, "before": before, "after": texts[path]})
        else:
            shown.append(
                {
                    "before_header": change["id"],
                    "after_header": change["id"],
                    "before": "",
                    "after": f"{change['text']}\n",
                }
            )
    return shown
