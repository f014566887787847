# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between the tunnel accounts of a host and the wanted ones."""

# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import difference as tunnel_difference

from .test_accounts import KEY, OTHER, account
from .test_refusals import report


def test_nothing_differs():
    assert tunnel_difference.difference([account()], report(), "lab") == []
    assert tunnel_difference.cut_off([account()], report()) == []


@pytest.mark.parametrize(
    ("path", "value", "id"),
    [
        pytest.param(("accounts", "ipad"), None, "account ipad", id="no account"),
        pytest.param(("accounts", "ipad", "shell"), "/bin/bash", "account ipad", id="a shell"),
        pytest.param(("accounts", "ipad", "password"), "set", "account ipad", id="a password"),
        pytest.param(
            ("accounts", "ipad", "password"), "locked", "account ipad", id="locked: with UsePAM no its keys are refused"
        ),
        pytest.param(("accounts", "ipad", "groups"), ["sudo"], "account ipad", id="a group too many"),
        pytest.param(("keys", "ipad"), None, "keys ipad", id="no keys"),
        pytest.param(("keys", "ipad", "text"), KEY, "keys ipad", id="a key without its fence"),
        pytest.param(("keys", "ipad", "mode"), "0666", "keys ipad", id="keys that anybody may write"),
        pytest.param(("block",), "", "sshd /etc/ssh/sshd_config.d/00-remote-notebooks-lab.conf", id="no block"),
        pytest.param(("owned",), ["ipad", "old"], "unwanted old", id="an account that left the list"),
    ],
)
def test_each_difference_is_seen(path, value, id):
    found = copy.deepcopy(report())
    place = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert [change["id"] for change in tunnel_difference.difference([account()], found, "lab")] == [id]


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([("keys", "ipad")], ["ipad"], id="who has another key"),
        pytest.param([("account", "mac"), ("sshd", "/etc/x")], ["mac"], id="who is new; the block changes with him"),
        pytest.param([("sshd", "/etc/x")], ["ipad", "mac"], id="all, where the block alone is another"),
        pytest.param([("unwanted", "old")], [], id="nobody, where somebody goes"),
    ],
)
def test_who_has_to_log_in(changes, due):
    accounts = [account(), account(name="mac")]
    assert tunnel_difference.due(accounts, [{"kind": kind, "name": name} for kind, name in changes]) == due


@pytest.mark.parametrize(
    ("given", "ended"),
    [
        pytest.param({"public_keys": [KEY, OTHER]}, [], id="one more key"),
        pytest.param({"public_keys": [OTHER]}, ["ipad"], id="another key"),
        pytest.param({"permit_open": [8888, 8889]}, ["ipad"], id="other ports"),
    ],
)
def test_who_lost_something_is_cut_off(given, ended):
    assert tunnel_difference.cut_off([account(**given)], report()) == ended


def test_who_goes_is_cut_off():
    assert tunnel_difference.cut_off([], report()) == ["ipad"]
