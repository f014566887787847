# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of an environment that get a compressed copy. tests/connection/test_light_pages.py has the server."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "roles" / "jupyter" / "files"
SITE = "lib/python3.11/site-packages"
TEXT = b"let answer = 42;\n" * 1000
#: Name in the environment, content, whether it gets a copy.
FILES = [
    ("share/jupyter/lab/static/main.1a2b.js", TEXT, True),
    ("share/jupyter/labextensions/@a/b/static/remote.js", TEXT, True),
    ("share/jupyter/nbextensions/a/main.js", TEXT, True),
    (f"{SITE}/nbclassic/static/style/style.min.css", TEXT, True),
    (f"{SITE}/jupyterlab/static/main.1a2b.js", TEXT, False),  # the second time
    (f"{SITE}/ipykernel/static.js", TEXT, False),  # no folder of pages
    (f"{SITE}/nbclassic/static/main.js.map", TEXT, False),  # for a debugger
    (f"{SITE}/nbclassic/static/small.js", TEXT[:1000], False),
    (f"{SITE}/nbclassic/static/logo.png", os.urandom(20000), False),  # would not shrink
    ("share/jupyter/kernels/python3/kernel.js", TEXT, False),
]


@pytest.fixture(scope="module")
def light_pages():
    spec = importlib.util.spec_from_file_location("light_pages", SCRIPTS / "light_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_files_of_pages_get_a_copy_with_their_time(tmp_path):
    folder = tmp_path / "an [odd] folder"
    for number, (name, content, _copied) in enumerate(FILES):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, ns=(0, 1_700_000_000_123_456_789 + number))
    (tmp_path / "elsewhere.js").write_bytes(TEXT)
    (folder / "share/jupyter/lab/static/link.js").symlink_to(tmp_path / "elsewhere.js")
    subprocess.run([sys.executable, SCRIPTS / "seal_environment.py", folder, ""], check=True)
    copies = {str(path.relative_to(folder)): path for path in folder.glob("compressed/**/*") if path.is_file()}
    assert set(copies) == {f"compressed/{name}.gz" for name, _content, copied in FILES if copied}
    for name, path in copies.items():
        original = folder / name.removeprefix("compressed/").removesuffix(".gz")
        assert gzip.decompress(path.read_bytes()) == original.read_bytes()
        assert path.stat().st_mtime_ns == original.stat().st_mtime_ns
    sealed = json.loads((folder / "remote-notebooks.json.new").read_text())["files"]
    assert {name: sealed.get(name) for name in copies} == {name: path.stat().st_size for name, path in copies.items()}


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip, deflate, br, zstd", True),
        ("br;q=1.0, GZIP;q=0.5", True),
        ("gzip ; q=0.001", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("identity, gzip; q=0.00", False),
        ("x-gzip", False),
    ],
)
def test_gzip_is_sent_to_those_who_accept_it(light_pages, header, accepted):
    assert light_pages.accepts_gzip(header) is accepted


def test_a_file_outside_of_the_environment_has_no_copy(light_pages, tmp_path, monkeypatch):
    """From the folder of the copies, its relative path leads to another place, where somebody may have put a file."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    paths = (tmp_path / "home/main.js", tmp_path / "env/home/main.js.gz")
    (tmp_path / "env/compressed").mkdir(parents=True)
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(TEXT)
        os.utime(path, ns=(0, 1_700_000_000_000_000_000))
    assert light_pages.copy_of(str(paths[0])) is None
