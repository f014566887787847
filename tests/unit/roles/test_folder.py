# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where runs keep passwords, keys and pages: one place, wherever one stands, and none in an installed collection."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
#: A run of the role that creates an authority; it asks no host anything.
PLAY = """
- hosts: "{{ target | default('all') }}"
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: remote.notebooks.pki}
      vars: {pki_certificates: [{name: web, addresses: [web.example.org]}]}
    - ansible.builtin.include_vars: {file: __DEFAULTS__, name: defaults}
    - ansible.builtin.debug: {msg: "folder: {{ defaults.jupyter_credentials_dir }}"}
"""


def run(standing: Path, home: Path, *words: str, **more: str) -> str:
    """Run the play in the folder ``standing``, and return its output."""
    (home / "playbooks").mkdir(exist_ok=True, parents=True)
    play = home / "playbooks" / "play.yml"
    play.write_text(PLAY.replace("__DEFAULTS__", str(ROOT / "roles/jupyter/defaults/main.yml")))
    command = [str(Path(sys.executable).parent / "ansible-playbook"), *words, str(play)]
    own = {
        "HOME": str(home),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible/collections"),
        "ANSIBLE_HOME": str(home / ".ansible"),
        **more,
    }
    # Not this checkout's ansible.cfg: a user of the collection has none.
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "REMOTE_NOTEBOOKS"))},
        **own,
    }
    done = subprocess.run(
        command, check=False, cwd=standing, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def made(tmp_path: Path) -> list[str]:
    return sorted(str(path.parent.relative_to(tmp_path)) for path in tmp_path.rglob("ca-bundle.pem"))


@pytest.mark.parametrize(
    "words", [("-i", "192.0.2.7,"), ("-i", "192.0.2.7,", "-e", "target=localhost")], ids=["a host by name", "localhost"]
)
def test_without_an_inventory_file_it_is_the_same_folder_from_everywhere(tmp_path, words):
    home = tmp_path / "ann"
    for standing in (tmp_path / "one", tmp_path / "other"):
        standing.mkdir()
        said = run(standing, home, *words)
        assert f"folder: {home}/.local/share/remote-notebooks/credentials" in said
    assert made(tmp_path) == ["ann/.local/share/remote-notebooks/pki"]


def test_the_operator_may_name_the_folder(tmp_path):
    run(tmp_path, tmp_path / "ann", "-i", "192.0.2.7,", REMOTE_NOTEBOOKS_HOME=str(tmp_path / "kept here"))
    assert made(tmp_path) == ["kept here/pki"]


def test_beside_an_inventory_file_it_stays_beside_it(tmp_path):
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "hosts").write_text("192.0.2.7\n")
    for more in ((), ("-e", "target=localhost")):
        run(tmp_path, tmp_path / "ann", "-i", str(tmp_path / "lab" / "hosts"), *more)
    assert made(tmp_path) == ["lab/pki"]
