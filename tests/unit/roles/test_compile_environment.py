# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that are compiled before the start of a server, and those after it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "roles" / "jupyter" / "files" / "compile_environment.py"
FIRST = ["ipykernel/app.py", "single.py", "contests/a.py", "ipykernel/testsuite.py", "pipx/a.py"]
LATER = ["pip/a.py", "pygments/lexers/a.py", "pandas/tests/a.py", "tornado/test/a.py", "jedi/a/b.py", "tests/a.py"]


@pytest.fixture
def site(tmp_path):
    """The folder of the packages of a new environment, with modules in it, a template that does not compile, and a link
    to nowhere."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    (folder,) = (tmp_path / "env" / "lib").glob("python3*/site-packages")
    for name in [*FIRST, *LATER]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("answer = 42\n")
    (folder / "template.py").write_text("{{ name }} =\n")
    (folder / "nowhere.py").symlink_to("/nowhere")
    return folder


def compiled(site):
    return sorted(
        f"{path.parent.parent.relative_to(site) / path.name.split('.')[0]}.py" for path in site.rglob("*.pyc")
    )


def test_what_a_start_needs_is_there_when_it_says_so_and_the_rest_at_its_end(site):
    # As many as take a while, so that it is seen before it ends.
    for number in range(3000):
        (site / "tests" / f"m{number}.py").write_text(
            f"def function_{number}(argument):\n    return [argument] * {number}\n" * 3
        )
    with subprocess.Popen(
        [site.parents[2] / "bin" / "python", "-I", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout.read() == "ready\n"  # and none of the modules that do not compile
        running, there = process.poll() is None, compiled(site)
        assert process.wait(60) == 0
    assert running
    assert set(FIRST) <= set(there)
    assert "template.py" not in there
    assert len(there) < len(FIRST) + 3000
    assert {*FIRST, *LATER, "tests/m2999.py"} <= set(compiled(site))
