# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real environments, tried with the rights of a real account."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import existing

ROOT = os.geteuid() == 0
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable


@pytest.fixture
def place(tmp_path_factory):
    """A folder that every account may enter, with an environment in it."""
    place = tmp_path_factory.mktemp("existing")
    for folder in (place, *place.parents[:-2]):
        folder.chmod(0o755)
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", place / "torch"], check=True)
    return place


def install(environment, text=""):
    """Put an ipykernel into an environment, which does at its import what ``text`` says."""
    (site,) = environment.glob("lib/python3*/site-packages")
    (site / "ipykernel").mkdir()
    (site / "ipykernel/__init__.py").write_text("")
    (site / "ipykernel/kernelapp.py").write_text(text)


def tried(path, account="nobody" if ROOT else ""):
    return existing.existing({"lab.torch": [account, str(path)]})()["lab.torch"]


def problem(path):
    found = tried(path)
    return found["problem"], found["said"]


def test_an_environment_with_ipykernel_works_and_stays_as_it_is(place):
    install(place / "torch", "import os; assert os.environ['PYTHONDONTWRITEBYTECODE']")
    (place / "torch").chmod(0o777)
    before = sorted(place.rglob("*"))
    found = tried(place / "torch")
    assert (found["problem"], found["conda"]) == ("", False)
    assert found["real"] == [str(place / "torch"), os.path.realpath(PYTHON)]
    assert sorted(place.rglob("*")) == before


def test_an_environment_of_conda_is_told_by_its_folder_of_packages(place):
    install(place / "torch", "import os; assert os.environ['CONDA_PREFIX'].endswith('/torch')")
    (place / "torch/conda-meta").mkdir()
    assert tried(place / "torch")["conda"] is True


@pytest.mark.skipif(not ROOT, reason="only root can try an environment as another account")
def test_it_is_tried_with_the_rights_of_the_account(place):
    install(place / "torch", "import os; raise SystemExit(f'{os.getuid()} {os.getcwd()} {sorted(os.environ)}')")
    code, said = problem(place / "torch")
    assert (code, said.split()[1]) == ("broken", "/")
    assert said.split()[0] == str(os.stat("/proc/self").st_uid or 65534)
    assert not {"SSL_CERT_FILE", "SUDO_COMMAND", "UV_DEFAULT_INDEX"} & {*said.split("'")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("import nothing_of_that_name", ("broken", "No module named 'nothing_of_that_name'"), id="import"),
        pytest.param("import os; os._exit(0)", ("broken", "it ended with code 0"), id="an end without a word"),
        pytest.param("import os; print('imported', flush=True); os._exit(3)", ("broken", "imported"), id="a lie"),
        pytest.param("print('x' * 10**7); raise SystemExit(1)", ("broken", "x" * 400), id="ten million characters"),
        pytest.param("raise SystemExit('\\x1b]0;title\\x07 \\u202e')", ("broken", "title"), id="signs of a terminal"),
    ],
)
def test_what_an_ipykernel_does_is_data(place, text, expected):
    install(place / "torch", text)
    code, said = problem(place / "torch")
    assert code == expected[0]
    assert expected[1] in said
    assert len(said) <= 400


def test_the_reasons_why_no_kernel_can_start(place, tmp_path):
    (place / "file").write_text("")
    (place / "empty").mkdir()
    (place / "dangling/bin").mkdir(parents=True)
    (place / "dangling/bin/python").symlink_to("/nowhere/python3")
    (place / "text/bin").mkdir(parents=True)
    (place / "text/bin/python").write_text("not a program")
    (place / "text/bin/python").chmod(0o755)
    assert problem(place / "nothing") == ("missing", "")
    assert problem(place / "file") == ("missing", "")
    assert problem(place / "empty") == ("no_python", "")
    assert problem(place / "dangling") == ("no_python", "")
    assert problem(place / "text") == ("broken", "Exec format error")
    assert problem(place / "torch") == ("no_ipykernel", "")


@pytest.mark.skipif(not ROOT, reason="root alone has an account that the folders of this one are shut to")
def test_a_folder_that_the_account_may_not_enter_is_named(place):
    install(place / "torch")
    (place / "home").mkdir()
    (place / "torch").rename(place / "home/torch")
    (place / "link").symlink_to(place / "home/torch")
    (place / "home").chmod(0o700)
    assert problem(place / "home/torch") == ("shut", str(place / "home"))
    assert problem(place / "link") == ("shut", str(place / "home"))
    assert problem(place / "home/nothing") == ("shut", str(place / "home"))
    (place / "home").chmod(0o755)
    (place / "home/torch/bin").chmod(0o600)
    assert problem(place / "home/torch") == ("shut", str(place / "home/torch/bin"))
    (place / "home/torch/bin").chmod(0o755)
    assert problem(place / "link") == ("", "")


@pytest.mark.parametrize(
    "text",
    [
        "import time; time.sleep(600)",
        "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
        "import os, time; os.fork() or time.sleep(600)",
    ],
)
def test_an_environment_that_gives_no_answer_is_not_waited_for(place, monkeypatch, text):
    monkeypatch.setattr(existing, "SECONDS", 1)
    install(place / "torch", text)
    begun = time.monotonic()
    found = tried(place / "torch")
    assert found["problem"] in ("silent", "broken", "")
    assert time.monotonic() - begun < 10
    if "fork" not in text:
        assert found["problem"] == "silent"


@pytest.mark.skipif(not ROOT, reason="without root, there is no other account to tell apart")
def test_who_can_change_an_environment_is_told(place):
    assert tried("/usr")["astray"] is False
    assert tried("/nowhere/at/all")["astray"] is False
    os.chown(place / "torch", 65534, 65534)
    assert tried(place / "torch")["astray"] is True
