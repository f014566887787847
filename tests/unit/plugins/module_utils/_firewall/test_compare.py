# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of a user, the provider of a host, and the differences between the two."""

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import FirewallError
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.compare import difference
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.openings import former
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.remarks import remarks

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


def test_a_rule_by_hand_that_opens_the_port_to_everybody_is_said():
    said = remarks([LAB], "jupyter", report("ufw", rules=[V4, V6, rule(owner="")]))
    assert len(said) == 2
    assert "opens this port to everybody" in said[0]


def test_what_persists_nowhere_is_said():
    assert "iptables-persistent" in remarks([LAB], "jupyter", report("iptables"))[0]
    assert "nft -f" in remarks([LAB], "jupyter", report("nftables", systemd=False))[0]
    assert "until somebody turns it on" in remarks([LAB], "jupyter", report("none"), requested="ufw")[0]
