# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of devices, as each host of a fleet asks for them: real keys in a real folder, read by ssh-keygen."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from ansible_collections.remote.notebooks.plugins.action import tunnel_keys
from ansible_collections.remote.notebooks.plugins.module_utils._errors import TunnelError
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import accounts as tunnel_accounts
from ansible_collections.remote.notebooks.plugins.plugin_utils import _files


def keys_of(folder, host, **entry):
    """Return the account of a host with its key, and whether a file was written."""
    action = tunnel_keys.ActionModule.__new__(tunnel_keys.ActionModule)
    action._task = SimpleNamespace(check_mode=False)
    action._changed, action._directory, action._host = False, str(folder), host
    action._folder = f"{folder}/{host}"
    _files.private_directory(str(folder))
    _files.directory(action._folder)
    accounts = tunnel_accounts.resolve("lab", [{"name": "ipad", "permit_open": [8888], **entry}])
    action._all(accounts, {}, [])
    return accounts[0], action._changed


def public(path):
    return subprocess.run(["ssh-keygen", "-y", "-f", path], check=True, capture_output=True, text=True).stdout.split()[
        1
    ]


def test_one_key_for_a_device_on_every_host(tmp_path):
    folder = tmp_path / "tunnel"
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda host: keys_of(folder, host, device="ipad")[0], ["a", "b", "c", "d"]))
    assert len({account["public_keys"][0].split()[1] for account in found}) == 1
    assert {account["identity_file"] for account in found} == {f"{folder}/devices/ipad"}
    assert public(f"{folder}/devices/ipad") == found[0]["public_keys"][0].split()[1]
    assert (folder / "devices/ipad").stat().st_mode & 0o777 == 0o600
    assert not list(folder.glob("[abcd]/*"))
    assert keys_of(folder, "e", device="ipad") == ({**found[0]}, False), "another host changes nothing here"


def test_a_key_of_its_own_is_moved_aside(tmp_path):
    folder = tmp_path / "tunnel"
    own, _changed = keys_of(folder, "a")
    shared, changed = keys_of(folder, "a", device="ipad")
    assert changed and own["public_keys"] != shared["public_keys"]
    assert not (folder / "a/ipad").exists()
    assert list(folder.glob("removed/*/**/ipad"))


@pytest.mark.parametrize("rotate", ["*", "ipad"])
def test_a_key_of_a_fleet_is_not_made_again_by_each_host(rotate):
    with pytest.raises(TunnelError, match="is the same on every host"):
        tunnel_keys._refuse_rotation([{"name": "ipad", "device": "ipad"}], [rotate])
    tunnel_keys._refuse_rotation([{"name": "ipad"}, {"name": "mac", "device": "mac"}], ["ipad"])


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"device": "../ipad"}, "device: '../ipad' cannot name a file"),
        (
            {"device": "ipad", "identity_file": "/k"},
            "device: its key is made, and identity_file says that there is one",
        ),
    ],
)
def test_a_device_that_cannot_have_a_key(entry, words):
    with pytest.raises(TunnelError) as raised:
        tunnel_accounts.resolve("lab", [{"name": "ipad", "permit_open": [8888], **entry}])
    assert words in str(raised.value)
