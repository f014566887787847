# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stored environment belongs to one state of the collection's files."""

from __future__ import annotations

import subprocess

import pytest

from tools import gate, prepared


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    (tmp_path / "roles").mkdir()
    (tmp_path / "roles/a.yml").write_text("one")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.setattr(prepared, "ROOT", tmp_path)
    return tmp_path


def test_each_change_of_a_source_has_a_tag_of_its_own(checkout):
    seen = {prepared.tag()}
    for name, text in (("roles/a.yml", "two"), ("plugins/new.py", "one"), ("molecule/shared/image.txt", "one")):
        path = checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        seen.add(prepared.tag())
    (checkout / "roles/a.yml").rename(checkout / "roles/b.yml")
    seen.add(prepared.tag())
    assert len(seen) == 5


def test_other_files_do_not_count(checkout):
    before = prepared.tag()
    (checkout / "README.md").write_text("text")
    assert prepared.tag() == before


def test_the_scenario_that_stores_it_comes_before_the_others():
    assert prepared.SCENARIO not in gate.scenarios()
    assert (gate.ROOT / "molecule" / prepared.SCENARIO / "molecule.yml").exists()
