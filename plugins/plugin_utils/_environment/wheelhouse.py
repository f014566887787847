# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheels of the control node: downloaded by its pip once for all hosts that are alike, and kept as archives."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tarfile
from typing import Any

from ...module_utils._errors import LockError
from ...module_utils._jupyter import build_commands
from .. import _files
from . import wheel_names
from .lockfiles import installer_environment

#: So many archives of one lock file stay: those of the lock that is in use, and of the one before, for a rollback.
KEPT = 2
#: Seconds that a host waits for another one's download.
PATIENCE = 3600


def settle(wanted: dict[str, Any], lock: str, uv: str) -> str:
    """Return the path of an archive of all wheels of a lock file, downloaded if need be.

    :param wanted: see :mod:`wheel_names`. :param lock: the text of the lock file. :param uv: the version of uv that
        goes along; empty for none.
    :raises LockError: where a package has no wheel for the host, or the index cannot be reached.
    """
    folder = wanted["folder"]
    path = os.path.join(folder, wheel_names.archive(wanted, lock, uv))
    _files.private_directory(folder)
    with _files.lock(folder, seconds=PATIENCE):
        if not os.path.exists(path):
            _files.sweep(folder)
            with _files.scratch(folder) as place:
                requirements, wheels = os.path.join(place, "lock.txt"), os.path.join(place, "wheels")
                _files.write(requirements, lock.encode(), 0o600)
                _download(wanted, wheels, ["--require-hashes", "--requirement", requirements], path)
                if uv:
                    _download(wanted, wheels, [f"uv=={uv}"], path)
                with _files.replacing(path, 0o600) as file, tarfile.open(fileobj=file, mode="w") as tar:
                    for name in sorted(os.listdir(wheels)):
                        tar.add(os.path.join(wheels, name), arcname=name)
            _forget(folder, wheel_names.family(wanted))
    return path


def _download(wanted: dict[str, Any], folder: str, what: list[str], path: str) -> None:
    """Download wheels into a folder.

    :param path: the archive that they are for.
    """
    if importlib.util.find_spec("pip") is None:
        raise LockError(
            f"the Python that Ansible runs on has no pip to download wheels with. Run: {sys.executable} -m ensurepip"
        )
    words = ["--quiet", "--disable-pip-version-check", "--no-input", "--dest", folder]
    command = [sys.executable, "-m", "pip", "download", *words, *wheel_names.options(wanted), *what]
    environment = installer_environment(wanted["index_url"], wanted["http_proxy"])
    # python -m takes a module from where it runs, before any other.
    answer = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd="/")
    if answer.returncode:
        said = answer.stdout + answer.stderr
        package = wheel_names.missing(said)
        if package:
            raise LockError(
                f"{package} has no wheel for Python {wanted['python']} on {wanted['machine']} with {wanted['libc']},"
                " and nothing is built for a wheelhouse. Name a version of it that has one in packages, or leave"
                " wheelhouse out for this instance."
            )
        reason = build_commands.explain("downloading wheels", said)
        raise LockError(
            f"wheelhouse: the control node has no {path} yet, and cannot download its wheels: {reason}\nThe same run on"
            " a control node that reaches a package index creates that file: copy it from there."
        )


def _forget(folder: str, family: str) -> None:
    paths = [entry.path for entry in os.scandir(folder) if entry.name.startswith(family)]
    for path in sorted(paths, key=os.path.getmtime, reverse=True)[KEPT:]:
        _files.remove(path)
