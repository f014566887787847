# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Openings in the terms of firewalld."""

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.compare import difference
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.remarks import remarks
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.rules import normalise, openings
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.zones import ledger, rich_rule, ssh_to_open

from .test_compare import LAB, V4, report, rule


@pytest.mark.parametrize(
    ("zones", "entry", "expected"),
    [
        pytest.param(
            {"home": {"interfaces": ["eth0", "eth1"]}},
            {},
            ["home"],
            id="the interface is in another zone than the default",
        ),
        pytest.param(
            {"home": {"interfaces": ["eth1"]}}, {}, ["home", "public"], id="two interfaces, of which one is in no zone"
        ),
        pytest.param({"home": {"interfaces": ["eth0", "eth1"]}}, {"interface": "eth1"}, ["home"], id="by interface"),
        pytest.param(
            {"home": {"interfaces": ["eth0", "eth1"]}}, {"zone": "public"}, ["public"], id="a zone by its name"
        ),
        pytest.param(
            {"public": {"interfaces": ["eth0", "eth1"]}, "home": {"interfaces": [], "sources": ["192.0.2.0/28"]}},
            {"sources": ["192.0.2.0/24"]},
            ["home", "public"],
            id="a zone that some of the clients are bound to",
        ),
        pytest.param(
            {"public": {"interfaces": ["eth0", "eth1"]}, "home": {"interfaces": [], "sources": ["203.0.113.0/24"]}},
            {"sources": ["192.0.2.0/24"]},
            ["public"],
            id="a zone that other clients are bound to",
        ),
        pytest.param(
            {"public": {"interfaces": ["eth0"]}, "home": {"interfaces": [], "sources": ["00:11:22:33:44:55"]}},
            {"sources": ["192.0.2.0/24"]},
            ["home", "public"],
            id="who has this MAC address may have any other",
        ),
        pytest.param(
            {"home": {"interfaces": ["eth1"], "accepts": True}},
            {},
            ["public"],
            id="a zone that accepts everything needs no rule",
        ),
        pytest.param({}, {}, ["public"], id="nothing is bound"),
    ],
)
def test_the_zones_of_firewalld_in_which_a_client_arrives(zones, entry, expected):
    known = {name: {"sources": [], "accepts": False, **zone} for name, zone in zones.items()}
    host = report("firewalld", interfaces=["eth0", "eth1"])
    host["firewalld"] = {**host["firewalld"], "zones": known}
    found = difference([{"port": 8888, **entry}], "jupyter", host)
    assert [one["opening"]["zone"] for one in found if one["what"] == "missing"] == expected
    if not entry:
        assert ssh_to_open(
            dict(host, rules=[rule(port="22", owner="", provider="firewalld", zone="public")]), "firewalld"
        ) == ([] if expected == ["public"] else [22])


def test_a_zone_that_accepts_everything_is_told():
    host = report("firewalld")
    host["firewalld"]["zones"] = {"trusted": {"interfaces": ["eth0"], "sources": [], "accepts": True}}
    said = remarks([LAB], "jupyter", host)
    assert any(line.startswith("WARNING: zone trusted of firewalld accepts everything") for line in said)
    host["firewalld"]["zones"] = {"docker": {"interfaces": ["docker0"], "sources": [], "accepts": True}}
    assert not any("accepts everything" in line for line in remarks([LAB], "jupyter", host))


def test_ssh_is_opened_only_where_no_rule_does_so_already():
    assert ssh_to_open(report("none", ssh_ports=[22, 2222], rules=[rule(port="22", owner="")]), "ufw") == [2222]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param({"port": 8888}, 'rule port port="8888" protocol="tcp" accept', id="anybody, in both families"),
        pytest.param(
            {"port": "1-9", "protocol": "udp", "sources": ["2001:db8::/32"], "limit": "12/minute"},
            'rule family="ipv6" source address="2001:db8::/32" port port="1-9" protocol="udp" accept limit'
            ' value="12/m"',
            id="one network and a limit",
        ),
    ],
)
def test_rich_rule_in_the_form_firewalld_lists(entry, expected):
    assert rich_rule(openings(normalise([entry]))[0]) == expected


def test_the_ledger_does_not_claim_a_rule_by_hand():
    wanted = [dict(opening, zone="public") for opening in openings(normalise([LAB]))]
    there = [dict(V4, provider="firewalld", zone="public", owner="", comment="")]
    assert [entry["source"] for entry in ledger(wanted, "jupyter", report("firewalld", rules=there))] == [
        "2001:db8:1::/64"
    ]
