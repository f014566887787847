# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory that is a folder, as ansible-playbook reads it: no secret may come to lie in there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.remote.notebooks.plugins.plugin_utils._input import inventory_files

ROOT = Path(__file__).parents[4]
INVENTORY = "all: {hosts: {here: {ansible_connection: local, ansible_python_interpreter: '%s'}}, vars: {%s}}\n"


def play(source: Path, *options: str, playbook: str = "site.yml") -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("ansible-playbook")
    command = [str(program), "-i", str(source), str(ROOT / "playbooks" / playbook), "--check", *options]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "COLUMNS": "10000"}
    )


def test_a_password_becomes_no_name_of_a_host(tmp_path):
    folder = tmp_path / "inventory"
    folder.mkdir()
    (folder / "hosts.yml").write_text(INVENTORY % (sys.executable, ""))
    done = play(folder)
    assert done.returncode == 2
    said = " ".join(done.stdout.split() + done.stderr.split())
    assert (
        f"jupyter_credentials_dir: {folder}/credentials lies in {folder}, and Ansible reads every file in there" in said
    )
    assert f"-i {folder}/hosts.yml" in said
    assert [path.name for path in folder.iterdir()] == ["hosts.yml"]


@pytest.mark.parametrize(
    ("place", "refused"),
    [
        ("inventory/credentials", True),
        ("inventory", True),
        ("inventory/deep/below", True),
        ("elsewhere/../inventory/pki", True),
        ("to-inventory/pki", True),
        ("inventory/to-elsewhere", True),
        ("inventory/.state/pki", False),  # files that Ansible skips
        ("inventory/group_vars/pki", False),
        ("inventory-of-another/pki", False),
        ("elsewhere", False),
    ],
)
def test_a_place_in_an_inventory(tmp_path, place, refused):
    for name in ("inventory", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "to-inventory").symlink_to("inventory")
    (tmp_path / "inventory/to-elsewhere").symlink_to("../elsewhere")
    found = inventory_files.folders([f"{tmp_path}/inventory", f"{tmp_path}/no-folder", "h1,h2"])
    if refused:
        with pytest.raises(AnsibleActionFail, match="pki_dir: "):
            inventory_files.require_apart("pki_dir", f"{tmp_path}/{place}", found)
    else:
        inventory_files.require_apart("pki_dir", f"{tmp_path}/{place}", found)


@pytest.mark.parametrize(
    ("name", "text", "options", "said"),
    [
        ("tab.yml", "all:\n\thosts: {a: }\n", (), "Completely failed to parse inventory source"),
        ("hosts.conf", "---\nall: {hosts: {a: }}\n", (), "Completely failed to parse inventory source"),
        ("missing.yml", None, (), "Completely failed to parse inventory source"),
        ("empty.yml", "---\nall: {hosts: {}}\n", (), "the inventory names no host"),
        ("lab.yml", "---\nall: {hosts: {lab: }}\n", ("-e", "target=labb"), "Could not match supplied host pattern"),
    ],
)
@pytest.mark.parametrize("playbook", ["site.yml", "backup.yml"])
def test_a_run_without_a_host_is_an_error(tmp_path, name, text, options, said, playbook):
    if text is not None:
        (tmp_path / name).write_text(text)
    done = play(tmp_path / name, *options, playbook=playbook)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr


@pytest.mark.parametrize("playbook", sorted(path.name for path in (ROOT / "playbooks").glob("*.yml")))
def test_no_playbook_skips_an_inventory_without_hosts(playbook):
    text = (ROOT / "playbooks" / playbook).read_text()
    assert re.findall(r"(?m)^  hosts: .*all.*$", text) == []


def test_a_syntax_check_needs_no_inventory():
    program = Path(sys.executable).with_name("ansible-playbook")
    command = [str(program), "--syntax-check", str(ROOT / "playbooks" / "site.yml")]
    assert subprocess.run(command, check=False, cwd=ROOT, capture_output=True).returncode == 0
