# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every promise of SECURITY.md names a test that exists, and every hostile scenario is named by a promise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text()
#: Rows of the tables of promises: ``| promise | `file::name`, `file` |``.
ROWS = [
    row
    for row in re.findall(r"^\| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
    if row[1] not in ("test", "how it is seen") and "---" not in row[1]
]


def test_there_are_promises_against_each_attacker():
    for attacker in ("A host", "An account on a host", "The network", "An account of the control node"):
        assert f"## {attacker}\n" in PAGE
    assert len(ROWS) >= 20


@pytest.mark.parametrize(("promise", "tests"), ROWS, ids=[row[0][:60] for row in ROWS])
def test_a_promise_names_its_test(promise, tests):
    named = re.findall(r"`([^`]+)`", tests)
    assert named, f"no test is named for: {promise}"
    for name in named:
        file, _colons, words = name.partition("::")
        assert (ROOT / file).is_file(), f"there is no {file}"
        # A test function, or the name of a task.
        assert words in (ROOT / file).read_text(), f"{file} has no {words}"


@pytest.mark.parametrize("scenario", sorted(path.name for path in ROOT.glob("molecule/hostile_*")))
def test_a_hostile_scenario_is_named(scenario):
    assert f"molecule/{scenario}/" in PAGE
