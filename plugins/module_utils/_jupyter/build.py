# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build an environment on a host. Runs there, with the host's Python (3.8 or newer).

The steps, and nothing between them: wait for whoever builds, clear away what was never finished, make the folder,
install, try it, seal it. Where a step fails, the folder goes again, and the reason is one sentence with its cure
(:func:`explain`).
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
import time
from typing import Any, Dict, Iterator

from .._errors import AlarmError, BuildError
from .._host import process_environment, processes
from .._plain import plain_lines
from . import uv as jupyter_uv
from .observation import environments
from .uv import Run

Wish = Dict[str, Any]

#: The arguments of the module jupyter_environment.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "path": {"type": "str", "required": True},
    "prefix": {"type": "str", "required": True},
    "python": {"type": "str", "required": True},
    "packages": {"type": "list", "elements": "str", "required": True},
    "lock": {"type": "str", "default": ""},
    "installer": {"type": "str", "choices": ["uv", "pip"], "default": "uv"},
    "pip": {"type": "path"},
    "wheelhouse": {"type": "dict", "default": {}},
    "wheels": {"type": "str"},
    "account": {"type": "str"},
    "before": {"type": "str"},
    "instead_of": {"type": "str"},
}

#: How long a builder waits for another one. A run that was cut off leaves its installer running on the host.
PATIENCE = 900
#: How long it may take to try an environment, in seconds, and which of our variables are told to what tries it.
TRIAL = 900
TOLD = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH")

VERSIONS = """
import importlib.metadata, json, sysconfig
found = importlib.metadata.distributions(path=[sysconfig.get_path("purelib")])
print(json.dumps({package.metadata["Name"]: package.version for package in found}))
"""

#: What the installers say, in the order of what is to be believed first, and what to do about it.
REASONS = (
    (
        r"No space left on device|os error 28|Disk quota exceeded|ENOSPC",
        "there is no room left on the disk.",
        "Free some, or lower jupyter_keep_environments, and run again.",
    ),
    (
        r"invalid peer certificate|CERTIFICATE_VERIFY_FAILED|UnknownIssuer|certificate verify failed",
        "the package index shows a certificate that this host does not trust.",
        "Name the bundle with its authority in ca_bundle, a path on the host.",
    ),
    (
        r"407 Proxy|Proxy Authentication|Cannot connect to proxy|tunnel error|ProxyError",
        "the proxy does not let the installer through.",
        "Correct http_proxy, or open the proxy for the package index.",
    ),
    (
        r"Failed to fetch|error sending request|dns error|NewConnectionError|Max retries exceeded|Connection"
        r" refused|Connection reset"
        r"|timed out|name resolution|Network is unreachable|No route to host|Remote end closed",
        "the package index cannot be reached, or answers with an error.",
        "Correct index_url or http_proxy, and run again.",
    ),
    (
        r"Hash mismatch|DO NOT MATCH THE HASHES|hashes are required",
        "a package is not the one that the lock file names.",
        (
            "Somebody put another file under that name: find out who. If the index is to be trusted, run upgrade.yml"
            " for a new lock."
        ),
    ),
    (
        (
            r"No solution found|ResolutionImpossible|No matching distribution|Could not find a version|was not found in"
            r" the|conflicting dependencies"
        ),
        "there is no set of packages that fits.",
        "Correct packages as the last lines say.",
    ),
    (
        (
            r"Failed to build|failed to build|Failed building|error: subprocess-exited|No module named"
            r" 'setuptools'|command .*(gcc|cc).* failed"
        ),
        "a package has no wheel for this Python, and cannot be built here.",
        "Choose another version or another python, or install its compiler and libraries.",
    ),
)


def explain(step: str, output: str) -> str:
    """Say in a few lines why a step failed: what, its cure, and the last words of the program.

    :param step: what was being done, for a reason that is none of :data:`REASONS`.
    """
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in output.splitlines()]
    last = plain_lines("\n".join(f"  {line}" for line in [line for line in lines if line.strip()][-12:]))
    for pattern, what, cure in REASONS:
        if re.search(pattern, output):
            return f"{what} {cure}\n{last}"
    return f"{step} failed.\n{last}"


@contextlib.contextmanager
def alone(prefix: str) -> Iterator[int]:
    """Hold the building site of this host, by a descriptor: who inherits it holds the site as well, until its end
    (flock(2))."""
    os.makedirs(os.path.join(prefix, "installer"), 0o700, exist_ok=True)
    descriptor = os.open(os.path.join(prefix, "installer", "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BuildError(
                        f"another run has been building below {prefix} for {PATIENCE // 60} minutes. Let it end, then"
                        " run again."
                    ) from None
                time.sleep(0.2)
        yield descriptor
    finally:
        os.close(descriptor)


def attempt(wish: Wish) -> dict[str, Any]:
    """Build, and return the result of the module jupyter_environment: that of :func:`build`, or ``failed`` and ``msg``.

    :param wish: as for :func:`build`, and ``name``, whose the environment is.
    """
    os.umask(0o022)
    # Where Ansible runs on this very machine, we are where the operator stood. Python takes modules from there, and uv
    # settings, also from above.
    os.chdir("/")
    try:
        return build(wish, run)
    except (BuildError, OSError) as error:
        return {"failed": True, "msg": f"{wish['name']}: packages: {error}"}


def run(argv: list[str], text: str) -> tuple[int, str]:
    """Run a command that reads ``text``. Return its exit code and what it said."""
    environment = process_environment.without_foreign()
    done = subprocess.run(
        argv, input=text, capture_output=True, check=False, encoding="utf-8", errors="replace", env=environment
    )
    return done.returncode, done.stdout + done.stderr


def tried(argv: list[str], text: str, seconds: float = TRIAL) -> tuple[int, str]:
    """Run what tries an environment with the rights of another account. Return its exit code and what it said.

    That account can read what stands in the environment of its processes: the address of the index, with its password,
    does not. It can stop them as well: they have their time. And no terminal of ours is theirs.
    """
    streams: dict[str, Any] = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "start_new_session": True,
    }
    variables = {name: os.environ[name] for name in TOLD if name in os.environ}
    process = subprocess.Popen(argv, encoding="utf-8", errors="replace", env=variables, **streams)
    try:
        said = process.communicate(text, timeout=seconds)[0]
        return process.returncode, said
    except subprocess.TimeoutExpired:
        return 1, f"no answer within {seconds:g} s: something stops what tries them"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def build(wish: Wish, run: Run) -> dict[str, Any]:
    """Build ``wish["path"]``, unless it is there and whole.

    :param wish: ``path``, ``prefix``, ``python``, ``packages``; ``lock`` (the text of a lock file, or empty);
        ``installer`` (``uv`` or ``pip``);
        ``pip`` (a wheel of it on this host, where Python comes without; or empty); ``wheels`` (an archive of wheels on
        this host, or empty);
        ``account`` (who tries it; empty: whoever builds); ``instead_of`` (an environment that the new one should differ
        from, or empty);
        ``before`` (the one in use until now, or empty).
    :returns: ``changed``; ``same``, that nothing is newer than in ``instead_of``, and the new folder went again;
        ``remark``, for a person.
    :raises BuildError: with the reason; nothing of the environment is left.
    """
    path, prefix = wish["path"], wish["prefix"]
    with alone(prefix) as site:
        found = environments.environment(path)
        if found["sealed"] and not found["missing"]:
            return {"changed": False, "same": False, "remark": ""}
        pins = _pins(path) if found["sealed"] and not wish["lock"] else ""
        _clear(prefix, path)
        # From a time when the folder was everybody's to read: somebody may still hold it.
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(prefix, "installer", "cache", ".lock"))
        if _is_up_to_date(wish, run):
            return {"changed": False, "same": True, "remark": ""}
        wheels = os.path.join(prefix, "installer", "wheels")
        try:
            if wish["wheels"]:
                _unpack(wish["wheels"], wheels)
            remark = _fill(wish, pins, wheels if wish["wheels"] else "", run)
            same = bool(wish["instead_of"]) and _versions(wish["instead_of"]) == _installed(path, run)
            if same:
                _remove(path)
            else:
                with _compiling(wish, site):
                    _try_and_seal(wish, wish["before"] or found.get("before") or "")
        except BaseException as error:
            _remove(path)
            if isinstance(error, OSError):
                raise BuildError(explain("building", str(error))) from error
            raise
        finally:
            _remove(wheels)
        return {"changed": not same, "same": same, "remark": remark}


def _is_up_to_date(wish: Wish, run: Run) -> bool:
    """Ask uv what it would install now. That takes a second; where uv cannot be had, the comparison waits until pip has
    installed."""
    if not wish["instead_of"] or wish["installer"] != "uv":
        return False
    try:
        uv = _program(wish, "", run)
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
        _normal(name): version for name, version in _versions(wish["instead_of"]).items()
    }


def resolved(output: str) -> dict[str, str]:
    """Map each package in the output of ``uv pip compile`` to its version."""
    return {
        _normal(name): version for name, version in re.findall(r"(?m)^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;]+)", output)
    }


def _normal(name: str) -> str:
    # PEP 503, "Normalized Names"
    return re.sub(r"[-_.]+", "-", name).lower()


def _clear(prefix: str, path: str) -> None:
    """Remove what no run has finished, and ``path``; nobody else is building now."""
    for folder in glob.glob(os.path.join(glob.escape(prefix), "envs", "*")):
        if folder == path or not os.path.exists(os.path.join(folder, environments.SEAL)):
            _remove(folder)


def _remove(path: str) -> None:
    # The seal goes first: a folder that is half gone must not look whole.
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(path, environments.SEAL))
    shutil.rmtree(path, ignore_errors=True)


def _pins(path: str) -> str:
    """Return the versions that a damaged environment was sealed with: it is to become what it was."""
    return "".join(f"{name}=={version}\n" for name, version in sorted(_versions(path).items()))


def _versions(path: str) -> dict[str, str]:
    try:
        with open(os.path.join(path, environments.SEAL), encoding="utf-8") as file:
            versions = json.load(file)["versions"]
    except (OSError, ValueError, KeyError):
        return {}
    return dict(versions)


def _installed(path: str, run: Run) -> dict[str, str]:
    """Return what :mod:`seal_environment` would write of an environment that has no seal yet."""
    code, out = run([f"{path}/bin/python", "-I", "-c", VERSIONS], "")
    return dict(json.loads(out.strip().splitlines()[-1])) if code == 0 else {}


def _must(run: Run, step: str, argv: list[str], text: str = "") -> None:
    code, output = run(argv, text)
    if code != 0:
        raise BuildError(explain(step, output))


def _unpack(archive: str, folder: str) -> None:
    _remove(folder)
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


def _fill(wish: Wish, pins: str, wheels: str, run: Run) -> str:
    """Make the folder and install into it. Return a remark."""
    path, python, remark = wish["path"], wish["python"], ""
    # Shut until it is full: uv waits for a lock on a file in it, and whoever can open a file can lock it.
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.mkdir(path, 0o700)
    uv = ""
    if wish["installer"] == "uv":
        try:
            uv = _program(wish, wheels, run)
        except AlarmError:
            raise
        except BuildError as error:
            remark = f"uv cannot be had on this host, so pip installs, more slowly: {error}"
    if uv:
        _must(run, "making the environment", [uv, "venv", "--quiet", "--python", python, path])
    else:
        _must(run, "making the environment", [python, "-m", "venv", *(["--without-pip"] if wish["pip"] else []), path])
    # What went in stays beside what came of it.
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
        _must(run, "installing", [uv, "pip", "install", "--quiet", "--python", f"{path}/bin/python", *options])
    else:
        pip = (
            [python, f"{wish['pip']}/pip", "--python", f"{path}/bin/python"]
            if wish["pip"]
            else [f"{path}/bin/python", "-m", "pip"]
        )
        _must(
            run,
            "installing",
            [*pip, "install", "--quiet", "--no-user", "--no-compile", "--disable-pip-version-check", *options],
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


def _program(wish: Wish, wheels: str, run: Run) -> str:
    """Return the path of uv, or say why it cannot be had."""
    try:
        return jupyter_uv.program(wish["prefix"], wish["python"], wish["pip"] or "", wheels, run)
    except (OSError, http.client.HTTPException) as error:
        raise BuildError(explain("fetching it", str(error))) from error


@contextlib.contextmanager
def _compiling(wish: Wish, site: int) -> Iterator[None]:
    """Return when compiled is what a server needs. The rest goes on meanwhile and after this run's end, unless the
    block fails.

    :param site: what :func:`alone` yields. Whoever builds next, and whoever ends this run (unlock.yml), waits for it.
    """
    command = [f"{wish['path']}/bin/python", "-I", os.path.join(wish["prefix"], "libexec", "compile_environment.py")]
    process = _started(command, pass_fds=[site], start_new_session=True)
    try:
        said = "".join(process.stdout or ())  # until it lets go of it
        if said.strip() != "ready":
            raise BuildError(explain("compiling", said))
        yield
    except BaseException:
        # What it and its children wrote after this would be left of an environment that is gone.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        processes.end_ours(wish["path"], os.path.join(wish["prefix"], "libexec"))
        raise


def _try_and_seal(wish: Wish, before: str) -> None:
    path, scripts = wish["path"], os.path.join(wish["prefix"], "libexec")
    account = [wish["account"]] if wish["account"] else []
    begun = time.monotonic()
    with _started([f"{path}/bin/python", f"{scripts}/seal_environment.py", path, before, *wish["packages"]]) as seal:
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
    # How fast this host is: whoever waits for a server of it waits longer where this was long (wait_ready.py,
    # _diagnosis.patience).
    with open(f"{seal_file}.trial", "w", encoding="ascii") as file:
        file.write(f"{took:.1f}")
    os.rename(f"{seal_file}.new", seal_file)


def _started(command: list[str], **more: Any) -> subprocess.Popen[str]:
    """Start what goes on beside the next steps."""
    streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    more["env"] = process_environment.without_foreign()
    return subprocess.Popen(command, text=True, errors="replace", **streams, **more)
