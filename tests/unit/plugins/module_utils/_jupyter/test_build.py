# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The output of the installers, and the message for a person. The steps themselves run in the scenarios."""

from __future__ import annotations

import sys
import tarfile
import zipfile

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter import build, build_commands, build_steps
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.build_progress import Progress


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        pytest.param(
            "error: Failed to write to /x\n  Caused by: No space left on device (os error 28)",
            "no room left",
            id="uv, disk full",
        ),
        pytest.param("OSError: [Errno 28] No space left on device", "no room left", id="pip, disk full"),
        pytest.param(
            "x No solution found when resolving dependencies:\n  tiny==99", "no set of packages", id="uv, nothing fits"
        ),
        pytest.param("ERROR: ResolutionImpossible: for help visit", "no set of packages", id="pip, nothing fits"),
        pytest.param(
            "WARNING: Retrying: NewConnectionError\nERROR: No matching distribution found for x",
            "cannot be reached",
            id="pip, no index at all",
        ),
        pytest.param(
            "error: Failed to fetch: http://192.0.2.1/simple/x/\n dns error",
            "cannot be reached",
            id="uv, no index at all",
        ),
        pytest.param(
            "Failed to fetch x\n invalid peer certificate: UnknownIssuer",
            "that this host does not trust",
            id="uv, own authority",
        ),
        pytest.param(
            "Failed to fetch x\n tunnel error: unsuccessful", "proxy does not let", id="uv, a proxy that refuses"
        ),
        pytest.param(
            "x Failed to build `lxml`\n gcc failed", "no wheel for this Python", id="uv, nothing to compile with"
        ),
        pytest.param(
            "error: Hash mismatch for `tiny==1`", "not the one that the lock file names", id="uv, another file"
        ),
        pytest.param("something else", "installing failed", id="anything else"),
    ],
)
def test_why_a_step_failed(said, reason):
    text = build_commands.explain("installing", said)
    assert reason in text
    assert said.splitlines()[-1].strip() in text


def test_what_uv_would_install():
    said = (
        "warning: x==1 is old\nJupyter_Server==2.21.1\nruamel.yaml==0.18 ; python_version < '4'\n    # via x==3\ntiny @"
        " http://192.0.2.1/tiny.whl\n"
    )
    assert build.resolved(said) == {"jupyter-server": "2.21.1", "ruamel-yaml": "0.18"}


def test_an_archive_of_wheels_reaches_no_other_folder(tmp_path):
    archive, outside = tmp_path / "wheels.tar", tmp_path / "evil.whl"
    (tmp_path / "x.whl").write_text("x")
    with tarfile.open(archive, "w") as tar:
        tar.add(tmp_path / "x.whl", arcname="x.whl")
        tar.add(tmp_path / "x.whl", arcname="../evil.whl")
    build_steps.unpack(str(archive), str(tmp_path / "wheels"))
    assert [path.name for path in (tmp_path / "wheels").iterdir()] == ["x.whl"]
    assert not outside.exists()


def test_what_tries_an_environment_is_told_nothing_of_the_index(monkeypatch):
    """Its processes have the rights of another account, which can read their environment."""
    for name in ("UV_DEFAULT_INDEX", "PIP_INDEX_URL", "HTTPS_PROXY", "SUDO_COMMAND", "ANYTHING"):
        monkeypatch.setenv(name, "https://ann:secret@index.example.org/simple")
    code, said = build_commands.tried(
        [sys.executable, "-c", "import os, sys; print(sys.stdin.read(), *os.environ.values())"], "six\n"
    )
    assert (code, said.startswith("six\n"), "secret" in said) == (0, True, False)


@pytest.mark.parametrize(
    "code", ["import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", "import os, time; os.fork() or time.sleep(600)"]
)
def test_what_tries_an_environment_and_is_stopped_is_not_waited_for(code):
    """Anybody who has the rights of a process can stop it, and root would hold the host's lock as long."""
    code, said = build_commands.tried([sys.executable, "-c", code], "", seconds=1)
    assert (code, "no answer within 1 s" in said) == (1, True)


def test_what_tries_an_environment_has_no_terminal_of_ours():
    code, said = build_commands.tried([sys.executable, "-c", "import os; print(os.getsid(0) == os.getpid())"], "")
    assert (code, said) == (0, "True\n")


@pytest.fixture
def spoiled(tmp_path, monkeypatch):
    """Variables of /etc/environment that reach programs under sudo."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old/json.py").write_text("raise SystemExit('an old json')")
    for name, value in {
        "PYTHONPATH": f"{tmp_path}/old",
        "PIP_USER": "1",
        "PYTHONSTARTUP": "x",
        "UV_SYSTEM_PYTHON": "1",
        "VIRTUAL_ENV": "/x",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example.org/simple")


def test_the_environment_of_the_host_decides_no_import(spoiled):
    names = ("PYTHONPATH", "PIP_USER", "PYTHONSTARTUP", "UV_SYSTEM_PYTHON", "VIRTUAL_ENV", "PIP_INDEX_URL")
    program = f"import json, os; print([name for name in {names} if name in os.environ])"
    assert build_commands.run([sys.executable, "-c", program], "") == (0, "['PIP_INDEX_URL']\n")
    with build_commands.started([sys.executable, "-c", program]) as process:
        assert process.communicate()[0] == "['PIP_INDEX_URL']\n"


def test_the_environment_of_the_host_decides_no_place(spoiled, tmp_path):
    (tmp_path / "wheels").mkdir()
    with zipfile.ZipFile(tmp_path / "wheels/tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "")
        wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.0.dist-info/RECORD", "")
    wish = {
        "path": f"{tmp_path}/env",
        "python": sys.executable,
        "pip": "",
        "installer": "pip",
        "lock": "",
        "packages": ["tiny"],
    }
    assert build_steps.fill(wish, "", f"{tmp_path}/wheels", build_commands.run, Progress()) == ""
    assert len(list((tmp_path / "env").glob("lib/python3*/site-packages/tiny.py"))) == 1


def test_no_file_of_the_working_folder_is_run(tmp_path, monkeypatch):
    """If Ansible runs on the host itself, root builds in the operator's working folder."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "venv.py").write_text("import pathlib; pathlib.Path(__file__).with_name('ran').touch()\n")
    monkeypatch.chdir(work)
    wish = {
        "name": "instance 'lab'",
        "path": f"{tmp_path}/envs/1",
        "prefix": str(tmp_path),
        "python": sys.executable,
        "packages": [],
    }
    said = build.attempt(
        {
            **wish,
            "lock": "",
            "installer": "pip",
            "pip": None,
            "wheels": None,
            "account": None,
            "before": None,
            "instead_of": None,
            "download": "",
            "renew": False,
            "variables": "{}",
            "progress": "",
        }
    )
    assert "probe_environment.py" in said["msg"]  # the trial, the last step but one
    assert not (work / "ran").exists()


def test_what_an_installer_says_does_nothing_to_a_terminal():
    said = build_commands.explain("installing", "yanked: gone\x1b]0;x\x07 \u202etxt\x1b[31m")
    assert said == "installing failed.\n  yanked: gone\\x1b]0;x\\x07 \\u202etxt"
