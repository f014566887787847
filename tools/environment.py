# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build ``.venv`` from a lock file, once, and make the checkout answer to ``remote.notebooks``.

Runs on the bare interpreter: standard library only. ``runtime`` has the packages of the playbooks, ``dev`` adds those
of the tests need.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCKS = {"runtime": "requirements.txt", "dev": "requirements-dev.txt"}
#: Environments apart from .venv. Scenarios and benchmarks run in the environment that `make up` creates: a library or a
#: collection that only the tests bring would hide that users lack it. The benchmarks' peers have one of their own,
#: which must not meet the packages of the tests.
APART = {"runtime": LOCKS["runtime"], "bench": "tests/benchmarks/requirements.txt"}
#: The other series of ansible-core that meta/runtime.yml admits, and the oldest Python of the control node that each
#: installs on. Their environments are those of users as well: the libraries of ``runtime``, and another core.
SERIES = {"2.18": "3.11", "2.20": "3.12", "2.21": "3.12"}
APART |= {f"core-{series}": f"tests/matrix/{series}.txt" for series in SERIES}
CACHE = ROOT / ".cache"
#: Distributions build theirs with profile-guided optimization; one that somebody built beside it without takes an
#: eighth longer for a run. Tests run in it, since users have it.
SYSTEM_PYTHON = Path("/usr/bin/python3")
#: Debian's package with the pip of python3-venv.
PIP_PACKAGE = "python3-pip-whl"
#: The pip that hosts get whose Python comes without one. That of Debian 12 does not run with Python 3.12 and later, and
#: hosts would install a package instead: 5 of the 13 seconds of a first run.
HOSTS_PIP = "pip==26.3 --hash=sha256:f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"


def stamp(kind: str) -> str:
    """Return the inputs of an environment. A change of any of them creates another environment.

    The path counts because the scripts of a virtual environment hold it; a moved checkout needs new ones.
    """
    locks = [LOCKS["runtime"]] if kind == "runtime" else list(LOCKS.values())
    digests = [hashlib.sha256((ROOT / lock).read_bytes()).hexdigest() for lock in locks]
    return "\n".join([str(ROOT), HOSTS_PIP, *digests])


def is_current(kind: str) -> bool:
    """Whether the environment fits the locks, this path, and still has its interpreter (a system upgrade takes it
    away)."""
    stamps = [VENV / f"{name}.stamp" for name in ("dev", kind)]
    expected = {path: stamp(path.stem) for path in stamps}
    if not any(path.is_file() and path.read_text() == expected[path] for path in stamps):
        return False
    return subprocess.run([PYTHON, "-c", "import ansible"], check=False, stderr=subprocess.DEVNULL).returncode == 0


def installer_environment() -> dict[str, str]:
    """pip's and uv's settings, each filled from the other's: a person sets one of them and means both."""
    # Not uv's hard links: who tries something in a file of an environment would change it in the cache, and so in every
    # environment to come.
    env = {"UV_LINK_MODE": "copy", **os.environ}
    pairs = [("PIP_CERT", "SSL_CERT_FILE"), ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"), ("PIP_EXTRA_INDEX_URL", "UV_INDEX")]
    if "UV_INDEX_URL" in env:  # the former name of UV_DEFAULT_INDEX
        env.setdefault("UV_DEFAULT_INDEX", env["UV_INDEX_URL"])
    for one, other in pairs:
        if one in env:
            env.setdefault(other, env[one])
        elif other in env:
            env[one] = env[other]
    if "SSL_CERT_FILE" not in env:
        env.setdefault("UV_SYSTEM_CERTS", "1")  # an authority the machine trusts is good enough for uv, too
    return env


def run(*command: str | Path) -> None:
    """Run a command quietly, or end with its error message."""
    words = [str(part) for part in command]
    result = subprocess.run(
        words, check=False, cwd=ROOT, env=installer_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    if result.returncode:
        sys.exit(f"failed with exit code {result.returncode}: {' '.join(words)}")


def fetch_pip(wheels: Path, python: Path = Path(sys.executable)) -> Path:
    """Return a wheel of pip, fetched into a folder where Python comes without one.

    Debian keeps it in the package python3-pip-whl, which python3-venv would install. apt-get fetches a package for any
    account and verifies its signature. Nothing is installed, so no root is needed.
    """
    wheels.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        # The lists of a new machine may be empty, and only root may fill them: the second try has its own.
        for name in ("lists", "cache"):
            (folder / name / "partial").mkdir(parents=True)
        own = ["-o", f"Dir::State::lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache"]
        get = ["apt-get", "-qq"]
        if shutil.which("apt-get") and (
            succeeds(folder, *get, "download", PIP_PACKAGE)
            or (succeeds(folder, *get, *own, "update") and succeeds(folder, *get, *own, "download", PIP_PACKAGE))
        ):
            for package in folder.glob("*.deb"):
                run("dpkg-deb", "--extract", package, folder / "content")
        for wheel in folder.glob("content/usr/share/python-wheels/pip-*.whl"):
            return Path(shutil.copy(wheel, wheels))
    version = "3" if python.resolve().parent == Path("/usr/bin") else f"3.{sys.version_info.minor}"
    sys.exit(
        f"{python} has no pip, and apt-get does not fetch one. Type this, then the same make again:"
        f" sudo apt-get install -y python{version}-venv"
    )


def download_pip(wheels: Path, *pip: str | Path) -> bool:
    """Download the wheel of :data:`HOSTS_PIP` into a folder, with the words of a pip. Tell whether that worked."""
    wheels.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        (Path(temporary) / "requirements.txt").write_text(HOSTS_PIP)
        command = [*pip, "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
        command += ["--require-hashes", "-r", f"{temporary}/requirements.txt", "--dest", wheels]
        return subprocess.run(command, check=False, env=installer_environment(), capture_output=True).returncode == 0


def succeeds(folder: Path, *command: str) -> bool:
    """Run a command in a folder without its output, and tell whether it succeeded."""
    done = subprocess.run(command, check=False, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True)
    return done.returncode == 0


def build(kind: str) -> None:
    """Create the environment anew, or add the test tools to one that is otherwise current."""
    if kind == "runtime" or not is_current("runtime"):
        print(f"Building .venv from {LOCKS['runtime']}", flush=True)
        shutil.rmtree(VENV, ignore_errors=True)
        base = _fast_python(sys.executable) if kind == "dev" else Path(sys.executable)
        bare = subprocess.run([base, "-c", "import ensurepip"], check=False, stderr=subprocess.DEVNULL).returncode != 0
        run(base, "-m", "venv", *(["--without-pip"] if bare else []), VENV)
        # pip runs out of its wheel. The hosts get the same one (plugin_utils/_environment/pip.py).
        pip = [fetch_pip(VENV / "share" / "python-wheels", base) / "pip"] if bare else ["-m", "pip"]
        run(
            PYTHON,
            *pip,
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "-r",
            LOCKS["runtime"],
        )
        if not download_pip(VENV / "share" / "python-wheels", PYTHON, *pip):
            print("The index has no newer pip for hosts. Some of them will install python3-venv.", flush=True)
        (VENV / "runtime.stamp").write_text(stamp("runtime"))
    if kind == "dev":
        print(f"Adding the test tools from {LOCKS['dev']}", flush=True)
        run(VENV / "bin" / "uv", "pip", "sync", "--quiet", "--python", PYTHON, "--require-hashes", LOCKS["dev"])


def find_python(oldest: str) -> Path | None:
    """Return a Python of this version or a newer one: the system's, one on the PATH, or one that pyenv keeps."""
    least = int(oldest.partition(".")[2])
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    names = [f"python3.{minor}" for minor in range(least, 20)]
    path = os.pathsep.join([*map(str, versions.glob("*/bin")), os.environ.get("PATH", os.defpath)])
    found = [SYSTEM_PYTHON, *(Path(where) for where in (shutil.which(name, path=path) for name in names) if where)]
    test = f"import sys; sys.exit(sys.version_info < (3, {least}))"
    good = (
        each
        for each in found
        if not subprocess.run([each, "-c", test], check=False, stderr=subprocess.DEVNULL).returncode
    )
    return next(good, None)


def build_apart(name: str, wanted: str = "", *, has_tests: bool = False) -> Path:
    """Create one of the environments of :data:`APART` from its lock; quick when it fits already. Return its folder of
    programs.

    :param wanted: the oldest Python that is good for it, where the one of the playbooks may not be.
    :param has_tests: whether it gets the tools of the tests as well: another environment, beside that of users.
    """
    uv, folder = VENV / "bin" / "uv", CACHE / (f"{name}-tests" if has_tests else name)
    python = find_python(wanted) if wanted else _fast_python(PYTHON)
    if python is None:
        sys.exit(f"{name} needs Python {wanted} or a newer one, and this machine has none.")
    run(uv, "venv", "--quiet", "--allow-existing", "--seed", "--python", python, folder)
    install: list[str | Path] = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--compile-bytecode",
        "--python",
        folder / "bin" / "python",
    ]
    run(*install, "--require-hashes", "-r", APART[name])
    if has_tests:
        rest = CACHE / f"{name}-tests.txt"
        rest.write_text(_without((ROOT / LOCKS["dev"]).read_text(), (ROOT / APART[name]).read_text()))
        run(*install, "--require-hashes", "--no-deps", "-r", rest)
    link_collection(folder)
    return folder / "bin"


def _without(lock: str, other: str) -> str:
    """Return the entries of a lock for packages that another lock does not have."""
    entry = re.compile(r"^([a-z0-9-]+)==.*\n(?: .*\n)*", re.MULTILINE)
    known = set(entry.findall(other))
    return "".join(found[0] for found in entry.finditer(lock) if found[1] not in known)


def _fast_python(other: str | Path) -> Path:
    """Return the Python of the system, or another one where the system's is older than Ansible needs."""
    test = [str(SYSTEM_PYTHON), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    supported = SYSTEM_PYTHON.exists() and subprocess.run(test, check=False).returncode == 0
    return SYSTEM_PYTHON if supported else Path(other)


def link_collection(venv: Path) -> None:
    """``remote.notebooks`` from anywhere (site-packages), and for tools that only read ansible.cfg (.ansible)."""
    python = venv / "bin" / "python"
    purelib = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    )
    for folder, target in ((Path(purelib.strip()), str(ROOT)), (ROOT / ".ansible" / "collections", "../../../..")):
        link = folder / "ansible_collections" / "remote" / "notebooks"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two makes at once wait for each other instead of building into one folder."""
    (ROOT / ".cache").mkdir(exist_ok=True)
    with (ROOT / ".cache" / "environment.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Leave at once when there is nothing to do: every target of the Makefile comes through here."""
    kind = sys.argv[1]
    with one_at_a_time():
        if not is_current(kind):
            build(kind)
            link_collection(VENV)
            (VENV / f"{kind}.stamp").write_text(stamp(kind))  # last: an interrupted build is no build


if __name__ == "__main__":
    main()
