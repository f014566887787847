# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server itself, on the loopback, asked by Python's own client."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PlanError
from ansible_collections.remote.notebooks.plugins.plugin_utils._handoff import kit_server
from ansible_collections.remote.notebooks.plugins.plugin_utils._handoff.kit_server import KitServer

FILES = {"index.html": b"<p>hello</p>", "ca.crt": b"\x30\x00"}


class Served:
    """A server that runs beside the test."""

    def __init__(self, seconds: float, requests: int) -> None:
        self.server = KitServer("127.0.0.1", 0, FILES)
        self.told: list[dict] = []
        self.ended = ""
        self.thread = threading.Thread(target=self._run, args=(seconds, requests))
        self.thread.start()

    def _run(self, seconds: float, requests: int) -> None:
        self.ended = self.server.serve(seconds, requests, self.told.append)

    def get(self, path: str, source: str = "127.0.0.1") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.server.server_port, timeout=5, source_address=(source, 0)
        )
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()

    def open(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.server.server_port)) == 0


def test_it_serves_and_ends_when_the_requests_are_used_up():
    served = Served(seconds=30, requests=2)
    token = served.server.token
    assert served.get(f"/{token}/") == (200, b"<p>hello</p>")
    assert served.get("/") == (404, b"")
    assert served.get(f"/{token}/ca.crt") == (200, b"\x30\x00")
    served.thread.join(5)
    assert served.ended == "requests"
    assert [request["file"] for request in served.told] == ["index.html", "ca.crt"]
    assert not served.open()


def test_it_ends_when_the_time_is_over_though_somebody_holds_a_connection():
    served = Served(seconds=1, requests=30)
    with socket.create_connection(("127.0.0.1", served.server.server_port)) as silent:
        silent.sendall(b"GET /")
        started = time.monotonic()
        served.thread.join(10)
        assert served.ended == "time"
        assert time.monotonic() - started < 5
    assert not served.open()


def test_silent_connections_keep_nobody_out_for_long():
    served = Served(seconds=30, requests=1)
    silent = [socket.create_connection(("127.0.0.1", served.server.server_port)) for _each in range(40)]
    for connection in silent:
        connection.close()
    for _try in range(50):
        try:
            assert served.get(f"/{served.server.token}/")[0] == 200
            break
        except (ConnectionError, http.client.HTTPException):
            time.sleep(0.1)
    served.thread.join(5)
    assert served.ended == "requests"


def test_two_runs_have_different_tokens_that_nobody_guesses():
    tokens = []
    for _run in range(2):
        served = Served(seconds=0, requests=1)
        tokens.append(served.server.token)
        served.thread.join(5)
    assert len(set(tokens)) == 2
    assert min(map(len, tokens)) >= 16


def test_requests_that_get_nothing_do_not_end_it():
    served = Served(seconds=30, requests=2)
    token = served.server.token
    assert {served.get(f"/guess{number}/ca.crt")[0] for number in range(300)} == {404}
    assert served.get(f"/{token}/ca.crt") == (200, b"\x30\x00")
    assert served.get(f"/{token}/?\x1b]0;title\x07".replace("\x1b", "%1b").replace("\x07", "%07"))[0] == 200
    served.thread.join(5)
    assert (served.ended, served.server.refused) == ("requests", 300)
    assert [request["file"] for request in served.told] == ["ca.crt", "index.html"]


@pytest.mark.parametrize("source", ["127.0.0.1", "another for each"])
def test_connections_that_send_a_byte_now_and_then_keep_nobody_out(source):
    served = Served(seconds=30, requests=1)
    slow = []
    for number in range(80):
        connection = socket.socket()
        connection.bind((source if source == "127.0.0.1" else f"127.0.1.{number + 1}", 0))
        connection.connect(("127.0.0.1", served.server.server_port))
        connection.sendall(b"G")
        slow.append(connection)
    started = time.monotonic()
    assert served.get(f"/{served.server.token}/", source="127.0.0.9")[0] == 200
    assert time.monotonic() - started < 2
    for connection in slow:
        connection.close()
    served.thread.join(5)


def test_a_request_has_a_deadline_and_not_only_each_byte_of_it(monkeypatch):
    monkeypatch.setattr(kit_server, "READING", 1.0)
    served = Served(seconds=30, requests=1)
    with socket.create_connection(("127.0.0.1", served.server.server_port)) as slow:
        started = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - started < 5:
                slow.sendall(b"x")
                time.sleep(0.2)
        assert time.monotonic() - started < 3
    served.get(f"/{served.server.token}/")
    served.thread.join(5)


def test_a_request_has_a_length():
    served = Served(seconds=30, requests=1)
    for lines in (
        b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 60000 + b"\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000,
    ):
        with socket.create_connection(("127.0.0.1", served.server.server_port), timeout=5) as long, contextlib.suppress(
            OSError
        ):
            long.sendall(lines + b"\r\n")
            assert b"200" not in long.recv(100)
    assert served.server.refused <= 3
    served.get(f"/{served.server.token}/")
    served.thread.join(5)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        pytest.param("0.0.0.0", "every network", id="everywhere"),
        pytest.param("::", "every network", id="everywhere, IPv6"),
        pytest.param("::ffff:0.0.0.0", "every network", id="everywhere, IPv4 inside IPv6"),
        pytest.param("0:0:0:0:0:ffff:0:0", "every network", id="the same, written out"),
        pytest.param("::%lo", "every network", id="everywhere, of one interface"),
        pytest.param("0", "no IP address", id="everywhere, short"),
        pytest.param("[::]", "no IP address", id="everywhere, in brackets"),
        pytest.param("224.0.0.1", "no address of one machine", id="a group"),
        pytest.param("::ffff:224.0.0.1", "no address of one machine", id="a group inside IPv6"),
        pytest.param("ff02::1", "no address of one machine", id="a group of IPv6"),
        pytest.param("255.255.255.255", "no address of one machine", id="everybody"),
        pytest.param("0.1.2.3", "no address of one machine", id="this network"),
        pytest.param("lab.example.org", "is no IP address", id="a name"),
        pytest.param("203.0.113.77", "cannot listen on 203.0.113.77", id="another machine's"),
    ],
)
def test_where_it_will_not_listen(address, words):
    with pytest.raises(PlanError, match=words):
        KitServer(address, 0, FILES)
