# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of the user's ssh."""

# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import client_config, names

from .test_accounts import account


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
