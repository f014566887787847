# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interpreter of each environment: one of the host, or one that uv installs. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._plan.downloads import VERSION
from . import layout

if TYPE_CHECKING:
    from .._records import Instance, Plan, Resource
    from .._report_records import Interpreter, Report


def folder(plan: Plan, report: Report) -> str:
    return f"{layout.install_prefix(plan, report)}/pythons"


def find(plan: Plan, item: Instance, name: str, report: Report) -> Interpreter:
    """Return the interpreter of an instance, or of a kernel of it. ``download`` is the version that uv installs.

    One that uv has installed stays in use, whatever the host gets later: another interpreter is another environment.
    """
    own = report["pythons"][name]
    installed = bool(report["interpreters"]["links"].get(name))
    if not item["python_downloads"] or not VERSION.fullmatch(name) or (own["version"] and not installed):
        return {**own, "download": ""}
    version = [int(part) for part in name.split(".")[:2]]
    return {
        "path": f"{folder(plan, report)}/{name}/bin/python3",
        "version": version,
        "open": True,
        "download": name,
    }


def hint(item: Instance, name: str) -> str:
    """Name the option by which a version comes that the host does not have."""
    if item["python_downloads"] or not VERSION.fullmatch(name):
        return ""
    return " say python_downloads: true to have uv install one,"


def unneeded(plan: Plan, report: Report, gone: list[str]) -> list[Resource]:
    """Return the builds that no environment needs any more, and the links without a use.

    :param gone: the environments that go in this run.
    """
    named = [(item, item["python"]) for item in plan["instances"]]
    named += [(item, str(kernel["python"])) for item, kernel in layout.python_kernels(plan["instances"])]
    wanted = {find(plan, item, name, report)["download"] for item, name in named}
    links, builds = report["interpreters"]["links"], report["interpreters"]["builds"]
    needed = {links.get(name, "") for name in wanted}
    paths = [
        *(f"{folder(plan, report)}/{name}" for name in links if name not in wanted),
        *(path for path, environments in builds.items() if path not in needed and not {*environments} - {*gone}),
    ]
    return [{"id": f"interpreter {path}", "kind": "interpreter", "instance": "", "path": path} for path in paths]
