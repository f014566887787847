# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes out of a configuration of ssh, as real ssh reads it."""

from __future__ import annotations

import functools

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.remote.notebooks.plugins.action.jupyter_plan import ActionModule
from ansible_collections.remote.notebooks.plugins.plugin_utils._remote import contact, route

CONFIG = """
Host lab
    HostName 10.0.0.5
    User admin
    ProxyJump gate
Host through-command
    HostName 10.0.0.6
    ProxyCommand ssh -q -W %h:%p ann@gate
Host socks
    ProxyCommand nc -X 5 %h %p
Host gate
    HostName gate.example.org
    Port 2222
    User ann
Host inner
    HostName 10.0.0.1
    User ann
    ProxyJump gate
Host public
    HostName lab.example.org
    Port 2022
Host 192.0.2.*
    User ann
    ProxyJump gate
"""
GATE = {"host": "gate.example.org", "port": 2222, "user": "ann", "alias": None, "private_key_file": None}
INNER = {**GATE, "host": "10.0.0.1", "port": 22}
BOB = {**GATE, "host": "b.example.org", "port": 2200, "user": "bob"}


@pytest.fixture
def found(tmp_path):
    (tmp_path / "config").write_text(CONFIG)

    def ask(name, address="", jump="", known=None, **more):
        arguments = f"-F {tmp_path}/config {more.pop('arguments', '')}"
        variables = {"inventory_hostname": name, "ansible_ssh_common_args": arguments, **more}
        reached = contact.contact(variables, Templar(loader=DataLoader(), variables=variables))
        words = contact.own_configuration(reached["ssh_args"])
        settings = functools.cache(lambda host: contact.configured("ssh", host, words))
        return route.route(reached, address, jump, settings, known or (lambda name: None))

    return ask


@pytest.mark.parametrize(
    ("name", "more", "host", "port", "user", "hops"),
    [
        pytest.param("lab", {}, "10.0.0.5", 22, "admin", [GATE], id="an alias behind an alias"),
        pytest.param("lab", {"ansible_user": "bob"}, "10.0.0.5", 22, "bob", [GATE], id="the inventory's user wins"),
        pytest.param("through-command", {}, "10.0.0.6", 22, None, [GATE], id="a jump host written as a command"),
        pytest.param("lab", {"jump": "inner"}, "10.0.0.5", 22, "admin", [GATE, INNER], id="a jump host behind another"),
        pytest.param(
            "lab",
            {"jump": "gate,bob@b.example.org:2200"},
            "10.0.0.5",
            22,
            "admin",
            [GATE, BOB],
            id="two in the inventory",
        ),
        pytest.param("lab", {"address": "public"}, "lab.example.org", 2022, "admin", [GATE], id="an address as alias"),
        pytest.param("192.0.2.9", {}, "192.0.2.9", 22, "ann", [GATE], id="an address that the configuration knows"),
        pytest.param(
            "10.1.1.1",
            {"arguments": "-o ProxyJump=bob@b.example.org:2200"},
            "10.1.1.1",
            22,
            None,
            [BOB],
            id="the arguments of the inventory",
        ),
        pytest.param(
            "lab",
            {"ansible_connection": "local", "ansible_user": "bob"},
            "lab",
            22,
            "bob",
            [],
            id="this machine",
        ),
    ],
)
def test_a_route_in_words_that_another_machine_understands(found, name, more, host, port, user, hops):
    way = found(name, **more)
    assert (way["host"], way["port"], way["hops"], way["command"]) == (host, port, hops, "")
    assert user is None or way["user"] == user


def test_a_command_that_is_no_jump_host_stays(found):
    way = found("socks")
    assert (way["hops"], way["command"]) == ([], "nc -X 5 %h %p")


@pytest.mark.parametrize(
    ("command", "jump"),
    [
        ("ssh -W %h:%p -q ann@gate", "ann@gate"),
        ("ssh -W %h:%p -l ann -p 2222 gate", "ann@gate:2222"),
        ("/usr/bin/ssh gate -W %h:%p", "gate"),
        ("ssh -i key -W %h:%p gate", ""),
        ("ssh gate nc %h %p", ""),
        ("nc -X 5 %h %p", ""),
        ("ssh 'gate", ""),
    ],
)
def test_a_command_that_is_a_jump_host(command, jump):
    assert route._jump_of(command) == jump


def test_a_circle_of_jump_hosts_ends():
    assert route._above("a", {"a": {"proxyjump": "b"}, "b": {"proxyjump": "a"}}.__getitem__)


def test_a_tunnel_account_of_another_host_is_a_jump_host(tmp_path):
    action = ActionModule.__new__(ActionModule)
    bastion = {
        "inventory_hostname": "bastion",
        "ansible_host": "203.0.113.5",
        "tunnel_accounts": [{"name": "ipad", "permit_open": ["10.0.0.5:22"]}],
    }
    variables = {"hostvars": {"bastion": bastion, "web1": {"tunnel_accounts": []}}, "tunnel_dir": "/t"}
    action._templar = Templar(loader=DataLoader(), variables=variables)
    assert action._account("bastion-ipad", variables) == {
        "host": "203.0.113.5",
        "port": 22,
        "user": "ipad",
        "alias": "bastion-ipad",
        "private_key_file": "/t/bastion/ipad",
    }
    bastion["tunnel_accounts"][0]["device"] = "tablet"
    assert action._account("bastion-ipad", variables)["private_key_file"] == "/t/devices/tablet"
    assert action._account("bastion-mac", variables) is action._account("gate", variables) is None


@pytest.mark.parametrize(
    ("via", "line"),
    [
        pytest.param("ProxyJump gate", "ProxyJump ann@gate.example.org:2222", id="an alias"),
        pytest.param("ProxyJump inner", "ProxyJump ann@gate.example.org:2222,ann@10.0.0.1", id="behind another"),
        pytest.param("ProxyJump bob@gate:22", "ProxyJump bob@gate.example.org", id="with a user and a port"),
        pytest.param("ProxyCommand ssh -W %h:%p gate", "ProxyJump ann@gate.example.org:2222", id="as a command"),
        pytest.param("ProxyJump bastion-ipad", "ProxyJump bastion-ipad", id="a tunnel account"),
        pytest.param(
            "ProxyJump gate,bastion-ipad", "ProxyJump ann@gate.example.org:2222,bastion-ipad", id="before one"
        ),
        pytest.param("ProxyCommand nc %h %p", "ProxyCommand nc %h %p", id="another command"),
        pytest.param("", "", id="none"),
    ],
)
def test_a_block_for_another_configuration_has_no_alias_of_the_operator(tmp_path, via, line):
    (tmp_path / "config").write_text(CONFIG)
    assert route.spelled(via, {"ssh_args": ["-F", f"{tmp_path}/config"]}) == line
