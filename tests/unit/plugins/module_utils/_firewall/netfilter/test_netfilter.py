# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text for nftables and iptables. The firewall scenario tests the tools and real packets."""

from __future__ import annotations

import json
import shlex

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import FirewallError
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.compare import difference
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.netfilter import nftables
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.netfilter.difference import strangers
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.netfilter.unit import UNIT
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.netfilter.view import view
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.observation.parse_nftables import parse_nft
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.rules import normalise, openings

WANTED = [
    dict(one, zone="")
    for one in openings(normalise([{"port": 8888, "sources": ["192.0.2.0/24", "2001:db8:1::/64"], "comment": "lab"}]))
]
RULES = [{"port": 8888, "sources": ["192.0.2.0/24", "2001:db8:1::/64"], "comment": "lab"}]
TABLE, HOOKS = "/etc/remote-notebooks/firewall/jupyter.nft", "/etc/remote-notebooks/firewall/jupyter.hooks.sh"
MARK = "remote.notebooks/jupyter"


def chain(policy="drop", rules=(), **changes):
    return {
        "family": "inet",
        "table": "filter",
        "name": "input",
        "hook": "input",
        "priority": 0,
        "policy": policy,
        "rules": list(rules),
        **changes,
    }


def rule(handle, verdict="drop", when=(), comment=""):
    return {"when": list(when), "verdict": verdict, "target": "", "handle": handle, "comment": comment, "limited": ""}


def report(*chains, provider="nftables", **changes):
    return {
        "provider": provider,
        "installed": ["nftables", "iptables"],
        "paths": {"nft": "/usr/sbin/nft"},
        "systemd": True,
        "interfaces": ["eth0"],
        "ssh": {},
        "ssh_ports": [22],
        "rules": [],
        "chains": list(chains),
        "firewalld": {},
        "saved": {},
        "files": {},
        "links": [],
        "watched": [],
        "strange": [],
        **changes,
    }


def nft_files(wanted, owner, host):
    return nftables.nft_files(view(wanted, owner, host))


def nft_script(wanted, owner, host):
    return nftables.nft_script(view(wanted, owner, host))


def test_where_the_host_filters_our_table_only_accepts_and_a_hook_opens_the_hosts_chain():
    stops = dict(rule(7), text='log prefix "it\'s over" drop')
    files = nft_files(WANTED, "jupyter", report(chain(rules=[rule(4, "accept", [["port", "in", ["22"]]]), stops])))
    assert " drop" not in files[TABLE]
    assert [shlex.split(line) for line in files[HOOKS].splitlines() if line.startswith("    put ")] == [
        [
            "put",
            "inet filter input",
            f'{accept} tcp dport 8888 accept comment "remote.notebooks/jupyter hook"',
            stops["text"],
        ]
        for accept in ("ip saddr 192.0.2.0/24", "ip6 saddr 2001:db8:1::/64")
    ]
    assert "/usr/sbin/nft -f /etc/remote-notebooks/firewall/%i.nft" in files[UNIT]


def test_where_nothing_filters_our_table_closes_the_port_for_all_others_and_no_hook_is_needed():
    files = nft_files(WANTED, "jupyter", report(chain("accept")))
    assert 'ct direction original tcp dport 8888 drop comment "remote.notebooks/jupyter all others"' in files[TABLE]
    assert "    put " not in files[HOOKS]


def test_a_family_that_the_host_filters_itself_is_left_to_its_rules():
    table = nft_files(WANTED, "jupyter", report(chain(family="ip")))[TABLE]
    assert (
        'ct direction original meta nfproto ipv6 tcp dport 8888 drop comment "remote.notebooks/jupyter all others"'
        in table
    )
    assert table.count(" drop ") == 1


def test_a_port_for_everybody_closes_nothing():
    everybody = [dict(WANTED[0], source="")]
    assert " drop" not in nft_files(everybody, "jupyter", report(chain("accept")))[TABLE]


def test_a_policy_that_drops_gets_its_hook_at_the_end():
    script = nft_script(WANTED[:1], "jupyter", report(chain()))
    assert (
        'add rule inet filter input ip saddr 192.0.2.0/24 tcp dport 8888 accept comment "remote.notebooks/jupyter hook"'
        in script
    )


def test_one_transaction_takes_the_old_hook_out_by_its_handle_and_puts_the_new_one_before_the_rule_that_stops():
    old = rule(9, "accept", [["port", "in", ["1"]]], "remote.notebooks/jupyter hook")
    lines = nft_script(
        WANTED[:1], "jupyter", report(chain(rules=[old, rule(7), rule(8, comment="remote.notebooks/other")]))
    ).splitlines()
    assert lines[0] == "delete rule inet filter input handle 9"
    assert lines[-1].startswith("insert rule inet filter input handle 7 ip saddr 192.0.2.0/24")
    assert not any("handle 8" in line for line in lines)


def ingress(*rules):
    """The chain of one device, as nft 1.1 lists it; older ones leave the device out."""
    base = {"family": "netdev", "table": "f"}
    placed = [
        {"rule": dict(base, chain="i", handle=number, comment=comment, expr=expressions)}
        for number, (comment, *expressions) in enumerate(rules, 2)
    ]
    hook = dict(base, name="i", type="filter", hook="ingress", prio=0, policy="accept", dev="eth0")
    return parse_nft(json.dumps({"nftables": [{"chain": hook}, *placed]}))


def match(left, right):
    return {"match": {"op": "==", "left": left, "right": right}}


def test_a_hook_in_the_chain_of_a_device_is_for_the_family_that_the_chain_stops_and_is_found_again():
    port = match({"payload": {"protocol": "tcp", "field": "dport"}}, 8888)
    drop = ("", match({"payload": {"protocol": "ip", "field": "protocol"}}, "tcp"), port, {"drop": None})
    everybody = [dict(one, zone="") for one in openings(normalise([{"port": 8888, "comment": "lab"}]))]
    script = nft_script(everybody, "jupyter", report(*ingress(drop)))
    assert (
        f'insert rule netdev f i handle 2 meta protocol ip tcp dport 8888 accept comment "{MARK} hook"'
        in script.splitlines()
    )
    hook = (f"{MARK} hook", match({"meta": {"key": "protocol"}}, "ip"), port, {"accept": None})
    seen = view(everybody, "jupyter", report(*ingress(hook, drop)))
    assert [one for one in nftables.nft_difference(seen) if "chain i" in one["detail"]] == []


def test_nothing_wanted_and_nothing_there_is_nothing_to_run():
    assert nft_files([], "jupyter", report(chain())) == {}
    assert nft_script([], "jupyter", report(chain())) == ""
    assert difference([], "jupyter", report(chain())) == []


def test_every_part_that_is_missing_is_named():
    found = difference(RULES, "jupyter", report(chain("accept")))
    assert [(entry["what"], entry["id"]) for entry in found] == [
        ("missing", "tcp/8888 from 192.0.2.0/24"),
        ("missing", "tcp/8888 from 2001:db8:1::/64"),
        ("missing", "tcp/8888 from anybody"),
        ("outdated", HOOKS),
        ("outdated", TABLE),
        ("outdated", UNIT),
        ("outdated", "remote-notebooks-firewall@jupyter.service"),
    ]


LINKS = [
    f"/etc/systemd/system/{target}.wants/remote-notebooks-firewall@jupyter.service"
    for target in ("nftables.service", "sysinit.target")
]


@pytest.mark.parametrize(
    ("rules", "changes", "said"),
    [
        pytest.param(RULES, {"links": LINKS, "watched": ["jupyter"]}, [], id="they stay"),
        pytest.param(
            RULES, {"links": LINKS[:1], "watched": ["jupyter"]}, [("outdated", "start at boot")], id="lost at a reboot"
        ),
        pytest.param(
            RULES,
            {"links": LINKS, "watched": ["web"]},
            [("outdated", "it does not run")],
            id="lost when somebody flushes all rules",
        ),
        pytest.param(RULES, {"systemd": False}, [], id="nobody to do it"),
        pytest.param([], {"watched": ["jupyter"]}, [("unwanted", "start at boot")], id="what is gone comes back"),
    ],
)
def test_rules_stay_over_a_reboot_and_a_flush(rules, changes, said):
    found = difference(rules, "jupyter", report(chain("accept"), **changes))
    assert [
        (entry["what"], entry["detail"])
        for entry in found
        if entry["id"] == "remote-notebooks-firewall@jupyter.service"
    ] == said


OURS = chain(
    "accept",
    table="remote_notebooks_jupyter",
    rules=[rule(2, "accept", [["interface", "in", ["lo"]]]), rule(3, comment=MARK)],
)
THEIRS = chain("accept", table="remote_notebooks_jupyter", rules=[rule(2, when=[["port", "in", ["25"]]])])
GATE = {"family": "ip", "table": "filter", "name": "rn_jupyter", "managed": "iptables", "hook": ""}
PLACES = [
    ("nftables", place)
    for place in ("/etc/remote-notebooks", "/etc/remote-notebooks/firewall", TABLE, HOOKS, UNIT, *LINKS)
] + [
    ("firewalld", place)
    for place in ("/etc/remote-notebooks/firewall", "/etc/remote-notebooks/firewall/jupyter.firewalld.json")
]


@pytest.mark.parametrize(("provider", "place"), PLACES)
def test_a_stranger_in_a_place_of_ours_stops_the_run_before_its_first_change(provider, place):
    host = report(
        chain("accept"),
        strange=[place],
        provider=provider,
        installed=[provider],
        files={place: "0" * 64},
        links=[place] * (place in LINKS),
    )
    with pytest.raises(FirewallError, match=f"In the way, and created by no run of this role: {place}. Move it away."):
        difference(RULES, "jupyter", host)
    assert difference([], "jupyter", host) == []  # and it is not ours to remove


@pytest.mark.parametrize(
    ("chains", "provider", "said"),
    [
        pytest.param(
            [chain("accept"), THEIRS],
            "nftables",
            "sudo nft delete table inet remote_notebooks_jupyter - or",
            id="a table",
        ),
        pytest.param([chain("accept"), OURS], "nftables", "", id="a table of ours"),
        pytest.param(
            [chain("accept"), dict(THEIRS, table="remote_notebooks_web")], "nftables", "", id="another owner's table"
        ),
        pytest.param(
            [dict(GATE, rules=[rule(1)], policy="", priority=0)],
            "iptables",
            "chain rn_jupyter of iptables is this role's",
            id="a chain",
        ),
        pytest.param(
            [dict(GATE, rules=[rule(1, comment=MARK)], policy="", priority=0)], "iptables", "", id="a chain of ours"
        ),
    ],
)
def test_a_stranger_s_table_is_neither_replaced_nor_removed(chains, provider, said):
    host = report(*chains, provider=provider)
    found = strangers("jupyter", host, provider)
    assert [said in text for text in found] == [True] * bool(said)
    if said and provider == "nftables":
        assert nft_script([], "jupyter", host) == ""


def test_all_strangers_are_named_at_once():
    host = report(chain("accept"), THEIRS, strange=[TABLE, UNIT])
    with pytest.raises(
        FirewallError, match=f"{TABLE}, {UNIT}. Move them away. table inet remote_notebooks_jupyter is this role's"
    ):
        difference(RULES, "jupyter", host)
    assert difference(RULES, "jupyter", host, apart=False)  # a caller that moves them away first


def test_what_drops_in_a_chain_that_is_not_ours_to_write_is_said_with_the_line_to_type():
    theirs = chain(family="ip", name="INPUT", managed="iptables")
    found = difference([{"port": 8888}], "jupyter", report(chain("accept"), theirs))
    assert [entry["detail"] for entry in found if entry["what"] == "blocked"] == [
        "chain INPUT of table ip filter drops it by its policy; let it through there: iptables -I INPUT -p tcp -m tcp"
        " --dport 8888 -j ACCEPT"
    ]
