# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of other Jupyter installations in homes: those with an effect, and the remarks about them. Pure: no I/O,
no Ansible.

Files with a name of ours have no effect: the kernel ``python3`` and those of ``jupyter_kernels``, modules that an
environment holds, extensions that it enables. Other files have the same effect as in any Jupyter: kernels and packages
of other names, IPython's profile, extensions of the pages. (Tried with JupyterLab 4, Python 3.11 and 3.13.) Settings of
Jupyter itself are :mod:`conflicts`'s.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Iterator

from . import conflicts

if TYPE_CHECKING:
    from .._records import Plan
    from .._report_records import ConfigFile, Report

#: Kernels run files there before they answer.
STARTUP = ".ipython/profile_default/startup"
#: Of the packages that every environment holds, those without which no server and no kernel starts.
CORE = (
    *("ipykernel", "ipython", "jupyter_client", "jupyter_core", "jupyter_server", "jupyterlab", "jupyterlab_server"),
    *("nbclassic", "nbformat", "notebook", "pyzmq", "tornado", "traitlets"),
)
PACKAGES = ".local/lib/python3.*/site-packages"
PLACES = (
    ".local/share/jupyter/kernels/*/kernel.json",
    ".ipython/kernels/*/kernel.json",
    *(
        f".ipython/profile_default/{name}.{ending}"
        for name in ("ipython_config", "ipython_kernel_config")
        for ending in ("json", "py")
    ),
    *(f"{STARTUP}/*.{ending}" for ending in ("ipy", "py")),
    *(f"{PACKAGES}/{name}-*.dist-info/METADATA" for name in CORE),
    f"{PACKAGES}/usercustomize.py",
    ".local/share/jupyter/labextensions/*/package.json",
    ".local/share/jupyter/labextensions/@*/*/package.json",
)


def places(plan: Plan) -> list[str]:
    """Return the files to look for, as patterns; the leading ``~`` is a home."""
    return [f"~{user}/{place}" for user in sorted({item["user"] for item in plan["instances"]}) for place in PLACES]


def remarks(plan: Plan, report: Report) -> list[str]:
    """Return a sentence for each configuration file that has no effect, or that fails."""
    said: list[str] = []
    for user, home in conflicts.homes_of(plan, report).items() if plan["instances"] else ():
        mine = [item for item in plan["instances"] if item["user"] in ("", user)]
        names = {"python3", *(kernel["name"] for item in mine for kernel in item["kernels"])}
        found = {path: report["shadows"][path] for path in sorted(report["shadows"]) if path.startswith(f"{home}/")}
        for path, file in found.items():
            text = _about(path, file["error"], names, user)
            said += [f"{path} {text}"] if text else []
        said += _outdone(list(found))
    return said


def _about(path: str, error: str, names: set[str], user: str) -> str:
    name = posixpath.basename(path)
    if name == "kernel.json":
        kernel = posixpath.basename(posixpath.dirname(path))
        if kernel.lower() in names:
            return (
                f"is not used: servers here have a kernel '{kernel}' of their own. Call its folder something else to"
                " have both."
            )
        return f"is a kernel that cannot start: {error} Correct it, or remove its folder." if error else ""
    if name == "package.json":
        return (
            f"cannot be read by JupyterLab: {error} Its page may not open. Correct it, or remove its folder."
            if error
            else ""
        )
    if error and (name.startswith("ipython_") or (name.endswith(".py") and _is_run(path))):
        return f"fails in each kernel of '{user}': {error} Correct it, or move it aside."
    return ""


def _outdone(paths: list[str]) -> Iterator[str]:
    """Name the packages that lie in a home in vain, once for each folder of them."""
    folders: dict[str, list[str]] = {}
    for path in paths:
        folder, name = posixpath.split(posixpath.dirname(path))
        if name.endswith(".dist-info"):
            folders.setdefault(folder, []).append(name[: -len(".dist-info")].replace("-", " ", 1))
    for folder, packages in folders.items():
        verb = "count" if len(packages) > 1 else "counts"
        yield f"{folder}: {', '.join(packages)} {verb} for nothing here: the environments of servers hold their own."


def _is_run(path: str) -> bool:
    return posixpath.dirname(path).endswith(f"/{STARTUP}") or posixpath.basename(path) == "usercustomize.py"


def suspects(home: str, found: dict[str, ConfigFile]) -> list[str]:
    """Return the foreign files of a home, or of the host, that a server and its kernels read or run.

    :param found: as for :func:`conflicts.notable`.
    """
    return [path for path in sorted(found) if _counts(path, found[path]) and _concerns(path, home)]


def _concerns(path: str, home: str) -> bool:
    return path.startswith(f"{home}/") or posixpath.dirname(path) in conflicts.FOLDERS


def _counts(path: str, file: ConfigFile) -> bool:
    if conflicts.is_configuration(path):
        return conflicts.is_read(path) and bool(file["options"] or file["error"])
    return _is_run(path) or posixpath.basename(path).startswith("ipython_")
