# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import (
    probe,
)
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import remarks as state_remarks

from .test_state import DEBIAN, bare, plan, wanted


@pytest.mark.parametrize(
    ("scope", "system", "told"),
    [
        ("system", {}, []),
        ("system", {"systemd": False}, ["neither systemd nor cron"]),
        ("system", {"systemd": False, "commands": {"cron": "/usr/sbin/cron"}}, []),
        ("user", {"uid": 1000, "polkit": False, "commands": {"tmux": "/usr/bin/tmux"}}, ["loginctl enable-linger"]),
    ],
)
def test_a_server_that_no_boot_starts_is_told(scope, system, told):
    remarks = state_remarks.remarks(plan(scope=scope), bare(**system))
    assert [text in remark for text, remark in zip(told, remarks, strict=True)] == [True] * len(told)


@pytest.mark.parametrize(
    ("given", "manifest", "words"),
    [
        pytest.param({}, [], [], id="nothing to say of a tunnel"),
        pytest.param(
            {"access": "direct", "plain_http": True, "allowed_sources": ["192.168.1.0/24"]},
            [],
            ["port 8888 reads the password and every cell. Only 192.168.1.0/24"],
            id="plain HTTP",
        ),
        pytest.param(
            {},
            [{"id": "file x", "instance": "lab", "path": "/etc/remote-notebooks/lab/tls.pem"}],
            ["pki_revoke=web1/lab"],
            id="TLS is left",
        ),
        pytest.param(
            {"access": "direct"},
            [{"id": "file x", "instance": "lab", "path": "/etc/remote-notebooks/lab/tls.pem"}],
            [],
            id="TLS stays",
        ),
        pytest.param(
            {"settings": {"KernelManager": {"transport_encryption": "disabled"}}},
            [],
            ["'lab': every account of the host can read what its kernels print"],
            id="kernels in clear",
        ),
        pytest.param(
            {"settings": {"ServerKernelManager": {"transport": "tcp"}}},
            [],
            ["can read what those of its kernels that do not encrypt print"],
            id="some kernels in clear",
        ),
        pytest.param(
            {
                "settings": {
                    "KernelManager": {"transport": "ipc", "transport_encryption": "disabled"},
                    "ServerApp": {"transport": "tcp"},
                }
            },
            [],
            [],
            id="kernels on sockets",
        ),
    ],
)
def test_remarks(given, manifest, words):
    said = state_remarks.remarks(plan({"name": "lab", **given}), {**bare(), "manifest": manifest})
    assert len(said) == len(words)
    assert all(word in text for word, text in zip(words, said))


@pytest.mark.parametrize(
    ("instances", "told"),
    [
        (
            [{"name": "ann"}, {"name": "bob", "port": 2222}],
            ["ann and bob run as the same account, 'jupyter', in the same folder"],
        ),
        ([{"name": "ann", "user": "ann"}, {"name": "bob", "user": "bob", "port": 2222}], []),
        ([{"name": "ann", "root_dir": "~/a"}, {"name": "bob", "root_dir": "~/b", "port": 2222}], []),
    ],
)
def test_who_means_two_people_and_makes_one_account_is_told(instances, told):
    said = state_remarks.remarks(plan(*instances), bare())
    assert [text in remark for text, remark in zip(told, said, strict=True)] == [True] * len(told)


@pytest.mark.parametrize(
    ("system", "given", "throttled", "told"),
    [
        pytest.param({}, {}, True, "", id="it comes with us"),
        pytest.param(
            {"id": "opensuse-leap", "id_like": ["suse"]}, {}, True, "", id="it comes with us on SUSE's free ones"
        ),
        pytest.param(
            {},
            {"service_manager": "tmux"},
            False,
            "fail2ban reads the log that systemd keeps, and this runs under tmux",
            id="no log",
        ),
        pytest.param({"id": "rhel"}, {}, False, "Install fail2ban (RHEL: of EPEL", id="its owner has to add EPEL"),
        pytest.param(
            {"id": "sles", "id_like": ["suse"]}, {}, False, "SLES: of PackageHub)", id="its owner has to add PackageHub"
        ),
        pytest.param(
            {"id": "rhel", "commands": {**DEBIAN["commands"], "fail2ban-client": "/usr/bin/fail2ban-client"}},
            {},
            True,
            "",
            id="of EPEL",
        ),
        pytest.param({"id": "rhel"}, {"login_throttle": False}, False, "", id="nobody wants it"),
        pytest.param({}, {"access": "tunnel"}, False, "", id="no network leads there"),
        pytest.param(
            {},
            {"scope": "user"},
            False,
            "lab: nobody who guesses passwords is shut out. Only root can shut a port",
            id="without root",
        ),
        pytest.param({}, {"scope": "user", "login_throttle": False}, False, "", id="without root, and nobody wants it"),
        pytest.param(
            {},
            {"settings": {"ServerApp": {"trust_xheaders": True}}},
            False,
            "With trust_xheaders every client has the proxy's",
            id="behind a proxy",
        ),
    ],
)
def test_where_a_network_leads_to_a_server_guesses_count_without_a_word(system, given, throttled, told):
    said = {key: value for key, value in given.items() if key != "scope"}
    the_plan = plan(
        {"name": "lab", "access": "direct", "addresses": ["192.0.2.7"], **said}, scope=given.get("scope", "system")
    )
    report = bare(**system)
    instances, things = wanted(the_plan, report)
    assert instances[0]["login_throttle"] is throttled
    assert any(thing["id"] == "package fail2ban" for thing in things) is throttled
    said = [remark for remark in state_remarks.remarks(the_plan, report) if "nobody who guesses" in remark]
    assert bool(said) is bool(told)
    assert told in "".join(said)


@pytest.mark.parametrize(
    ("contact", "access", "listeners", "told"),
    [
        pytest.param({"connection": "local", "port": None}, "tunnel", {}, True, id="a desktop without one"),
        pytest.param({"connection": "local", "port": 2222}, "both", {"22": {}}, True, id="on another port"),
        pytest.param({"connection": "local", "port": None}, "tunnel", {"22": {}}, False, id="there is one"),
        pytest.param({"connection": "local", "port": None}, "direct", {}, False, id="nobody comes through one"),
        pytest.param({"connection": "ssh", "port": None}, "tunnel", {}, False, id="Ansible has come through one"),
    ],
)
def test_where_no_ssh_server_listens_that_is_said(contact, access, listeners, told):
    the_plan = {**plan({"name": "lab", "access": access, "addresses": ["192.0.2.7"]}), "contact": contact}
    report = {**bare(), "listeners": listeners}
    assert any("No SSH server listens" in remark for remark in state_remarks.remarks(the_plan, report)) is told
    assert (22 in probe.probe(the_plan, False)["ports"]) is (
        contact == {"connection": "local", "port": None} and access != "direct"
    )
