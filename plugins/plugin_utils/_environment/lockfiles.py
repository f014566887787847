# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock files of the control node: created, renewed and taken back. All hosts of a run meet here, one at a time."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ansible.module_utils.basic import missing_required_lib

from ...module_utils._errors import LockError
from .. import _files, _safe_place
from . import environments, lockfile_text

if TYPE_CHECKING:
    from .._records import Aim
    from .._report_records import Slot

try:
    from uv import find_uv_bin
except ImportError as error:
    UV_ERROR: ImportError | None = error
else:
    UV_ERROR = None

PREVIOUS = ".previous"
#: Marks a lock that was taken back in the run of that stamp.
BACK = "-back"
#: Marks a lock for which the run of that stamp found nothing newer: there is nothing to take back.
SAME = "-same"


def settle(directory: str, slot: Slot, machine: str, aim: Aim, writing: bool) -> tuple[str, str | None]:
    """Update the lock file of a slot for the aim. Return its path, and its digest or None if check mode did
    not make it.

    :param slot: see :func:`_state.instances.slots`.
    :param aim: see :mod:`environments`.
    :raises LockError: where nothing fits, the index cannot be reached, or there is no lock to go back to.
    """
    version, packages, instance = slot["python"]["version"] or [], slot["packages"], slot["instance"]
    path = os.path.join(directory, lockfile_text.file_name(version, machine, packages))
    if not writing:
        text = _read(path)
        return path, lockfile_text.digest(text) if text else None
    _safe_place.require_safe_place(directory)  # the packages of a lock file
    _files.directory(directory)
    with _files.lock(directory, seconds=600):
        text = _read(path)
        do = aim["do"] if environments.concerns(aim, instance["name"]) else "keep"
        done = bool(text) and lockfile_text.stamp(text).partition("-")[0] == aim["stamp"]
        if not text or (do == "new" and not done):
            body = _resolve(slot, machine)
            new = lockfile_text.render(body, version, machine, packages, aim["stamp"] or "first")
            if lockfile_text.digest(new) == lockfile_text.digest(text):
                new = lockfile_text.stamped(new, aim["stamp"] + SAME)
            elif text:
                _files.write(path + PREVIOUS, text.encode(), 0o644)
            _files.write(path, new.encode(), 0o644)
            text = new
        # A kernel whose versions no upgrade has moved stays as it is; a server without anything to go back to is said
        # to have nothing.
        elif do == "previous" and not done and (_read(path + PREVIOUS) or "." not in slot["slot"]):
            text = _swap(path, text, aim["stamp"])
        elif do == "back" and lockfile_text.stamp(text) == aim["stamp"] and _read(path + PREVIOUS):
            text = _swap(path, text, aim["stamp"] + BACK)
        return path, lockfile_text.digest(text)


def _read(path: str) -> str:
    return (_files.read(path) or b"").decode()


def _swap(path: str, text: str, stamp: str) -> str:
    """Take the previous lock back; the one that was in use becomes the previous one."""
    previous = _read(path + PREVIOUS)
    if not previous:
        raise LockError(
            f"There is no {os.path.basename(path)}{PREVIOUS} to go back to: since this lock was made, no upgrade has"
            " found anything newer."
        )
    previous = lockfile_text.stamped(previous, stamp)
    _files.write(path + PREVIOUS, text.encode(), 0o644)
    _files.write(path, previous.encode(), 0o644)
    return previous


def _resolve(slot: Slot, machine: str) -> str:
    """Ask uv for the newest versions that fit."""
    if UV_ERROR is not None:
        raise LockError(missing_required_lib("uv", reason="to resolve versions for jupyter_lock")) from UV_ERROR
    instance = slot["instance"]
    command = lockfile_text.command(find_uv_bin(), slot["python"]["version"] or [], machine)
    requirements = "".join(f"{package}\n" for package in slot["packages"])
    environment = installer_environment(instance["index_url"], instance["http_proxy"])
    # uv obeys a uv.toml where it runs, and in each folder above that: in /tmp anybody may have put one.
    answer = subprocess.run(
        command, check=False, capture_output=True, text=True, input=requirements, env=environment, cwd="/"
    )
    if answer.returncode:
        from ...module_utils._jupyter import build_commands

        reason = build_commands.explain("resolving on the control node", answer.stderr)
        raise LockError(f"instance '{slot['slot']}': packages: {reason}")
    return answer.stdout


def installer_environment(index_url: str, http_proxy: str) -> dict[str, str]:
    """Return the variables for uv and pip on the control node.

    This machine's own settings of indexes, proxies and authorities apply if the inventory has none.
    Settings for uv alone are told pip as well, so that both ask the same index.
    """
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    if index_url:
        environment.update(UV_DEFAULT_INDEX=index_url, PIP_INDEX_URL=index_url)
    elif environment.get("UV_DEFAULT_INDEX"):
        environment.setdefault("PIP_INDEX_URL", environment["UV_DEFAULT_INDEX"])
    plain = urlsplit(environment.get("PIP_INDEX_URL", ""))
    if plain.scheme == "http" and plain.hostname:
        environment.setdefault("PIP_TRUSTED_HOST", plain.hostname)  # anybody who writes http:// means it
    if http_proxy:
        environment.update(HTTPS_PROXY=http_proxy, HTTP_PROXY=http_proxy)
    if environment.get("SSL_CERT_FILE"):
        environment.setdefault("PIP_CERT", environment["SSL_CERT_FILE"])
    else:
        environment.setdefault("UV_SYSTEM_CERTS", "1")  # an authority that this machine trusts
    return environment
