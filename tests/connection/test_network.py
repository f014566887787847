# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The effects of the network on a client, with real networks."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading

import pytest

from .conftest import PASSWORD, free_port

RULES = "table inet t {{ chain i {{ type filter hook input priority 0; tcp dport 8888 {}; }}; }}"
DROP = RULES.format("drop")
REJECT = RULES.format("reject with icmpx type admin-prohibited")


@pytest.mark.parametrize(
    ("url", "firewall", "cause"),
    [
        pytest.param("http://no-such-host.invalid:8888", None, "name_not_resolved", id="a name that nobody has"),
        pytest.param("http://127.0.0.1:8888", "", "refused", id="a port where nothing listens"),
        pytest.param("https://127.0.0.1:8888", "", "refused", id="the same with https"),
        pytest.param("http://127.0.0.1:8888", DROP, "timed_out", id="a firewall that drops"),
        pytest.param("http://127.0.0.1:8888", REJECT, "no_route", id="a firewall that rejects as firewalld does"),
        pytest.param("http://192.0.2.10:8888", "", "no_route", id="a network without a route"),
    ],
)
def test_the_way_is_blocked(check, url, firewall, cause):
    seen = check(url, firewall, password=PASSWORD, timeout=3)
    assert (seen["verdict"], seen["cause"]) == ("unreachable", cause)
    assert seen["changed"] is False
    assert seen["server_version"] is None
    assert seen["certificate"] is None
    assert "port" not in seen["checks"]
    assert seen["seconds"] < 5


def test_a_name_with_two_addresses_is_tried_at_both(check, jupyter, tmp_path):
    """The server listens on 127.0.0.1 alone; the name leads to ::1 first (RFC 6724)."""
    (tmp_path / "hosts").write_text("::1 two.example.org\n127.0.0.1 two.example.org\n")
    command = check.command(f"http://two.example.org:{jupyter.port}")
    own_hosts = ["unshare", "--mount", "sh", "-ec", 'mount --bind "$0" /etc/hosts; exec "$@"', str(tmp_path / "hosts")]
    done = subprocess.run([*own_hosts, *command], check=True, capture_output=True, text=True)
    seen = json.loads(done.stdout)
    # Reached, and refused for its name: by the server at the second address.
    assert (seen["cause"], seen["checks"]) == ("host_blocked", ["name", "port"])


def test_a_server_that_hangs(check, make_jupyter):
    hanging = make_jupyter()
    hanging.process.send_signal(signal.SIGSTOP)
    for scheme, cause in (("http", "no_answer"), ("https", "tls_handshake_failed")):
        seen = check(f"{scheme}://127.0.0.1:{hanging.port}", password=PASSWORD, timeout=2)
        assert (seen["verdict"], seen["cause"]) == ("unreachable", cause)
        assert seen["seconds"] < 4


def test_something_that_takes_connections_and_closes_them(check):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def close_all() -> None:
            while True:
                try:
                    listener.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=close_all, daemon=True).start()
        seen = check(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=5)
        listener.shutdown(socket.SHUT_RDWR)
    assert (seen["verdict"], seen["cause"]) == ("unreachable", "connection_closed")


def test_a_server_that_sends_a_byte_now_and_then_is_not_waited_for_longer_than_asked(check):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            try:
                connection = listener.accept()[0]
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while True:
                    connection.sendall(b"X: y\r\n")
                    threading.Event().wait(0.2)
            except OSError:
                return

        threading.Thread(target=drip, daemon=True).start()
        seen = check(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=2)
    assert (seen["verdict"], seen["cause"]) == ("unreachable", "no_answer")
    assert seen["seconds"] < 3


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_another_program_holds_the_port(check, sshd, scheme):
    seen = check(f"{scheme}://127.0.0.1:{sshd.port}", password=PASSWORD, timeout=5)
    assert (seen["verdict"], seen["cause"]) == ("unreachable", "not_jupyter")
    assert "SSH-2.0" in seen["message"]


@pytest.mark.parametrize(
    ("url", "more", "words"),
    [
        pytest.param("ftp://lab.example.org", {}, "url: a host after http:// or https://", id="another scheme"),
        pytest.param("http://lab.example.org:99999", {}, "url: Port out of range", id="a port out of range"),
        pytest.param("http://me:pw-in-url@lab.example.org", {}, "does not belong here", id="a password in the url"),
        pytest.param("http://lab.example.org/?token=pw-in-url", {}, "does not belong here", id="a token in the url"),
        pytest.param(
            "http://lab.example.org",
            {"password_file": "/none"},
            "password_file: cannot read /none: No such",
            id="no password file",
        ),
        pytest.param(
            "https://lab.example.org", {"ca_file": "/none"}, "ca_file: cannot read /none: No such file", id="no ca file"
        ),
        pytest.param(
            "https://lab.example.org",
            {"ca_file": "/etc/hostname"},
            "/etc/hostname holds no certificate",
            id="no certificate in it",
        ),
        pytest.param("http://lab.example.org", {"timeout": 0}, "timeout: give more than 0", id="no time"),
        pytest.param(
            "http://lab.example.org",
            {"password": "pass-word", "token": "to-ken"},
            "mutually exclusive",
            id="password and token",
        ),
        pytest.param(
            "http://localhost:1",
            {"tunnel": {"host": "-oProxyCommand=id"}},
            "is not a host name",
            id="an option as tunnel host",
        ),
        pytest.param(
            "http://localhost:1",
            {"tunnel": {"host": "h", "private_key_file": "/none"}},
            "private_key_file: /none is missing",
            id="no key file",
        ),
    ],
)
def test_arguments_that_make_no_check_possible_fail(check, url, more, words):
    seen = check(url, **more)
    assert seen["failed"] is True
    assert words in seen["msg"]
    assert "pw-in-url" not in seen["msg"]


def test_nobody_asked_is_nobody_there(check):
    """The port of the first test of this file really is free of any listener: the cause is no accident."""
    seen = check(f"http://127.0.0.1:{free_port()}")
    assert seen["cause"] == "refused"
