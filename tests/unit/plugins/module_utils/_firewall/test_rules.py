# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that a user writes: what is refused, what is the same."""

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import FirewallError
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.rules import normalise, openings

from .test_compare import LAB


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
