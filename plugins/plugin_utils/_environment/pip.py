# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pip of the control node, lent to hosts whose Python comes without: Debian keeps it in a package of its own."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import sys
import sysconfig
import zipfile
from email import message_from_bytes


def wheel(versions: list[list[int]]) -> str:
    """Return the path of a wheel of pip on this machine that runs with each of ``versions`` of Python; empty where
    there is none.

    Each Python keeps one for the virtual environments it creates (``ensurepip``), in a folder of its own or where its
    distributor says (``WHEEL_PKG_DIR``). pip runs out of its wheel:
    https://pip.pypa.io/en/stable/installation/#standalone-zip-application.
    """
    # The second one is of a checkout on a machine without any (tools/environment.py).
    folders = [sysconfig.get_config_var("WHEEL_PKG_DIR"), os.path.join(sys.prefix, "share", "python-wheels")]
    with contextlib.suppress(ImportError):  # Debian has no ensurepip without python3-venv
        import ensurepip

        folders.append(os.path.join(os.path.dirname(ensurepip.__file__), "_bundled"))
    wheels = [path for folder in folders if folder for path in sorted(glob.glob(os.path.join(folder, "pip-*.whl")))]
    return next((path for path in wheels if _runs_with(path, versions)), "")


def _runs_with(path: str, versions: list[list[int]]) -> bool:
    from packaging.specifiers import SpecifierSet  # ansible-core requires it; ansible-test imports plugins without
    from packaging.version import Version

    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        about = message_from_bytes(archive.read(name))
    wanted = SpecifierSet(about.get("Requires-Python", ""))
    if not all(wanted.contains(".".join(map(str, version))) for version in versions):
        return False
    newest, named = (
        max(versions, default=[0]),
        re.findall(r"Python :: (\d+)\.(\d+)", "\n".join(about.get_all("Classifier", []))),
    )
    known = max(([int(major), int(minor)] for major, minor in named), default=[0, 0])
    # Out of its wheel, none before 23.1.2 runs with a Python that has no pkgutil.ImpImporter: 3.12 and later.
    # One version newer than those that it names is well (23.2.1 with 3.13 was tried); who knows about the next.
    return newest <= [known[0], known[1] + 1] and (newest < [3, 12] or Version(about["Version"]) >= Version("23.1.2"))
