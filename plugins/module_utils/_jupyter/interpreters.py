# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interpreters that uv installs on a host, where the host has none of the wanted version. Runs there.

Each build of Python has a folder of its own below ``pythons``, which never changes once it is complete. A link with the
name of the version (``3.12``) leads to the newest one. Environments name the build itself, so none changes with the
link. uv holds the SHA-256 of every build in its own list, and refuses a file with another one
(https://docs.astral.sh/uv/concepts/python-versions/#managed-and-system-python-versions).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys

from .._errors import AlarmError, BuildError, InterpreterError
from .build_commands import Wish, explain
from .build_steps import program, remove
from .uv import Run
from .uv_wheels import VERSION

#: The name of a build, which becomes a folder: cpython-3.12.16-linux-x86_64-gnu.
_KEY = re.compile(r"cpython-[A-Za-z0-9_.+-]+")
#: The resources of uv in the folder of a build. Any account could hold the lock file, and uv would wait for it.
_LEFT = (".lock", ".gitignore", ".temp")
#: The messages of uv, the most reliable first, and the cure for each.
REASONS = (
    (
        r"No space left on device|os error 28|Disk quota exceeded|ENOSPC",
        "there is no room left on the disk.",
        "Free some, or lower jupyter_keep_environments, and run again.",
    ),
    (
        r"Hash mismatch",
        "the downloaded build is not the one whose digest uv knows.",
        "Somebody put another file under that name: find out who, before anything else comes from there.",
    ),
    (
        r"Failed to extract",
        "what was downloaded is no whole archive of a build.",
        "Look at what the server of python_mirror, or the proxy, answers under that address.",
    ),
    (
        r"invalid peer certificate|UnknownIssuer|certificate verify failed",
        "the server of the builds shows a certificate that this host does not trust.",
        "Name the bundle with its authority in ca_bundle, a path on the host.",
    ),
    (
        r"407 Proxy|Proxy Authentication|tunnel error|ProxyError",
        "the proxy does not let uv through.",
        "Correct http_proxy, or open the proxy for the server of the builds.",
    ),
    (
        r"Failed to download|Failed to fetch|error sending request|dns error|Request failed|timed out",
        "its build cannot be fetched.",
        "Name a mirror that this host reaches in python_mirror, correct http_proxy, or install that Python here.",
    ),
)


def settle(wish: Wish, wheels: str, run: Run) -> str:
    """Return the interpreter of an environment, installed by uv if need be.

    :param wish: that of :func:`build.build`. ``download`` is the version to install; empty for an interpreter of the
        host. ``renew`` asks uv for a newer build.
    :param wheels: a folder with uv's wheel among others; or empty.
    :raises InterpreterError: with the reason; nothing of the build is left.
    """
    name = wish["download"]
    if not name:
        return str(wish["python"])
    pythons = os.path.join(wish["prefix"], "pythons")
    link = os.path.join(pythons, name)
    if not wish["renew"] and _runs(link, name, run):
        return _python(link)
    uv = _uv(wish, wheels, run)
    key = _newest(uv, name, run)
    target = os.path.join(pythons, key, key)
    if not _runs(target, name, run):
        _install(uv, os.path.join(pythons, key), target, name, run)
    if not os.path.islink(link) or os.path.realpath(link) != os.path.realpath(target):
        _lead(link, os.path.join(key, key))
    return _python(target)


def is_another(wish: Wish) -> bool:
    """Tell whether an upgrade has a newer interpreter than the environment that it replaces."""
    former = os.path.realpath(os.path.join(wish["instead_of"], "bin", "python"))
    return bool(wish["download"]) and former != os.path.realpath(wish["python"])


def _python(folder: str) -> str:
    return os.path.join(os.path.realpath(folder), "bin", "python3")


def _runs(folder: str, name: str, run: Run) -> bool:
    """Tell whether a folder holds an interpreter of this version that works here."""
    if not os.path.exists(_python(folder)):
        return False
    try:
        code, output = run([_python(folder), "-I", "-c", "import ssl, sys; print(*sys.version_info[:3], sep='.')"], "")
    except OSError:  # no program
        return False
    return code == 0 and f"{output.strip()}.".startswith(f"{name}.")


def _uv(wish: Wish, wheels: str, run: Run) -> str:
    try:
        # Its own interpreter is not there yet: that of Ansible tells which index is usual.
        return program({**wish, "python": sys.executable}, wheels, run)
    except AlarmError:
        raise
    except BuildError as error:
        raise InterpreterError(
            f"uv installs Python {wish['download']}, and cannot be had on this host. Install that Python on the host,"
            f" or correct this: {error}"
        ) from error


def _newest(uv: str, name: str, run: Run) -> str:
    """Return the name of the newest build of a version that this uv knows for this machine."""
    code, output = run([uv, "python", "list", name, "--only-downloads", "--output-format", "json"], "")
    try:
        found = [build for build in json.loads(output) if build["implementation"] == "cpython"] if code == 0 else []
        keys = [str(build["key"]) for build in found if build["variant"] == "default"]
    except (ValueError, TypeError, LookupError) as error:
        raise InterpreterError(explain("listing the builds of Python", output)) from error
    if code != 0:
        raise InterpreterError(explain("listing the builds of Python", output))
    if not keys or not _KEY.fullmatch(keys[0]):
        raise InterpreterError(
            f"uv {VERSION} knows no build of Python {name} for this machine ({os.uname().machine}). Choose another"
            " version, or install it on the host."
        )
    return keys[0]


def _install(uv: str, folder: str, target: str, name: str, run: Run) -> None:
    remove(folder)
    try:
        # Shut until it is full, for the sake of uv's lock file.
        os.mkdir(folder, 0o700)
        words = ["--install-dir", folder, "--no-bin", "--no-progress", "--compile-bytecode"]
        code, output = run([uv, "python", "install", *words, os.path.basename(folder)], "")
        if code != 0:
            raise InterpreterError(explain(f"installing Python {name}", output, REASONS))
        for left in _LEFT:
            remove(os.path.join(folder, left))
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, left))
        os.chmod(folder, 0o755)  # noqa: S103
        if not _runs(target, name, run):
            raise InterpreterError(f"the build of Python {name} does not run here. Install one on the host.")
    except BaseException as error:
        remove(folder)
        if isinstance(error, OSError):
            raise InterpreterError(explain(f"installing Python {name}", str(error), REASONS)) from error
        raise


def _lead(link: str, target: str) -> None:
    """Let a link lead elsewhere in one step."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{link}.new")
    os.symlink(target, f"{link}.new")
    os.replace(f"{link}.new", link)
