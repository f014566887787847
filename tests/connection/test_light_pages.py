# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of pages, as a browser gets them from a real server: compressed copies of files of the environment, and
nothing else compressed."""

from __future__ import annotations

import gzip
import http.client
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import TOKEN

FILES = Path(__file__).parents[2] / "roles/jupyter/files"
COPY = "import sys; sys.path.insert(0, sys.argv[1]); import light_pages; light_pages.copy_all(sys.argv[2])"
SERVE = f"""
import sys
sys.path.insert(0, {str(FILES)!r})
sys.dont_write_bytecode = True
import light_pages
light_pages.serve()
c.IdentityProvider.token = {TOKEN!r}
c.ServerApp.static_immutable_cache = ["/static/style/"]
"""
STYLE = "/static/style/bootstrap.min.css"
GZIP = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.fixture(scope="module")
def light(make_jupyter):
    prefix = make_jupyter.python.parent.parent
    subprocess.run([make_jupyter.python, "-c", COPY, FILES, prefix], check=True)
    yield make_jupyter(SERVE)
    shutil.rmtree(prefix / "compressed")


@pytest.fixture
def style(jupyter_python):
    """Return the file behind STYLE, and its copy."""
    (original,) = jupyter_python.parent.parent.glob("lib/python3*/site-packages/jupyter_server" + STYLE)
    prefix = jupyter_python.parent.parent
    return original, prefix / "compressed" / f"{original.relative_to(prefix)}.gz"


@pytest.fixture
def ask(light):
    """Ask the server. Return status, headers and the body as it came."""

    def ask(path: str, method: str = "GET", **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        line = http.client.HTTPConnection("127.0.0.1", light.port, timeout=30)
        line.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = line.getresponse()
        body = answer.read()
        line.close()
        return answer.status, answer.headers, body

    return ask


def test_a_browser_gets_the_copy_as_it_lies_on_the_disk(ask, style):
    original, copy = style
    status, headers, body = ask(STYLE, **GZIP)
    assert (status, headers["Content-Encoding"], headers["Vary"]) == (200, "gzip", "Accept-Encoding")
    assert headers.get_content_type() == "text/css"
    assert body == copy.read_bytes()
    assert gzip.decompress(body) == original.read_bytes()
    assert int(headers["Content-Length"]) == len(body) < original.stat().st_size / 3
    assert "immutable" in headers["Cache-Control"]


@pytest.mark.parametrize("header", [{}, {"Accept_Encoding": "br"}, {"Accept_Encoding": "gzip;q=0"}])
def test_others_get_the_file(ask, style, header):
    status, headers, body = ask(STYLE, **header)
    assert (status, headers["Content-Encoding"], headers["Vary"]) == (200, None, "Accept-Encoding")
    assert body == style[0].read_bytes()


def test_a_head_has_the_headers_of_the_copy(ask, style):
    status, headers, body = ask(STYLE, "HEAD", **GZIP)
    assert (status, headers["Content-Encoding"], body) == (200, "gzip", b"")
    assert int(headers["Content-Length"]) == style[1].stat().st_size


def test_a_range_is_one_of_the_file(ask, style):
    status, headers, body = ask(STYLE, Range="bytes=10-19", **GZIP)
    assert (status, headers["Content-Encoding"]) == (206, None)
    assert body == style[0].read_bytes()[10:20]


def test_an_unchanged_file_is_not_sent_again(ask):
    first = ask(STYLE, **GZIP)[1]
    status, _headers, body = ask(STYLE, If_Modified_Since=first["Last-Modified"], **GZIP)
    assert (status, body) == (304, b"")


def test_a_file_that_changed_after_its_copy_is_sent_as_it_is(ask, style):
    original, _copy = style
    state, content = original.stat(), original.read_bytes()
    try:
        original.write_bytes(b"body { }\n" * 300)
        status, headers, body = ask(STYLE, **GZIP)
        assert (status, headers["Content-Encoding"], body) == (200, None, b"body { }\n" * 300)
    finally:
        original.write_bytes(content)
        os.utime(original, ns=(state.st_atime_ns, state.st_mtime_ns))


@pytest.mark.parametrize("path", ["/login", "/api/contents", "/api/kernelspecs", "/files/log"])
def test_pages_and_data_of_a_person_are_never_compressed(ask, path):
    status, headers, body = ask(path, Authorization=f"token {TOKEN}" if path != "/login" else "", **GZIP)
    assert (headers["Content-Encoding"], headers["Vary"]) == (None, None)
    assert status == 200
    assert body
