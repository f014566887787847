# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of a user, the provider of a host, and the differences between the two."""

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import FirewallError
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.choice import choose, refuse
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.compare import difference
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.openings import admits, former, standing
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.remarks import remarks
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.rules import normalise, openings
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.zones import ledger, rich_rule, ssh_to_open

LAB = {"port": 8888, "sources": ["192.0.2.0/24", "2001:db8:1::/64"], "comment": "lab"}


def report(provider="none", **changes):
    return {
        "provider": provider,
        "installed": ["ufw", "firewalld", "nftables", "iptables"],
        "paths": {},
        "systemd": True,
        "interfaces": ["eth0"],
        "ssh": {},
        "ssh_ports": [22],
        "rules": [],
        "chains": [],
        "firewalld": {
            "default": "public",
            "known": ["public", "home"],
            "zones": {"public": {"interfaces": ["eth0"]}},
            "ledger": {},
        },
        "saved": {},
        "files": {},
        "links": [],
        "watched": [],
        "strange": [],
        **changes,
    }


def rule(source="", port="8888", owner="jupyter", provider="ufw", **changes):
    comment = f"remote.notebooks/{owner} lab" if owner else "by hand"
    base = {
        "protocol": "tcp",
        "port": port,
        "source": source,
        "interface": "",
        "zone": "",
        "limit": "",
        "comment": comment,
    }
    return {**base, "owner": owner, "provider": provider, "live": True, "saved": True, **changes}


V4, V6 = rule("192.0.2.0/24"), rule("2001:db8:1::/64")


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        pytest.param([{"port": 0}], "entry 1: port '0'", id="port 0"),
        pytest.param([{"port": 65536}], "entry 1: port '65536'", id="a port above the last one"),
        pytest.param([{"port": "9010-9000"}], "entry 1: port '9010-9000'", id="a range that runs backwards"),
        pytest.param([{}], "entry 1: port 'None'", id="no port"),
        pytest.param([LAB, {"port": 1, "prot": "tcp"}], "entry 2: there is no key 'prot'", id="a misspelt key"),
        pytest.param([{"port": 1, "protocol": "icmp"}], "entry 1: protocol 'icmp'", id="a protocol without ports"),
        pytest.param([{"port": 1, "state": "open"}], "entry 1: state 'open'", id="an unknown state"),
        pytest.param(
            [{"port": 1, "sources": ["192.0.2.300/24"]}], "entry 1: source '192.0.2.300/24'", id="not an address"
        ),
        pytest.param(
            [{"port": 1, "sources": ["192.0.2.5/24"]}],
            "write 192.0.2.0/24, for the one address 192.0.2.5",
            id="host bits, with both cures",
        ),
        pytest.param(
            [{"port": 1, "sources": ["192.0.2.0/24", "192.0.2.128/25"]}],
            "192.0.2.0/24 and 192.0.2.128/25 overlap",
            id="overlapping sources",
        ),
        pytest.param([{"port": 1, "sources": "192.0.2.0/24"}], "sources is a list", id="a string instead of a list"),
        pytest.param(
            [{"port": 1}, {"port": 1, "sources": ["192.0.2.0/24"]}],
            "entry 2: tcp port 1 from 192.0.2.0/24 overlaps",
            id="anybody and somebody",
        ),
        pytest.param(
            [{"port": "1-9"}, {"port": 5}],
            "entry 2: tcp port 5 from anybody overlaps with entry 1",
            id="a port inside a range",
        ),
        pytest.param([{"port": 1, "state": "absent"}, {"port": 1}], "entry 2: tcp port 1", id="wanted and unwanted"),
        pytest.param(
            [{"port": 1, "interface": "eth0; reboot"}], "interface 'eth0; reboot'", id="a shell's word as interface"
        ),
        pytest.param([{"port": 1, "comment": 'say "no"'}], "comment", id="a quote in a comment"),
        pytest.param([{"port": 1, "limit": "5/fortnight"}], "limit '5/fortnight'", id="an unknown time"),
    ],
)
def test_a_wrong_entry_is_named(rules, said):
    with pytest.raises(FirewallError, match="firewall_rules, ") as error:
        normalise(rules)
    assert said in str(error.value)


def test_normalised_rules_stay_as_they_are():
    once = normalise([LAB, {"port": "9000-9010", "protocol": "udp", "limit": "12/minute"}])
    assert normalise(once) == once
    assert once[0]["sources"] == ["192.0.2.0/24", "2001:db8:1::/64"]
    assert once[1]["port"] == "9000-9010"


def test_neighbours_do_not_overlap():
    rules = [
        {"port": 1, "sources": ["192.0.2.0/25"]},
        {"port": 1, "sources": ["192.0.2.128/25"]},
        {"port": 1, "protocol": "udp"},
        {"port": 2},
    ]
    assert len(openings(normalise(rules))) == 4


@pytest.mark.parametrize(
    ("requested", "active", "installed", "enable", "expected"),
    [
        pytest.param("auto", "ufw", ["ufw", "nftables"], False, "ufw", id="what is active"),
        pytest.param(
            "auto", "none", ["ufw", "nftables"], False, "none", id="nothing is active, and nothing may be turned on"
        ),
        pytest.param(
            "auto", "none", ["firewalld", "nftables"], True, "firewalld", id="the installed one may be turned on"
        ),
        pytest.param("auto", "none", [], True, "nftables", id="nothing is installed"),
        pytest.param("nftables", "none", ["nftables"], False, "nftables", id="asked for by name"),
        # Platforms without an image: the report of their default installation
        pytest.param(
            "auto", "firewalld", ["firewalld", "nftables"], False, "firewalld", id="RHEL, Fedora and openSUSE"
        ),
        pytest.param("auto", "none", ["ufw", "nftables", "iptables"], True, "ufw", id="Ubuntu, where ufw sleeps"),
    ],
)
def test_choose(requested, active, installed, enable, expected):
    assert choose(requested, report(active, installed=installed), enable) == expected


@pytest.mark.parametrize(
    ("rules", "there", "expected"),
    [
        pytest.param([LAB], [], [], id="all are new"),
        pytest.param([LAB], [V4], [{**LAB, "sources": ["192.0.2.0/24"]}], id="one source is new"),
        pytest.param([LAB], [V4, V6], [LAB], id="none is new"),
        pytest.param([LAB], [rule("203.0.113.0/24")], [], id="another network than before"),
        pytest.param([LAB], [dict(V4, owner="")], [], id="a rule by hand is nobody's business"),
        pytest.param([{"port": 8888}], [rule("192.0.2.0/24")], [], id="for anybody now"),
        pytest.param([{"port": 8888}], [rule("")], [{"port": 8888, "sources": []}], id="for anybody before"),
        pytest.param([LAB, {"port": 9000}], [V4, V6], [LAB], id="one port is new"),
    ],
)
def test_what_a_run_opened_can_be_told_from_what_was_open(rules, there, expected):
    assert former(rules, "jupyter", report("ufw", rules=[dict(one, provider="ufw") for one in there])) == expected


@pytest.mark.parametrize("provider", ["ufw", "firewalld"])
@pytest.mark.parametrize(
    ("there", "expected"),
    [
        pytest.param([], ["missing", "missing"], id="nothing is there"),
        pytest.param([V4, V6], [], id="all is there"),
        pytest.param(
            [V4, dict(V6, owner="", comment="by hand")], [], id="a rule by hand that says the same is as good"
        ),
        pytest.param([V4, dict(V6, comment="remote.notebooks/jupyter old")], ["missing"], id="a comment changed"),
        pytest.param([V4, V6, rule("203.0.113.0/24")], ["unwanted"], id="a source left the list"),
        pytest.param([V4, V6, rule("192.0.2.0/24", port="8889")], ["unwanted"], id="the port changed"),
        pytest.param([V4, V6, rule("203.0.113.0/24", owner="")], [], id="a rule by hand is nobody's business"),
        pytest.param([V4, V6, rule("203.0.113.0/24", owner="other")], [], id="so is another owner's"),
        pytest.param([V4, dict(V6, live=False)], ["inactive"], id="configured, but not in force"),
        pytest.param([V4, dict(V6, saved=False)], ["missing"], id="in force, but lost at the next boot"),
        pytest.param([V4, dict(V6, limit="12/minute")], ["missing", "unwanted"], id="a limit went"),
    ],
)
def test_difference_rule_by_rule(there, expected, provider):
    zone = "public" if provider == "firewalld" else ""
    rules = [dict(one, provider=provider, zone=zone) for one in there]
    assert [entry["what"] for entry in difference([LAB], "jupyter", report(provider, rules=rules))] == expected


def test_a_change_of_provider_leaves_nothing_behind():
    found = difference([LAB], "jupyter", report("firewalld", rules=[V4, V6]))
    assert (
        sorted((entry["what"], entry["provider"]) for entry in found)
        == [("missing", "firewalld")] * 2 + [("unwanted", "ufw")] * 2
    )


def test_where_nothing_filters_sources_hold_all_the_same():
    found = difference([LAB], "jupyter", report(installed=[]))
    assert {entry["provider"] for entry in found} == {"nftables"}
    assert "closes the port for all others" in [entry["detail"] for entry in found]
    assert not any("NOT in force" in said for said in remarks([LAB], "jupyter", report(installed=[])))


def test_where_nothing_filters_a_port_for_everybody_needs_nothing():
    assert difference([{"port": 8888}], "jupyter", report()) == []
    assert remarks([{"port": 8888}], "jupyter", report()) == [
        "No firewall filters on this host: nothing had to be opened."
    ]
    assert remarks([], "jupyter", report()) == []


def test_where_nothing_would_load_them_at_boot_sources_are_refused():
    with pytest.raises(FirewallError, match="the sources would not be in force"):
        difference([LAB], "jupyter", report(systemd=False))


def test_who_says_that_others_filter_is_told_what_that_means():
    assert difference([LAB], "jupyter", report(), "none") == []
    said = remarks([LAB], "jupyter", report(), "none")
    assert "sources of tcp/8888 are NOT in force" in said[1]


@pytest.mark.parametrize(
    ("rules", "changes", "said"),
    [
        pytest.param(
            [{"port": 1, "zone": "office"}],
            {"provider": "firewalld"},
            "has no zone 'office' on this host. Its zones: public, home",
            id="unknown zone",
        ),
        pytest.param(
            [{"port": 1, "zone": "home"}],
            {"provider": "ufw"},
            "zone 'home' is a word of firewalld",
            id="a zone for ufw",
        ),
        pytest.param(
            [{"port": 1, "interface": "eth9"}],
            {"provider": "firewalld"},
            "interface 'eth9' is in none",
            id="an interface in no zone",
        ),
        pytest.param(
            [{"port": 1, "limit": "5/minute"}],
            {"provider": "ufw"},
            "ufw knows one limit only",
            id="a limit ufw cannot set",
        ),
        pytest.param(
            [{"port": 1, "sources": ["192.0.2.0/24", "2001:db8::/32"]}],
            {"provider": "ufw", "ufw_ipv6": False},
            "entry 1: source 2001:db8::/32 is of IPv6, and ufw on this host lets none in (IPV6=no",
            id="an IPv6 source for a ufw without IPv6",
        ),
        pytest.param(
            [{"port": 1, "sources": ["192.0.2.0/24"]}],
            {"provider": "ufw", "ufw_accepts": True},
            "entry 1: its sources would not be in force, for ufw on this host lets in whatever no rule speaks of."
            " There: sudo ufw allow 22/tcp && ",
            id="sources for a ufw that lets everybody in",
        ),
        pytest.param(
            [{"port": 1}], {"provider": "ufw", "installed": []}, "which this host does not have", id="not installed"
        ),
        pytest.param(
            [{"port": "20-30", "sources": ["192.0.2.0/24"]}],
            {"provider": "ufw", "ssh": {"client": "198.51.100.7", "port": 22}},
            "entry 1: its sources do not contain 198.51.100.7",
            id="the operator's own address is not among the sources of the SSH port",
        ),
        pytest.param(
            [],
            {"provider": "ufw", "ssh": {"client": "192.0.2.7", "port": 22}, "rules": [rule("192.0.2.0/24", port="22")]},
            "no longer opens port 22 to 192.0.2.7",
            id="our own rule is the one that lets the operator in",
        ),
    ],
)
def test_refused_on_this_host(rules, changes, said):
    host = report(**changes)
    with pytest.raises(FirewallError) as error:
        refuse(normalise(rules), "jupyter", host, host["provider"])
    assert said in str(error.value)


def test_ssh_may_go_when_the_operator_has_a_rule_of_his_own():
    rules = [rule("192.0.2.0/24", port="22"), rule(port="22", owner="")]
    host = report("ufw", ssh={"client": "192.0.2.7", "port": 22}, rules=rules)
    assert [entry["what"] for entry in difference([], "jupyter", host)] == ["unwanted"]


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
    assert any("Zone trusted of firewalld accepts everything" in line for line in remarks([LAB], "jupyter", host))
    host["firewalld"]["zones"] = {"docker": {"interfaces": ["docker0"], "sources": [], "accepts": True}}
    assert not any("accepts everything" in line for line in remarks([LAB], "jupyter", host))


def test_ssh_is_opened_only_where_no_rule_does_so_already():
    assert ssh_to_open(report("none", ssh_ports=[22, 2222], rules=[rule(port="22", owner="")]), "ufw") == [2222]


@pytest.mark.parametrize("owner", ["Jupyter", "a-b", "", "1st", "x" * 21, 'a"b'])
def test_an_owner_that_a_tool_would_not_take(owner):
    with pytest.raises(FirewallError, match="firewall_owner"):
        refuse([], owner, report(), "none")


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


def test_a_rule_by_hand_that_opens_the_port_to_everybody_is_said():
    said = remarks([LAB], "jupyter", report("ufw", rules=[V4, V6, rule(owner="")]))
    assert len(said) == 2
    assert "opens this port to everybody" in said[0]


def test_what_persists_nowhere_is_said():
    assert "iptables-persistent" in remarks([LAB], "jupyter", report("iptables"))[0]
    assert "nft -f" in remarks([LAB], "jupyter", report("nftables", systemd=False))[0]
    assert "until somebody turns it on" in remarks([LAB], "jupyter", report("none"), requested="ufw")[0]


@pytest.mark.parametrize(
    ("changes", "source", "expected"),
    [
        pytest.param({"provider": "none"}, "203.0.113.1", True, id="nothing filters"),
        pytest.param({"provider": "ufw", "rules": [V4]}, "192.0.2.7", True, id="ufw lets the network in"),
        pytest.param({"provider": "ufw", "rules": [V4]}, "203.0.113.1", False, id="ufw lets nobody else in"),
        pytest.param({"provider": "firewalld"}, "203.0.113.1", None, id="firewalld may have a zone for it"),
    ],
)
def test_admits(changes, source, expected):
    assert admits(report(**changes), "tcp", 8888, source) is expected


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param([LAB], [], id="the same port, whatever its sources"),
        pytest.param(
            [{"port": 9999}],
            [{"port": "8888", "protocol": "tcp", "sources": ["192.0.2.0/24", "2001:db8:1::/64"]}],
            id="another port",
        ),
        pytest.param(
            [],
            [{"port": "8888", "protocol": "tcp", "sources": ["192.0.2.0/24", "2001:db8:1::/64"]}],
            id="no port any more",
        ),
    ],
)
def test_a_port_stays_shut_in_until_its_server_has_moved(rules, expected):
    assert (
        standing(rules, "jupyter", report("ufw", rules=[V4, V6, rule(owner=""), rule(owner="", port="22")])) == expected
    )
    assert standing(rules, "jupyter", report("none", rules=[V4, V6])) == [], "what is not in force shuts nothing"
    # Old and new rules can stand beside each other.
    assert normalise([*rules, *standing(rules, "jupyter", report("ufw", rules=[V4, V6]))])
