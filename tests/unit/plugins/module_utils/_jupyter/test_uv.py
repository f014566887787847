# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host gets uv: from an index of these tests' own, with a wheel of theirs."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import io
import threading
import zipfile
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import AlarmError, BuildError
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter import build, build_steps
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter import uv as jupyter_uv
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.build_commands import run
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.build_progress import Progress

TAG = "manylinux_2_17_x86_64.manylinux2014_x86_64"
NAME = f"uv-9.9.9-py3-none-{TAG}.whl"


def wheel(content):
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("uv-9.9.9.data/scripts/uvx", "#!/bin/sh\nexit 1\n")
        archive.writestr("uv-9.9.9.data/scripts/uv", content)
    return whole.getvalue()


WHEEL = wheel("#!/bin/sh\necho uv 9.9.9\n")


class Index(http.server.ThreadingHTTPServer):
    """Answers with ``pages``, those of ``failing`` after a 503 and of ``broken`` after a part, or leads elsewhere.

    Where it is ``locked``: to one name and password alone.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.pages = {}
        self.failing, self.broken = set(), set()
        self.leading = {}
        self.locked = False
        self.asked = []


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        login = base64.b64encode(b"me:p w").decode()
        if self.server.locked and self.headers.get("Authorization") != f"Basic {login}":
            self.answer(401, b"", ("WWW-Authenticate", 'Basic realm="index"'))
        elif self.path in self.server.leading:
            self.answer(302, b"", ("Location", self.server.leading[self.path]))
        elif self.path in self.server.failing:
            self.server.failing.remove(self.path)
            self.answer(503, b"")
        elif self.path in self.server.broken:
            self.server.broken.remove(self.path)
            self.answer(
                200, self.server.pages[self.path][:-5], ("Content-Length", str(len(self.server.pages[self.path])))
            )
        elif self.path in self.server.pages:
            self.answer(200, self.server.pages[self.path])
        else:
            self.answer(404, b"")

    def answer(self, code, body, *headers):
        self.send_response(code)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


@contextlib.contextmanager
def serving():
    with Index() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def index(monkeypatch):
    """An index with uv, among many other files; the host is one of TAG and has been told where it is."""
    links = [f'<a href="../files/uv-0.{number}.0-py3-none-{TAG}.whl#sha256=0">old</a>' for number in range(50)]
    with serving() as server:
        server.pages = {
            "/simple/uv/": (
                f'<html><body>{"".join(links)}<A\nHREF="../../files/{NAME}#sha256=0">{NAME}</A></body></html>'.encode()
            ),
            f"/files/{NAME}": WHEEL,
        }
        monkeypatch.setattr(jupyter_uv, "VERSION", "9.9.9")
        monkeypatch.setattr(jupyter_uv, "WHEELS", {TAG: hashlib.sha256(WHEEL).hexdigest()})
        monkeypatch.setattr(jupyter_uv, "PAUSES", (0, 0))
        monkeypatch.setattr(jupyter_uv, "_tag", lambda: TAG)
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{server.url}/simple")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server


def fetch(prefix, wheels=""):
    return Path(jupyter_uv.program(str(prefix), "/usr/bin/python3", "", str(wheels), run))


def test_uv_is_the_program_of_the_wheel_and_nothing_else_stays(index, tmp_path):
    uv = fetch(tmp_path)
    assert uv == tmp_path / "installer" / "uv-9.9.9" / "bin" / "uv"
    assert run([str(uv)], "") == (0, "uv 9.9.9\n")
    assert uv.stat().st_mode & 0o777 == 0o700
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*")) if path.is_file()] == [
        "installer/uv-9.9.9/bin/uv"
    ]
    assert index.asked == ["/simple/uv/", f"/files/{NAME}"]


def test_it_is_fetched_once_and_again_where_it_was_damaged(index, tmp_path):
    fetch(tmp_path)
    fetch(tmp_path)
    assert len(index.asked) == 2
    uv = tmp_path / "installer" / "uv-9.9.9" / "bin" / "uv"
    uv.write_text("#!/bin/sh\nexit 1\n")
    fetch(tmp_path)
    assert len(index.asked) == 4
    assert run([str(uv)], "")[0] == 0


def test_another_file_under_the_name_is_refused(index, tmp_path):
    index.pages[f"/files/{NAME}"] = wheel("#!/bin/sh\necho uv 9.9.9 with something added\n")
    with pytest.raises(BuildError, match="not the one that this collection was made with"):
        fetch(tmp_path)
    assert not list(tmp_path.rglob("uv"))


def test_so_is_another_one_among_the_wheels_of_the_control_node(index, tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with pytest.raises(BuildError, match="not among the wheels of the control node"):
        fetch(tmp_path, wheels)
    (wheels / NAME).write_bytes(wheel("other"))
    with pytest.raises(BuildError, match="not the one that this collection was made with"):
        fetch(tmp_path, wheels)
    (wheels / NAME).write_bytes(WHEEL)
    assert run([str(fetch(tmp_path, wheels))], "") == (0, "uv 9.9.9\n")
    assert index.asked == []


def test_one_that_does_not_run_here_is_said(index, tmp_path, monkeypatch):
    broken = wheel("#!/bin/sh\necho cannot execute >&2\nexit 126\n")
    index.pages[f"/files/{NAME}"] = broken
    monkeypatch.setattr(jupyter_uv, "WHEELS", {TAG: hashlib.sha256(broken).hexdigest()})
    with pytest.raises(BuildError, match="does not run here: cannot execute"):
        fetch(tmp_path)


def test_an_index_that_fails_for_a_moment_is_asked_again(index, tmp_path):
    index.failing = {"/simple/uv/", f"/files/{NAME}"}
    fetch(tmp_path)
    assert index.asked == ["/simple/uv/"] * 2 + [f"/files/{NAME}"] * 2


def test_the_name_and_password_of_the_index_are_for_its_host_alone(index, tmp_path, monkeypatch):
    index.locked = True
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url.replace("//", "//me:p%20w@") + "/simple/")
    fetch(tmp_path / "one")
    with serving() as other:
        other.pages = {f"/files/{NAME}": WHEEL}
        other.locked = True
        index.pages["/simple/uv/"] = f'<a href="{other.url}/files/{NAME}">'.encode()
        with pytest.raises(OSError, match="401"):
            fetch(tmp_path / "two")


def test_no_login_follows_where_the_index_leads(index, tmp_path, monkeypatch):
    index.locked = True
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url.replace("//", "//me:p%20w@") + "/simple/")
    with serving() as other:
        other.pages, other.locked = {f"/files/{NAME}": WHEEL}, True
        index.leading = {f"/files/{NAME}": f"{other.url}/files/{NAME}"}
        with pytest.raises(OSError, match="401"):
            fetch(tmp_path / "one")
        other.locked = False
        fetch(tmp_path / "two")


@pytest.mark.parametrize(
    ("url", "index", "login"),
    [
        ("https://index.example/uv.whl", "https://ann:secret@index.example/simple", ("ann", "secret")),
        ("http://index.example/uv.whl", "http://ann:secret@index.example/simple", ("ann", "secret")),
        ("https://index.example/uv.whl", "http://ann:secret@index.example/simple", ("ann", "secret")),
        ("http://index.example/uv.whl", "https://ann:secret@index.example/simple", None),
        ("http://index.example:443/uv.whl", "https://ann:secret@index.example:443/simple", None),
        ("ftp://index.example/uv.whl", "https://ann:secret@index.example/simple", None),
        ("http://files.example/uv.whl", "https://index.example/simple", None),
        ("https://files.example/uv.whl", "https://index.example/simple", ("bob", "word")),
    ],
)
def test_no_login_leaves_tls_that_the_index_has(monkeypatch, tmp_path, url, index, login):
    (tmp_path / "netrc").write_text("machine files.example login bob password word\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert jupyter_uv._login(url, index) == login


@pytest.mark.parametrize(("most", "patience"), [(100_000, 600), (64 << 20, 0)])
def test_an_index_that_sends_without_end_is_not_read_to_it(index, tmp_path, monkeypatch, most, patience):
    monkeypatch.setattr(jupyter_uv, "MOST", most)
    monkeypatch.setattr(jupyter_uv, "PATIENCE", patience)
    index.pages["/simple/uv/"] = b"x" * 3_000_000
    with pytest.raises(OSError, match="sends more than"):
        fetch(tmp_path)


def test_a_file_that_breaks_off_is_asked_for_again_and_no_alarm(index, tmp_path):
    index.broken = {f"/files/{NAME}"}
    fetch(tmp_path)
    assert index.asked == ["/simple/uv/", f"/files/{NAME}", f"/files/{NAME}"]


def test_a_login_may_stand_in_netrc(index, tmp_path, monkeypatch):
    index.locked = True
    (tmp_path / "netrc").write_text('machine 127.0.0.1 login me password "p w"\n')
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    fetch(tmp_path)
    for number, damaged in enumerate(
        (b"machine 127.0.0.1 and nothing that makes sense\n", b"machine 127.0.0.1 login \xff\n")
    ):
        (tmp_path / "netrc").write_bytes(damaged)
        with pytest.raises(OSError, match="401"):
            fetch(tmp_path / str(number))


def test_an_index_without_it_is_named_and_one_that_is_away_explained(index, tmp_path, monkeypatch):
    index.pages["/simple/uv/"] = b"<a href='uv-1.whl'>"
    with pytest.raises(BuildError, match=f"the package index has no {NAME}"):
        fetch(tmp_path)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    wish = {"prefix": str(tmp_path), "python": "/usr/bin/python3", "pip": None}
    with pytest.raises(BuildError, match="the package index cannot be reached"):
        build_steps.program(wish, "", run)


def test_without_an_index_it_is_the_one_that_pip_asks(monkeypatch, tmp_path):
    from pip._internal.models.index import PyPI

    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    with zipfile.ZipFile(tmp_path / "pip-1.whl", "w") as archive:
        for name in ("pip", "pip/_internal", "pip/_internal/models"):
            archive.writestr(f"{name}/__init__.py", "")
        archive.writestr(
            "pip/_internal/models/index.py", "class PyPI:\n    simple_url = 'https://index.example/simple'\n"
        )
    assert jupyter_uv._index("python3", str(tmp_path / "pip-1.whl"), run) == "https://index.example/simple"
    assert jupyter_uv._index("python3", "", run) == PyPI.simple_url

    # Debian's Python without python3-venv: the wheel is the control node's, and there is no ensurepip to ask.
    def without(argv, text):
        return run([*argv[:3], f"import sys\nsys.modules['ensurepip'] = None\n{argv[3]}", *argv[4:]], text)

    assert jupyter_uv._index("python3", str(tmp_path / "pip-1.whl"), without) == "https://index.example/simple"
    with pytest.raises(BuildError, match="no index_url is given"):
        jupyter_uv._index("false", "", run)


@pytest.mark.parametrize(
    ("machine", "glibc", "bits", "tag"),
    [
        ("x86_64", True, 64, "manylinux_2_17_x86_64.manylinux2014_x86_64"),
        ("x86_64", False, 64, "musllinux_1_1_x86_64"),
        ("x86_64", True, 32, "manylinux_2_17_i686.manylinux2014_i686"),
        ("aarch64", True, 64, "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64"),
        ("aarch64", False, 64, "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64"),
        ("aarch64", True, 32, "manylinux_2_17_armv7l.manylinux2014_armv7l"),
        ("armv7l", True, 32, "manylinux_2_17_armv7l.manylinux2014_armv7l"),
        ("armv6l", True, 32, "linux_armv6l"),
        ("riscv64", True, 64, "manylinux_2_31_riscv64"),
    ],
)
def test_which_wheel_a_machine_gets(monkeypatch, machine, glibc, bits, tag):
    monkeypatch.setattr(jupyter_uv.os, "uname", lambda: type("uname", (), {"machine": machine}))
    monkeypatch.setattr(jupyter_uv, "_is_glibc", lambda: glibc)
    monkeypatch.setattr(jupyter_uv.struct, "calcsize", lambda _format: bits // 8)
    assert jupyter_uv._tag() == tag


def test_a_machine_without_a_wheel_is_said(monkeypatch):
    monkeypatch.setattr(jupyter_uv.os, "uname", lambda: type("uname", (), {"machine": "sparc64"}))
    with pytest.raises(BuildError, match="no wheel of it for sparc64"):
        jupyter_uv._tag()


def test_the_wheels_are_those_of_the_lock_file():
    locked = (Path(__file__).parents[5] / "requirements.txt").read_text()
    assert f"\nuv=={jupyter_uv.VERSION} " in locked
    assert [digest for digest in jupyter_uv.WHEELS.values() if f"sha256:{digest}" not in locked] == []


def test_another_file_under_the_name_ends_the_build(index, tmp_path):
    """With pip the same index would be believed, without a digest and as root."""
    index.pages[f"/files/{NAME}"] = wheel("#!/bin/sh\necho uv 9.9.9 with something added\n")
    installed = []
    wish = {
        **{
            "name": "instance 'lab'",
            "installer": "uv",
            "lock": "",
            "packages": ["tiny"],
            "prefix": str(tmp_path),
            "python": "/usr/bin/python3",
        },
        **{
            "path": str(tmp_path / "envs" / "one"),
            "pip": None,
            "wheels": None,
            "account": None,
            "before": None,
            "instead_of": None,
            "download": "",
            "renew": False,
        },
    }

    def watched(argv, text):
        installed.append(argv)
        return run(argv, text)

    for old in (None, str(tmp_path / "envs" / "old")):
        with pytest.raises(AlarmError, match=r"find out who.*jupyter_installer: pip"):
            build.build({**wish, "instead_of": old}, watched, Progress())
    assert [argv for argv in installed if "venv" in argv or "install" in argv] == []
    assert not (tmp_path / "envs" / "one").exists()
