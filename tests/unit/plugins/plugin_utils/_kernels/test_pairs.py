# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import itertools

import pytest
import yaml
from ansible_collections.remote.notebooks.plugins.plugin_utils._input.options import INSTANCE_KEYS
from ansible_collections.remote.notebooks.plugins.plugin_utils._kernels import pairs, store
from ansible_collections.remote.notebooks.plugins.plugin_utils._plan.plan import resolve

with open("roles/jupyter/defaults/main.yml", encoding="utf-8") as _file:
    _ROLE = yaml.safe_load(_file)
DEFAULTS = {key: _ROLE[f"jupyter_{key}"] for key in INSTANCE_KEYS}
CONTACT = {"connection": "ssh", "host": "h", "address": "h", "port": 22, "user": "u", "private_key_file": None}


def plan(host, *instances, **defaults):
    known = {**DEFAULTS, "addresses": [f"{host}.example.org"], "access": "direct", **defaults}
    made = resolve(host, "system", known, list(instances) or [{"name": "lab"}])
    return {**made, "contact": {**CONTACT, "ssh_args": []}}


def pair(*plans, stored=None):
    numbers = itertools.count(1)
    return pairs.pair(
        {each["host"]: each for each in plans},
        stored or {},
        lambda: f"key{next(numbers)}",
        lambda host, item, pinned: f"{'certificate' if pinned else 'authority'} of {host}/{item['name']}",
    )


HUB = plan("hub", {"name": "lab", "remote_kernels": ["gpu1/", "gpu2/"]})


def test_a_hub_gets_address_authority_and_key_of_each_server():
    hubs, problems, remarks = pair(HUB, plan("gpu1"), plan("gpu2", port=9000, base_url="/books"))
    assert (problems, remarks) == ([], [])
    assert hubs == {
        ("hub", "lab"): [
            {
                "name": "gpu1",
                "host": "gpu1",
                "instance": "lab",
                "url": "https://gpu1.example.org:8888/",
                "ca": "authority of gpu1/lab",
                "pinned": "",
                "key": "key1",
            },
            {
                "name": "gpu2",
                "host": "gpu2",
                "instance": "lab",
                "url": "https://gpu2.example.org:9000/books/",
                "ca": "authority of gpu2/lab",
                "pinned": "",
                "key": "key2",
            },
        ]
    }
    assert pairs.digests(hubs) == {
        ("gpu1", "lab"): {"hub/lab": hashlib.sha256(b"key1").hexdigest()},
        ("gpu2", "lab"): {"hub/lab": hashlib.sha256(b"key2").hexdigest()},
    }


def test_a_second_run_keeps_the_keys():
    hubs, _problems, _remarks = pair(HUB, plan("gpu1"), plan("gpu2"))
    assert pair(HUB, plan("gpu1"), plan("gpu2"), stored=hubs)[0] == hubs


def test_a_host_that_is_not_in_the_run_keeps_its_key():
    hubs, _problems, _remarks = pair(HUB, plan("gpu1"), plan("gpu2"))
    assert pair(HUB, stored=hubs) == (hubs, [], [])
    assert pair(plan("gpu1"), stored=hubs) == (hubs, [], [])
    moved, _problems, remarks = pair(plan("gpu1", port=9000), stored=hubs)
    assert remarks == ["hub, instance 'lab': gpu1 has another address, certificate or key. Run site.yml for hub."]
    assert moved["hub", "lab"][0]["url"] == "https://gpu1.example.org:9000/"
    assert moved["hub", "lab"][0]["key"] == "key1"


def test_a_new_server_that_is_not_in_the_run_is_told():
    hubs, problems, remarks = pair(HUB, plan("gpu1"))
    assert [entry["host"] for entry in hubs["hub", "lab"]] == ["gpu1"]
    assert problems == []
    assert remarks == [
        "hub, instance 'lab': remote_kernels: gpu2 is not in this run, and has no key of this hub yet. Run both hosts"
        " once."
    ]


@pytest.mark.parametrize(
    "later",
    [
        plan("hub", {"name": "lab"}),
        plan("hub", {"name": "other"}),
        resolve("hub", "system", DEFAULTS, [], prune=True, verb="uninstall"),
    ],
)
def test_a_hub_that_is_none_any_more_loses_its_keys(later):
    hubs, _problems, _remarks = pair(HUB, plan("gpu1"), plan("gpu2"))
    left, _problems, _remarks = pair(later, stored=hubs)
    assert left == {}
    assert pairs.digests(left) == {}


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (plan("gpu1", {"name": "other"}), "it has no instance 'lab' (there: other). Write gpu1/<instance>."),
        (
            plan("gpu1", access="tunnel"),
            "listens on the loopback, where no other host reaches it. Set jupyter_access: ",
        ),
        (plan("gpu1", interface="notebook6", durable=False), "is a Notebook 6, which knows no keys of hubs."),
        (
            plan("gpu1", tls="none", plain_http=True, allowed_sources=["192.0.2.0/24"]),
            "has no TLS, and the key would cross the network in clear.",
        ),
        (
            plan("gpu1", settings={"ServerApp": {"authorizer_class": "mine.Own"}}),
            "has settings ServerApp.authorizer_class, which would stand in for the keys of hubs.",
        ),
    ],
)
def test_a_server_that_cannot_serve_a_hub_is_refused(server, words):
    _hubs, problems, _remarks = pair(plan("hub", {"name": "lab", "remote_kernels": ["gpu1/"]}), server)
    assert len(problems) == 1
    assert problems[0].startswith("hub, instance 'lab': remote_kernels: gpu1: ")
    assert words in problems[0]


def test_a_server_beside_those_of_other_accounts_is_known_by_its_certificate():
    people = [{"name": "lab", "user": "ann"}, {"name": "bob", "user": "bob", "port": 8889}]
    hub = plan("hub", {"name": "lab", "remote_kernels": ["gpu1/"]})
    hubs, problems, _remarks = pair(hub, plan("gpu1", *people, create_user=True))
    assert problems == []
    assert (hubs["hub", "lab"][0]["ca"], hubs["hub", "lab"][0]["pinned"]) == ("certificate of gpu1/lab", "yes")
    foreign = plan("gpu1", *people, create_user=True, tls="provided", certificate_file="/x.pem")
    _hubs, problems, _remarks = pair(hub, foreign)
    assert problems == [
        "hub, instance 'lab': remote_kernels: gpu1: instance 'lab' shares its host with other accounts, and its"
        " certificate does not tell them apart. Set jupyter_tls: private_ca there."
    ]


def test_no_key_without_a_certificate_to_trust():
    hub, server = plan("hub", {"name": "lab", "remote_kernels": ["gpu1/"]}), plan("gpu1")
    plans = {"hub": hub, "gpu1": server}
    told = ["hub, instance 'lab': remote_kernels: gpu1 has no certificate yet. Run site.yml for gpu1."]
    assert pairs.pair(plans, {}, lambda: "key", lambda *_words: None) == ({}, [], told)
    before, _problems, _remarks = pair(hub, server)
    assert pairs.pair(plans, before, lambda: "key", lambda *_words: None) == (before, [], told)
    assert pairs.pair({"gpu1": server}, before, lambda: "key", lambda *_words: None) == (
        before,
        [],
        [
            "hub, instance 'lab': gpu1 has no certificate any more, and keeps the key of before. Run site.yml for hub.",
        ],
    )


SHARED = [{"name": "lab", "user": "ann"}, {"name": "bob", "user": "bob", "port": 8889}]


def test_a_server_that_gets_neighbours_gets_another_key():
    """Before, the hub took the certificate of any account there for the server's."""
    hub = plan("hub", {"name": "lab", "remote_kernels": ["gpu1/"]})
    hubs, _problems, _remarks = pair(hub, plan("gpu1"))
    for plans in ([plan("gpu1", *SHARED, create_user=True)], [hub, plan("gpu1", *SHARED, create_user=True)]):
        later, _problems, _remarks = pair(*plans, stored={key: [{**hubs[key][0], "key": "old"}] for key in hubs})
        assert (later["hub", "lab"][0]["pinned"], later["hub", "lab"][0]["key"]) == ("yes", "key1")


def test_a_server_whose_neighbours_go_stays_pinned():
    """The account of a neighbour may still be there, with its certificate."""
    hub = plan("hub", {"name": "lab", "remote_kernels": ["gpu1/"]})
    hubs, _problems, _remarks = pair(hub, plan("gpu1", *SHARED, create_user=True))
    alone = plan("gpu1", {"name": "lab", "user": "ann"}, create_user=True)
    assert pair(hub, alone, stored=hubs) == (hubs, [], [])


@pytest.mark.parametrize("verb", ["rotate_password", "upgrade", "rollback", "renew"])
def test_a_daily_operation_neither_makes_nor_withdraws_a_key(verb):
    hub = plan("hub", {"name": "lab", "remote_kernels": ["gpu1/"]})
    hubs, _problems, _remarks = pair(hub, plan("gpu1"))
    for later in (plan("hub", {"name": "lab"}), HUB):
        plans = [{**each, "verb": verb} for each in (later, plan("gpu1"), plan("gpu2"))]
        assert pair(*plans, stored=hubs) == (hubs, [], [])
    closed = {**plan("gpu1", access="tunnel"), "verb": verb}
    assert pair({**hub, "verb": verb}, closed, stored=hubs) == (hubs, [], [])


def test_a_server_that_takes_no_hubs_any_more_withdraws_the_key_and_says_so():
    hubs, _problems, _remarks = pair(plan("hub", {"name": "lab", "remote_kernels": ["gpu1/"]}), plan("gpu1"))
    left, problems, remarks = pair(plan("gpu1", access="tunnel"), stored=hubs)
    assert (left, problems) == ({}, [])
    assert remarks[0].startswith("hub, instance 'lab': gpu1 runs no kernels for it any more: instance 'lab' listens on")


def test_a_hub_whose_host_left_the_inventory_is_told():
    hubs, _problems, _remarks = pair(HUB, plan("gpu1"), plan("gpu2"))
    assert pairs.strangers(hubs, {"hub", "gpu1", "gpu2"}, "/keys") == []
    assert pairs.strangers(hubs, {"gpu1", "gpu2"}, "/keys") == [
        "hub, instance 'lab' is a hub that is not in the inventory, and its keys still open kernels of gpu1, gpu2. To"
        " withdraw them, remove /keys/hub/lab.hub.json and run site.yml for those hosts."
    ]


def test_the_files_are_private_and_go_with_the_pair(tmp_path):
    hubs, _problems, _remarks = pair(HUB, plan("gpu1"), plan("gpu2"))
    assert store.differs(str(tmp_path), hubs)
    assert store.write(str(tmp_path), hubs)
    assert not store.differs(str(tmp_path), hubs)
    assert not store.write(str(tmp_path), hubs)
    assert store.read(str(tmp_path)) == hubs
    names = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*.json")}
    assert names == {"hub/lab.hub.json": 0o600, "gpu1/lab.hubs.json": 0o600, "gpu2/lab.hubs.json": 0o600}
    assert "key1" not in (tmp_path / "gpu1/lab.hubs.json").read_text()
    assert store.files(str(tmp_path), "hub") == {"lab": {"hub": f"{tmp_path}/hub/lab.hub.json", "hubs": ""}}
    assert store.files(str(tmp_path), "gpu1") == {"lab": {"hub": "", "hubs": f"{tmp_path}/gpu1/lab.hubs.json"}}
    assert store.has_files(str(tmp_path / "gpu1"))
    assert store.write(str(tmp_path), {})
    assert not store.has_files(str(tmp_path / "gpu1"))


def test_a_file_of_another_kind_is_named(tmp_path):
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub/lab.hub.json").write_text('{"a": 1}')
    with pytest.raises(store.FilesError, match=r"lab.hub.json: it is no list of kernels of other hosts"):
        store.read(str(tmp_path))
