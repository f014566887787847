# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import copy
import subprocess

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import TunnelError
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import accounts as tunnel_accounts
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import client_config, names, server_config
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import difference as tunnel_difference
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import refusals as tunnel_refusals

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


def test_both_fences_say_the_same_ports():
    made = account(public_keys=[f"{KEY} someone's iPad, old"])
    assert (
        server_config.authorized_keys(made)
        == 'restrict,port-forwarding,permitopen="localhost:8888",permitopen="127.0.0.1:8888",'
        'permitlisten="localhost:1",command="/bin/false"'
        f" {KEY} someone_s_iPad__old\n"
    )
    assert "Match User ipad\n    PermitOpen localhost:8888 127.0.0.1:8888\n" in server_config.block("lab", [made])


# --- where the block goes
# ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path"),
    [
        pytest.param(MAIN, "/etc/ssh/sshd_config.d/00-remote-notebooks-lab.conf", id="a folder of files"),
        pytest.param(
            "Include sshd_config.d/*.conf\n", "/etc/ssh/sshd_config.d/00-remote-notebooks-lab.conf", id="a relative one"
        ),
        pytest.param(
            "include=/etc/ssh/sshd_config.d/*\n",
            "/etc/ssh/sshd_config.d/00-remote-notebooks-lab.conf",
            id="with an equals sign",
        ),
        pytest.param(
            "# Include /etc/ssh/sshd_config.d/*.conf\n", "/etc/ssh/sshd_config", id="a comment includes nothing"
        ),
        pytest.param(
            "Include /etc/ssh/sshd_config.d/50-company.conf\n", "/etc/ssh/sshd_config", id="one file by its name"
        ),
        pytest.param("Include /etc/elsewhere/*.conf\n", "/etc/ssh/sshd_config", id="a folder that is not there"),
        pytest.param(
            "Match User bob\nInclude /etc/ssh/sshd_config.d/*.conf\n", "/etc/ssh/sshd_config", id="for one user only"
        ),
    ],
)
def test_the_block_goes_where_sshd_reads_it(text, path):
    assert server_config.place("/etc/ssh/sshd_config", text, "lab", ["/etc/ssh/sshd_config.d"])["path"] == path


@pytest.mark.parametrize("text", ["", "UsePAM yes\n", "UsePAM yes", "Match User bob\n  X11Forwarding no\n"], ids=repr)
def test_a_marked_block_comes_and_goes_without_a_trace(text):
    once = server_config.with_block(text, "lab", server_config.block("lab", [account()]))
    both = server_config.with_block(once, "other", server_config.block("other", [account(name="mac")]))
    assert once.startswith(text)
    assert (
        server_config.with_block(both, "lab", server_config.block("lab", [account()])).count(
            "# BEGIN remote.notebooks lab"
        )
        == 1
    )
    assert server_config.with_block(once, "lab", "") == text
    assert "# BEGIN remote.notebooks other" in server_config.with_block(both, "lab", "")


def test_a_line_below_a_marked_block_is_meant_for_everybody():
    text = server_config.with_block("", "lab", server_config.block("lab", [account()]))
    assert text.endswith("Match all\n# END remote.notebooks lab\n")


# --- conflicts --------------------------------------------------------------------------------------------


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


# --- differences
# ------------------------------------------------------------------------------------------------------


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


# --- the files for the user's ssh
# ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("targets", "forwards"),
    [
        pytest.param(["localhost:8888", "127.0.0.1:8888"], [(8888, "localhost:8888")], id="one forward for both names"),
        pytest.param(["localhost:80"], [(8080, "localhost:80")], id="a low port needs no root here"),
        pytest.param(["a:22", "b:22"], [(8022, "a:22"), (8023, "b:22")], id="one port of two hosts"),
    ],
)
def test_local_ports(targets, forwards):
    assert client_config.local_forwards(targets) == forwards


@pytest.mark.parametrize(
    ("words", "line"),
    [
        pytest.param(["-o", "ProxyJump=bob@jump:2222"], "ProxyJump bob@jump:2222", id="an option"),
        pytest.param(["-oproxyjump=jump"], "ProxyJump jump", id="joined, in lower case"),
        pytest.param(["-J", "one,two"], "ProxyJump one,two", id="-J"),
        pytest.param(["-Jjump"], "ProxyJump jump", id="-J joined"),
        pytest.param(["-o", "ProxyCommand=ssh -W %h:%p jump"], "ProxyCommand ssh -W %h:%p jump", id="a command"),
        pytest.param(
            ["-o", "ProxyCommand ssh -W %h:%p jump"], "ProxyCommand ssh -W %h:%p jump", id="a command after a space"
        ),
        pytest.param(["-o", "IdentitiesOnly=yes"], "", id="none"),
    ],
)
def test_the_way_through_a_jump_host(words, line):
    assert client_config.jump(words) == line


def test_the_block_for_ssh():
    made = {**account(), "identity_file": "/my keys/100%/ipad"}
    assert (
        client_config.client_config("web1", made, ("192.0.2.10", 2222), "/t/known_hosts", "ProxyJump jump")
        == 'Host web1-ipad\n    HostName 192.0.2.10\n    Port 2222\n    User ipad\n    IdentityFile "/my'
        ' keys/100%%/ipad"\n    IdentitiesOnly yes\n    UserKnownHostsFile "/t/known_hosts"\n   '
        " StrictHostKeyChecking yes\n    LocalForward 8888 localhost:8888\n    ExitOnForwardFailure yes\n   "
        " ServerAliveInterval 30\n    ProxyJump jump\n"
    )


def test_known_hosts_by_port():
    assert client_config.known_hosts("192.0.2.10", 22, ["a b"]) == "192.0.2.10 a b\n"
    assert client_config.known_hosts("2001:db8::1", 2222, ["a b"]) == "[2001:db8::1]:2222 a b\n"


@pytest.mark.parametrize("text", ["", "Host a\n    Port 1\n", "Host a"], ids=repr)
def test_one_line_in_the_users_own_configuration(text):
    line = 'Include "/t/config"'
    once = client_config.with_include(text, line, wanted=True)
    assert once == f"{line}\n{text}"
    assert client_config.with_include(once, line, wanted=True) == once
    assert client_config.with_include(once, line, wanted=False) == text


@pytest.mark.parametrize("folder", ["My Keys", "100%done", "it's", 'say "x"', "a\\b", "a#b", "-x", "Übung", "a,b=c"])
def test_ssh_reads_back_any_path(tmp_path, folder):
    config = tmp_path / "config"
    config.write_text(f"Host x\n    UserKnownHostsFile {names.quoted(f'/srv/{folder}/k')}\n")
    said = subprocess.run(["ssh", "-G", "-F", str(config), "x"], check=True, capture_output=True, text=True).stdout
    assert f"userknownhostsfile /srv/{folder}/k" in said.splitlines()
