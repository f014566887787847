# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""system_packages.sh with the real apt and dpkg-query, over a database of these tests. apt only simulates."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "roles/jupyter/files/system_packages.sh"
pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="a system without apt")

ENTRY = "Package: {}\nStatus: install ok installed\nArchitecture: all\nVersion: 1\nMaintainer: x\nDescription: x\n{}\n"
#: Ninety-six packages that a run has installed, as the first uninstall of a real host had them.
OURS = [f"ours{number:02}" for number in range(96)]


@pytest.fixture
def machine(tmp_path):
    """Run the script on a machine with these packages, ``{name: what it depends on}``. Return its output and the calls
    of apt-get."""

    def run(installed: dict[str, str], ours: list[str]) -> tuple[str, list[list[str]]]:
        database, folder, programs = tmp_path / "dpkg", tmp_path / "installer", tmp_path / "bin"
        for path in (database / "info", database / "updates", folder, programs, tmp_path / "lists/partial"):
            path.mkdir(parents=True)
        fields = {name: f"Depends: {needs}\n" if needs else "" for name, needs in installed.items()}
        (database / "status").write_text("".join(ENTRY.format(name, more) for name, more in fields.items()))
        (folder / "packages").write_text("".join(f"{name}\n" for name in sorted(ours)))
        settings = {"Dir::State": tmp_path, "Dir::State::status": database / "status", "Dir::Cache": tmp_path}
        lines = [f'{name} "{value}";\n' for name, value in {**settings, "APT::Get::Simulate": "true"}.items()]
        (tmp_path / "apt.conf").write_text("".join(lines))
        wrapper = f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\nexec {shutil.which("apt-get")} "$@"\n'
        (programs / "apt-get").write_text(wrapper)
        (programs / "apt-get").chmod(0o755)
        environment = {
            "PATH": f"{programs}:/usr/bin:/bin:/usr/sbin:/sbin",
            "APT_CONFIG": str(tmp_path / "apt.conf"),
            "DPKG_ADMINDIR": str(database),
        }
        said = subprocess.run(
            ["sh", SCRIPT, "remove", folder], check=True, capture_output=True, text=True, env=environment
        ).stdout
        assert sorted(os.listdir(folder)) == ["packages"]
        return said, [line.split() for line in (tmp_path / "calls").read_text().splitlines()]

    return run


def purged(calls: list[list[str]]) -> list[str]:
    """Return the packages of the one transaction."""
    (call,) = [call for call in calls if "--simulate" not in call]
    return call[call.index("purge") + 1 :]


def test_one_transaction_removes_all(machine):
    said, calls = machine({"base": "", **dict.fromkeys(OURS, "base")}, OURS)
    assert said == ""
    assert purged(calls) == OURS
    assert len(calls) == 2  # one simulation for all of them


def test_a_package_that_another_one_needs_stays(machine):
    installed = {**dict.fromkeys(OURS, ""), "theirs": "ours07", "ours96": "ours07"}
    said, calls = machine(installed, [*OURS, "ours96"])
    assert said == "ours07 stay: theirs would be removed with them\n"
    assert purged(calls) == [*(name for name in OURS if name != "ours07"), "ours96"]
    assert len(calls) == 3


def test_a_package_that_is_gone_already_is_not_named(machine):
    said, calls = machine(dict.fromkeys(OURS[1:], ""), OURS)
    assert (said, purged(calls)) == ("", OURS[1:])
