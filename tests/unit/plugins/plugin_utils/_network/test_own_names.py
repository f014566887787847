# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._network import own_names

from .._state.test_state import bare, plan


def network(*addresses, published="", answers=True):
    return {"addresses": list(addresses), "senders": list(addresses[:2]), "published": published, "answers": answers}


def server(*names, host="web1", access="direct", ssh=None, **more):
    urls = [f"https://{f'[{name}]' if ':' in name else name}:8888/" for name in names]
    return {"host": host, "instance": "lab", "urls": urls, "ssh": ssh and {"host": ssh}, "access": access, **more}


def after(record, *now, guessed=(), before=()):
    """Return the messages of a run in which the host has these addresses, and the addresses that are stored."""
    the_plan = {
        **plan({"name": "lab", "access": "direct", "addresses": [*guessed] or ["x.org"]}),
        "guessed": [*guessed],
    }
    record.update(own_names.own(the_plan, record, network(*now)))
    return own_names.lost(record, record["now"], {"own": list(before)}), record["own"]


SAID = "web1 no longer has the address 192.168.1.5. It has "


@pytest.mark.parametrize(
    ("names", "now", "before", "messages", "stored"),
    [
        pytest.param(
            ["lab.example.org", "192.168.1.5"], ["192.168.1.5"], [], [], ["192.168.1.5"], id="the address of the host"
        ),
        pytest.param(
            ["192.168.1.5"],
            ["192.168.1.77", "fd00::7"],
            ["192.168.1.5"],
            [
                SAID + "192.168.1.77 and fd00::7 now. Write 192.168.1.77 instead of 192.168.1.5 in jupyter_addresses,"
                " and run again."
            ],
            ["192.168.1.5"],
            id="another address in the same network",
        ),
        pytest.param(
            ["192.168.1.5", "10.0.0.4"],
            ["10.0.0.4"],
            ["10.0.0.4", "192.168.1.5"],
            [SAID + "10.0.0.4 now. Take 192.168.1.5 out of jupyter_addresses."],
            ["10.0.0.4", "192.168.1.5"],
            id="an address less",
        ),
        pytest.param(["192.168.1.77"], ["192.168.1.77"], ["192.168.1.5"], [], ["192.168.1.77"], id="corrected"),
        pytest.param(["203.0.113.9"], ["10.0.0.4"], [], [], [], id="the address of a router"),
        pytest.param(["192.168.1.5"], [], ["192.168.1.5"], [], ["192.168.1.5"], id="a host that does not say"),
    ],
)
def test_an_address_that_the_host_has_lost_is_named(names, now, before, messages, stored):
    assert after(server(*names), *now, before=before) == (messages, stored)


def test_the_line_to_change_is_that_of_the_inventory():
    ((message,), _stored) = after(server("192.168.1.5"), "10.0.0.4", guessed=["192.168.1.5"], before=["192.168.1.5"])
    assert message.endswith("Write 10.0.0.4 instead of 192.168.1.5 in ansible_host, and run again.")
    tunnel = server(access="tunnel", ssh="192.168.1.5")
    ((message,), _stored) = after(tunnel, "10.0.0.4", before=["192.168.1.5"])
    assert message.endswith("Write 10.0.0.4 instead of 192.168.1.5 in tunnel_address or ansible_host, and run again.")


def test_the_message_comes_until_the_inventory_is_corrected():
    record = server("192.168.1.5")
    for _run in range(2):
        messages, stored = after(record, "192.168.1.77", before=["192.168.1.5"])
        assert len(messages) == 1
        assert stored == ["192.168.1.5"]


def remarks(found, *names, guessed=None, access="direct"):
    the_plan = plan({"name": "lab", "access": access, "addresses": list(names) or guessed})
    return own_names.remarks({**the_plan, "guessed": guessed or []}, {**bare(), "network": found})


AVAHI = network("192.168.1.5", published="lab.local")


@pytest.mark.parametrize(
    ("found", "names", "guessed", "words"),
    [
        pytest.param(AVAHI, ["lab.local"], None, "", id="the name that avahi has"),
        pytest.param(
            network(published="lab-2.local"), ["lab.local"], None, "answers to lab-2.local. If another", id="a conflict"
        ),
        pytest.param(network(answers=False), ["lab.local"], None, "apt-get install avahi-daemon", id="nobody answers"),
        pytest.param(network(), ["lab.local"], None, "", id="another program answers"),
        pytest.param(network(answers=False), ["lab.corp.local"], None, "", id="a name of a company's DNS"),
        pytest.param(
            AVAHI,
            [],
            ["192.168.1.5", "lab"],
            "jupyter_addresses: [192.168.1.5, lab, lab.local]",
            id="an inventory without a name",
        ),
        pytest.param(AVAHI, [], ["lab.example.org"], "", id="an inventory with a name"),
        pytest.param(AVAHI, ["192.168.1.5"], None, "", id="the operator has decided"),
        pytest.param(network("192.168.1.5"), [], ["192.168.1.5"], "", id="no avahi"),
    ],
)
def test_names_that_a_host_answers_to_itself(found, names, guessed, words):
    said = remarks(found, *names, guessed=guessed)
    assert [words in line for line in said] == [True] * bool(words), said


def test_a_tunnel_needs_no_name():
    assert remarks(AVAHI, guessed=["192.168.1.5"], access="tunnel") == []


def test_a_word_of_the_host_adds_no_name_to_the_certificate():
    the_plan = {**plan({"name": "lab", "access": "direct", "addresses": ["192.168.1.5"]}), "guessed": ["192.168.1.5"]}
    own_names.remarks(the_plan, {**bare(), "network": network(published="bank.local")})
    assert the_plan["certificates"][0]["addresses"] == ["192.168.1.5"]


@pytest.mark.parametrize(
    ("others", "said"),
    [
        pytest.param([server("lab.local", host="b")], ["lab.local"], id="one name on two hosts"),
        pytest.param([server("x.org", host="b")], ["https://x.org:8888/"], id="one address on two hosts"),
        pytest.param([server("other.local", "y.org", host="b")], [], id="other names"),
        pytest.param([server("lab.local", host="a")], [], id="two servers of one host"),
    ],
)
def test_an_address_that_two_hosts_have_is_named(others, said):
    found = own_names.shared([server("lab.local", "x.org", host="a")], others)
    assert [message.partition(" is the address of a and b,")[0] for message in found] == said
    assert own_names.shared([server("z.org", host="c")], [server("lab.local", host="a"), *others]) == []
