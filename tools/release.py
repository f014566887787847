# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Release notes and releases.

``python -m tools.release fragments`` fails for a change without a fragment. ``dist`` builds the archive and the wheels
of the control node in ``dist/``. ``ready 1.2.0`` fails if that version cannot be released. ``version 1.2.0`` writes it
and its notes into a commit with a tag. Nothing is pushed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from tools.environment import LOCKS, ROOT, build_apart, installer_environment

BIN = Path(sys.executable).parent
DIST = ROOT / "dist"
FRAGMENTS = "changelogs/fragments"
#: The folders that users get. A change of them needs a fragment.
SHIPPED = ("playbooks", "plugins", "roles")
#: The files that a release writes.
WRITTEN = ("CHANGELOG.md", "changelogs", "galaxy.yml", "pyproject.toml")


def git(root: Path, *words: str, given: str = "") -> list[str]:
    """Return the lines of a git command."""
    done = subprocess.run(["git", *words], check=False, cwd=root, input=given, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout.splitlines()


def without_fragment(root: Path = ROOT) -> list[str]:
    """Return the changes of shipped folders that no fragment follows: commits, and files that are not committed.

    A commit counts as described if it, or a later commit on top of it, touches the folder of fragments. A release does,
    because it removes them. So the check needs neither tags nor other branches, and a fragment that was forgotten can
    follow in a commit of its own.
    """
    described = git(root, "rev-list", "--full-history", "--no-merges", "HEAD", "--", FRAGMENTS)
    wanted = "\n".join(["HEAD", *(f"^{commit}" for commit in described), "--", *SHIPPED])
    found = git(root, "log", "--format=%h %s", "--no-merges", "--stdin", given=wanted)
    changed = git(root, "status", "--porcelain", "--untracked-files=all", "--", *SHIPPED)
    return found + ([] if git(root, "status", "--porcelain", "--", FRAGMENTS) else changed)


def complaints() -> list[str]:
    """Name each change without a fragment."""
    return [f"ERROR: {change} has no fragment in {FRAGMENTS} (CONTRIBUTING.md)" for change in without_fragment()]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def refusals(version: str, root: Path) -> list[str]:
    """Return everything that prevents a release."""
    if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", version):
        return [f"VERSION={version}: write three numbers, as in VERSION=1.2.0."]
    earlier = list(yaml.safe_load((root / "changelogs/changelog.yaml").read_text())["releases"])
    written = yaml.safe_load((root / "galaxy.yml").read_text())["version"]
    newest = max([*earlier, written], key=numbers)
    found = []
    if numbers(version) < numbers(newest) or version in earlier:
        found.append(f"{version} is not newer than {newest}.")
    if git(root, "tag", "--list", version):
        found.append(f"There is a tag {version} already.")
    if git(root, "status", "--porcelain"):
        found.append("There are changes that are not committed: see git status.")
    if not list((root / FRAGMENTS).glob("*.y*ml")):
        found.append(f"There is nothing to release: {FRAGMENTS} has no fragment.")
    return found


def release(version: str, root: Path = ROOT) -> None:
    """Write the version and its notes, commit and tag them. The tree is as before if a step fails."""
    found = refusals(version, root)
    if found:
        sys.exit("\n".join(found))
    (before,) = git(root, "rev-parse", "HEAD")
    try:
        for name, form in (("galaxy.yml", "version: {}"), ("pyproject.toml", 'version = "{}"')):
            text = (root / name).read_text()
            (root / name).write_text(re.sub(f"(?m)^{form.format('.*')}$", form.format(version), text, count=1))
        # It lists new plugins, and asks ansible-doc for them.
        environment = {**os.environ, "PATH": os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)])}
        subprocess.run([BIN / "antsibull-changelog", "release"], check=True, cwd=root, env=environment)
        git(root, "add", "--", *WRITTEN)
        git(root, "commit", "--quiet", "--message", f"Release {version}")
        git(root, "tag", "--annotate", "--message", f"Release {version}", version)
    except (SystemExit, subprocess.CalledProcessError) as failure:
        git(root, "reset", "--quiet", "--hard", before)
        sys.exit(f"{failure}\nThe files are as they were.")
    print(f"Commit and tag {version} are made. To publish them: git push --follow-tags")


def build_archive(folder: Path, root: Path = ROOT) -> Path:
    """Build the collection's archive: the files that the list in galaxy.yml allows."""
    galaxy: Sequence[str | Path] = [
        BIN / "ansible-galaxy",
        "collection",
        "build",
        "--force",
        "--output-path",
        folder,
        root,
    ]
    subprocess.run(galaxy, check=True, cwd=root, stdout=subprocess.DEVNULL)
    (archive,) = folder.glob("remote-notebooks-*.tar.gz")
    return archive


def dist() -> None:
    """Build the archive, and fetch the wheels that the lock names for the Python of the playbooks' environment."""
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    archive = build_archive(DIST)
    requirements = Path(shutil.copy(ROOT / LOCKS["runtime"], DIST))
    wheels = DIST / "wheels"
    python = build_apart("runtime") / "python"
    pip: Sequence[str | Path] = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
    options: Sequence[str | Path] = ["--only-binary", ":all:", "--require-hashes", "--dest", wheels]
    subprocess.run([*pip, *options, "--requirement", requirements], check=True, env=installer_environment())
    told = "import platform, sys; print(f'Python {sys.version_info[0]}.{sys.version_info[1]}, {platform.machine()}')"
    fits = subprocess.check_output([python, "-c", told], text=True).strip()
    for path in (archive, requirements):
        print(path.relative_to(ROOT))
    print(f"{wheels.relative_to(ROOT)}: {len(list(wheels.iterdir()))} wheels for {fits}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=["dist", "fragments", "ready", "version"])
    parser.add_argument("version", nargs="?", default="")
    arguments = parser.parse_args()
    if arguments.part == "dist":
        dist()
    elif arguments.part == "version":
        release(arguments.version)
    else:
        found = complaints() if arguments.part == "fragments" else refusals(arguments.version, ROOT)
        if found:
            sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
