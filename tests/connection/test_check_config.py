# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of new settings, by a real server: the plan's settings have to be right, the account's have no effect."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "roles/jupyter/files"
SETTINGS = """\
c = get_config()
c.ServerApp.allow_root = True
c.PasswordIdentityProvider.hashed_password = "argon2:x"
c.ServerApp.root_dir = "{home}/notebooks"
"""


@pytest.fixture
def checked(jupyter_python, tmp_path):
    def check(more: str = "") -> subprocess.CompletedProcess[str]:
        file = tmp_path / "jupyter_server_config.py"
        file.write_text(SETTINGS.format(home=tmp_path) + more)
        command = [str(jupyter_python), str(SCRIPTS / "run_jupyter.py"), str(SCRIPTS / "check_config.py"), str(file)]
        return subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=120, env={**os.environ, "HOME": str(tmp_path)}
        )

    return check


@pytest.mark.parametrize("there", [True, False], ids=["as it should be", "the folder of notebooks is gone"])
@pytest.mark.parametrize("name", ["jupyter_config.py", "jupyter_lab_config.py", "jupyter_server_config.py"])
def test_what_an_account_keeps_in_its_home_is_not_run_and_decides_nothing(checked, tmp_path, name, there):
    """The check is no part of its unit: its code would run outside of the sandbox, and could have everybody's settings
    refused."""
    (tmp_path / ".jupyter").mkdir()
    (tmp_path / ".jupyter" / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nraise SystemExit(7)\n")
    if there:
        (tmp_path / "notebooks").mkdir()
    done = checked()
    assert (done.returncode, (tmp_path / "ran").exists()) == (0, False), done.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("c.ServerApp.prot = 1\n", "unknown option ServerApp.prot\n"),
        ("c.ServerApp.port = 'many'\n", "the server refuses to start (exit code 1)\n"),
        ("c.PasswordIdentityProvider.hashed_password = ''\nc.IdentityProvider.token = ''\n", "authentication is off\n"),
    ],
)
def test_settings_that_are_wrong_are_refused_all_the_same(checked, tmp_path, more, said):
    (tmp_path / "notebooks").mkdir()
    done = checked(more)
    assert (done.returncode, said in done.stderr) == (1, True), done.stderr
