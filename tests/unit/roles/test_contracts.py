# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables, the documentation and the defaults of a role must agree."""

from __future__ import annotations

import os
import re
import subprocess
import sys
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
    assert [
        name for name, option in nested(options(role)) if not option.get("description") or "type" not in option
    ] == []


@each_role
def test_every_entry_point_is_documented(role):
    entry_points = load(role / "meta/argument_specs.yml")["argument_specs"]

    assert "main" in entry_points
    assert [name for name in entry_points if not (role / f"tasks/{name}.yml").is_file()] == []


@each_role
def test_readme_names_every_variable(role):
    readme = (role / "README.md").read_text()

    assert [name for name in options(role) if name not in readme] == []


def default_cells(readme: str) -> list[tuple[list[str], list]]:
    """The names of each row of a table with defaults, and the values that it shows: none if it shows words."""
    tables = re.findall(r"^\| variable \| default \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", readme, re.MULTILINE)
    found = []
    for line in "".join(tables).splitlines():
        _edge, variables, defaults, *_meaning = re.split(r"(?<!\\) ?\| ?", line)
        names = re.findall(r"`([^`]+)`", variables)
        plain = re.fullmatch(r"(`[^`]+`|none)(, (`[^`]+`|none))*", defaults)
        values = [yaml.safe_load(code) if code else None for code in re.findall(r"`([^`]+)`|none", defaults)]
        found.append((names, (values * len(names) if len(values) == 1 else values) if plain else []))
    return found


@each_role
def test_readme_shows_the_defaults_of_the_specification(role):
    """A value that is empty, or that a template computes, may be in words."""
    known, wrong, rows = options(role), [], default_cells((role / "README.md").read_text())
    for names, values in rows:
        defaults = [known.get(name, {"default": "no such variable"}).get("default") for name in names]
        spoken = [not default or "{{" in str(default) for default in defaults]
        same = len(values) == len(names) and all(
            said or value == default for said, value, default in zip(spoken, values, defaults)
        )
        if not same and (values or not all(spoken)):
            wrong.append(f"{names}: {defaults}, shown: {values}")
    assert len(rows) >= 4
    assert wrong == []


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
    for path in sorted(role.glob("tasks/**/*.yml")):
        for line in path.read_text().splitlines():
            condition = re.match(r"\s+(?:when: |- )(?![a-z]+:)(.*)", line)
            wrong += [
                f"{path.name}: {line.strip()}"
                for flag in flags
                if condition and re.search(rf"\b{flag}\b(?! \| bool)", condition[1])
            ]
    assert wrong == []


def test_a_play_as_the_readme_has_it_is_told_what_is_wrong_in_the_words_of_the_role(tmp_path):
    example = re.search(r"```yaml\n(.*?)```", (ROOT / "roles/jupyter/README.md").read_text(), re.DOTALL)[1]
    (play,) = yaml.safe_load(example)
    play.update(hosts="localhost", connection="local", gather_facts=False)
    play["tasks"][0]["vars"].update(jupyter_packages=None, jupyter_kernels={"a": "b"})
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    command = [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", tmp_path / "play.yml"]
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "HOME": str(tmp_path)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 2
    assert "jupyter_packages: nothing is written behind it. Write [] for none, or take the line out." in done.stdout
    assert "jupyter_kernels: a mapping is written where a list is meant." in done.stdout
    assert "NoneType" not in done.stdout
    assert "argument_spec_data" not in done.stdout


#: Modules for the playbooks of users. The others serve the roles and playbooks of this collection alone.
PUBLIC_MODULES = {
    "connection_check",
    "pki_backup",
    "pki_certificates",
    "pki_lint",
    "pki_probe",
    "pki_restore",
    "pki_revoke",
    "trust_anchors",
    "trust_nss",
}


def test_an_internal_module_says_so():
    modules = {path.stem: path.read_text() for path in (ROOT / "plugins" / "modules").glob("*.py")}
    internal = {name for name, text in modules.items() if re.search(r"(?m)^short_description: .* \(internal\)$", text)}
    assert set(modules) - internal == PUBLIC_MODULES
