# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands in docs/operations.md exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "operations.md").read_text(), re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("make ")]
# The variables that playbooks and roles read. A new variable is named there.
READ = "\n".join(path.read_text() for folder in ("playbooks", "roles") for path in (ROOT / folder).rglob("*.yml"))


def extra_variables(words: list[str]) -> set[str]:
    given = [words[place + 1] for place, word in enumerate(words) if word == "-e"]
    names = set()
    for text in given:
        if text.startswith("{"):
            names |= set(yaml.safe_load(text))
        elif not text.startswith("@"):
            names.add(text.partition("=")[0])
    return names


def test_there_are_commands():
    assert len(COMMANDS) > 10


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_operations_chapter(command):
    _make, verb, *variables = shlex.split(command)
    given = dict(variable.split("=", 1) for variable in variables)
    assert set(given) <= {"HOST", "ARGS"}
    playbook = {"down": "uninstall"}.get(verb, verb)
    assert (ROOT / "playbooks" / f"{playbook}.yml").is_file()
    for name in extra_variables(shlex.split(given.get("ARGS", ""))):
        assert re.search(rf"\b{name}\b", READ), f"nothing reads {name}"


@pytest.mark.parametrize("verb", ["report", "rotate_password", "renew", "backup", "restore", "down"])
def test_every_verb_of_day_two_has_its_command(verb):
    assert f"make {verb}" in "\n".join(COMMANDS)
