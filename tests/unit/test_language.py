# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the mechanical part of the language rules in CONTRIBUTING.md."""

from __future__ import annotations

import re
import statistics
from pathlib import Path

import pytest

from tools import language

ROOT = Path(__file__).parents[2]
NAMES = language.committed()
PAGES = [name for name in NAMES if name.endswith(".md")]
#: Words per 1,000 that are "what" or "whatever".
MOST_WHAT = 1.0


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page, as GitHub derives them from its headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_short_sentences(name):
    text = (ROOT / name).read_text()
    assert [
        sentence for sentence in language.sentences(text) if len(language.words(sentence)) > language.MOST_WORDS
    ] == []
    assert re.findall(r".*;.*", language.page_prose(text)) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_link_leads_to_a_page_and_a_heading(name):
    own = "https://github.com/remote-notebooks/remote.notebooks/blob/main/"
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", (ROOT / name).read_text()):
        if "://" in target and not target.startswith(own):
            continue
        file, _hash, anchor = target.partition("#")
        page = (
            ROOT / file.removeprefix(own)
            if file.startswith(own)
            else (ROOT / name).parent / file
            if file
            else ROOT / name
        )
        if not page.exists() or (anchor and anchor not in anchors(page)):
            wrong.append(target)
    assert wrong == []


def test_the_glossary_has_its_terms():
    glossary = (ROOT / "CONTRIBUTING.md").read_text().partition("### Glossary")[2].partition("\n## ")[0]
    terms = re.findall(r"^\| ([a-z -]+) \| .+ \|$", glossary, re.MULTILINE)
    assert {
        "resource",
        "instance",
        "plan",
        "report",
        "manifest",
        "environment",
        "supervisor",
        "run lock",
        "control node",
        "host",
    } <= set(terms)
    assert len(terms) < 25


def test_no_line_is_too_long():
    """ruff checks Python."""
    names = [name for name in NAMES if not name.endswith(".py")]
    assert {name: lines for name in names if (lines := language.long_lines(name))} == {}


def test_a_task_is_a_verb_and_its_object():
    names = {(name, task) for name in language.task_files() for task in language.task_names(name)}
    assert sorted(pair for pair in names if language.task_words(pair[1]) > 10) == []
    assert sorted(pair for pair in names if pair[1].split()[0].lower() not in language.VERBS) == []


@pytest.mark.parametrize("folder", ["roles", "playbooks", "molecule"])
def test_most_tasks_have_a_short_name(folder):
    names = [task for name in language.task_files() if name.startswith(folder) for task in language.task_names(name)]
    assert statistics.median(language.task_words(task) for task in names) <= 5


def test_nouns_instead_of_what():
    assert language.per_thousand(language.WHAT, "\n".join(language.prose(name) for name in NAMES)) < MOST_WHAT


@pytest.mark.parametrize("phrase", language.BANNED)
def test_a_phrase_is_not_used(phrase):
    found = {name for name in NAMES if re.search(phrase, language.prose(name), re.IGNORECASE)}
    assert found == set()
