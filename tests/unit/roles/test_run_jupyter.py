# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program of Jupyter runs as it would without us, and modules that it never uses are not imported."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "roles" / "jupyter" / "files" / "run_jupyter.py"
PACKAGE = (
    "print('35 grammars')\nfrom .helpers import *\ndef is_valid_syntax(term, value): return (term, value) == ('iri',"
    " 'urn:x')\n"
)


@pytest.fixture
def run(tmp_path):
    """Run a program. ``installed`` is the content of the package."""

    def run(program: str, *arguments: str, installed: bool = True, **variables: str) -> list[str]:
        if installed:
            (tmp_path / "rfc3987_syntax").mkdir()
            (tmp_path / "rfc3987_syntax" / "__init__.py").write_text(PACKAGE)
            (tmp_path / "rfc3987_syntax" / "helpers.py").write_text("make_validator = 'made'\n")
        path = tmp_path / "bin" / "jupyter-lab"
        path.parent.mkdir()
        path.write_text(program)
        done = subprocess.run(
            [sys.executable, SCRIPT, path, *arguments],
            env={"PYTHONPATH": str(tmp_path), **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return [*done.stdout.splitlines(), *done.stderr.splitlines()[-1:], f"rc {done.returncode}"]

    return run


_VERSIONS = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
OLDEST = shutil.which("python3.8", path=os.pathsep.join([*map(str, _VERSIONS.glob("*/bin")), os.defpath]))


@pytest.mark.skipif(OLDEST is None, reason="the oldest Python of hosts is not on this machine")
def test_a_server_starts_with_the_oldest_python_of_hosts(tmp_path):
    program = tmp_path / "jupyter-notebook"
    program.write_text("print('the server runs')")
    words = [OLDEST, SCRIPT, program, f"--config={tmp_path}/config.py"]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "the server runs\n"


TAKE = "from rfc3987_syntax import is_valid_syntax\nprint('taken')\n"


def test_what_is_only_taken_is_not_imported(run):
    assert run(TAKE) == ["taken", "rc 0"]


def test_what_is_called_is_imported_once_and_answers(run):
    program = TAKE + "for value in ('urn:x', 'no such', 'urn:x'): print(is_valid_syntax('iri', value))\n"
    assert run(program) == ["taken", "35 grammars", "True", "False", "True", "rc 0"]


@pytest.mark.parametrize(
    "program",
    [
        "from rfc3987_syntax import make_validator\nprint(make_validator)\n",
        "import rfc3987_syntax\nprint(rfc3987_syntax.make_validator)\n",
    ],
)
def test_whoever_wants_anything_else_gets_the_package(run, program):
    assert run(program) == ["35 grammars", "made", "rc 0"]


def test_its_modules_can_be_imported(run):
    assert run("from rfc3987_syntax.helpers import make_validator\nprint(make_validator)\n") == ["made", "rc 0"]


def test_without_the_package_there_is_none(run):
    assert run(TAKE, installed=False) == ["ModuleNotFoundError: No module named 'rfc3987_syntax'", "rc 1"]


def test_the_program_sees_what_python_would_have_shown_it(run, tmp_path):
    program = "import sys\nprint(__name__, __file__, sys.argv[1:], sys.argv[0] == __file__, sys.path[0])\nsys.exit(3)\n"
    here = f"{tmp_path}/bin"
    assert run(program, "--config=x", "--no-browser") == [
        f"__main__ {here}/jupyter-lab ['--config=x', '--no-browser'] True {here}",
        "rc 3",
    ]


def test_variables_that_no_unit_may_show_come_from_a_file(run, tmp_path):
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "environment").write_text('{"http_proxy": "http://ann:s3cret@proxy:3128"}')
    program = (
        "import logging, os\nprint(os.environ.get('http_proxy'))\nlogging.warning('by %s', ('ann', 's3cret@proxy'))\n"
    )
    said = ["http://ann:s3cret@proxy:3128", "WARNING:root:by ('ann', '********@proxy')", "rc 0"]
    assert run(program, f"--config={tmp_path}/settings/jupyter_server_config.py") == said


def test_a_broken_file_ends_the_server_and_no_kernel(run, tmp_path):
    package = tmp_path / "traitlets" / "config"
    package.mkdir(parents=True)
    (tmp_path / "traitlets" / "__init__.py").write_text("")
    (package / "__init__.py").write_text("")
    (package / "application.py").write_text(
        "import os\nSTRICT = os.environ.get('TRAITLETS_APPLICATION_RAISE_CONFIG_FILE_ERROR')\n"
    )
    program = (
        "import os, traitlets.config.application as application\n"
        "print(application.STRICT, 'TRAITLETS_APPLICATION_RAISE_CONFIG_FILE_ERROR' in os.environ)\n"
    )
    assert run(program, TRAITLETS_APPLICATION_RAISE_CONFIG_FILE_ERROR="1") == ["1 False", "rc 0"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a capability; the gate is root")
def test_a_kernel_has_not_the_capability_of_the_server(tmp_path):
    """systemd gives it to the server (``AmbientCapabilities=``), and each program that it starts would inherit it."""
    program = tmp_path / "jupyter-lab"
    program.write_text(
        "import subprocess\n"
        "show = ['grep', '-E', 'Cap(Prm|Eff|Amb)', '/proc/self/status']\n"
        "print(*(line.split()[1] for line in open('/proc/self/status') if line.startswith(('CapEff', 'CapAmb'))))\n"
        "print(subprocess.run(show, stdout=-1, text=True).stdout)\n"
    )
    only = "-all,+net_bind_service"
    given = [f"--{kind}={only}" for kind in ("inh-caps", "bounding-set", "ambient-caps")]
    # Without noroot, a program of root's has each capability again.
    done = subprocess.run(
        ["setpriv", "--securebits=+noroot,+noroot_locked", *given, sys.executable, SCRIPT, program],
        check=True,
        capture_output=True,
        text=True,
    )
    none, bind = "0" * 16, f"{1 << 10:016x}"
    assert done.stdout.split() == [bind, none, "CapPrm:", none, "CapEff:", none, "CapAmb:", none]
