# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role accepts, documents and defaults must agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
ROLES = sorted(path.parent.parent for path in ROOT.glob("roles/*/tasks/main.yml"))

each_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def load(path: Path) -> dict:
    return (yaml.safe_load(path.read_text()) or {}) if path.exists() else {}


def options(role: Path) -> dict:
    """The documented variables of all entry points of a role."""
    entry_points = load(role / "meta/argument_specs.yml")["argument_specs"].values()
    return {name: option for entry_point in entry_points for name, option in entry_point.get("options", {}).items()}


def nested(documented: dict, path: str = "") -> list[tuple[str, dict]]:
    """Each option with the path to it, sub-options included."""
    here = [(f"{path}{name}", option) for name, option in documented.items()]
    return here + [found for name, option in here for found in nested(option.get("options", {}), f"{name}.")]


@each_role
def test_defaults_and_argument_specs_agree(role):
    documented = {name: option["default"] for name, option in options(role).items() if "default" in option}

    assert documented == load(role / "defaults/main.yml")


@each_role
def test_public_variables_carry_the_name_of_the_role(role):
    assert [name for name in options(role) if not name.startswith(f"{role.name}_")] == []


@each_role
def test_internal_variables_are_marked_as_internal(role):
    names = [name for path in role.glob("vars/*.yml") for name in load(path)]

    # Of Ansible's own, a role sets one for its tasks: how long a connection may take.
    assert [name for name in names if not name.startswith(f"__{role.name}_") and name != "ansible_timeout"] == []


@each_role
def test_every_option_has_a_type_and_a_description(role):
    assert [name for name, option in nested(options(role)) if not option.get("description") or "type" not in option] == []


@each_role
def test_every_entry_point_is_documented(role):
    entry_points = load(role / "meta/argument_specs.yml")["argument_specs"]

    assert "main" in entry_points
    assert [name for name in entry_points if not (role / f"tasks/{name}.yml").is_file()] == []


@each_role
def test_readme_names_every_variable(role):
    readme = (role / "README.md").read_text()

    assert [name for name in options(role) if name not in readme] == []


@each_role
def test_metadata_says_what_galaxy_asks_for(role):
    info = load(role / "meta/main.yml")["galaxy_info"]

    assert info.keys() >= {"author", "description", "license", "min_ansible_version", "platforms"}
    assert info["license"] == "GPL-3.0-or-later"


@each_role
def test_a_truth_value_from_the_command_line_is_one(role):
    """``-e name=false`` is a text, and a text that is not empty is true: a condition converts it."""
    flags = [name for name, option in options(role).items() if option["type"] == "bool"]
    wrong = []
    for path in sorted(role.glob("tasks/*.yml")):
        for line in path.read_text().splitlines():
            condition = re.match(r"\s+(?:when: |- )(?![a-z]+:)(.*)", line)
            wrong += [f"{path.name}: {line.strip()}" for flag in flags if condition and re.search(rf"\b{flag}\b(?! \| bool)", condition[1])]
    assert wrong == []
