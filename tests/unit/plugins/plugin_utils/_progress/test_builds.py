# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The step of a build: the host's answer, the file for the screen, the bar."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter import build_progress
from ansible_collections.remote.notebooks.plugins.plugin_utils._progress import builds, screen
from ansible_collections.remote.notebooks.plugins.plugin_utils._progress.builds import Count
from ansible_collections.remote.notebooks.plugins.plugin_utils._progress.run import Run

WORK = "Build the environment"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(builds.C, "DEFAULT_LOCAL_TMP", str(tmp_path))
    builds.open_folder()
    return tmp_path / "remote-notebooks-builds"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        pytest.param(b'{"step": "install", "done": 61, "of": 98}', Count("install", 61, 98), id="counts"),
        pytest.param(b'{"step": "try", "done": 0, "of": 0, "more": "\\u001b[2J"}', Count("try"), id="known keys alone"),
        pytest.param(b"", None, id="no file yet"),
        pytest.param(b"\xff\xfe", None, id="no text"),
        pytest.param(b"[1]", None, id="no record"),
        pytest.param(b'{"step": "[bold]", "done": 1, "of": 2}', None, id="no step of ours"),
        pytest.param(b'{"step": ["install"], "done": 1, "of": 2}', None, id="no word"),
        pytest.param(b'{"step": "install", "done": "1", "of": 2}', None, id="no number"),
        pytest.param(b'{"step": "install", "done": true, "of": 2}', None, id="no number, but true"),
        pytest.param(b'{"step": "install", "done": 3, "of": 2}', None, id="more than all"),
        pytest.param(b'{"step": "install", "done": -1, "of": 2}', None, id="less than nothing"),
        pytest.param(b'{"step": "install", "done": 1, "of": 1e9}', None, id="no whole number"),
        pytest.param(b'{"step": "install", "done": 1, "of": 1000000000}', None, id="no such environment"),
        pytest.param(b'{"step": "install", "done": 1, "of": 2}' + b" " * 200, None, id="too long"),
        pytest.param(b"[" * 150, None, id="too deep"),
    ],
)
def test_what_counts_of_an_answer(text, count):
    assert builds.parse(text) == count


def test_a_step_goes_from_a_worker_to_the_screen(folder):
    names = ["lab", "../../etc/passwd", "h\u00f6st"]
    for name in names:
        builds.tell(name, Count("install", 1, 2))
    (folder / ("0" * 64)).write_text("of another host")
    assert builds.read([*names, "idle"]) == dict.fromkeys(names, Count("install", 1, 2))
    builds.forget("lab")
    assert builds.read(["lab"]) == {}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.parent for path in folder.parent.rglob("*") if path.is_file()} == {folder}


def test_without_a_screen_there_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(builds.C, "DEFAULT_LOCAL_TMP", str(tmp_path))
    assert not builds.is_open()
    assert builds.read(["lab"]) == {}
    builds.tell("lab", Count("try"))
    assert list(tmp_path.iterdir()) == []


def drawn(run, width):
    return screen.drawing(list(run.hosts.values()), 14.0, width, 21).plain.split("\n")


@pytest.mark.parametrize(
    ("width", "count", "line"),
    [
        (80, Count("install", 61, 98), f"lab  {WORK}  ████──── 61 of 98 packages installed  14 s"),
        (79, Count("compile", 0, 3052), f"lab  {WORK}  ──────── 0 of 3052 files compiled  14 s"),
        (60, Count("download", 98, 98), "lab  ████████ 98 of 98 packages downloaded  14 s"),
        (40, Count("install", 61, 98), "lab  ████──── 61 of 98 installed  14 s"),
        (30, Count("install", 61, 98), "lab  61 of 98 installed  14 s"),
        (80, Count("install"), f"lab  {WORK}: install packages  14 s"),
        (80, Count("try"), f"lab  {WORK}: start a kernel  14 s"),
        (80, Count("python"), f"lab  {WORK}: install Python  14 s"),
        (40, Count("try"), "lab  start a kernel  14 s"),
        (80, None, f"lab  {WORK}  14 s"),
    ],
)
def test_the_bar_fits_any_terminal(width, count, line):
    run = Run()
    run.begin("lab", WORK, 0.0, builds=True)
    run.hosts["lab"].count = count
    assert drawn(run, width) == [line]


def test_the_next_task_has_no_bar():
    run = Run()
    run.begin("lab", WORK, 0.0, builds=True)
    run.hosts["lab"].count = Count("try")
    run.end("lab")
    assert drawn(run, 80) == [f"lab  {WORK}  14 s"]
    run.begin("lab", "", 1.0)
    assert not run.hosts["lab"].builds


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_packages_of_a_fleet_are_added_up(width):
    run = Run()
    for number in range(200):
        run.begin(f"h{number}", WORK, 0.0, builds=True)
        run.hosts[f"h{number}"].count = Count("download", 10, 90) if number < 120 else Count("install", 45, 90)
    run.hosts["h199"].count = None
    lines = drawn(run, width)
    assert max(map(len, lines)) <= width
    assert [line.split()[0] for line in lines] == ["120", "79", "1"]
    assert "1200 of 10800 " in lines[0]
    assert "3555 of 7110 " in lines[1]
    assert ("packages" in lines[1], f"{WORK}  ████──── " in lines[1]) == (width > 40, width > 40)


def test_each_step_of_a_builder_has_words():
    sources = Path(build_progress.__file__).parent.glob("build*.py")
    steps = {step for source in sources for step in re.findall(r"\bstep\(\"(\w+)\"", source.read_text())}
    assert steps | {"download"} == set(builds.STEPS)
