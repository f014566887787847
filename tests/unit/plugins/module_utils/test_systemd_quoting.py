# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd 252 and 257 read back as the same text."""

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils import _systemd_quoting as quoting


@pytest.mark.parametrize(
    ("path", "line", "word", "bound", "argument"),
    [
        pytest.param("/srv/My Notebooks", "/srv/My Notebooks", '"/srv/My Notebooks"', r'"/srv/My\ Notebooks"', '"/srv/My Notebooks"', id="a blank"),
        pytest.param("/srv/100%done", "/srv/100%%done", '"/srv/100%%done"', '"/srv/100%%done"', '"/srv/100%%done"', id="a percent sign"),
        pytest.param("/srv/Übung", "/srv/Übung", '"/srv/Übung"', '"/srv/Übung"', '"/srv/Übung"', id="a letter of another alphabet"),
        pytest.param("/srv/it's", "/srv/it's", '"/srv/it\'s"', '"/srv/it\\\'s"', '"/srv/it\'s"', id="an apostrophe"),
        pytest.param('/srv/"x"', '/srv/"x"', r'"/srv/\"x\""', r'"/srv/\"x\""', r'"/srv/\"x\""', id="quotes"),
        pytest.param("/srv/a\\b", "/srv/a\\b", r'"/srv/a\\b"', r'"/srv/a\\b"', r'"/srv/a\\b"', id="a backslash"),
        pytest.param("/srv/a\\", "/srv/a\\/.", r'"/srv/a\\"', r'"/srv/a\\"', r'"/srv/a\\"', id="a backslash at the end"),
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
