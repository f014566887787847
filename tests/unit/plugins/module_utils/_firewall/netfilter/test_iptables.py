# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our lines in the rule set of iptables, in the kernel and in the file for the next boot."""

from __future__ import annotations

import re

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.compare import difference
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.netfilter import iptables as ours_in_iptables
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.netfilter import view as netfilter_view
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.netfilter.view import view
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.observation.parse_iptables import (
    parse_iptables_save,
)

from .test_netfilter import RULES, WANTED, chain, report, rule


def iptables_saved(text, wanted, owner, host, of):
    return ours_in_iptables.iptables_saved(text, view(wanted, owner, host), of)


def iptables_restore(wanted, owner, host, of):
    return ours_in_iptables.iptables_restore(view(wanted, owner, host), of)


STRICT = """\
# by hand
*filter
:INPUT DROP [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -j REJECT
COMMIT
"""
#: As the Ubuntu image of Oracle Cloud has it in /etc/iptables/rules.v4.
CLOUD = """\
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [463:49013]
:InstanceServices - [0:0]
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p icmp -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -p udp --sport 123 -j ACCEPT
-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT
-A INPUT -j REJECT --reject-with icmp-host-prohibited
-A FORWARD -j REJECT --reject-with icmp-host-prohibited
-A OUTPUT -d 169.254.0.0/16 -j InstanceServices
-A InstanceServices -d 169.254.0.2/32 -p tcp -m owner --uid-owner 0 -m tcp --dport 3260 -j ACCEPT
COMMIT
"""
OPEN = STRICT.replace("DROP", "ACCEPT").replace("-A INPUT -j REJECT\n", "")
LIMITED = [dict(one, limit="12/minute") for one in WANTED]


def iptables(text, **changes):
    chains = [dict(one, managed="iptables") for one in parse_iptables_save(text, "ip")]
    return report(
        *chains, provider="iptables", saved={"ip": {"path": "/etc/iptables/rules.v4", "text": text}}, **changes
    )


@pytest.mark.parametrize(
    ("text", "wanted", "added"),
    [
        pytest.param(STRICT, WANTED, 1, id="a hook before the reject"),
        pytest.param(CLOUD, WANTED, 1, id="a hook before the reject of a cloud's image"),
        pytest.param(OPEN, WANTED, 5, id="a gate where nothing filters"),
        pytest.param(STRICT, LIMITED, 6, id="a gate for the limit, and a hook"),
    ],
)
def test_the_saved_file_keeps_every_line_of_its_owner_and_loses_ours_without_a_trace(text, wanted, added):
    host = iptables(text)
    changed = iptables_saved(text, wanted, "jupyter", host, "ip")
    lines = [line for line in changed.splitlines() if line not in text.splitlines()]
    assert len(lines) == added
    assert all("remote.notebooks/jupyter" in line or "rn_jupyter" in line for line in lines)
    assert iptables_saved(changed, wanted, "jupyter", host, "ip") == changed
    assert iptables_saved(changed, [], "jupyter", host, "ip") == text


@pytest.mark.parametrize("text", [STRICT, OPEN])
def test_a_file_saved_with_counters_is_read_and_keeps_them(text):
    """``iptables-save -c``: each rule begins with its counters."""
    counted = re.sub(r"^-A ", "[12:3456] -A ", text, flags=re.MULTILINE)
    changed = iptables_saved(counted, WANTED, "jupyter", iptables(text), "ip")
    without_counters = iptables_saved(text, WANTED, "jupyter", iptables(text), "ip")
    assert changed.replace("[12:3456] ", "") == without_counters
    assert len(changed.splitlines()) > len(counted.splitlines())
    # the operator's saved file then has counters before our lines, too, and is no difference
    saved = re.sub(r"^-A ", "[7:420] -A ", without_counters.replace("- [0:0]", "- [9:9]"), flags=re.MULTILINE)
    assert iptables_saved(saved, WANTED, "jupyter", iptables(text), "ip") == saved
    assert iptables_saved(saved, [], "jupyter", iptables(text), "ip") == text.replace("-A ", "[7:420] -A ")


def test_the_hook_stands_before_the_reject_in_the_file_and_in_the_kernel():
    line = (
        '-A INPUT -s 192.0.2.0/24 -p tcp -m tcp --dport 8888 -m comment --comment "remote.notebooks/jupyter hook" -j'
        " ACCEPT"
    )
    saved = iptables_saved(STRICT, WANTED, "jupyter", iptables(STRICT), "ip").splitlines()
    assert saved.index(line) == saved.index("-A INPUT -j REJECT") - 1
    assert iptables_restore(WANTED, "jupyter", iptables(STRICT), "ip").splitlines() == [
        "*filter",
        line.replace("-A INPUT", "-I INPUT 3"),
        "COMMIT",
    ]


def test_a_cloud_s_image_gets_one_accept_before_its_reject_in_the_kernel_and_in_the_file():
    host = iptables(CLOUD)
    (restored,) = [line for line in iptables_restore(WANTED, "jupyter", host, "ip").splitlines() if line[0] == "-"]
    assert restored.startswith("-I INPUT 6 -s 192.0.2.0/24 -p tcp -m tcp --dport 8888 ")
    saved = iptables_saved(CLOUD, WANTED, "jupyter", host, "ip").splitlines()
    place = saved.index("-A INPUT -j REJECT --reject-with icmp-host-prohibited")
    assert saved[place - 1].startswith("-A INPUT -s 192.0.2.0/24 -p tcp -m tcp --dport 8888 ")


def test_what_iptables_holds_already_is_no_difference():
    saved = iptables_saved(STRICT, WANTED, "jupyter", iptables(STRICT), "ip")
    assert [entry for entry in difference(RULES[:1], "jupyter", iptables(saved)) if "ip6" not in entry["detail"]] == []


def test_our_iptables_rules_go_by_number_from_the_last_and_the_gate_with_them():
    saved = iptables_saved(OPEN, WANTED, "jupyter", iptables(OPEN), "ip")
    assert iptables_restore([], "jupyter", iptables(saved), "ip").splitlines() == [
        "*filter",
        ":rn_jupyter - [0:0]",
        "-D INPUT 1",
        "-X rn_jupyter",
        "COMMIT",
    ]


HOOKED = [{"port": 8888, "sources": ["192.0.2.0/24", "2001:db8:1::/64"]}, {"port": 8889, "sources": ["192.0.2.0/24"]}]


@pytest.mark.parametrize(
    "host", [report(chain(rules=[rule(4, "accept", [["port", "in", ["22"]]]), rule(7)])), iptables(STRICT)]
)
def test_a_comparison_computes_the_view_of_a_host_once(host, monkeypatch):
    """One look at the chains without ours, one search for each opening; a file of iptables may hold another rule set
    than the kernel, so it is searched as well."""
    counted = {"without": 0, "gates": 0, "blocking": 0}

    def counting(module, name):
        real = getattr(module, name)

        def call(*arguments):
            counted[name] += 1
            return real(*arguments)

        monkeypatch.setattr(module, name, call)

    for name in counted:
        counting(netfilter_view, name)
    counting(ours_in_iptables, "blocking")
    assert difference(HOOKED, "jupyter", host)
    assert counted == {"without": 1, "gates": 1, "blocking": 3 + 3 * bool(host["saved"])}
