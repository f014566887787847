# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._network import rules as network_rules
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import (
    compare,
    refusals,
)
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import manifest as state_manifest

from .._state.test_manifest import UNINSTALL
from .._state.test_state import DIRECT, bare, plan, wanted

ROOTLESS = {"uid": 1000, "user": "ann", "group": "ann", "home": "/home/ann"}


@pytest.mark.parametrize(
    ("provider", "access", "sources", "refused"),
    [
        pytest.param("auto", "direct", ["192.0.2.0/24"], True, id="nothing would hold them"),
        pytest.param("none", "direct", ["192.0.2.0/24"], False, id="somebody else filters, it was said"),
        pytest.param("auto", "direct", [], False, id="no promise was made"),
        pytest.param("auto", "tunnel", ["192.0.2.0/24"], False, id="nobody comes from a network"),
    ],
)
def test_without_root_sources_are_refused_unless_somebody_else_filters(provider, access, sources, refused):
    the_plan = plan({"name": "lab", "access": access, "allowed_sources": sources}, scope="user")
    the_plan["firewall"] = {"provider": provider, "enable": False}
    said = [problem for problem in refusals.refusals(the_plan, bare(**ROOTLESS)) if "allowed_sources" in problem]
    assert bool(said) is refused


def open_host(**changes):
    """The report of a host without a firewall."""
    empty = {
        "rules": [],
        "chains": [],
        "firewalld": {},
        "saved": {},
        "files": {},
        "links": [],
        "watched": [],
        "strange": [],
        "paths": {},
        "interfaces": ["eth0"],
    }
    return {"provider": "none", "installed": [], "systemd": True, "ssh": {}, "ssh_ports": [22], **empty, **changes}


@pytest.mark.parametrize(
    ("installed", "sources", "due"),
    [
        pytest.param([], ["192.0.2.0/24"], ["package nftables: absent, wanted"], id="it comes with us"),
        pytest.param(["nftables"], ["192.0.2.0/24"], [], id="it is there"),
        pytest.param([], [], [], id="a port for everybody needs none"),
    ],
)
def test_where_nothing_filters_the_tool_that_does_comes_with_us(installed, sources, due):
    the_plan = plan({"name": "lab", "access": "direct", "allowed_sources": sources, "addresses": ["192.0.2.7"]})
    report = {**bare(), "firewall": open_host(installed=installed)}
    instances, things = wanted(the_plan, report)
    texts = [change["text"] for change in compare.differences(the_plan, things, instances, report)]
    assert [text for text in texts if "nftables" in text and text.startswith("package")] == due


def test_a_port_that_another_rule_would_shut_is_refused_before_anything_is_done():
    drop = {
        "when": [["port", "in", ["8888"]]],
        "verdict": "drop",
        "target": "",
        "handle": 3,
        "comment": "",
        "limited": "",
    }
    chain = {
        "family": "inet",
        "table": "other",
        "name": "input",
        "hook": "input",
        "priority": 0,
        "policy": "accept",
        "rules": [drop],
    }
    the_plan = plan({"name": "lab", "access": "direct", "addresses": ["192.0.2.7"]})
    report = {**bare(), "firewall": open_host(provider="ufw", installed=["ufw", "nftables"], chains=[chain])}
    (said,) = refusals.refusals(the_plan, report)
    assert refusals.refusals({**the_plan, "verb": "report"}, report) == []
    assert (
        "rule blocked in ufw: tcp/8888 from anybody (a rule of chain input of table inet other drops it; let it through"
        " there: nft insert" in said
    )


def test_a_rule_that_waits_for_a_restart_keeps_no_verb_away():
    kept = {
        **{
            "protocol": "tcp",
            "port": "9000",
            "source": "",
            "interface": "",
            "zone": "",
            "limit": "",
            "comment": "remote.notebooks/jupyter",
        },
        **{"owner": "jupyter", "provider": "ufw", "live": True, "saved": True},
    }
    the_plan = plan({"name": "lab", "access": "direct", "addresses": ["192.0.2.7"]})
    report = {
        **bare(),
        "firewall": open_host(provider="ufw", installed=["ufw"], rules=[kept, {**kept, "port": "8888"}]),
    }
    changes = network_rules.rule_changes(the_plan, report)
    assert [change["text"] for change in changes] == ["rule unwanted in ufw: tcp/9000 from anybody"]
    assert network_rules.but_waiting_rules(the_plan, changes, report) == changes
    restart = {"kind": "service", "id": "service jupyter@lab.service"}
    assert network_rules.but_waiting_rules(the_plan, [restart, *changes], report) == [restart]


def test_a_rule_is_listed_until_it_is_gone():
    """A run reads the firewall where the list names a rule: else the one of a port that a busy server has not left yet
    would be forgotten."""
    report = bare()
    _instances, things = wanted(DIRECT, report)
    report["manifest"] = state_manifest.manifest(things)
    _instances, things = wanted(
        plan({"name": "lab"}, {"name": "two", "port": 9001, "access": "direct", "addresses": ["192.0.2.7"]}), report
    )
    listed = state_manifest.journal([*things, *network_rules.listed_rules(things, report)])
    assert [thing["id"].split()[1] for thing in listed if thing["kind"] == "rule"] == [
        "tcp/9001",
        "tcp/8888",
        "tcp/9000",
    ]


def test_where_all_servers_go_no_rule_waits():
    rule = {
        "protocol": "tcp",
        "port": "8888",
        "source": "",
        "interface": "",
        "zone": "",
        "limit": "",
        "comment": "remote.notebooks/jupyter",
    }
    report = {
        **bare(),
        "firewall": open_host(
            provider="ufw", rules=[{**rule, "owner": "jupyter", "provider": "ufw", "live": True, "saved": True}]
        ),
    }
    assert network_rules.standing_rules(UNINSTALL, report) == []
    assert [rule["port"] for rule in network_rules.standing_rules(plan({"name": "lab"}), report)] == ["8888"]
