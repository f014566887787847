# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PlanError
from ansible_collections.remote.notebooks.plugins.plugin_utils._new import questions


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("lab", ("", "lab", "")),
        ("admin@192.0.2.7:2222", ("admin", "192.0.2.7", "2222")),
        ("2001:db8::7", ("", "2001:db8::7", "")),
        ("[2001:db8::7]:2222", ("", "2001:db8::7", "2222")),
        (" localhost ", ("", "localhost", "")),
    ],
)
def test_a_host(text, value):
    assert questions.host(text) == value


@pytest.mark.parametrize(
    "text", ["", "a b", "-oProxyCommand=x", "x@-o", "lab;id", "$(id)", "../lab", "lab:0", "lab:70000", "all", "lab\n-x"]
)
def test_no_host(text):
    with pytest.raises(PlanError):
        questions.host(text)


@pytest.mark.parametrize(
    ("text", "root", "value"), [("Both", True, "both"), ("network", True, "direct"), ("away", False, "tunnel")]
)
def test_the_way(text, root, value):
    assert questions.access(text, root) == value


@pytest.mark.parametrize(
    ("check", "text", "message"),
    [
        (lambda text: questions.access(text, True), "home", "none of: network, away, both"),
        (lambda text: questions.access(text, False), "both", "only 'away' works"),
        (questions.clients, "ipad, phone", "'phone' is none of"),
        (lambda text: questions.people(text, True, []), "ann Bob", "'Bob' cannot be the name"),
        (lambda text: questions.people(text, True, []), "root", "'root' cannot be the name"),
        (lambda text: questions.people(text, False, []), "ann bob", "only 'one' works"),
        (lambda text: questions.people(text, True, ["ann", "bob"]), "one", "ann and bob would lose a server"),
        (questions.names, "lab/1", "neither a DNS name nor"),
        (questions.names, "*.example.org", "is a pattern"),
        (questions.names, "localhost", "need a name or address"),
        (questions.names, "\x1b[2J", r"'\\x1b\[2J' is neither"),
    ],
)
def test_a_wrong_answer_gets_its_cure(check, text, message):
    with pytest.raises(PlanError, match=message):
        check(text)


def test_right_answers():
    assert questions.clients("iPad vscode,vscode") == ["browser", "juno", "vscode"]
    assert questions.people("ann, bob ann", True, ["bob"]) == ["ann", "bob"]
    assert questions.people("one", False, []) == []
    assert questions.names("Lab.Example.org, 192.0.2.7") == ["lab.example.org", "192.0.2.7"]
