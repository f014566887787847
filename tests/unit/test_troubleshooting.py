# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/troubleshooting.md has every cause of the check, in the check's own words."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.remote.notebooks.plugins.module_utils._check.causes import CAUSES

ROOT = Path(__file__).parents[2]
TABLES = (ROOT / "docs" / "troubleshooting.md").read_text().partition("## The run itself fails")[0]
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")] for line in TABLES.splitlines() if line.startswith("| `")
]


def test_every_cause_has_a_row():
    assert sorted(cause for row in ROWS for cause in re.findall(r"`(\w+)`", row[0])) == sorted(set(CAUSES) - {"ok"})


def test_a_row_has_the_words_of_the_check():
    unsaid = []
    for causes, words, _cure in ROWS:
        messages = " ".join(CAUSES[cause].message for cause in re.findall(r"`(\w+)`", causes))
        said = re.sub(r"\{[^}]*\}", "", messages).replace("  ", " ")
        parts = [
            part.replace("5xx", "").strip()
            for phrase in re.findall(r"\*([^*]+)\*", words)
            for part in phrase.split(" … ")
        ]
        unsaid += [(causes, part) for part in parts if part not in said]
    assert unsaid == []
