# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The openings that a host has."""

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.openings import admits, standing
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.rules import normalise

from .test_compare import LAB, V4, V6, report, rule


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
