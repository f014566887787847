# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interfaces of Jupyter: packages, programs, and the oldest Python."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._records import Instance
    from .._report_records import Report


#: jupyter_server 2.21 is the first release with every known hole closed (GHSA-c3mw-737p-c7g2 was the last).
#: pip is for ``%pip install`` in a notebook, which lands in the account's home: the environment itself is nobody's to
#: change.
BASE_PACKAGES = ("jupyterlab>=4,<5", "jupyter_server>=2.21,<3", "ipykernel", "pip")
#: The packages of each ``interface``, the program that serves it, and the oldest Python that its packages accept in
#: their metadata.
#: ``lab`` has no ``notebook``: without it the classic pages that Juno opens answer at /tree, beside /lab.
#: ``notebook6`` is a server of its own: it reads NotebookApp names alone, and takes distutils, gone since Python 3.12,
#: from setuptools.
INTERFACES: dict[str, dict[str, Any]] = {
    "lab": {
        "packages": BASE_PACKAGES,
        "command": "jupyter-lab",
        "config": "jupyter_server_config.py",
        "python": (3, 10),
    },
    "notebook7": {
        "packages": (*BASE_PACKAGES, "notebook>=7.5,<8"),
        "command": "jupyter-notebook",
        "config": "jupyter_server_config.py",
        "python": (3, 10),
    },
    "notebook6": {
        "packages": ("notebook>=6.5.7,<7", "setuptools<81", "ipykernel", "pip"),
        "command": "jupyter-notebook",
        "config": "jupyter_notebook_config.py",
        "python": (3, 8),
    },
}
#: The packages of each client beside them. The pages of Notebook 6 are the classic ones already.
CLIENT_PACKAGES = {"browser": (), "juno": ("nbclassic>=1.3,<2",), "vscode": ()}
#: Beside these, nbclassic moves from /tree to /nbclassic/tree; ``jupyter`` is the package that brings Notebook 7 along.
#: Any other package may do so, too: once the server runs, its environment tells (:func:`classic_path`).
NOTEBOOK_7 = {"notebook", "jupyter"}


def packages_of(instance: Instance) -> tuple[list[str], str]:
    """Return the packages of the environment, and the path of the classic pages below the base URL, empty if
    there are none."""
    needed = {*INTERFACES[instance["interface"]]["packages"], *instance["packages"]}
    if instance["interface"] == "notebook6":
        return sorted(needed), "tree"
    needed.update(package for client in instance["clients"] for package in CLIENT_PACKAGES[client])
    names = {re.split(r"[^A-Za-z0-9._-]", package, maxsplit=1)[0].lower() for package in needed}
    classic = "nbclassic/tree" if names & NOTEBOOK_7 else "tree"
    return sorted(needed), classic if "nbclassic" in names else ""


def settle_durable(instance: Instance, given: bool, wrong: Any) -> None:
    """Leave the option out for Notebook 6, which has no extensions of Jupyter Server; refuse it where it is said."""
    if instance["interface"] == "notebook6" and instance["durable"]:
        if given:
            wrong("durable", "Notebook 6 cannot write outputs without a browser. Say false, or interface: lab.")
        instance["durable"] = False


def classic_path(instance: Instance, report: Report) -> str:
    """Return the path of the classic pages as the environment of the running server decides it. Before the server runs,
    the names of the packages decide."""
    server = next((each for each in report["servers"] if each["instance"] == instance["name"]), None)
    if not instance["classic"] or instance["interface"] == "notebook6" or server is None:
        return instance["classic"]
    return "nbclassic/tree" if server["notebook7"] else "tree"
