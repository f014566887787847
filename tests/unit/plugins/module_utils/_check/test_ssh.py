# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command lines of ssh, and what its words mean."""

# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._check.ssh import (
    Forward,
    channel_argv,
    ssh_argv,
    ssh_cause,
)


@pytest.mark.parametrize(
    ("words", "cause", "line"),
    [
        pytest.param(
            "root@h: Permission denied (publickey).\n",
            "tunnel_authentication_failed",
            "root@h: Permission denied (publickey)",
            id="key refused",
        ),
        pytest.param(
            "No ED25519 host key is known for h and you have requested strict checking.\nHost key verification"
            " failed.\n",
            "tunnel_host_key_unknown",
            "No ED25519 host key is known for h and you have requested strict checking",
            id="host key unknown",
        ),
        pytest.param(
            "@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n@@@\nOffending ECDSA key in /k:1\nHost key"
            " verification failed.\n",
            "tunnel_host_key_changed",
            "Offending ECDSA key in /k:1",
            id="host key changed",
        ),
        pytest.param(
            "channel 1: open failed: administratively prohibited: open failed\n",
            "tunnel_forwarding_prohibited",
            "channel 1: open failed: administratively prohibited: open failed",
            id="forwarding prohibited",
        ),
        pytest.param(
            "channel 1: open failed: connect failed: Connection refused\n",
            "tunnel_target_refused",
            "channel 1: open failed: connect failed: Connection refused",
            id="refused behind the tunnel is not refused by sshd",
        ),
        pytest.param(
            "ssh: connect to host h port 22: Connection timed out\n",
            "tunnel_timed_out",
            "ssh: connect to host h port 22: Connection timed out",
            id="dropped",
        ),
        pytest.param("Warning: something\nfoo bar.\n", "tunnel_failed", "foo bar", id="words nobody foresaw"),
        pytest.param("", "tunnel_failed", "ssh said nothing", id="no words"),
    ],
)
def test_words_of_ssh(words, cause, line):
    assert ssh_cause(words) == (cause, line)


def test_the_command_of_the_tunnel():
    argv = ssh_argv(
        "/usr/bin/ssh",
        Forward("192.0.2.10", 8888, port=2222, user="tunnel", private_key_file="/k/a b", ssh_args=("-J", "jump")),
        "/t/%h/s",
        10,
    )
    assert argv[:3] == ["/usr/bin/ssh", "-N", "-T"]
    assert argv.index("BatchMode=yes") < argv.index("-J") < argv.index("StrictHostKeyChecking=yes")
    assert argv[-8:] == ["-S", "/t/%%h/s", "-p", "2222", "-l", "tunnel", "--", "192.0.2.10"]
    assert 'IdentityFile="/k/a b"' in argv
    assert "-L" not in argv


def test_ports_accounts_and_keys_that_are_not_said_are_left_to_the_ssh_configuration():
    argv = ssh_argv("ssh", Forward("lab", 8888, remote_host="::1"), "/t/s", 10)
    assert argv[-4:] == ["-S", "/t/s", "--", "lab"]
    assert not {"-p", "-l"} & set(argv)
    assert not any(argument.startswith("Identit") for argument in argv)


def test_the_command_of_one_connection_knows_nothing_of_the_users_configuration():
    argv = channel_argv("ssh", Forward("lab", 8888, remote_host="::1", user="tunnel", ssh_args=("-J", "jump")), "/t/s")
    assert argv[:3] == ["ssh", "-F", "none"]
    assert argv[-6:] == ["-S", "/t/s", "-W", "[::1]:8888", "--", "target"]
    assert "ProxyCommand=false" in argv
    assert not {"-J", "-l"} & set(argv)
