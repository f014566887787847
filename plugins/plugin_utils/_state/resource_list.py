# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of resources while it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import layout

if TYPE_CHECKING:
    from typing import Unpack

    from .._records import Keywords, Owned, Resource
    from .._report_records import Report


class ResourceList:
    """The list of resources while it grows. A resource that several instances share is listed once."""

    def __init__(self, owner: str, group: str, report: Report) -> None:
        self.made: dict[str, Resource] = {}
        self.report = report
        self.owner = owner
        self.group = group

    def add(self, kind: str, stage: str, name: str, /, **more: Unpack[Keywords]) -> None:
        thing: Resource = {"id": f"{kind} {name}", "kind": kind, "stage": stage, "instance": "", **more}
        self.made.setdefault(thing["id"], thing)

    def directory(self, stage: str, path: str, mode: str | None, /, **more: Unpack[Keywords]) -> None:
        fields: Keywords = {"path": path, "mode": mode, "owner": self.owner, "group": self.group, **more}
        self.add("directory", stage, path, **fields)

    def parents(self, stage: str, path: str, home: str, /, **more: Unpack[Owned]) -> None:
        """List the folders above ``path`` that were not there before us. Others may come to use them: they go only when
        they are empty."""
        for folder in layout.above(path):
            if self.is_new(folder) and not f"{home}/".startswith(f"{folder}/"):
                own: Owned = more if folder.startswith(f"{home}/") else {}
                self.directory(stage, folder, None, shared=True, **own)

    def is_new(self, path: str) -> bool:
        """Tell whether ``path`` was not there before our first run."""
        if any(thing["id"] == f"found {path}" for thing in self.report["manifest"]):
            return False
        return self.report["paths"].get(path) is None or any(
            thing.get("path") == path for thing in self.report["manifest"]
        )

    def environment(self, path: str, /, **more: Unpack[Keywords]) -> None:
        fields: Keywords = {"path": path, **more}
        self.add("environment", "install", path, **fields)

    def file(self, stage: str, path: str, mode: str, /, **more: Unpack[Keywords]) -> None:
        fields: Keywords = {"path": path, "mode": mode, "owner": self.owner, "group": self.group, **more}
        self.add("file", stage, path, **fields)
