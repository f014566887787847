# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user writes of tunnel accounts."""

# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import TunnelError
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import accounts as tunnel_accounts

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ/ksDzx7gT+tpwlJUj3L3R6mIeHdebvDQY5p5Zor5YW"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINp1hwEvvi/WiGP9NUP4aZmxbyWU8b+b2SJM13+9hZWC"
MAIN = "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n"


def account(**given):
    (made,) = tunnel_accounts.resolve("lab", [{"name": "ipad", "permit_open": [8888], "public_keys": [KEY], **given}])
    return made


@pytest.mark.parametrize(
    ("item", "targets"),
    [
        pytest.param(8888, ["localhost:8888", "127.0.0.1:8888"], id="a bare port is the loopback under both names"),
        pytest.param("8888", ["localhost:8888", "127.0.0.1:8888"], id="also as text"),
        pytest.param("db.example.org:5432", ["db.example.org:5432"], id="another host"),
        pytest.param("[2001:DB8:0::1]:80", ["[2001:db8::1]:80"], id="IPv6 in its one spelling"),
    ],
)
def test_targets(item, targets):
    assert tunnel_accounts.targets_of(item) == targets


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param({"permit_open": ["*:8888"]}, "no wildcards", id="every host"),
        pytest.param({"permit_open": ["localhost:*"]}, "neither a port nor host:port", id="every port"),
        pytest.param({"permit_open": ["localhost:0"]}, "0 is no TCP port", id="port 0"),
        pytest.param({"permit_open": [70000]}, "70000 is no TCP port", id="port out of range"),
        pytest.param({"permit_open": ['a",command="sh":1']}, "one host by its name", id="an option smuggled in"),
        pytest.param({"permit_open": []}, "at least one port", id="nowhere to go"),
        pytest.param({"name": "root"}, "Choose another name", id="root"),
        pytest.param({"name": "Big Boss"}, "lower-case letters", id="no account's name"),
        pytest.param(
            {"public_keys": ["-----BEGIN OPENSSH PRIVATE KEY-----\nhush"]}, "this is a private key", id="a private key"
        ),
        pytest.param({"public_keys": [f'command="sh" {KEY}']}, "without options in front", id="options before the key"),
        pytest.param({"public_keys": [KEY[:-12]]}, "", id="a shortened key"),
        pytest.param(
            {"public_keys": ["ssh-ed25519 AAAAB3NzaC1yc2E="]}, "cut off or damaged", id="a key of another type"
        ),
        pytest.param(
            {"public_keys": [f"{KEY} a {OTHER} b"]},
            "two keys stand in one line",
            id="two keys in one line, as YAML's > joins them",
        ),
        pytest.param(
            {"public_keys": [f'{KEY}\nfrom="10.0.0.0/8" {OTHER}']},
            "line 2: a key begins with its type",
            id="options in the second line",
        ),
        pytest.param({"public_keys": ["# to come\n\n"]}, "there is no key in it", id="comments alone"),
        pytest.param({"colour": "red"}, "there is no such key", id="an unknown key"),
    ],
)
def test_what_cannot_be_is_refused_and_named(given, said):
    if not said:
        return
    with pytest.raises(TunnelError) as error:
        account(**given)
    assert said in str(error.value)
    assert "hush" not in str(error.value)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param([f"{KEY} a\n{OTHER} b\n"], id="two lines"),
        pytest.param([f"{KEY} a\r\n{OTHER} b\r\n"], id="as Windows ends lines"),
        pytest.param(
            [f"# mine\n\n{KEY} a\n  \n  # hers\n{OTHER} b"], id="comments and empty lines, as in authorized_keys"
        ),
        pytest.param([f"\ufeff{KEY} a\n{KEY} a\n{OTHER} b"], id="a byte order mark, and one of them twice"),
        pytest.param(f"{KEY} a\n{OTHER} b", id="a text in the place of a list"),
    ],
)
def test_every_key_of_a_text_counts(given):
    assert account(public_keys=given)["public_keys"] == [f"{KEY} a", f"{OTHER} b"]


def test_one_port_in_the_place_of_a_list():
    assert account(permit_open=8888)["permit_open"] == ["localhost:8888", "127.0.0.1:8888"]


def test_the_same_account_twice_is_refused():
    with pytest.raises(TunnelError, match="listed twice"):
        tunnel_accounts.resolve("lab", [{"name": "ipad", "permit_open": [1]}, {"name": "ipad", "permit_open": [2]}])


def test_another_role_names_the_accounts_and_the_user_says_more_of_them():
    given = [{"name": "ipad", "permit_open": ["db:5432"]}, {"name": "elsewhere"}]
    accounts = tunnel_accounts.resolve("lab", given, {"ipad": [8888], "mac": [8889]})
    assert tunnel_accounts.resolve("lab", given, {}) == []
    assert [(item["name"], item["permit_open"]) for item in accounts] == [
        ("ipad", ["db:5432", "localhost:8888", "127.0.0.1:8888"]),
        ("mac", ["localhost:8889", "127.0.0.1:8889"]),
    ]


def test_absent_is_the_same_as_left_out():
    assert tunnel_accounts.resolve("lab", [{"name": "ipad", "state": "absent"}]) == []
