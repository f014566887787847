# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data of accounts that are as long as an account can make them: the report of their host still counts."""

from __future__ import annotations

import json
import os
import pwd

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import accounts, configuration
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import report as observation
from ansible_collections.remote.notebooks.plugins.plugin_utils._input import report_answers, words
from ansible_collections.remote.notebooks.plugins.plugin_utils._jupyter import conflicts, leftovers

PROBE = {
    **dict.fromkeys(("paths", "traces", "shadows", "aside", "accounts", "pythons", "ports", "units", "secret"), []),
    **dict.fromkeys(("owners", "roots", "sessions"), {}),
    **dict.fromkeys(("manifest", "environments", "site"), "/nonexistent"),
    **dict.fromkeys(("user_units", "firewall"), False),
    "texts": True,
    "details": {"script": "/nonexistent", "ports": {}},
}
#: JSON writes twelve bytes for each of these, and Python takes them for a name.
ASTRAL = "\U00010428"


@pytest.fixture
def people(tmp_path, monkeypatch):
    """Create accounts with homes, none of which this process has to become. Return their names and homes."""

    def create(count):
        homes = {f"person{number}": tmp_path / f"person{number}" for number in range(count)}
        for home in homes.values():
            home.mkdir()
        real = pwd.getpwnam
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        monkeypatch.setattr(
            pwd,
            "getpwnam",
            lambda name: (
                pwd.struct_passwd((name, "x", 1000, 1000, "," * 5000, str(homes[name]), "/bin/sh"))
                if name in homes
                else real(name)
            ),
        )
        return homes

    return create


@pytest.fixture
def accepted():
    """Check a part of a report as the control node does, within the report of this machine."""
    report = json.loads(json.dumps(observation.report(PROBE, lambda _command: (1, "", ""), None, None)))

    def check(value, *place, **asked):
        there = report
        for name in place[:-1]:
            there = there[name]
        there[place[-1]] = json.loads(json.dumps(value))
        assert len(json.dumps(report)) < words.MOST // 8
        report_answers.report({**PROBE, **asked})(report, "report")

    return check


def asked(homes):
    plan = {"instances": [{"user": name} for name in homes]}
    return [*conflicts.places(plan), *leftovers.places(plan)]


def test_settings_that_two_accounts_write_into_all_their_files_are_a_remark(people, accepted):
    homes = people(2)
    names = [f"{ASTRAL * 85}{number:04}" for number in range(1000)]
    written = {"json": json.dumps({"A": dict.fromkeys(names, 1)}, ensure_ascii=False)}
    written["py"] = "".join(f"c.A.{name} = 1\n" for name in names)
    fixed = [pattern for pattern in asked(homes) if "*" not in pattern and pattern.startswith("~")]
    for pattern in fixed:
        name, _slash, below = pattern[1:].partition("/")
        path = homes[name] / below
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written[below.rpartition(".")[2]])
    found = configuration.options(asked(homes))()
    accepted(found, "shadows")
    mine = {path: file for path, file in found.items() if path.startswith(str(homes["person0"].parent))}
    assert len(mine) == len(fixed) == 2 * 22 - 4
    assert {file["error"] for file in mine.values()} == {configuration.MORE}
    plan = {"instances": [{"user": "person0", "settings": {}}], "shadows": "report"}
    said = conflicts.notable(plan, found)
    assert any(text.endswith(f"{configuration.MORE} It may keep JupyterLab from loading.") for text in said.values())


def test_an_account_that_fills_its_share_takes_nothing_from_another(people, accepted):
    homes = people(3)
    for name, home in homes.items():
        (home / ".jupyter").mkdir()
        many = {"A": {f"{ASTRAL * 85}{number:04}": 1 for number in range(1000)}}
        options = {"ServerApp": {"port": 1}} if name == "person2" else many
        for file in ("jupyter_config", "jupyter_lab_config"):
            (home / f".jupyter/{file}.json").write_text(json.dumps(options, ensure_ascii=False))
    found = configuration.options(asked(homes))()
    accepted(found, "shadows")
    assert found[f"{homes['person2']}/.jupyter/jupyter_config.json"] == {"options": ["ServerApp.port"], "error": ""}
    assert found[f"{homes['person0']}/.jupyter/jupyter_lab_config.json"] == {
        "options": [],
        "error": configuration.MORE,
    }


def test_accounts_with_more_files_than_are_taken(people, accepted):
    homes = people(11)
    for home in homes.values():
        startup = home / leftovers.STARTUP
        startup.mkdir(parents=True)
        for number in range(1000):
            (startup / f"{number}.ipy").touch()
        (home / ".jupyter").mkdir()
        (home / ".jupyter/jupyter_config.json").write_text('{"ServerApp": {"port": 1}}')
    found = configuration.options(asked(homes))()
    accepted(found, "shadows")
    assert len(found) > 10_000
    for home in homes.values():
        assert found[f"{home}/.jupyter/jupyter_config.json"]["options"] == ["ServerApp.port"]


def test_the_comment_of_an_account_has_a_length(people, accepted):
    """chfn(1) lets an account change it, and a directory service may hold any."""
    people(1)
    found = accounts.account("person0")
    accepted({"person0": found}, "accounts", accounts=["person0"])
