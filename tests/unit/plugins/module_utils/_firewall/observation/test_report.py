# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of ufw 0.36 and firewalld 1.3 and 2.3, as openings; and the cost of the reader if there is nothing to
read."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.observation import (
    files,
    firewalld,
    own_files,
    ufw,
)
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.observation import report as firewall_report
from ansible_collections.remote.notebooks.plugins.plugin_utils._input import firewall_answers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in", ("tcp", "22", "", "", "", ""), id="anybody"),
        pytest.param("allow any 53 ::/0 any ::/0 in", ("any", "53", "", "", "", ""), id="both protocols"),
        pytest.param(
            "allow tcp 9000:9010 0.0.0.0/0 any 192.0.2.0/24 in_eth0",
            ("tcp", "9000-9010", "192.0.2.0/24", "eth0", "", ""),
            id="a range, a network, an interface",
        ),
        pytest.param(
            "limit tcp 22 0.0.0.0/0 any 192.0.2.7 in",
            ("tcp", "22", "192.0.2.7/32", "", "12/minute", ""),
            id="a limit for one address",
        ),
        pytest.param(
            "allow_log tcp 22 ::/0 any 2001:db8::/32 in comment=7468652061646d696e",
            ("tcp", "22", "2001:db8::/32", "", "", ""),
            id="logged, with a comment by hand",
        ),
        pytest.param(
            "allow tcp 8888 0.0.0.0/0 any 192.0.2.0/24 in"
            " comment=72656d6f74652e6e6f7465626f6f6b732f6a757079746572206c6162",
            ("tcp", "8888", "192.0.2.0/24", "", "", "jupyter"),
            id="ours",
        ),
        pytest.param(
            "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 OpenSSH - in",
            ("tcp", "22", "", "", "", ""),
            id="by an application's name",
        ),
        pytest.param("deny tcp 22 0.0.0.0/0 any 0.0.0.0/0 in", None, id="a denial opens nothing"),
        pytest.param("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 out", None, id="outgoing"),
        pytest.param("allow tcp 22 192.0.2.1 any 0.0.0.0/0 in", None, id="for one address of the host only"),
        pytest.param("allow tcp any 0.0.0.0/0 1024 0.0.0.0/0 in", None, id="by source port"),
    ],
)
def test_ufw_tuple(text, expected):
    found = ufw.parse_ufw_tuple(text)
    assert (
        found and tuple(found[key] for key in ("protocol", "port", "source", "interface", "limit", "owner"))
    ) == expected


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("192.0.2.10 50000 192.0.2.1 22", {"client": "192.0.2.10", "port": 22}),
        ("::ffff:192.0.2.10 50000 ::ffff:192.0.2.1 22", {"client": "192.0.2.10", "port": 22}),
        ("fe80::1%eth0 50000 fe80::2%eth0 22", {"client": "fe80::1", "port": 22}),
        pytest.param("UNKNOWN 65535 UNKNOWN 65535", {}, id="a vsock, or a program that brings the bytes"),
    ],
)
def test_where_an_ssh_connection_comes_from(said, found, monkeypatch):
    monkeypatch.setattr(files, "text_of", lambda path: f"SSH_CONNECTION={said}\0" if path.endswith("environ") else "")
    assert firewall_report._ssh() == found
    firewall_answers.FIREWALL(
        dict(firewall_report.read(lambda _words: (1, "", "")), ssh=firewall_report._ssh()), "firewall"
    )


def test_rules_of_ufw_are_of_one_form(monkeypatch):
    """For a network, for anybody, and for anybody of one family, which is not anybody."""
    networks = "### tuple ### allow tcp 8888 0.0.0.0/0 any 192.0.2.0/24 in\n"
    texts = {
        "/etc/default/ufw": "IPV6=yes\n",
        "/etc/ufw/user.rules": (
            networks + "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n### tuple ### allow tcp 23 0.0.0.0/0 any"
            " 0.0.0.0/0 in\n"
        ),
        "/etc/ufw/user6.rules": "### tuple ### allow tcp 22 ::/0 any ::/0 in\n",
    }
    monkeypatch.setattr(files, "text_of", lambda path: texts.get(path, ""))
    found = ufw.ufw_rules([])
    assert [(rule["port"], rule["source"]) for rule in found] == [("8888", "192.0.2.0/24"), ("22", "")]
    assert found[0].keys() == found[1].keys()
    firewall_answers.FIREWALL({**firewall_report.read(lambda _command: (1, "", "")), "rules": found}, "firewall")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('rule port port="8888" protocol="tcp" accept', ("8888", "", ""), id="anybody"),
        pytest.param(
            'rule family="ipv4" source address="192.0.2.7" port port="1-9" protocol="tcp" accept limit value="12/m"',
            ("1-9", "192.0.2.7/32", "12/minute"),
            id="an address and a limit",
        ),
        pytest.param(
            'rule family="ipv4" port port="8888" protocol="tcp" accept', None, id="one family only is not anybody"
        ),
        pytest.param(
            'rule family="ipv4" source address="192.0.2.7" port port="1" protocol="tcp" reject', None, id="a reject"
        ),
        pytest.param('rule service name="http" accept', None, id="a service"),
        pytest.param('rule priority="-5" port port="1" protocol="tcp" accept', None, id="one with a priority"),
    ],
)
def test_rich_rule(text, expected):
    found = firewalld.parse_rich_rule(text, "public")
    assert (found and (found["port"], found["source"], found["limit"])) == expected


def test_a_host_without_any_tool_costs_no_process(monkeypatch):
    monkeypatch.setattr(firewall_report, "_PATH", ())
    found = firewall_report.read(lambda command: pytest.fail(f"ran {command}"))
    assert (found["provider"], found["installed"]) == ("none", [])
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("saved", "chains", "expected"),
    [
        pytest.param({}, [], "none", id="empty"),
        pytest.param({}, [("inet", "accept", None)], "nftables", id="nftables is on, and lets everything through"),
        pytest.param({}, [("ip", "drop", "iptables")], "iptables", id="iptables drops"),
        pytest.param({}, [("ip", "accept", "iptables")], "none", id="an empty table that a look at it made"),
        pytest.param({"ip": {}}, [("ip", "accept", "iptables")], "iptables", id="iptables-persistent is there"),
        pytest.param(
            {},
            [("inet", "accept", None), ("ip", "drop", "iptables")],
            "iptables",
            id="of the two, the one that stops a stranger",
        ),
        pytest.param({}, [("inet", "drop", None), ("ip", "drop", "iptables")], "nftables", id="both stop him"),
    ],
)
def test_the_packet_filter_in_charge(saved, chains, expected, monkeypatch):
    monkeypatch.setattr(own_files, "UNITS", "/nonexistent")
    listed = [
        {
            "family": family,
            "table": "filter",
            "name": "INPUT",
            "hook": "input",
            "priority": 0,
            "policy": policy,
            "rules": [],
            **({"managed": who} if who else {}),
        }
        for family, policy, who in chains
    ]
    assert (
        firewall_report._provider({"chains": listed, "saved": saved, "interfaces": ["eth0"]}, False, False) == expected
    )


def test_who_is_shut_out_for_a_while_is_no_firewall(monkeypatch):
    """fail2ban's table comes with the first guess and goes with the last: a host where nothing filters is the same
    before and after."""
    monkeypatch.setattr(firewall_report, "_which", lambda name: f"/usr/sbin/{name}" if name == "nft" else "")
    monkeypatch.setattr(own_files, "UNITS", "/nonexistent")
    monkeypatch.setattr(files, "text_of", lambda _path: "")
    chain = {
        "family": "inet",
        "table": "f2b-table",
        "name": "f2b-chain",
        "type": "filter",
        "hook": "input",
        "prio": -1,
        "policy": "accept",
    }
    banned = {
        "set": {"family": "inet", "table": "f2b-table", "name": "addr-set-remote-notebooks-lab", "elem": ["192.0.2.7"]}
    }
    listed = json.dumps({"nftables": [{"table": {"family": "inet", "name": "f2b-table"}}, banned, {"chain": chain}]})
    found = firewall_report.read(lambda command: (0, listed if "-j" in command else "", ""))
    assert (found["provider"], found["chains"]) == ("none", [])


def test_the_place_of_the_files_of_rhel_is_known():
    assert "/etc/sysconfig/iptables" in firewall_report._SAVED["ip"]
    assert "/etc/sysconfig/ip6tables" in firewall_report._SAVED["ip6"]


UNIT_GROUP = "/system.slice/system-remote\\x2dnotebooks\\x2dfirewall.slice/remote-notebooks-firewall@lab.service"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a process of another account")
@pytest.mark.parametrize(
    ("uid", "group", "expected"),
    [
        pytest.param(0, UNIT_GROUP, ["lab"], id="the watcher"),
        pytest.param(0, f"/docker/4f{UNIT_GROUP}", ["lab"], id="the watcher of a host that is a container"),
        pytest.param(65534, UNIT_GROUP, [], id="another account's"),
        pytest.param(0, "/user.slice/user-1000.slice/session-1.scope", [], id="a program of root's in a login"),
        pytest.param(0, UNIT_GROUP.replace("lab", "web"), [], id="another owner's"),
        pytest.param(0, f"/user.slice/user-1000.slice/user@1000.service{UNIT_GROUP}", [], id="a systemd of an account"),
    ],
)
def test_who_watches_is_known_by_account_and_unit(uid, group, expected, monkeypatch):
    """Any account can give its process the words of the watcher."""
    read = files.text_of
    monkeypatch.setattr(files, "text_of", lambda path: f"0::{group}\n" if path.endswith("/cgroup") else read(path))
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        monkeypatch.setattr(own_files, "FOLDER", folder)
        script = f"{folder}/lab.hooks.sh"
        os.mkfifo(script, 0o644)  # sh waits for somebody who writes into it
        with subprocess.Popen(["/bin/sh", script, "watch"], user=uid) as program:
            try:
                assert own_files.watched() == expected
                assert program.poll() is None
            finally:
                program.kill()
