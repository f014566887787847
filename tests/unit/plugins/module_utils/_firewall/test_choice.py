# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which firewall applies the rules, and what it refuses."""

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import FirewallError
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.choice import choose, refuse
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.compare import difference
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.rules import normalise

from .test_compare import report, rule


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


@pytest.mark.parametrize("owner", ["Jupyter", "a-b", "", "1st", "x" * 21, 'a"b'])
def test_an_owner_that_a_tool_would_not_take(owner):
    with pytest.raises(FirewallError, match="firewall_owner"):
        refuse([], owner, report(), "none")
