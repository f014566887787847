# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a host cannot have a tunnel account."""

# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import accounts as tunnel_accounts
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import refusals as tunnel_refusals
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import server_config

from .test_accounts import account


def effective(**values):
    return {"values": {"allowtcpforwarding": ["yes"], "authenticationmethods": ["any"], **values}, "origins": {}}


def fenced(**values):
    """The settings that apply with the block."""
    return {
        "values": {**{key.lower(): [value] for key, value in server_config.settings(account()).items()}, **values},
        "origins": {},
    }


def report(**given):
    made = account()
    base = {
        "accounts": {
            "ipad": {
                "comment": "Tunnel of lab (remote.notebooks)",
                "shell": tunnel_accounts.SHELL,
                "home": tunnel_accounts.HOME,
                "password": "disabled",
                "groups": [],
            }
        },
        "groups": ["ssh-users"],
        "owned": ["ipad"],
        "keys": {"ipad": {"text": server_config.authorized_keys(made), "mode": "0644", "owner": "root"}},
        "block": server_config.block("lab", [made]),
        "place": "/etc/ssh/sshd_config.d/00-remote-notebooks-lab.conf",
        "error": "",
        "anyone": effective(),
        "effective": {"ipad": fenced()},
        "address": "192.0.2.7",
        "loose": [],
    }
    return {**base, **given}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param({"allowusers": ["debian", "ipad@192.0.2.*"]}, "", id="AllowUsers names it, from some hosts"),
        pytest.param({"allowusers": ["i*"]}, "", id="AllowUsers by a pattern"),
        pytest.param({"allowusers": ["debian", "!ipad", "*"]}, "Add ipad to that line", id="AllowUsers excepts it"),
        pytest.param({"denyusers": ["bob"]}, "", id="DenyUsers means somebody else"),
        pytest.param({"denyusers": ["*pad"]}, "keeps ipad out", id="DenyUsers by a pattern"),
        pytest.param({"allowgroups": ["ipad"]}, "", id="AllowGroups names its own group"),
        pytest.param({"allowgroups": ["sudo"]}, "lets only those groups in", id="AllowGroups without it"),
        pytest.param({"denygroups": ["ipad"]}, "keeps ipad out", id="DenyGroups"),
    ],
)
def test_lists_of_users_and_groups(values, said):
    problems = tunnel_refusals.refusals([account()], report(effective={"ipad": fenced(**values)}), "lab", override=True)
    assert (said in "".join(problems)) if said else problems == []


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"allowtcpforwarding": ["no"]}, id="no tunnels"),
        pytest.param({"allowtcpforwarding": ["remote"]}, id="only the other way"),
        pytest.param({"disableforwarding": ["yes"]}, id="no forwarding at all"),
        pytest.param({"permitopen": ["none"]}, id="nowhere"),
        pytest.param({"permitopen": ["localhost:80"]}, id="elsewhere"),
        pytest.param({"pubkeyauthentication": ["no"]}, id="no keys"),
        pytest.param({"authenticationmethods": ["publickey,password"]}, id="a password as well"),
    ],
)
def test_what_is_set_for_everybody_is_obeyed_unless_overridden(values):
    found = report(anyone=effective(**values))
    (problem,) = tunnel_refusals.refusals([account()], found, "lab", override=False)
    assert "tunnel_override: true" in problem
    assert tunnel_refusals.refusals([account()], found, "lab", override=True) == []


@pytest.mark.parametrize("methods", ["any", "publickey", "publickey,password publickey"])
def test_methods_that_a_key_alone_satisfies(methods):
    assert (
        tunnel_refusals.refusals(
            [account()], report(anyone=effective(authenticationmethods=[methods])), "lab", override=False
        )
        == []
    )


def test_a_line_that_wins_over_the_block_is_named():
    found = report()
    found["effective"]["ipad"]["values"]["permittty"] = ["yes"]
    found["effective"]["ipad"]["origins"]["permittty"] = {
        "path": "/etc/ssh/x.conf",
        "line": 7,
        "text": "PermitTTY yes",
        "match": "Match User i*",
    }
    (problem,) = tunnel_refusals.refusals([account()], found, "lab", override=True)
    assert problem.startswith(
        "/etc/ssh/x.conf:7: 'PermitTTY yes' (under 'Match User i*') comes before the block for 'ipad'"
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("Group *,!sudo", "User ipad,mac", id="everybody but one group"),
        pytest.param(
            'Address 192.0.2.0/24 Group "tunnel,*pad"',
            "Address 192.0.2.0/24 User ipad,mac",
            id="two conditions, in quotes",
        ),
        pytest.param("group=sudo", "User admin", id="with an equals sign"),
        pytest.param("Group wheel", "User remote-notebooks-nobody", id="a group of nobody's"),
        pytest.param("User group LocalPort 22", "User group LocalPort 22", id="no group at all"),
        pytest.param("all", "all", id="everybody"),
    ],
)
def test_a_match_line_by_groups_that_are_yet_to_come(line, said):
    assert server_config.by_user(line, {"ipad": ["ipad"], "admin": ["admin", "sudo"], "mac": ["mac", "tunnel"]}) == said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param({"allowusers": ["ipad"]}, "", id="from anywhere"),
        pytest.param({"allowusers": ["ipad@192.0.2.0/24"]}, "", id="from the network of this connection"),
        pytest.param(
            {"allowusers": ["debian", "ipad@198.51.100.*"]}, "does not let it in from 192.0.2.7", id="from another"
        ),
        pytest.param({"denyusers": ["*@192.0.2.7"]}, "keeps it out from 192.0.2.7", id="from anywhere but here"),
        pytest.param({"denyusers": ["ipad@198.51.100.7"]}, "", id="not from somewhere else"),
    ],
)
def test_where_an_account_may_come_from(values, said):
    found = report(effective={"ipad": fenced(**values)})
    assert (
        (said in tunnel_refusals.elsewhere(account(), found))
        if said
        else tunnel_refusals.elsewhere(account(), found) == ""
    )
    assert tunnel_refusals.refusals([account()], found, "lab", override=True) == []


def test_a_folder_of_sshd_that_others_may_write_to_is_named():
    found = report(loose=[{"path": "/etc/ssh", "mode": "0775", "owner": "root"}])
    (problem,) = tunnel_refusals.refusals([account()], found, "lab", override=True)
    assert problem.endswith("Type: chown root /etc/ssh && chmod go-w /etc/ssh")
    found["anyone"] = effective(strictmodes=["no"])
    assert tunnel_refusals.refusals([account()], found, "lab", override=True) == []


def test_an_rsa_key_that_is_too_short():
    fields = (b"ssh-rsa", b"\1\0\1", b"\0\x80" + bytes(63))
    key = "ssh-rsa " + base64.b64encode(b"".join(len(field).to_bytes(4, "big") + field for field in fields)).decode()
    found = report(effective={"ipad": fenced(requiredrsasize=["2048"])})
    (problem,) = tunnel_refusals.refusals([account(public_keys=[key])], found, "lab", override=True)
    assert "which has 512 bits" in problem


def test_an_account_of_somebody_else_is_never_taken_over():
    found = report()
    found["accounts"]["ipad"]["comment"] = "Tunnel of other (remote.notebooks)"
    assert "this role did not make it" in "".join(tunnel_refusals.refusals([account()], found, "lab", override=False))
