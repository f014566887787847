# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interpreters that uv may install: the contradictions of the options about them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._records import Instance

#: The versions that can be installed; a path, or a name on PATH, is the host's own.
VERSION = re.compile(r"3\.\d{1,2}(?:\.\d{1,2})?")


def check_downloads(instance: Instance, wrong: Any) -> None:
    mirror = instance["python_mirror"]
    if mirror and not re.fullmatch(r"(?:https?://[^/\s]+|file:/)/\S*", f"{mirror}/"):
        wrong("python_mirror", f"'{mirror}' is no address. Write one that begins with https://, http:// or file:///.")
    if not instance["python_downloads"]:
        if mirror:
            wrong("python_mirror", "nothing is fetched from it. Say python_downloads: true, or leave it out.")
        return
    if instance["installer"] != "uv":
        wrong("python_downloads", "uv installs the Python. Leave installer: pip out, or python_downloads.")
    if instance["wheelhouse"] and not mirror:
        wrong(
            "python_downloads",
            "a wheelhouse holds no Python. Name a mirror that the host reaches in python_mirror, or install the Python"
            " on the host.",
        )
