# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.remote.notebooks.plugins.action.jupyter_plan import _named
from ansible_collections.remote.notebooks.plugins.plugin_utils._remote.contact import (
    contact,
    is_out_of_reach,
    unreachable,
    unread,
)

CONFIG = """
Host My_Lab
    HostName 192.0.2.7
    Port 2222
    ProxyJump gate.example.org
"""


@pytest.fixture
def reached(tmp_path):
    """Ask real ssh, with a configuration of this test's own."""
    (tmp_path / "config").write_text(CONFIG)

    def ask(name, **more):
        variables = {"inventory_hostname": name, "ansible_ssh_common_args": f"-F {tmp_path}/config", **more}
        return contact(variables, Templar(loader=DataLoader(), variables=variables))

    return ask


@pytest.mark.parametrize(
    ("name", "more", "address", "port", "proxy"),
    [
        pytest.param("My_Lab", {}, "192.0.2.7", 2222, "ProxyJump gate.example.org", id="a name that ssh alone knows"),
        pytest.param(
            "lab",
            {"ansible_host": "My_Lab"},
            "192.0.2.7",
            2222,
            "ProxyJump gate.example.org",
            id="the inventory's host is one",
        ),
        pytest.param(
            "My_Lab",
            {"ansible_port": 2022},
            "192.0.2.7",
            2022,
            "ProxyJump gate.example.org",
            id="the inventory's port wins",
        ),
        pytest.param("web.example.org", {}, "web.example.org", 22, "", id="a name that everybody knows"),
        pytest.param("192.0.2.9", {}, "192.0.2.9", 22, "", id="an address"),
        pytest.param("My_Lab", {"ansible_connection": "local"}, "My_Lab", 22, "", id="not through ssh"),
        pytest.param("My_Lab", {"ansible_ssh_executable": "/nowhere/ssh"}, "My_Lab", 22, "", id="no ssh to ask"),
    ],
)
def test_where_a_host_is(reached, name, more, address, port, proxy):
    found = reached(name, **more)
    assert (found["address"], found["address_port"], found["proxy"]) == (address, port, proxy)


@pytest.mark.parametrize(
    ("variables", "environment", "words"),
    [
        pytest.param({}, {}, [], id="nowhere: the defaults of Ansible are about its own connection"),
        pytest.param({}, {"ANSIBLE_SSH_COMMON_ARGS": "-J gate"}, ["-J", "gate"], id="the environment"),
        pytest.param({}, {"ANSIBLE_SSH_ARGS": "-J gate"}, ["-J", "gate"], id="the environment, all of them"),
        pytest.param({}, {"ANSIBLE_CONFIG": "[ssh_connection]\nssh_extra_args = -J gate"}, ["-J", "gate"], id="a file"),
        pytest.param(
            {"ansible_ssh_common_args": "-J first"},
            {"ANSIBLE_SSH_COMMON_ARGS": "-J gate"},
            ["-J", "first"],
            id="the inventory wins",
        ),
    ],
)
def test_arguments_of_ssh_from_anywhere_that_ansible_reads(tmp_path, variables, environment, words):
    if "ANSIBLE_CONFIG" in environment:
        (tmp_path / "ansible.cfg").write_text(environment["ANSIBLE_CONFIG"])
        environment = {"ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg")}
    program = (
        "import json, sys\n"
        "from ansible.parsing.dataloader import DataLoader\n"
        "from ansible.template import Templar\n"
        "from ansible_collections.remote.notebooks.plugins.plugin_utils._remote.contact import contact\n"
        "variables = {'inventory_hostname': '192.0.2.9', **json.loads(sys.argv[1])}\n"
        "print(json.dumps(contact(variables, Templar(loader=DataLoader(), variables=variables))['ssh_args']))"
    )
    ours = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(variables)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**ours, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )
    assert json.loads(done.stdout) == words


@pytest.mark.parametrize(
    ("more", "user"),
    [
        ({"ansible_connection": "local"}, "ann"),
        ({"ansible_connection": "local", "ansible_user": "bob"}, "bob"),
        ({"ansible_user": "bob"}, "bob"),
        ({}, None),
    ],
)
def test_the_login_of_others_to_this_machine_is_the_one_of_the_person_who_types(reached, monkeypatch, more, user):
    monkeypatch.setenv("SUDO_USER", "ann")
    assert reached("lab", **more)["user"] == user


def test_no_client_is_handed_a_name_that_ssh_alone_knows(reached):
    assert _named("My_Lab", reached("My_Lab")) == "192.0.2.7"
    assert _named("web.example.org", reached("web.example.org")) == "web.example.org"
    assert _named("lab.example.org", reached("lab.example.org", ansible_host="My_Lab")) == "lab.example.org"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        pytest.param("Missing sudo password", "--ask-become-pass", id="ssh"),
        pytest.param("Incorrect su password", "--ask-become-pass", id="su, which has read an empty one"),
        pytest.param(
            "Timeout (12s) waiting for privilege escalation prompt: ", "jupyter_timeout=120", id="ssh, and no answer"
        ),
        pytest.param(
            "Premature end of stream waiting for become success.\n>>> Standard Error\nsudo: a password is required",
            "--ask-become-pass",
            id="local",
        ),
        pytest.param(
            "Timed out waiting for become success or become password prompt.",
            "jupyter_timeout=120",
            id="local, and no answer",
        ),
    ],
)
def test_who_may_not_become_root_is_told_that_and_not_to_look_at_keys(said, told):
    text = str(unreachable("web1", AnsibleError(said)))
    assert "web1 is reached, and does not let the account become another" in text and told in text
    assert "ansible_host" not in text
    assert "Check ansible_host" in str(unreachable("web1", AnsibleError("Connection refused")))


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (AnsibleConnectionFailure("Connection refused"), True),
        (AnsibleError("Missing sudo password"), True),
        (AnsibleError("no such file"), False),
        (AnsibleActionFail("instance 'lab': Missing sudo password"), False),
    ],
)
def test_what_is_out_of_reach(error, is_one):
    assert is_out_of_reach(error) is is_one


@pytest.mark.parametrize(
    ("said", "told", "not_told"),
    [
        pytest.param(["", "python interpreter not found", ""], "has no Python", "The host said", id="no Python"),
        pytest.param(
            ["", "python interpreter not found\n", "Welcome to web1"],
            "The host said:\n  Welcome to web1",
            "could not be read",
            id="a banner",
        ),
        pytest.param(
            ["The module interpreter '/usr/bin/python9' was not found."],
            "has no Python",
            "could not be read",
            id="Ansible's words",
        ),
        pytest.param(
            [
                "",
                (
                    "pyenv: python3: command not found\n\nThe `python3' command exists in these Python versions:\n "
                    " 3.13.1\n"
                ),
                "",
            ],
            "The host said:\n  pyenv: python3: command not found\n  The `python3' command exists in these Python"
            " versions:\n    3.13.1",
            "has no Python",
            id="pyenv",
        ),
        pytest.param(
            ["", "python3: error while loading libz.so.1: not found", ""],
            "\n  python3: error while loading",
            "has no Python",
            id="a library",
        ),
        pytest.param(["", "", ""], "The host said: nothing", "has no Python", id="nothing"),
        pytest.param(["", "\x1b[2Jx", ""], "\n  \\x1b[2Jx", "\x1b", id="a terminal's commands"),
        pytest.param(["", "x" * 100_000, ""], "x[...]", "x" * 401, id="a long line"),
        pytest.param(["", "no\n" * 1000 + "the reason", ""], "the reason", "no\n" * 20, id="many lines"),
    ],
)
def test_what_a_host_without_a_working_python_said_is_shown(said, told, not_told):
    text = unread("web1", said)
    assert told in text
    assert not_told not in text
    assert len(text) < 6000
