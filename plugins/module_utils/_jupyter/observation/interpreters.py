# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interpreters that earlier runs had uv install, and the environments that need each."""

from __future__ import annotations

import os
from typing import Any


def interpreters(folder: str, environments: list[str]) -> dict[str, Any]:
    """Describe the folder of interpreters.

    :returns: ``{"builds": {folder of a build: [environment, ...]}, "links": {version: folder of the build}}``; the
        folder is empty where a link leads to no interpreter.
    """
    folder = os.path.expanduser(folder)
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        names = []
    paths = [os.path.join(folder, name) for name in names]
    pythons = {path: os.path.realpath(os.path.join(path, "bin", "python")) for path in environments}
    return {
        "builds": {
            path: [each for each, python in pythons.items() if python.startswith(f"{os.path.realpath(path)}/")]
            for path in paths
            if not os.path.islink(path)
        },
        "links": {os.path.basename(path): _build(path, folder) for path in paths if os.path.islink(path)},
    }


def _build(link: str, folder: str) -> str:
    real, name = os.path.realpath(link), os.readlink(link).split("/")[0]
    build = os.path.join(folder, name)
    return build if real.startswith(f"{os.path.realpath(build)}/") and os.access(f"{real}/bin/python3", os.X_OK) else ""
