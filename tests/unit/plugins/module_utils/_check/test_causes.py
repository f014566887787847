# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of causes: sentences, verdicts, and that each is provoked somewhere."""

# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import string
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._check import trust
from ansible_collections.remote.notebooks.plugins.module_utils._check.causes import CAUSES, conclude
from ansible_collections.remote.notebooks.plugins.module_utils._check.ssh import (
    Forward,
)

from .test_trust import LEAF

#: Facts that the client gives with every cause.
COMMON = {"url", "at", "host", "path", "host_header", "credential", "credential_source", "seconds", "result", "expect"}


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_is_two_sentences(cause):
    meaning = CAUSES[cause]
    assert meaning.verdict in {"unreachable", "untrusted", "reachable"}
    for sentence in (meaning.message, meaning.cure):
        assert sentence.endswith(".")
        assert sentence[0].isupper() or sentence[0] == "{" or sentence.startswith("ssh")


def test_facts_fill_the_sentences():
    facts = dict.fromkeys(COMMON, "?") | {"at": "lab.example.org:8888", "host_header": "lab.example.org:8888"}
    assert conclude("host_blocked", facts) == {
        "verdict": "unreachable",
        "cause": "host_blocked",
        "message": (
            "Jupyter at lab.example.org:8888 refuses the name lab.example.org:8888 in the Host header; it answers to"
            " localhost."
        ),
        "cure": (
            "Add the name to ServerApp.local_hostnames, or set ServerApp.allow_remote_access for a server that binds"
            " the network."
        ),
    }


def test_the_three_verdicts_divide_the_causes():
    by_verdict = {
        verdict: {cause for cause, meaning in CAUSES.items() if meaning.verdict == verdict}
        for verdict in ("reachable", "untrusted")
    }
    assert by_verdict["reachable"] == {"ok", "no_credentials", "open_to_all"}
    assert by_verdict["untrusted"] == {
        "unknown_ca",
        "name_not_in_certificate",
        "expired",
        "not_yet_valid",
        "ca_expired",
        "valid_too_long",
        "weak_key",
        "weak_signature",
        "no_server_auth",
        "name_constraint",
        "other_certificate",
        "not_trusted",
    }


def test_no_sentence_asks_for_a_fact_that_nobody_gives():
    """Facts beyond the common ones come from the Stop that names the cause; its tests with real parts fill them."""
    given = COMMON | set(Forward("h", 1).facts) | set(trust._certificate_facts(LEAF))
    given |= {
        "words",
        "detail",
        "step",
        "status",
        "origin",
        "trust",
        "name",
        "now",
        "sha256",
        "port",
        "instance",
        "who",
        "most",
        "page",
        "size",
    }
    for meaning in CAUSES.values():
        for sentence in (meaning.message, meaning.cure):
            assert {name for _text, name, _spec, _conversion in string.Formatter().parse(sentence) if name} <= given


def test_every_cause_is_provoked_for_real():
    """By a test with real parts, in the folder tests/connection, or with real proxies in the scenario proxied."""
    folder = Path(__file__).parents[5]
    tests = "".join(path.read_text() for path in folder.glob("tests/connection/test_*.py"))
    proxies = (folder / "molecule/proxied/verify.yml").read_text()
    assert [cause for cause in CAUSES if f'"{cause}"' not in tests and f"cause: {cause}" not in proxies] == []


@pytest.mark.parametrize("cause", CAUSES)
def test_no_cure_names_what_nobody_can_give(cause):
    """The playbooks run the check: an option of the module alone is no cure for somebody who typed `make up`."""
    assert "timeout" not in CAUSES[cause].cure.replace("jupyter_timeout", "")
    assert not CAUSES[cause].cure.startswith(("Correct expect", "Correct the code"))
