# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fences around a tunnel account, in the configuration of sshd."""

# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import server_config

from .test_accounts import KEY, MAIN, account


def test_both_fences_say_the_same_ports():
    made = account(public_keys=[f"{KEY} someone's iPad, old"])
    assert (
        server_config.authorized_keys(made)
        == 'restrict,port-forwarding,permitopen="localhost:8888",permitopen="127.0.0.1:8888",'
        'permitlisten="localhost:1",command="/bin/false"'
        f" {KEY} someone_s_iPad__old\n"
    )
    assert "Match User ipad\n    PermitOpen localhost:8888 127.0.0.1:8888\n" in server_config.block("lab", [made])


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
