# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real uv installs builds of Python from a mirror on the loopback, and refuses others.

A build is made out of the Python that runs this test: its digest stands in no list of uv. So uv is given a list for the
test, in the place of its own one. The last tests use its own one.
"""

from __future__ import annotations

import glob
import hashlib
import http.server
import io
import json
import os
import platform
import subprocess
import sys
import sysconfig
import tarfile
import threading

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import BuildError, InterpreterError
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter import build, build_commands, interpreters
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import (
    interpreters as observation,
)
from uv import find_uv_bin

NAME = f"{sys.version_info[0]}.{sys.version_info[1]}"
RELEASE = f"{NAME}.{sys.version_info[2]}"
MACHINE = platform.machine()
#: The releases of uv's own list have this address, and the mirror takes its place.
RELEASES = "https://github.com/astral-sh/python-build-standalone/releases/download/20990101/"


def key(release=RELEASE):
    return f"cpython-{release}-linux-{MACHINE}-gnu"


#: The parts of the standard library that no test here imports: each would be compiled in each test.
UNNEEDED = {
    *("test", "site-packages", "__pycache__", "idlelib", "lib2to3", "ensurepip", "asyncio", "unittest", "xml", "venv"),
    *("tkinter", "turtledemo", "distutils", "pydoc_data", "multiprocessing", "curses", "dbm", "wsgiref", "sqlite3"),
}


def _wanted(member):
    parts = member.name.split("/")
    return None if {*parts} & UNNEEDED or any(part.startswith("config-") for part in parts) else member


@pytest.fixture(scope="module")
def archive():
    """The Python of this test in the layout of a build."""
    content = io.BytesIO()
    # Debian's sitecustomize.py is a link to /etc: its file goes in.
    with tarfile.open(fileobj=content, mode="w:gz", compresslevel=1, dereference=True) as tar:
        tar.add(os.path.realpath(sys._base_executable), f"python/bin/python{NAME}")
        link = tarfile.TarInfo("python/bin/python3")
        link.type, link.linkname = tarfile.SYMTYPE, f"python{NAME}"
        tar.addfile(link)
        tar.add(sysconfig.get_path("stdlib"), f"python/lib/python{NAME}", filter=_wanted)
        for path in glob.glob(f"{sys.base_prefix}/lib/libpython*"):
            tar.add(path, f"python/lib/{os.path.basename(path)}")
    return content.getvalue()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        content = self.server.content
        self.send_response(200 if content else 404)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_words):
        pass


@pytest.fixture
def mirror(archive):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.content = [], archive
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def host(tmp_path, mirror, monkeypatch):
    """A prefix on a host with uv, whose installer asks the mirror."""
    (tmp_path / "pythons").mkdir()
    (tmp_path / "envs").mkdir()
    variables = {
        "UV_PYTHON_DOWNLOADS": "manual",
        "UV_PYTHON_INSTALL_MIRROR": f"http://ann:secret@127.0.0.1:{mirror.server_port}/mirror",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "UV_HTTP_RETRIES": "0",
        "HOME": str(tmp_path),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(interpreters, "program", lambda _wish, _wheels, _run: find_uv_bin())
    return tmp_path


def publish(host, monkeypatch, *digests):
    """Give uv a list of builds: a release for each digest, the newest last."""
    found = {}
    for number, digest in enumerate(digests):
        patch = sys.version_info[2] + number
        found[key(f"{NAME}.{patch}")] = {
            **{"name": "cpython", "arch": {"family": MACHINE, "variant": None}, "os": "linux", "libc": "gnu"},
            **{"major": sys.version_info[0], "minor": sys.version_info[1], "patch": patch, "prerelease": ""},
            **{"url": f"{RELEASES}{patch}.tar.gz", "sha256": digest, "variant": None, "build": "20990101"},
        }
    (host / "list.json").write_text(json.dumps(found))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", str(host / "list.json"))


def wish(host, **more):
    wanted = {"prefix": str(host), "python": f"{host}/pythons/{NAME}/bin/python3", "download": NAME, "renew": False}
    return {**wanted, "pip": "", "instead_of": "", **more}


def settle(host, **more):
    return interpreters.settle(wish(host, **more), "", build_commands.run)


def read(host):
    found = observation.interpreters(str(host / "pythons"), glob.glob(f"{host}/envs/*"))
    return {
        "builds": {os.path.basename(path): len(uses) for path, uses in found["builds"].items()},
        "links": {name: os.path.basename(path) for name, path in found["links"].items()},
    }


def test_a_build_is_installed_once_and_every_account_can_run_it(host, mirror, archive, monkeypatch):
    publish(host, monkeypatch, hashlib.sha256(archive).hexdigest())
    words = []

    def run(argv, text):
        words.extend(argv)
        return build_commands.run(argv, text)

    python = interpreters.settle(wish(host), "", run)
    assert python == f"{host}/pythons/{key()}/{key()}/bin/python3"
    assert [path for path in mirror.asked if path.startswith("/mirror/")] != []
    assert not any("secret" in word for word in words)
    assert sorted(path.name for path in (host / "pythons").iterdir()) == [NAME, key()]
    # No file of uv's that another account could lock, and nothing outside.
    assert {path.name for path in (host / "pythons" / key()).iterdir() if not path.is_symlink()} == {key()}
    assert not (host / ".local").exists()
    assert (host / "pythons" / key()).stat().st_mode & 0o777 == 0o755
    assert all(path.stat().st_mode & 0o005 for path in (host / "pythons").rglob("*") if path.exists())
    assert list((host / "pythons").rglob("__pycache__/os.*.pyc")) != []
    asked = len(mirror.asked)
    assert settle(host) == python
    assert len(mirror.asked) == asked


def test_an_environment_stays_on_its_build_when_a_newer_one_comes(host, archive, monkeypatch):
    digest = hashlib.sha256(archive).hexdigest()
    publish(host, monkeypatch, digest)
    first = settle(host)
    subprocess.run([find_uv_bin(), "venv", "--quiet", "--python", first, str(host / "envs/aaa")], check=True)
    assert read(host) == {"builds": {key(): 1}, "links": {NAME: key()}}
    environment = f"{host}/envs/aaa"
    assert interpreters.is_another(wish(host, python=first, instead_of=environment)) is False

    newer = f"{NAME}.{sys.version_info[2] + 1}"
    publish(host, monkeypatch, digest, digest)
    assert settle(host) == first  # only an upgrade asks for one
    second = settle(host, renew=True)
    assert second == f"{host}/pythons/{key(newer)}/{key(newer)}/bin/python3"
    assert interpreters.is_another(wish(host, python=second, instead_of=environment)) is True
    assert read(host) == {"builds": {key(): 1, key(newer): 0}, "links": {NAME: key(newer)}}
    assert subprocess.run([f"{environment}/bin/python", "-c", "import ssl, json"], check=False).returncode == 0


def test_a_build_with_another_digest_is_refused_and_nothing_stays(host, monkeypatch):
    publish(host, monkeypatch, "0" * 64)
    with pytest.raises(InterpreterError, match="the downloaded build is not the one whose digest uv knows") as error:
        settle(host)
    assert "Hash mismatch" in str(error.value)
    assert list((host / "pythons").iterdir()) == []


def test_a_download_that_was_cut_off_is_no_other_file(host, mirror, archive, monkeypatch):
    mirror.content = archive[:2000000]
    publish(host, monkeypatch, hashlib.sha256(archive).hexdigest())
    with pytest.raises(InterpreterError, match="what was downloaded is no whole archive of a build"):
        settle(host)
    assert read(host) == {"builds": {}, "links": {}}


def test_a_failed_upgrade_keeps_the_build_in_use(host, archive, mirror, monkeypatch):
    digest = hashlib.sha256(archive).hexdigest()
    publish(host, monkeypatch, digest)
    first = settle(host)
    publish(host, monkeypatch, digest, digest)
    mirror.content = b""
    with pytest.raises(InterpreterError, match="its build cannot be fetched"):
        settle(host, renew=True)
    assert settle(host) == first
    assert read(host) == {"builds": {key(): 0}, "links": {NAME: key()}}


def test_the_rest_of_a_run_that_was_cut_off_is_replaced(host, archive, monkeypatch):
    publish(host, monkeypatch, hashlib.sha256(archive).hexdigest())
    (host / "pythons" / key() / key() / "bin").mkdir(parents=True)
    (host / "pythons" / key() / key() / "bin/python3").write_text("half of it")
    (host / "pythons" / f"{NAME}.new").symlink_to("nowhere")
    assert settle(host).startswith(f"{host}/pythons/{key()}/")
    assert read(host) == {"builds": {key(): 0}, "links": {NAME: key()}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            b"", "its build cannot be fetched. Name a mirror that this host reaches in python_mirror", id="404"
        ),
        pytest.param(b"no archive", "what was downloaded is no whole archive of a build.", id="no archive"),
    ],
)
def test_uv_itself_and_a_mirror_without_the_build(host, mirror, content, message):
    """With uv's own list, and its own digests."""
    mirror.content = content
    with pytest.raises(InterpreterError) as error:
        settle(host, download="3.12")
    assert message in str(error.value)
    assert "secret" not in str(error.value)
    assert "/mirror/" in mirror.asked[0]
    assert "cpython-3.12" in mirror.asked[0]
    assert list((host / "pythons").iterdir()) == []


def test_a_version_that_uv_does_not_know(host):
    with pytest.raises(InterpreterError, match=r"knows no build of Python 3\.99 for this machine"):
        settle(host, download="3.99")


def test_without_uv_there_is_no_interpreter(host, monkeypatch):
    def program(*_arguments):
        raise BuildError("the package index cannot be reached.")

    monkeypatch.setattr(interpreters, "program", program)
    with pytest.raises(InterpreterError, match=r"uv installs Python 3\.12, and cannot be had on this host"):
        settle(host, download="3.12")


def test_an_interpreter_of_the_host_is_taken_as_it_is(host):
    assert settle(host, download="", python="/usr/bin/python3") == "/usr/bin/python3"


def test_the_message_names_the_option(host, monkeypatch):
    def failing(_wish, _wheels, _run):
        raise InterpreterError("why")

    monkeypatch.setattr(interpreters, "settle", failing)
    monkeypatch.setattr(os, "chdir", lambda _path: None)
    more = {"name": "instance 'lab'", "path": f"{host}/envs/x", "packages": [], "lock": "", "wheels": "", "account": ""}
    arguments = {**wish(host), **more, "installer": "uv", "before": "", "variables": "{}", "progress": ""}
    umask = os.umask(0o022)
    try:
        found = build.attempt(arguments)
    finally:
        os.umask(umask)
    assert found == {"failed": True, "msg": "instance 'lab': python: why"}


def test_a_host_without_such_a_folder():
    assert observation.interpreters("/nonexistent", []) == {"builds": {}, "links": {}}
