# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands for ufw and firewalld. The tools and real packets are tested by the firewall
scenario."""

from __future__ import annotations

import shlex

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.compare import difference
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.managers import commands
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.rules import comment

from .test_compare import report, rule

LAB = {"port": "8888-8890", "sources": ["192.0.2.0/24"], "comment": "lab"}
RICH = 'rule family="ipv4" source address="192.0.2.0/24" port port="8888-8890" protocol="tcp" accept'


def lines(rules, provider, enable, host):
    host = report(**host)
    found = [entry for entry in difference(rules, "jupyter", host, provider, enable) if entry["provider"] == provider]
    for entry in found:
        if entry["opening"]:
            entry["comment"] = comment(entry["opening"], "jupyter")
    return commands(found, provider, host)


@pytest.mark.parametrize(
    ("rules", "enable", "host", "expected"),
    [
        pytest.param(
            [LAB],
            False,
            {"provider": "ufw"},
            ["ufw allow proto tcp from 192.0.2.0/24 to any port 8888:8890 comment 'remote.notebooks/jupyter lab'"],
            id="a rule is missing",
        ),
        pytest.param(
            [{"port": 22, "limit": "12/minute", "interface": "eth0", "protocol": "udp"}],
            False,
            {"provider": "ufw"},
            ["ufw limit in on eth0 proto udp from any to any port 22 comment remote.notebooks/jupyter"],
            id="with a limit, at one interface",
        ),
        pytest.param(
            [LAB],
            False,
            {"provider": "ufw", "rules": [rule("198.51.100.0/24", port="8888")]},
            [
                "ufw allow proto tcp from 192.0.2.0/24 to any port 8888:8890 comment 'remote.notebooks/jupyter lab'",
                "ufw delete allow proto tcp from 198.51.100.0/24 to any port 8888",
            ],
            id="what is new is there before anything goes, and a comment would keep ufw from deleting",
        ),
        pytest.param(
            [LAB],
            True,
            {"provider": "none"},
            [
                "ufw allow proto tcp from any to any port 22 comment remote.notebooks/ssh",
                "ufw allow proto tcp from 192.0.2.0/24 to any port 8888:8890 comment 'remote.notebooks/jupyter lab'",
                "ufw --force enable",
            ],
            id="turned on, and SSH is let in first",
        ),
        pytest.param(
            [LAB],
            False,
            {"provider": "ufw", "rules": [rule("192.0.2.0/24", port="8888-8890", live=False)]},
            ["ufw reload"],
            id="a rule that is not in force",
        ),
        pytest.param(
            [], False, {"provider": "ufw", "rules": [rule("", owner="", port="80")]}, [], id="somebody else's rule"
        ),
    ],
)
def test_ufw(rules, enable, host, expected):
    assert lines(rules, "ufw", enable, host) == [shlex.split(line) for line in expected]


@pytest.mark.parametrize(
    ("rules", "enable", "host", "expected"),
    [
        pytest.param(
            [LAB],
            False,
            {"provider": "firewalld"},
            [
                ["firewall-cmd", "--permanent", "--zone=public", f"--add-rich-rule={RICH}"],
                ["firewall-cmd", "--zone=public", f"--add-rich-rule={RICH}"],
            ],
            id="a rule is missing",
        ),
        pytest.param(
            [LAB],
            True,
            {"provider": "none"},
            [
                ["firewall-offline-cmd", "--zone=public", "--add-port=22/tcp"],
                ["firewall-offline-cmd", "--zone=public", f"--add-rich-rule={RICH}"],
            ],
            id="before it is turned on SSH is let in",
        ),
        pytest.param(
            [],
            False,
            {
                "provider": "none",
                "rules": [rule("192.0.2.0/24", port="8888-8890", provider="firewalld", zone="public", live=False)],
            },
            [["firewall-offline-cmd", "--zone=public", f"--remove-rich-rule={RICH}"]],
            id="gone, while no daemon runs",
        ),
        pytest.param(
            [{**LAB, "comment": ""}],
            False,
            {
                "provider": "firewalld",
                "rules": [
                    rule("192.0.2.0/24", owner="", port="8888-8890", provider="firewalld", zone="public", live=False)
                ],
            },
            [
                ["firewall-cmd", "--reload"],
                ["firewall-cmd", "--permanent", "--zone=public", f"--add-rich-rule={RICH}"],
                ["firewall-cmd", "--zone=public", f"--add-rich-rule={RICH}"],
            ],
            id="a rule that is not in force",
        ),
    ],
)
def test_firewalld(rules, enable, host, expected):
    assert lines(rules, "firewalld", enable, host) == expected
