# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fragments for each change, and a release, in small repositories of their own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tools import release

ROOT = Path(__file__).parents[3]
TASK, TEST, NOTE = "roles/x/tasks/main.yml", "tests/unit/test_x.py", "changelogs/fragments/x.yml"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with the files of this project that a release reads, and one fragment."""
    for name in ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL"):
        monkeypatch.setenv(f"GIT_{name}", "somebody@example.org")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    for name in ("galaxy.yml", "pyproject.toml", "changelogs/config.yaml", ".gitignore"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    write(tmp_path, "changelogs/changelog.yaml", "---\nancestor: null\nreleases: {}\n")
    commit(tmp_path, NOTE, "changelogs/fragments/.keep")
    return tmp_path


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], check=True, cwd=folder, capture_output=True, text=True).stdout


def write(folder: Path, name: str, text: str | None = None) -> None:
    """Write a file that differs from its last state: a fragment is valid, other text is not asked for."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    known = path.read_text() if path.exists() else "---\nminor_changes:\n"
    path.write_text(text or f"{known}  - Roles know ``x``.\n")


def commit(folder: Path, *names: str) -> None:
    for name in names:
        write(folder, name)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", " ".join(names))


def branch(folder: Path, *names: str) -> None:
    """A commit beside the last one of main, merged into it."""
    git(folder, "checkout", "--quiet", "-b", "other", "HEAD~1")
    commit(folder, *names)
    git(folder, "checkout", "--quiet", "main")
    git(folder, "merge", "--quiet", "--no-ff", "--message", "Merge", "other")


@pytest.mark.parametrize(
    ("commits", "missing"),
    [
        pytest.param([[TEST]], [], id="tests need none"),
        pytest.param([[TASK, NOTE]], [], id="a fragment in the same commit"),
        pytest.param([[TASK], [TEST]], [TASK], id="a change without a fragment"),
        pytest.param([[TASK], [NOTE]], [], id="a fragment that follows"),
        pytest.param([[NOTE], [TASK]], [TASK], id="a fragment of an earlier change is none"),
    ],
)
def test_a_change_needs_a_fragment(repository, commits, missing):
    for names in commits:
        commit(repository, *names)
    assert [line.partition(" ")[2] for line in release.without_fragment(repository)] == missing


OTHER_TASK, OTHER_NOTE = "roles/y/tasks/main.yml", "changelogs/fragments/y.yml"


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        pytest.param([OTHER_TASK, OTHER_NOTE], [], id="each branch has its own"),
        pytest.param([OTHER_TASK], [OTHER_TASK], id="the fragment of the other branch is none"),
    ],
)
def test_a_merged_branch_needs_a_fragment(repository, names, missing):
    commit(repository, TASK, NOTE)
    branch(repository, *names)
    assert [line.partition(" ")[2] for line in release.without_fragment(repository)] == missing


def test_a_change_that_is_not_committed_needs_a_fragment(repository):
    write(repository, TASK)
    assert release.without_fragment(repository) == [f"?? {TASK}"]
    write(repository, OTHER_NOTE)
    assert release.without_fragment(repository) == []


def test_a_clone_of_one_branch_has_the_same_answer(repository, tmp_path_factory):
    commit(repository, TASK)
    clone = tmp_path_factory.mktemp("clone")
    git(clone, "clone", "--quiet", "--single-branch", "--no-tags", f"file://{repository}", ".")
    assert release.without_fragment(clone) == release.without_fragment(repository) != []


def test_a_release_is_a_commit_with_its_notes_and_a_tag(repository):
    first = {"changes": {"minor_changes": ["Roles know nothing."]}, "release_date": "2026-11-01"}
    text = yaml.safe_dump({"ancestor": None, "releases": {"1.0.0": first}})
    write(repository, "changelogs/changelog.yaml", text)
    commit(repository, TASK)
    release.release("1.2.0", repository)

    assert git(repository, "log", "--format=%s", "-2").splitlines() == ["Release 1.2.0", TASK]
    assert git(repository, "describe", "HEAD") == "1.2.0\n"
    assert git(repository, "status", "--porcelain") == ""
    assert yaml.safe_load((repository / "galaxy.yml").read_text())["version"] == "1.2.0"
    assert '\nversion = "1.2.0"\n' in (repository / "pyproject.toml").read_text()
    assert [path.name for path in (repository / "changelogs/fragments").iterdir()] == [".keep"]
    notes = (repository / "CHANGELOG.md").read_text()
    assert notes.index("\n## v1\\.2\\.0") < notes.index("\n* Roles know <code>x</code>\\.")
    assert notes.index("\n* Roles know <code>x</code>\\.") < notes.index("\n* Roles know nothing\\.")
    assert release.without_fragment(repository) == []


def test_the_version_of_the_first_release_may_be_written_already(repository):
    assert release.refusals("1.0.0", repository) == []


@pytest.mark.parametrize(
    ("version", "prepare", "message"),
    [
        pytest.param("", [], "write three numbers", id="no version"),
        pytest.param("v1.2.0", [], "write three numbers", id="a letter"),
        pytest.param("0.9.0", [], "0.9.0 is not newer than 1.0.0.", id="an older version"),
        pytest.param("1.10.0", ["tag", "1.10.0"], "There is a tag 1.10.0 already.", id="a tag"),
        pytest.param("1.2.0", ["mv", NOTE, "x.yml"], "not committed", id="a change that is not committed"),
        pytest.param("1.2.0", ["mv", NOTE, "x.yml"], "nothing to release", id="no fragment"),
    ],
)
def test_a_release_is_refused(repository, version, prepare, message):
    if prepare:
        git(repository, *prepare)
    with pytest.raises(SystemExit, match=message):
        release.release(version, repository)
    assert git(repository, "log", "--format=%s", "-1") == f"{NOTE} changelogs/fragments/.keep\n"


def test_versions_are_compared_as_numbers(repository):
    text = yaml.safe_dump({"ancestor": None, "releases": {"1.9.0": {}, "1.10.0": {}}})
    write(repository, "changelogs/changelog.yaml", text)
    commit(repository, TASK)
    assert release.refusals("1.9.5", repository) == ["1.9.5 is not newer than 1.10.0."]
    assert release.refusals("1.11.0", repository) == []


def test_a_release_that_fails_leaves_the_tree_as_it_was(repository):
    write(repository, "changelogs/config.yaml", "output: []\n")
    commit(repository, TASK)
    with pytest.raises(SystemExit, match="antsibull-changelog"):
        release.release("1.2.0", repository)
    assert git(repository, "status", "--porcelain") == ""
    assert yaml.safe_load((repository / "galaxy.yml").read_text())["version"] == "1.0.0"
