# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Would this rule set let a new connection in? The inputs are the output of nft 1.0.6 and iptables-save 1.8.9."""

from __future__ import annotations

import json

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.observation.parse_iptables import (
    parse_iptables_save,
)
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.observation.parse_nftables import parse_nft
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.packet_filter import interfaces, obstacles

INPUT = {
    "family": "inet",
    "table": "filter",
    "name": "input",
    "handle": 1,
    "type": "filter",
    "hook": "input",
    "prio": 0,
    "policy": "drop",
}


def match(left, right, operator="=="):
    return {"match": {"op": operator, "left": left, "right": right}}


def field(protocol, name):
    return {"payload": {"protocol": protocol, "field": name}}


def nft(*rules, policy="drop", chain="input", extra=()):
    chains = [{"chain": dict(INPUT, policy=policy)}, *extra]
    listed = [
        {
            "rule": {
                "family": "inet",
                "table": "filter",
                "chain": one.get("chain", chain),
                "handle": number,
                "expr": one["expr"],
            }
        }
        for number, one in enumerate(({"expr": rule} if isinstance(rule, list) else rule for rule in rules), 2)
    ]
    return parse_nft(json.dumps({"nftables": [{"metainfo": {}}, *chains, *listed]}))


def packet(source="192.0.2.0/24", port="8888", protocol="tcp", interface="eth0"):
    return {
        "family": "ip6" if ":" in source else "ip",
        "protocol": protocol,
        "port": port,
        "source": source,
        "interface": interface,
    }


PORT = match(field("tcp", "dport"), 8888)
ACCEPT, DROP, REJECT = {"accept": None}, {"drop": None}, {"reject": {"type": "icmpx", "expr": "admin-prohibited"}}
NETWORK = match(field("ip", "saddr"), {"prefix": {"addr": "192.0.2.0", "len": 24}})
STATE = {"ct": {"key": "state"}}
WEB = {"chain": {"family": "inet", "table": "filter", "name": "web", "handle": 9}}


@pytest.mark.parametrize(
    ("chains", "asked", "stopped"),
    [
        pytest.param(nft(), packet(), True, id="the policy drops"),
        pytest.param(nft(policy="accept"), packet(), False, id="the policy accepts"),
        pytest.param(nft([PORT, ACCEPT]), packet(), False, id="the port is accepted"),
        pytest.param(nft([PORT, ACCEPT]), packet(protocol="udp"), True, id="for tcp only"),
        pytest.param(nft([PORT, ACCEPT]), packet(port="8888-8890"), True, id="a part of the range is not the range"),
        pytest.param(nft([PORT, NETWORK, ACCEPT]), packet(), False, id="the network is accepted"),
        pytest.param(nft([PORT, NETWORK, ACCEPT]), packet("192.0.2.7/32"), False, id="an address of it is, too"),
        pytest.param(nft([PORT, NETWORK, ACCEPT]), packet("192.0.0.0/16"), True, id="a wider network is not"),
        pytest.param(nft([PORT, NETWORK, ACCEPT]), packet("2001:db8::/32"), True, id="the other family is not"),
        pytest.param(
            nft([NETWORK, DROP], policy="accept"),
            packet("0.0.0.0/0"),
            False,
            id="one blocked network does not close the port for all",
        ),
        pytest.param(nft([NETWORK, DROP], [PORT, ACCEPT]), packet(), True, id="a drop before the accept"),
        pytest.param(
            nft([match(STATE, ["established", "related"], "in"), ACCEPT]), packet(), True, id="established is not new"
        ),
        pytest.param(nft([match(STATE, ["new", "established"], "in"), PORT, ACCEPT]), packet(), False, id="new is new"),
        pytest.param(
            nft([match(STATE, "new", "in"), PORT, ACCEPT]),
            packet(),
            True,
            id="what follows the first packet is stopped",
        ),
        pytest.param(
            nft([match({"meta": {"key": "iif"}}, "lo"), ACCEPT]), packet(), True, id="the loopback is not outside"
        ),
        pytest.param(
            nft([match({"meta": {"key": "iifname"}}, "eth*"), PORT, ACCEPT]),
            packet(),
            False,
            id="an interface by wildcard",
        ),
        pytest.param(
            nft([match({"meta": {"key": "iifname"}}, "wg0"), PORT, ACCEPT]), packet(), True, id="another interface"
        ),
        pytest.param(
            nft([match(field("tcp", "dport"), 22, "!="), DROP], policy="accept"),
            packet(),
            True,
            id="all but SSH is dropped",
        ),
        pytest.param(
            nft([match(field("tcp", "dport"), {"set": [22, {"range": [8880, 8890]}]}), ACCEPT]),
            packet(),
            False,
            id="a range in a set",
        ),
        pytest.param(
            nft([{"limit": {"rate": 5, "per": "second"}}, REJECT], policy="accept"),
            packet(),
            True,
            id="rejected at a rate",
        ),
        pytest.param(
            nft([{"limit": {"rate": 5, "per": "second", "inv": True}}, DROP], policy="accept"),
            packet(),
            False,
            id="only the excess is dropped",
        ),
        pytest.param(
            nft([{"xt": {"type": "match", "name": "geoip"}}, DROP], policy="accept"),
            packet(),
            False,
            id="what is not understood is not met",
        ),
        pytest.param(
            nft(
                [
                    {
                        "vmap": {
                            "key": STATE,
                            "data": {
                                "set": [
                                    ["established", ACCEPT],
                                    ["invalid", DROP],
                                    ["new", {"jump": {"target": "web"}}],
                                ]
                            },
                        }
                    }
                ],
                {"chain": "web", "expr": [PORT, ACCEPT]},
                extra=[WEB],
            ),
            packet(),
            False,
            id="a verdict map that jumps",
        ),
        pytest.param(
            nft(
                [{"jump": {"target": "web"}}], [PORT, ACCEPT], {"chain": "web", "expr": [{"return": None}]}, extra=[WEB]
            ),
            packet(),
            False,
            id="a jump that returns",
        ),
        pytest.param(
            nft([{"goto": {"target": "web"}}], [PORT, ACCEPT], extra=[WEB]), packet(), True, id="a goto that does not"
        ),
        pytest.param(
            nft([PORT, ACCEPT], extra=[{"chain": dict(INPUT, table="other", policy="drop", prio=10)}]),
            packet(),
            True,
            id="an accept does not override another table's drop",
        ),
        pytest.param(
            nft([PORT, ACCEPT], extra=[{"chain": dict(INPUT, table="six", family="ip6")}]),
            packet(),
            False,
            id="a table of the other family has no say",
        ),
        pytest.param(
            nft([PORT, ACCEPT], extra=[{"chain": dict(INPUT, table="raw", hook="prerouting", prio=-300)}]),
            packet(),
            True,
            id="prerouting has a say",
        ),
        pytest.param(
            nft([PORT, ACCEPT], extra=[{"chain": dict(INPUT, table="nat", type="nat")}]),
            packet(),
            False,
            id="a nat chain has none",
        ),
    ],
)
def test_obstacles(chains, asked, stopped):
    assert bool(obstacles(chains, asked)) is stopped


def test_the_rule_that_stops_is_named_not_the_policy_behind_it():
    found = obstacles(nft([match(field("tcp", "dport"), 22), ACCEPT], [REJECT]), packet())
    assert [(place["chain"]["name"], place["rule"]["handle"]) for place in found] == [("input", 3)]


def test_a_named_set_is_looked_up():
    text = {
        "nftables": [
            {
                "set": {
                    "family": "inet",
                    "table": "filter",
                    "name": "ok",
                    "elem": [
                        {"prefix": {"addr": "192.0.2.0", "len": 24}},
                        {"elem": {"val": "198.51.100.1", "timeout": 60}},
                    ],
                }
            },
            {"chain": INPUT},
            {
                "rule": {
                    "family": "inet",
                    "table": "filter",
                    "chain": "input",
                    "handle": 4,
                    "expr": [match(field("ip", "saddr"), "@ok"), ACCEPT],
                }
            },
        ]
    }
    chains = parse_nft(json.dumps(text))
    assert [
        bool(obstacles(chains, packet(source))) for source in ("192.0.2.9/32", "198.51.100.1/32", "198.51.100.2/32")
    ] == [False, False, True]


def test_only_interfaces_that_a_rule_names_are_told_apart():
    chains = nft([match({"meta": {"key": "iifname"}}, "wg0"), ACCEPT])
    assert interfaces(chains, ["eth0", "wg0"]) == ["wg0", ""]
    assert interfaces(chains, ["wg0"]) == ["wg0"]
    assert interfaces(chains, ["eth0"]) == [""]


SAVED = """\
# Generated by iptables-save
*nat
:PREROUTING ACCEPT [0:0]
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:blocked - [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -j blocked
-A INPUT -p tcp -m tcp --dport 22 -m comment --comment "by hand, it's mine" -j ACCEPT
-A INPUT -p tcp -m multiport --dports 80,9000:9010 -j ACCEPT
-A INPUT ! -s 192.0.2.0/24 -p tcp -m tcp --dport 443 -j REJECT --reject-with tcp-reset
-A INPUT -p tcp -m tcp --dport 443 --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT
-A INPUT -p tcp -m tcp --dport 25 -m recent --update --seconds 30 --hitcount 6 --name DEFAULT --mask 255.255.255.255 --rsource -j DROP
-A INPUT -p tcp -m tcp --dport 25 -m limit --limit 3/min -j ACCEPT
-A blocked -s 203.0.113.9/32 -j DROP
COMMIT
"""  # noqa: E501 - as iptables-save writes it


@pytest.mark.parametrize(
    ("port", "source", "stopped"),
    [
        pytest.param("22", "0.0.0.0/0", False, id="SSH"),
        pytest.param("22", "203.0.113.9/32", True, id="SSH from a blocked address"),
        pytest.param("8888", "192.0.2.0/24", True, id="a port nobody opened"),
        pytest.param("9005", "192.0.2.0/24", False, id="a port inside a range of multiport"),
        pytest.param("443", "192.0.2.7/32", False, id="the network that is not rejected"),
        pytest.param("443", "198.51.100.7/32", True, id="all others are"),
        pytest.param("25", "198.51.100.7/32", False, id="an excess is dropped, the rest accepted"),
    ],
)
def test_iptables_save(port, source, stopped):
    assert bool(obstacles(parse_iptables_save(SAVED, "ip"), packet(source, port))) is stopped


def test_numbers_and_lines_of_iptables_rules():
    chains = {chain["name"]: chain for chain in parse_iptables_save(SAVED, "ip")}
    assert "PREROUTING" not in chains
    ssh = chains["INPUT"]["rules"][3]
    assert (ssh["handle"], SAVED.splitlines()[ssh["line"]].split()[7], ssh["comment"]) == (
        4,
        "22",
        "by hand, it's mine",
    )
