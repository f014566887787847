# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._handoff import pages, people

DEVICE = {"user": "ipad", "private_key_file": "/t/devices/ipad", "pem_file": "/t/devices/ipad.pem"}


def server(host, instance="ann", person="ann", **ssh):
    given = {
        "host": f"{host}.example.org",
        "port": 22,
        "local_port": 8888,
        "remote_port": 8888,
        "alias": f"{host}-ipad",
        **ssh,
    }
    url = f"http://localhost:{given['local_port']}/"
    return pages.complete(
        {"host": host, "instance": instance, "person": person, "url": url, "access": "tunnel", "ssh": given}
    )


def page_of(*records):
    keys = people.keys(list(records))
    return people.page("ann", [pages.view(each, None, "../ca", {}, keys=keys) for each in records])


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        pytest.param([("a", "lab", "lab"), ("b", "lab", "lab")], {"lab": 2}, id="one name on two hosts"),
        pytest.param([("a", "lab", "lab"), ("b", "gpu", "gpu")], {}, id="one server each"),
        pytest.param([("a", "one", "ann"), ("b", "two", "ann"), ("a", "ben", "ben")], {"ann": 2}, id="one account"),
        pytest.param([(f"h{number}", "lab", "lab") for number in range(51)], {}, id="a fleet"),
    ],
)
def test_several_servers_of_one_person_have_a_page(servers, expected):
    records = [server(host, instance, person) for host, instance, person in servers]
    assert {person: len(theirs) for person, theirs in people.groups(records).items()} == expected


def test_the_key_of_a_device_is_kept_once_and_every_block_names_it():
    page = page_of(server("a", **DEVICE), server("b", **DEVICE, local_port=20017))
    assert page["files"] == ["ipad"]
    assert page["pems"] == ["ipad.pem"]
    assert page["keep"] == "mkdir -p -m 700 ~/.ssh && install -m 600 ipad ~/.ssh/jupyter-ipad"
    assert page["config"].splitlines() == [
        "Host a-ipad",
        "    HostName a.example.org",
        "    User ipad",
        "    IdentityFile ~/.ssh/jupyter-ipad",
        "    IdentitiesOnly yes",
        "    ExitOnForwardFailure yes",
        "    ServerAliveInterval 30",
        "    LocalForward 8888 localhost:8888",
        "Host b-ipad",
        "    HostName b.example.org",
        "    User ipad",
        "    IdentityFile ~/.ssh/jupyter-ipad",
        "    IdentitiesOnly yes",
        "    ExitOnForwardFailure yes",
        "    ServerAliveInterval 30",
        "    LocalForward 20017 localhost:8888",
    ]
    assert page["crowded"] == {}
    assert "/t/" not in repr(page), "the folder of the keys is the operator's"


def test_an_account_that_leads_to_two_servers_of_a_host_has_one_block():
    page = page_of(server("a", **DEVICE), server("a", "work", **DEVICE, local_port=8889, remote_port=8889))
    assert page["config"].count("Host a-ipad") == 1
    assert page["config"].splitlines()[-2:] == [
        "    LocalForward 8888 localhost:8888",
        "    LocalForward 8889 localhost:8889",
    ]
    assert page["keep"] == "mkdir -p -m 700 ~/.ssh && install -m 600 ipad ~/.ssh/a-ipad"


def test_keys_of_one_name_are_told_apart():
    page = page_of(
        server("a", user="ipad", private_key_file="/t/a/ipad", pem_file="/t/a/ipad.pem"),
        server("b", user="ipad", private_key_file="/t/b/ipad"),
    )
    assert page["files"] == ["a/ipad", "b/ipad"]
    assert page["pems"] == ["a/ipad.pem"]
    assert page["keep"].endswith("install -m 600 a/ipad ~/.ssh/a-ipad && install -m 600 b/ipad ~/.ssh/b-ipad")
    assert page["crowded"] == {8888: ["ann on a", "ann on b"]}


def test_a_key_that_the_operator_named_replaces_no_key_of_the_reader():
    own = {"user": "ann", "private_key_file": "/home/ann/.ssh/my key"}
    assert page_of(server("a", **own), server("b", **own))["keep"] == (
        "mkdir -p -m 700 ~/.ssh && install -m 600 'my key' ~/.ssh/jupyter-my-key"
    )


def test_a_jump_host_that_several_servers_share_is_written_once():
    hop = {"host": "203.0.113.5", "user": "ipad", "alias": "bastion-ipad", "private_key_file": "/t/devices/ipad"}
    page = page_of(server("a", **DEVICE, hops=[hop]), server("b", **DEVICE, hops=[hop]))
    assert page["files"] == ["ipad"]
    assert [line for line in page["config"].splitlines() if line.startswith("Host ")] == [
        "Host bastion-ipad",
        "Host a-ipad",
        "Host b-ipad",
    ]
    assert page["config"].count("IdentityFile ~/.ssh/jupyter-ipad") == 3


def test_servers_without_a_key_need_no_file():
    page = page_of(server("a", alias=None), server("b", alias=None))
    assert (page["files"], page["keep"]) == ([], None)
    assert "Host jupyter-a-ann" in page["config"]
