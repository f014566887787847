# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create an environment on a host. Runs there, with the Python of the host (3.8 or newer).

The steps: wait for other builders, delete unfinished environments, create the folder, install, try, seal. Where a step
fails, the folder is deleted again, and the reason is one sentence with its cure (:func:`explain`).
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import json
import os
import re
import time
from typing import Any, Iterator

from .._errors import AlarmError, BuildError, InterpreterError
from . import interpreters
from .build_commands import Wish, explain, run
from .build_progress import PREFIX, Progress, place
from .build_steps import fill, installed, normal, program, remove, try_and_seal, unpack, versions
from .observation import environments
from .uv import Run

#: The arguments of the module jupyter_environment.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "path": {"type": "str", "required": True},
    "prefix": {"type": "str", "required": True},
    "python": {"type": "str", "required": True},
    "download": {"type": "str", "default": ""},
    "renew": {"type": "bool", "default": False},
    "packages": {"type": "list", "elements": "str", "required": True},
    "lock": {"type": "str", "default": ""},
    "installer": {"type": "str", "choices": ["uv", "pip"], "default": "uv"},
    "pip": {"type": "path"},
    "wheelhouse": {"type": "dict", "default": {}},
    "wheels": {"type": "str"},
    "account": {"type": "str"},
    "before": {"type": "str"},
    "instead_of": {"type": "str"},
    "variables": {"type": "str", "default": "{}", "no_log": True},
    "progress": {"type": "str", "default": ""},
}
#: How long a builder waits for another one. A run that was cut off leaves its installer running on the host.
PATIENCE = 900


@contextlib.contextmanager
def alone(prefix: str, progress: Progress) -> Iterator[None]:
    """Hold the lock of builders on this host (flock(2))."""
    os.makedirs(os.path.join(prefix, "installer"), 0o700, exist_ok=True)
    descriptor = os.open(os.path.join(prefix, "installer", "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                progress.step("wait")
                if time.monotonic() > deadline:
                    raise BuildError(
                        f"another run has been building below {prefix} for {PATIENCE // 60} minutes. Let it end, then"
                        " run again."
                    ) from None
                time.sleep(0.2)
        yield
    finally:
        os.close(descriptor)


def attempt(wish: Wish) -> dict[str, Any]:
    """Build, and return the result of the module jupyter_environment: that of :func:`build`, or ``failed`` and ``msg``.

    :param wish: as for :func:`build`, ``name``, whose the environment is, and ``variables``, the environment variables
        of the installers as a JSON object of strings, and ``progress``, the name of a file for the steps (or empty).
    """
    os.umask(0o022)
    os.environ.update(json.loads(wish["variables"]))
    # Where Ansible runs on this very machine, we are where the operator stood. Python takes modules from there, and uv
    # settings, also from above.
    os.chdir("/")
    progress = Progress(place(wish["path"], wish["progress"]) if wish["progress"] else "", wish["path"])
    try:
        return build(wish, run, progress)
    except InterpreterError as error:
        return {"failed": True, "msg": f"{wish['name']}: python: {error}"}
    except (BuildError, OSError) as error:
        return {"failed": True, "msg": f"{wish['name']}: packages: {error}"}
    finally:
        progress.end()


def build(wish: Wish, run: Run, progress: Progress) -> dict[str, Any]:
    """Create ``wish["path"]``, unless it is there and whole.

    :param wish: ``path``, ``prefix``, ``python``, ``packages``; ``download`` (the version of a Python that uv installs,
        or empty); ``renew`` (a newer build of it is wanted); ``lock`` (the text of a lock file, or empty);
        ``installer`` (``uv`` or ``pip``);
        ``pip`` (a wheel of it on this host, where Python comes without; or empty); ``wheels`` (an archive of wheels on
        this host, or empty);
        ``account`` (who tries it; empty: the builder); ``instead_of`` (an environment that the new one should differ
        from, or empty);
        ``before`` (the one in use until now, or empty).
    :returns: ``changed``; ``same``, that nothing is newer than in ``instead_of``, and the new folder went again;
        ``remark``, for a person.
    :raises BuildError: with the reason; nothing of the environment is left.
    """
    path, prefix = wish["path"], wish["prefix"]
    with alone(prefix, progress):
        found = environments.environment(path)
        if found["sealed"] and not found["missing"]:
            return {"changed": False, "same": False, "remark": ""}
        pins = _pins(path) if found["sealed"] and not wish["lock"] else ""
        _clear(prefix, path)
        # From a time when the folder was everybody's to read: somebody may still hold it.
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(prefix, "installer", "cache", ".lock"))
        wheels = os.path.join(prefix, "installer", "wheels")
        try:
            if wish["wheels"]:
                unpack(wish["wheels"], wheels)
            if wish["download"]:
                progress.step("python")
            wish = {**wish, "python": interpreters.settle(wish, wheels if wish["wheels"] else "", run)}
            if _is_up_to_date(wish, run):
                return {"changed": False, "same": True, "remark": ""}
            remark = fill(wish, pins, wheels if wish["wheels"] else "", run, progress)
            same = (
                bool(wish["instead_of"])
                and not interpreters.is_another(wish)
                and versions(wish["instead_of"]) == installed(path, run)
            )
            if same:
                remove(path)
            else:
                progress.step("try")
                try_and_seal(wish, wish["before"] or found.get("before") or "")
        except BaseException as error:
            remove(path)
            if isinstance(error, OSError):
                raise BuildError(explain("building", str(error))) from error
            raise
        finally:
            remove(wheels)
        return {"changed": not same, "same": same, "remark": remark}


def _is_up_to_date(wish: Wish, run: Run) -> bool:
    """Ask uv for the packages that it would install now. That takes a second. Without uv, the comparison waits until
    pip has installed."""
    if not wish["instead_of"] or wish["installer"] != "uv" or interpreters.is_another(wish):
        return False
    try:
        uv = program(wish, "", run)
    except AlarmError:
        raise
    except BuildError:
        return False
    options = [
        "--quiet",
        "--no-header",
        "--no-annotate",
        "--no-emit-index-url",
        "--python",
        f"{wish['instead_of']}/bin/python",
    ]
    code, output = run([uv, "pip", "compile", *options, "-"], "".join(f"{package}\n" for package in wish["packages"]))
    return code == 0 and resolved(output) == {
        normal(name): version for name, version in versions(wish["instead_of"]).items()
    }


def resolved(output: str) -> dict[str, str]:
    """Map each package in the output of ``uv pip compile`` to its version."""
    return {
        normal(name): version for name, version in re.findall(r"(?m)^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;]+)", output)
    }


def _clear(prefix: str, path: str) -> None:
    """Remove unfinished environments, and ``path``. No other run is building now."""
    for folder in glob.glob(os.path.join(glob.escape(prefix), "envs", "*")):
        if folder == path or not os.path.exists(os.path.join(folder, environments.SEAL)):
            remove(folder)
    for file in glob.glob(os.path.join(glob.escape(prefix), "envs", f"{PREFIX}*")):  # of builders that were killed
        with contextlib.suppress(OSError):
            os.unlink(file)


def _pins(path: str) -> str:
    """Return the versions in the seal of a damaged environment, which is rebuilt with the same versions."""
    return "".join(f"{name}=={version}\n" for name, version in sorted(versions(path).items()))
