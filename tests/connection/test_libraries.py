# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible alone, in an environment of its own: every playbook lists all missing libraries at once, and changes
nothing."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest
import yaml
from ansible_collections.remote.notebooks.plugins.plugin_utils._libraries import NEEDED, OF

ROOT = Path(__file__).parents[2]
#: The packages of ansible-core, as its own metadata lists them.
CORE = (
    "ansible",
    "ansible_core",
    "ansible_test",
    "jinja2",
    "markupsafe",
    "packaging",
    "pyyaml",
    "resolvelib",
    "yaml",
    "_yaml",
)
PLAYS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))
#: Playbooks that need no library here.
NONE = ("schedule", "trust")
ROLES = ("jupyter", "pki", "tunnel")
GIVEN = {
    "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    "backup_passphrase": "eight-or-more",
    "backup_file": "x",
    "pki_backup_passphrase": "eight-or-more",
    "pki_lint_files": ["x"],
}


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    folder = tmp_path_factory.mktemp("core")
    venv.create(folder, with_pip=False, symlinks=True)
    place, here = next(folder.glob("lib/python3*/site-packages")), Path(sysconfig.get_path("purelib"))
    for found in here.iterdir():
        if found.name.partition("-")[0].lower() in CORE:
            (place / found.name).symlink_to(found)
    return folder / "bin" / "python"


@pytest.fixture
def run(python, tmp_path):
    """Run a play on this machine, on a host of no inventory. Return its output, with single spaces."""

    def run(play: Path) -> str:
        environment = {
            **os.environ,
            **{
                "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible" / "collections"),
                "REMOTE_NOTEBOOKS_HOME": str(tmp_path / "kept"),
            },
            **{"ANSIBLE_NOCOLOR": "1"},
        }
        extra = yaml.safe_dump({**GIVEN, "ansible_become": False, "target": "all"})
        (tmp_path / "extra.yml").write_text(extra)
        command = [
            python,
            "-m",
            "ansible.cli.playbook",
            "-i",
            "localhost,",
            "-c",
            "local",
            "-e",
            f"@{tmp_path}/extra.yml",
            play,
        ]
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode != 0
        assert not (tmp_path / "kept").exists()
        return " ".join((done.stdout + done.stderr).split())

    return run


@pytest.mark.parametrize(
    "play", [play for play in PLAYS if play not in NONE and not play.startswith("pki_") and play != "revoke"]
)
def test_a_playbook_says_at_once_what_is_missing(run, python, play):
    said = run(ROOT / "playbooks" / f"{play}.yml")
    names = OF["new" if play == "new" else "jupyter"]
    assert (
        f"lacks what this collection needs: {', '.join(names)}. Nothing was done. Install it with pip --python"
        f" {python} install '{names[0]}>=" in said
    )


@pytest.mark.parametrize("role", ROLES)
def test_a_role_says_so_too_in_a_play_of_one_s_own(run, tmp_path, role):
    play = tmp_path / "play.yml"
    play.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "roles": [f"remote.notebooks.{role}"]}]))
    assert f"needs: {', '.join(OF[role])}. Nothing was done." in run(play)


def test_an_execution_environment_gets_the_same():
    wanted = [f"{name}>={least}" for name, (_module, least) in NEEDED.items()]
    assert (ROOT / "meta" / "ee-requirements.txt").read_text().split() == wanted
