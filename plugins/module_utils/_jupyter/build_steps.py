# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps that build an environment: wheels unpacked, packages installed and compiled, tried, sealed."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import tarfile
import time

from .._errors import AlarmError, BuildError
from .._plain import plain_lines
from . import uv as jupyter_uv
from .build_commands import Wish, explain, must, started, tried
from .build_progress import Progress
from .observation import environments
from .uv import Run

VERSIONS = """
import importlib.metadata, json, sysconfig
found = importlib.metadata.distributions(path=[sysconfig.get_path("purelib")])
print(json.dumps({package.metadata["Name"]: package.version for package in found}))
"""


def normal(name: str) -> str:
    # PEP 503, "Normalized Names"
    return re.sub(r"[-_.]+", "-", name).lower()


def remove(path: str) -> None:
    # The seal goes first: a folder that is half gone must not look whole.
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(path, environments.SEAL))
    shutil.rmtree(path, ignore_errors=True)


def versions(path: str) -> dict[str, str]:
    try:
        with open(os.path.join(path, environments.SEAL), encoding="utf-8") as file:
            versions = json.load(file)["versions"]
    except (OSError, ValueError, KeyError):
        return {}
    return dict(versions)


def installed(path: str, run: Run) -> dict[str, str]:
    """Return the output of :mod:`seal_environment` for an environment that has no seal yet."""
    code, out = run([f"{path}/bin/python", "-I", "-c", VERSIONS], "")
    return dict(json.loads(out.strip().splitlines()[-1])) if code == 0 else {}


def unpack(archive: str, folder: str) -> None:
    remove(folder)
    try:
        _extract(archive, folder)
    except tarfile.TarError as error:
        raise BuildError(f"the archive of wheels did not arrive whole ({error}). Run again.") from error


def _extract(archive: str, folder: str) -> None:
    with tarfile.open(archive) as tar:
        members = [
            member for member in tar.getmembers() if member.isfile() and member.name == os.path.basename(member.name)
        ]
        os.makedirs(folder, 0o755)
        for member in members:
            source = tar.extractfile(member)
            with open(os.path.join(folder, member.name), "wb") as target:
                shutil.copyfileobj(source, target)  # type: ignore[arg-type]


def fill(wish: Wish, pins: str, wheels: str, run: Run, progress: Progress) -> str:
    """Create the folder and install into it. Return a remark."""
    path, python, remark = wish["path"], wish["python"], ""
    # Shut until it is full: uv waits for a lock on a file in it, and anybody who can open a file can lock it.
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.mkdir(path, 0o700)
    uv = ""
    if wish["installer"] == "uv":
        progress.step("fetch")
        try:
            uv = program(wish, wheels, run)
        except AlarmError:
            raise
        except BuildError as error:
            remark = f"uv cannot be had on this host, so pip installs, more slowly: {error}"
    if uv:
        must(run, "making the environment", [uv, "venv", "--quiet", "--python", python, path])
    else:
        must(run, "making the environment", [python, "-m", "venv", *(["--without-pip"] if wish["pip"] else []), path])
    # The inputs are stored beside the result.
    requirements, constraints = os.path.join(path, "requirements.txt"), os.path.join(path, "constraints.txt")
    with open(requirements, "w", encoding="utf-8") as file:
        file.write(wish["lock"] or "".join(f"{package}\n" for package in wish["packages"]))
    options = ["--requirement", requirements]
    if wish["lock"]:
        options.append("--require-hashes")
    elif pins:
        with open(constraints, "w", encoding="utf-8") as file:
            file.write(pins)
        options += ["--constraint", constraints]
    if wheels:
        options += ["--no-index", "--find-links", wheels]
    if uv:
        # Nobody but its owner may write there: without bytecode, each server and kernel would compile for itself.
        compiled = ["--compile-bytecode", "--python", f"{path}/bin/python"]
        progress.step("resolve")
        must(progress.following(run), "installing", [uv, "pip", "install", "--quiet", *compiled, *options])
    else:
        pip = (
            [python, f"{wish['pip']}/pip", "--python", f"{path}/bin/python"]
            if wish["pip"]
            else [f"{path}/bin/python", "-m", "pip"]
        )
        progress.step("install")
        must(
            run,
            "installing",
            [*pip, "install", "--quiet", "--no-user", "--disable-pip-version-check", *options],
        )
    # Opened to the system's packages only now: pip --user then works for the account,
    # and nothing the system happens to hold was taken for a requirement already met.
    settings = os.path.join(path, "pyvenv.cfg")
    with open(settings, encoding="utf-8") as file:
        text = file.read()
    with open(settings, "w", encoding="utf-8") as file:
        file.write(re.sub(r"(?m)^(include-system-site-packages = ).*$", r"\1true", text))
    os.chmod(path, 0o755)  # noqa: S103
    return remark


def program(wish: Wish, wheels: str, run: Run) -> str:
    """Return the path of uv, or say why it cannot be had."""
    try:
        return jupyter_uv.program(wish["prefix"], wish["python"], wish["pip"] or "", wheels, run)
    except (OSError, http.client.HTTPException) as error:
        raise BuildError(explain("fetching it", str(error))) from error


def try_and_seal(wish: Wish, before: str) -> None:
    path, scripts = wish["path"], os.path.join(wish["prefix"], "libexec")
    account = [wish["account"]] if wish["account"] else []
    begun = time.monotonic()
    with started([f"{path}/bin/python", f"{scripts}/seal_environment.py", path, before, *wish["packages"]]) as seal:
        code, output = tried(
            [f"{path}/bin/python", f"{scripts}/probe_environment.py", path, *account],
            "".join(f"{package}\n" for package in wish["packages"]),
        )
        took = time.monotonic() - begun
        said = seal.communicate()[0]
    if code != 0:
        last = plain_lines("\n".join(f"  {line}" for line in output.strip().splitlines()[-12:]))
        raise BuildError(f"they install, and do not work here. Correct or leave out what the next lines name.\n{last}")
    if seal.returncode != 0:
        raise BuildError(explain("sealing it", said))
    seal_file = os.path.join(path, environments.SEAL)
    # How fast this host is: a run that waits for a server of it waits longer where this was long (wait_ready.py,
    # _diagnosis.patience).
    with open(f"{seal_file}.trial", "w", encoding="ascii") as file:
        file.write(f"{took:.1f}")
    os.rename(f"{seal_file}.new", seal_file)
