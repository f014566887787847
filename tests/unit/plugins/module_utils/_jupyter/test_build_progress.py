# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The counts of a build, from the events of the uv that hosts get."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter import (
    build,
    build_commands,
    build_progress,
    uv_wheels,
)

UV = Path(sys.executable).with_name("uv")


class Recorded(build_progress.Progress):
    """Keeps each state of the file."""

    def _write(self):
        super()._write()
        self.states = [*getattr(self, "states", []), json.loads(Path(self.path).read_text())]


@pytest.fixture
def wheels(tmp_path):
    (tmp_path / "wheels").mkdir()
    for name in ("one", "two", "three"):
        with zipfile.ZipFile(tmp_path / f"wheels/{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}.py", "")
            wheel.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            wheel.writestr(
                f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return tmp_path / "wheels"


@pytest.fixture
def install(tmp_path, wheels, monkeypatch):
    """Install packages into a new environment. Return the states, the exit code and the output."""
    monkeypatch.setattr(build_progress, "PAUSE", 0)
    monkeypatch.setenv("UV_CACHE_DIR", f"{tmp_path}/cache")
    monkeypatch.setenv("UV_LINK_MODE", "copy")

    def run(*packages, number=1):
        environment = tmp_path / f"envs/{number}"
        subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, environment], check=True)
        progress = Recorded(str(tmp_path / "envs/.building-x"), str(environment))
        progress.step("resolve")
        options = ["--no-index", "--find-links", str(wheels), "--python", f"{environment}/bin/python"]
        argv = [str(UV), "pip", "install", "--quiet", "--compile-bytecode", *options, *packages]
        code, output = progress.following(build_commands.run)(argv, "")
        progress.end()
        return getattr(progress, "states", []), code, output, argv

    return run


def test_the_uv_of_the_tests_is_the_one_of_hosts():
    assert uv_wheels.VERSION in subprocess.run([UV, "--version"], check=True, capture_output=True, text=True).stdout


def last(states, step):
    return next((state["done"], state["of"]) for state in reversed(states) if state["step"] == step)


def test_packages_are_counted_as_uv_has_them(install, tmp_path):
    states, code, output, _argv = install("one", "two", "three")
    assert (code, output) == (0, "")
    assert list(dict.fromkeys(state["step"] for state in states)) == ["resolve", "download", "install", "compile"]
    assert last(states, "download") == (3, 3)
    assert last(states, "install") == (3, 3)
    assert last(states, "compile")[1] == 3 + len(list((tmp_path / "envs/1").glob("lib/*/site-packages/_virtualenv.py")))
    assert all(0 <= state["done"] <= state["of"] for state in states)
    assert [path.name for path in (tmp_path / "envs").iterdir()] == ["1"]


def test_packages_of_the_cache_are_not_downloaded_again(install):
    install("one", "two")
    states, _code, _output, _argv = install("one", "two", "three", number=2)
    assert last(states, "download") == (1, 1)
    assert last(states, "install") == (3, 3)


def test_the_events_stand_in_no_message(install):
    _states, code, output, argv = install("one", "missing")
    assert code == 1
    assert "missing" in output
    assert (code, output) == build_commands.run(argv, "")


def test_the_file_can_be_read_by_the_account_that_logs_in(tmp_path):
    progress = build_progress.Progress(f"{tmp_path}/.building-x")
    progress.step("fetch")
    assert (tmp_path / ".building-x").stat().st_mode & 0o777 == 0o644
    progress.step("resolve")
    assert json.loads((tmp_path / ".building-x").read_text()) == {"step": "resolve", "done": 0, "of": 0}
    progress.end()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_stops_no_build(tmp_path):
    progress = build_progress.Progress(f"{tmp_path}/missing/.building-x")
    run = progress.following(None)
    progress.step("fetch")
    assert run(["printf", "built"], "") == (0, "built")
    progress.end()
    assert list(tmp_path.iterdir()) == []


def test_the_name_of_the_file_leads_to_no_other_folder():
    assert build_progress.place("/opt/p/envs/1", "../../etc/x") == "/opt/p/envs/.building-x"


@pytest.mark.parametrize("progress", ["", "0123456789abcdef"])
def test_a_build_leaves_no_file_of_its_progress(tmp_path, monkeypatch, progress):
    """Not its own, and not that of a builder that was killed."""
    monkeypatch.chdir(tmp_path)  # a builder goes elsewhere
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs/.building-old").write_text("{}")
    nothing = dict.fromkeys(("pip", "wheels", "account", "before", "instead_of"))
    wish = {"name": "x", "path": f"{tmp_path}/envs/1", "prefix": str(tmp_path), "python": "/nowhere/python3"}
    wish |= {"packages": [], "lock": "", "installer": "pip", "variables": "{}", "progress": progress}
    wish |= {"download": "", "renew": False}
    assert build.attempt(wish | nothing)["failed"]
    assert list((tmp_path / "envs").iterdir()) == []
