# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that is sent to a host, run for real by the Pythons that are here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.observation import report as firewall_report
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import report as observation
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import host
from ansible_collections.remote.notebooks.plugins.plugin_utils._remote import bare

PROBE = {
    "manifest": "/nonexistent/manifest.json",
    "paths": ["/etc/hostname"],
    "secret": [],
    "texts": True,
    "environments": "/nonexistent/*",
    "site": "/nonexistent",
    "owners": {},
    "roots": {},
    "traces": [],
    "sessions": {},
    "shadows": [],
    "aside": [],
    "accounts": ["root"],
    "pythons": ["python3"],
    "ports": [],
    "units": [],
    "user_units": False,
    "firewall": False,
}


def ask(probe, *interpreters, environment=None, folder=None):
    command = ["/bin/sh", "-c", bare.command(list(interpreters))]
    return subprocess.run(
        command,
        input=bare.program(probe, {}),
        capture_output=True,
        check=False,
        env=environment,
        cwd=folder,
    )


def test_it_says_what_the_module_says():
    def run(command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    said = bare.answer(ask(PROBE, sys.executable).stdout.decode())
    expected = observation.report(
        PROBE, run, lambda: firewall_report.read(run), lambda asked: host.read(run=run, **asked)
    )

    assert said["python"] == sys.executable
    assert said["report"]["paths"] == expected["paths"]
    assert said["report"]["paths"]["/etc/hostname"]["kind"] == "file"
    assert said["report"]["system"] == expected["system"]
    assert sorted(said["report"]) == sorted(expected)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is asked about a firewall")
def test_the_firewall_is_read_where_the_plan_has_to_do_with_one():
    assert bare.answer(ask(PROBE, sys.executable).stdout.decode())["report"]["firewall"] is None

    walled = bare.answer(ask({**PROBE, "firewall": True}, sys.executable).stdout.decode())

    assert walled["report"]["firewall"]["provider"] in {"none", "ufw", "firewalld", "nftables", "iptables"}


def test_the_first_interpreter_there_is_runs_it():
    said = bare.answer(ask(PROBE, "python2.0", "/nonexistent/python3", sys.executable, "python3").stdout.decode())

    assert said["python"] == sys.executable


def test_a_host_without_python_says_so():
    done = ask(PROBE, "python2.0")

    assert done.returncode == 127
    assert done.stderr.decode() == "python interpreter not found\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", None, id="nothing"),
        pytest.param("Last login: today\n", None, id="only a login shell's greeting"),
        pytest.param(
            'Welcome\n\nremote.notebooks {"msg": "x"}\nBye\n',
            {"msg": "x"},
            id="the answer between a greeting and a farewell",
        ),
    ],
)
def test_the_answer_is_found_among_other_words(text, said):
    assert bare.answer(text) == said


def test_every_file_it_needs_comes_with_it_and_no_other():
    text, names = bare._PROGRAM, bare.SOURCES
    reached = set()
    own = r"(?m)^ *from (\.+|remote_notebooks\.?)([\w.]*) import (.+?)(?: as \w+)?$"
    for place, source in [
        ("", text),
        *((name, Path(bare.FOLDER, *name.split(".")).with_suffix(".py").read_text()) for name in names),
    ]:
        for dots, below, imported in re.findall(own, source):
            package = ".".join(place.split(".")[: -len(dots)]) if dots.startswith(".") else ""
            module = ".".join(filter(None, [package, below]))
            wanted = (
                {module}
                if module in names
                else {".".join(filter(None, [module, name])) for name in imported.split(", ")}
            )
            assert wanted <= set(names), (place, wanted)
            reached |= wanted
        assert "ansible." not in "".join(line for line in source.splitlines() if "import " in line)
    assert reached == set(names)


def test_the_hostile_host_knows_our_program_by_its_words():
    """Where it does not, its scenario changes no answer of ours, and shows nothing."""
    interpreter = Path(__file__).parents[5].joinpath("molecule/hostile_host/interpreter.py").read_text()
    (words,) = re.findall(r'if b"([^"]+)" in sent:\n +kind', interpreter)
    assert words in bare._PROGRAM


def test_nothing_of_the_folder_it_runs_in_is_run(tmp_path):
    """A home may hold a json.py, and the program runs there as root."""
    (tmp_path / "json.py").write_text("print('json of this folder')")
    done = ask(PROBE, sys.executable, folder=tmp_path)
    assert b"json of this folder" not in done.stdout
    assert "report" in bare.answer(done.stdout.decode())


# A pyenv shim stands on PATH for versions that are switched off, too.
PATHS = filter(None, (shutil.which(f"python3.{minor}") for minor in range(8, 16)))
PYTHONS = [path for path in PATHS if subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0]


@pytest.mark.parametrize("python", PYTHONS)
def test_every_python_here_runs_it(python):
    assert "report" in bare.answer(ask(PROBE, python).stdout.decode())
