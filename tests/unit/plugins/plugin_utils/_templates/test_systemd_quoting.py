# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines that systemd 252 and 257 read back as the same text."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import instances
from ansible_collections.remote.notebooks.plugins.plugin_utils._templates import systemd_quoting as quoting
from ansible_collections.remote.notebooks.plugins.plugin_utils._templates import templates

from .._state.test_state import bare, plan


@pytest.mark.parametrize(
    ("path", "line", "word", "bound", "argument"),
    [
        pytest.param(
            "/srv/My Notebooks",
            "/srv/My Notebooks",
            '"/srv/My Notebooks"',
            r'"/srv/My\ Notebooks"',
            '"/srv/My Notebooks"',
            id="a blank",
        ),
        pytest.param(
            "/srv/100%done",
            "/srv/100%%done",
            '"/srv/100%%done"',
            '"/srv/100%%done"',
            '"/srv/100%%done"',
            id="a percent sign",
        ),
        pytest.param(
            "/srv/Übung",
            "/srv/Übung",
            '"/srv/Übung"',
            '"/srv/Übung"',
            '"/srv/Übung"',
            id="a letter of another alphabet",
        ),
        pytest.param("/srv/it's", "/srv/it's", '"/srv/it\'s"', '"/srv/it\\\'s"', '"/srv/it\'s"', id="an apostrophe"),
        pytest.param('/srv/"x"', '/srv/"x"', r'"/srv/\"x\""', r'"/srv/\"x\""', r'"/srv/\"x\""', id="quotes"),
        pytest.param("/srv/a\\b", "/srv/a\\b", r'"/srv/a\\b"', r'"/srv/a\\b"', r'"/srv/a\\b"', id="a backslash"),
        pytest.param(
            "/srv/a\\", "/srv/a\\/.", r'"/srv/a\\"', r'"/srv/a\\"', r'"/srv/a\\"', id="a backslash at the end"
        ),
        pytest.param("/srv/a ", "/srv/a /.", '"/srv/a "', r'"/srv/a\ "', '"/srv/a "', id="a blank at the end"),
        pytest.param("/srv/$HOME", "/srv/$HOME", '"/srv/$HOME"', '"/srv/$HOME"', '"/srv/$$HOME"', id="a dollar sign"),
        pytest.param("/srv/a;b", "/srv/a;b", '"/srv/a;b"', '"/srv/a;b"', '"/srv/a;b"', id="a semicolon"),
        pytest.param("/srv/a:b", "/srv/a:b", '"/srv/a:b"', r'"/srv/a\:b"', "/srv/a:b", id="a colon"),
        pytest.param("-x", "-x", '"-x"', '"-x"', "-x", id="a dash in front"),
    ],
)
def test_each_option_has_its_own_rules(path, line, word, bound, argument):
    assert quoting.line(path) == line
    assert quoting.word(path) == word
    assert quoting.bound(path) == bound
    assert quoting.command(["/bin/x", path]) == f"/bin/x {argument}"


@pytest.mark.parametrize("path", ["/srv/My Notebooks/x", "/srv/a$b/x", '/srv/"/x', "/srv/a\\b/x"])
def test_a_program_whose_name_is_not_plain_is_started_by_the_shell(path):
    assert quoting.command([path, "y"]).startswith('/bin/sh -c "exec \\"$$@\\"" sh "/srv/')


@pytest.mark.parametrize("manager", ["systemd", "tmux"])
@pytest.mark.parametrize(
    "name", ["My Notebooks", "100%done", "Übung", "it's", 'say "x"', "a\\b", "end\\", "$HOME", "a;b", "a:b", "trail "]
)
def test_systemd_finds_no_fault_with_the_unit_of_such_a_folder(tmp_path, name, manager):
    report, folder = bare(), tmp_path / name
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text("#!/bin/sh\n")
    (folder / "bin" / "python").chmod(0o755)
    report["accounts"]["ann"] = {
        "uid": 0,
        "group": "root",
        "home": str(folder),
        "comment": "",
        "shares_group": False,
        "home_is": "usable",
    }
    (instance,) = instances.complete(
        plan({"name": "lab", "user": "ann", "root_dir": str(folder), "service_manager": manager}), report
    )
    instance.update(
        user="root",
        environment=str(folder),
        libexec=str(folder),
        command=f"{folder}/bin/jupyter",
        config_file=f"{folder}/c.py",
    )
    unit = tmp_path / "x.service"
    unit.write_text(
        templates.ENVIRONMENT.get_template("instance.conf.j2").render(
            ansible_managed="x", instance=instance, manifest=[], thing={}
        )
    )
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], check=False, capture_output=True, text=True
    ).stderr
    assert [line for line in said.splitlines() if "x.service" in line] == []
