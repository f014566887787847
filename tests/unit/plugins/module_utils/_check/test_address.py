# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address of a server, and a connection that fails."""

# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import socket

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._check.address import (
    connect_cause,
    parse_url,
    weightiest,
)
from ansible_collections.remote.notebooks.plugins.module_utils._errors import CheckError


@pytest.mark.parametrize(
    ("url", "at", "netloc", "base"),
    [
        pytest.param(
            "http://lab.example.org:8888", "lab.example.org:8888", "lab.example.org:8888", "", id="host and port"
        ),
        pytest.param(
            "https://lab.example.org/",
            "lab.example.org:443",
            "lab.example.org",
            "",
            id="the port of https stays unsaid",
        ),
        pytest.param(
            "http://lab.example.org", "lab.example.org:80", "lab.example.org", "", id="the port of http stays unsaid"
        ),
        pytest.param(
            "https://lab.example.org:80/",
            "lab.example.org:80",
            "lab.example.org:80",
            "",
            id="the port of the other scheme is said",
        ),
        pytest.param(
            "https://[2001:db8::1]:8888/team/lab/",
            "[2001:db8::1]:8888",
            "[2001:db8::1]:8888",
            "/team/lab",
            id="IPv6 and a base path",
        ),
        pytest.param(
            "HTTPS://LAB.example.org:8888/Team",
            "lab.example.org:8888",
            "lab.example.org:8888",
            "/Team",
            id="names fold, paths do not",
        ),
    ],
)
def test_urls(url, at, netloc, base):
    address = parse_url(url)
    assert (address.at, address.netloc, address.base) == (at, netloc, base)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "lab.example.org:8888",
        "ftp://lab.example.org",
        "http://",
        "http://h:x",
        "http://h:70000",
        "http://u:pw@h",
        "http://h/?token=pw",
        "http://h/#x",
    ],
)
def test_what_is_no_address(url):
    with pytest.raises(CheckError, match=r"^url: ") as raised:
        parse_url(url)
    assert "pw" not in str(raised.value)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        pytest.param(ConnectionRefusedError(errno.ECONNREFUSED, ""), "refused", id="reset by the other side"),
        pytest.param(socket.timeout(), "timed_out", id="our own limit"),
        pytest.param(TimeoutError(errno.ETIMEDOUT, ""), "timed_out", id="the kernel's limit"),
        pytest.param(OSError(errno.EHOSTUNREACH, ""), "no_route", id="no route to the host"),
        pytest.param(OSError(errno.ENETUNREACH, ""), "no_route", id="no route to the network"),
        pytest.param(PermissionError(errno.EPERM, ""), "no_route", id="this machine's own firewall"),
        pytest.param(ConnectionResetError(errno.ECONNRESET, ""), "connection_closed", id="closed"),
    ],
)
def test_a_connection_that_fails(error, cause):
    assert connect_cause(error) == cause


@pytest.mark.parametrize(
    ("causes", "cause"),
    [
        pytest.param(["no_route", "timed_out"], "timed_out", id="no IPv6 here says nothing about the server"),
        pytest.param(["timed_out", "refused"], "refused", id="who refuses is there"),
    ],
)
def test_several_addresses(causes, cause):
    assert weightiest(causes) == cause
