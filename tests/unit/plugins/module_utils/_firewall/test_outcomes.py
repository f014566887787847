# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The expected result of a client, and the meaning of another one."""

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.outcomes import (
    conclude,
    expected,
    left_out,
    missing,
    ports,
    worth_trying,
)
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.rules import normalise

ENTRY = {
    "port": 8888,
    "client": "192.0.2.10",
    "anybody": False,
    "listed": True,
    "admitted": True,
    "silent": False,
    "listens": True,
    "lines": [],
}
STRANGER = {"listed": False, "admitted": False}
LINE = "the rule with handle 2 of nft -a list chain inet filter input (meta hour drop)"
LISTED, NOT_LISTED = (
    "tcp/8888 from 192.0.2.10, which is among the sources: ",
    "tcp/8888 from 192.0.2.10, which is not among the sources: ",
)


@pytest.mark.parametrize(
    ("changes", "outcome", "right", "said"),
    [
        pytest.param({}, "connected", True, f"{LISTED}gets in.", id="let in"),
        pytest.param(
            {},
            "silence",
            False,
            f"{LISTED}gets no answer. The rules of this host let it in: see what filters before",
            id="a cloud's firewall",
        ),
        pytest.param(
            {}, "prohibited", False, f"{LISTED}is refused. The rules of this host let it in", id="a router's word"
        ),
        pytest.param({}, "refused", False, f"{LISTED}is refused.", id="somebody listens, and a rule rejects"),
        pytest.param(
            {"lines": [LINE]},
            "silence",
            False,
            f"{LISTED}gets no answer. This role does not understand {LINE}.",
            id="a line that drops",
        ),
        pytest.param(
            {"listens": False},
            "refused",
            True,
            f"{LISTED}gets in; nobody listens there yet.",
            id="before the server starts",
        ),
        pytest.param(
            {"listens": False, "admitted": False},
            "refused",
            False,
            f"{LISTED}is refused, and a rule of the host",
            id="a rule rejects",
        ),
        pytest.param(STRANGER, "silence", True, f"{NOT_LISTED}is shut out.", id="shut out"),
        pytest.param(STRANGER, "prohibited", True, f"{NOT_LISTED}is shut out.", id="shut out, with a word"),
        pytest.param(
            STRANGER, "refused", True, f"{NOT_LISTED}is shut out.", id="shut out by a reject, for somebody listens"
        ),
        pytest.param(
            STRANGER,
            "connected",
            False,
            f"{NOT_LISTED}gets in all the same, so the sources are NOT in force.",
            id="let in all the same",
        ),
        pytest.param(
            {**STRANGER, "lines": [LINE]},
            "connected",
            False,
            f"NOT in force. This role does not understand {LINE}.",
            id="by such a line",
        ),
        pytest.param(
            {**STRANGER, "admitted": True},
            "connected",
            True,
            f"{NOT_LISTED}gets in, by a rule that is not ours.",
            id="by hand",
        ),
        pytest.param(
            {**STRANGER, "silent": True, "listens": False},
            "refused",
            False,
            "reaches the host all the same, so",
            id="before it listens",
        ),
        pytest.param(
            {**STRANGER, "listens": False},
            "refused",
            True,
            "is refused, which proves nothing",
            id="nobody listens, a reject answers alike",
        ),
    ],
)
def test_what_a_connection_proves(changes, outcome, right, said):
    found, text = conclude({**ENTRY, **changes}, outcome)
    assert (found, said in text) == (right, True), text


def report(policy):
    chain = {
        "family": "inet",
        "table": "filter",
        "name": "input",
        "hook": "input",
        "priority": 0,
        "policy": policy,
        "rules": [],
    }
    return {"provider": "nftables", "chains": [chain], "interfaces": ["eth0"], "rules": []}


RULES = normalise(
    [
        {"port": 8888, "sources": ["192.0.2.0/24"]},
        {"port": "9000-9010"},
        {"port": 53, "protocol": "udp"},
        {"port": 22, "interface": "eth0"},
    ]
)


def test_each_port_is_tried_by_one_who_is_listed_and_one_who_is_not():
    clients = ["192.0.2.10", "198.51.100.7", "198.51.100.8"]
    found = expected(RULES, report("drop"), clients, {8888})
    assert [(one["port"], one["client"], one["listed"], one["anybody"], one["listens"]) for one in found] == [
        *((8888, client, client == "192.0.2.10", False, True) for client in clients),
        *((9000, client, True, True, False) for client in clients),
    ]
    assert [(one["admitted"], one["silent"]) for one in found[:2]] == [(False, True), (False, True)]
    assert [(one["admitted"], one["silent"]) for one in expected(RULES, report("accept"), clients, set())[:2]] == [
        (True, False),
        (True, False),
    ]
    tried = worth_trying(found, "198.51.100.8")
    assert sorted((one["port"], one["client"]) for one in tried) == [
        (8888, "192.0.2.10"),
        (8888, "198.51.100.8"),
        (9000, "198.51.100.8"),
    ]
    assert missing(found, tried) == []


def test_what_is_not_tried_is_said():
    found = expected(RULES, report("drop"), ["198.51.100.7"], set())
    assert missing(found, worth_trying(found, "198.51.100.7")) == [
        "tcp/8888: not tried from an address that is among the sources, for this machine has none."
    ]
    assert left_out(RULES) == [
        "udp/53 from anybody: not tried, for UDP gives no answer.",
        "tcp/22 from anybody on eth0: not tried, for it is for one way into the host only.",
    ]
    assert ports([{"port": 8888}, {"port": "9000-9010"}, {"port": 53, "protocol": "udp"}]) == {8888, 9000}
