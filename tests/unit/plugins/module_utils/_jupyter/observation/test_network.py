# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks of this very machine, and of one in a network namespace whose addresses change."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import subprocess
import sys

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import AnswerError
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import network
from ansible_collections.remote.notebooks.plugins.plugin_utils._input.report_answers import NETWORK

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("unshare"),
    reason="only root can make a network namespace, with iproute2 and util-linux",
)
SCRIPT = "import json, sys; sys.path.insert(0, sys.argv[1]); import network; print(json.dumps(network.network()))"


def namespace(*commands: str) -> dict:
    """Return the network of a namespace after these commands of ip."""
    folder = os.path.dirname(network.__file__)
    steps = " && ".join(
        [
            "ip link set lo up",
            "ip link add eth0 type veth peer name eth1",
            "ip link set eth0 up",
            "ip link set eth1 up",
            *commands,
        ]
    )
    words = ["unshare", "--net", "sh", "-ec", f'{steps} && exec "$0" -c "$1" "$2"', sys.executable, SCRIPT, folder]
    return json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def test_the_addresses_of_this_machine_have_the_shape_that_is_accepted():
    found = network.network()
    assert NETWORK(found, "network") == found
    assert not any(ipaddress.ip_address(address).is_loopback for address in found["addresses"])
    assert set(found["senders"]) <= set(found["addresses"])


@needs_root
def test_every_lasting_address_is_there_and_no_other():
    found = namespace(
        "ip addr add 192.168.1.5/24 dev eth0",
        "ip addr add 192.168.1.6/24 dev eth0",
        "ip addr add 10.0.0.1 peer 10.0.0.2 dev eth0",
        "ip addr add fd00::7/64 dev eth0 nodad",
        "ip addr add fd00::8/64 dev eth0 nodad preferred_lft 0",
        "ip route add default via 192.168.1.1",
    )
    assert found["addresses"] == ["10.0.0.1", "192.168.1.5", "192.168.1.6", "fd00::7"]
    assert found["senders"] == ["192.168.1.5"]
    assert (found["published"], found["answers"]) == ("", False)


@needs_root
def test_a_machine_with_more_addresses_than_can_be_said_says_none(monkeypatch):
    assert (
        namespace(
            "for i in $(seq 1001); do echo addr add 10.1.$((i / 250)).$((i % 250 + 1))/32 dev eth0; done | ip -batch -"
        )["addresses"]
        == []
    )


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("avahi-daemon: running [lab.local]\0", "lab.local"),
        ("avahi-daemon: running [Lab-2.local]", "lab-2.local"),
        ("avahi-daemon: registering [lab.local]", "lab.local"),
        ("avahi-daemon: starting up", ""),
        ("avahi-daemon: running [a.b.local]", ""),
        ("avahi-daemon: running [bank.example.org]", ""),
        (f"avahi-daemon: running [{'a' * 64}.local]", ""),
        ("avahi-daemon: running [-a.local]", ""),
        ("sh -c avahi-daemon: running [lab.local]", ""),
    ],
)
def test_the_name_in_the_title_of_avahi(title, name):
    found = network._TITLE.match(title)
    assert (found[1].lower() if found else "") == name


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("published", "bank.example.org"),
        ("published", "a.b.local"),
        ("published", "x" * 70),
        ("published", "lab.local\n"),
        ("addresses", ["192.168.1.500"]),
        ("addresses", ["192.168.1.5; id"]),
        ("addresses", ["fd00:0::7"]),
        ("addresses", ["10.0.0.1"] * 1001),
        ("senders", ["10.0.0.1"] * 3),
        ("answers", "yes"),
        ("evil", "{{ 1 }}"),
    ],
)
def test_a_network_that_cannot_be_is_refused(key, value):
    good = {"addresses": ["192.168.1.5"], "senders": ["192.168.1.5"], "published": "lab.local", "answers": True}
    assert NETWORK(good, "network") == good
    with pytest.raises(AnswerError):
        NETWORK({**good, key: value}, "network")
