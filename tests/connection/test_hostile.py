# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that wants to use up the control node: each answer is one it could give, and none ends the check but with a
cause."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import itertools
import json
import re
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from .conftest import MODULE

Sender = Callable[[socket.socket], None]
ENDLESS = b"x" * 65536


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]).encode() + body


def frame(data: bytes, opcode: int = 1, last: bool = True) -> bytes:
    size = struct.pack("!BH", 126, len(data)) if len(data) < 65536 else struct.pack("!BQ", 127, len(data))
    return bytes([opcode | (0x80 if last else 0)]) + (bytes([len(data)]) if len(data) < 126 else size) + data


def forever(*pieces: bytes) -> Sender:
    def send(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
        while True:
            connection.sendall(pieces[-1])

    return send


def drip(data: bytes) -> Sender:
    def send(connection: socket.socket) -> None:
        for byte in itertools.chain(data, itertools.repeat(ord("x"))):
            connection.sendall(bytes([byte]))
            time.sleep(0.2)

    return send


class Hostile:
    """Behaves like a Jupyter without a login, except for ``answers``: by method and path, or for data after the
    WebSocket's handshake."""

    def __init__(self, answers: dict[str, bytes | Sender]) -> None:
        self.answers: dict[str, bytes | Sender] = {
            "GET /api": answer("200 OK", b'{"version": "2.21.1"}'),
            "GET /api/status": answer("200 OK", b"{}"),
            "GET /login": answer("200 OK", b"login", "Set-Cookie: _xsrf=2|1; Path=/"),
            "POST /api/sessions": answer("201 Created", b'{"id": "s", "kernel": {"id": "k"}}'),
            "DELETE /api/sessions/s": answer("204 No Content"),
            "GET /api/sessions": answer("200 OK", b"[]"),
            "WebSocket": b"",
            **answers,
        }
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self.listener.accept()[0],), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while True:
                head = b""
                while b"\r\n\r\n" not in head:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    head += piece
                asked = head.decode("latin-1")
                key = re.search(r"Sec-WebSocket-Key: (\S+)", asked)
                if key:
                    self._upgrade(connection, key.group(1))
                    self._send(connection, self.answers["WebSocket"])
                    time.sleep(60)
                path = " ".join(asked.split()[:2])
                self._send(connection, self.answers.get(path, answer("404 Not Found")))

    def _upgrade(self, connection: socket.socket, key: str) -> None:
        proof = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
        words = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {proof}",
        ]
        connection.sendall("\r\n".join([*words, "", ""]).encode())

    @staticmethod
    def _send(connection: socket.socket, what: bytes | Sender) -> None:
        if callable(what):
            what(connection)
        else:
            connection.sendall(what)


@pytest.fixture
def hostile() -> Iterator[Callable[[dict[str, bytes | Sender]], Hostile]]:
    made: list[Hostile] = []

    def make(answers: dict[str, bytes | Sender]) -> Hostile:
        made.append(Hostile(answers))
        return made[-1]

    yield make
    for each in made:
        each.listener.close()


#: The first limit that a busy machine reaches.
LATE = {"no_answer", "kernel_not_started"}
HEAD = b"HTTP/1.1 200 OK\r\n"
HUGE = struct.pack("!BBQ", 0x81, 127, 4 << 30)
DEEP = b"[" * 200_000


@pytest.mark.parametrize(
    ("answers", "causes"),
    [
        pytest.param({"WebSocket": forever(HUGE, ENDLESS)}, {"answer_too_large"}, id="a frame of 4 GB"),
        pytest.param(
            {"WebSocket": forever(frame(b"x" * 60000, 1, False), frame(b"x" * 60000, 0, False))},
            {"answer_too_large"},
            id="a message without end",
        ),
        pytest.param(
            {"WebSocket": forever(frame(b"", 1, False), frame(b"x", 0, False) * 5000)},
            {"answer_too_large", "no_answer", "kernel_not_started"},
            id="in crumbs",
        ),
        pytest.param({"WebSocket": forever(frame(b"{}") * 5000)}, {"answer_too_large"}, id="messages without end"),
        pytest.param(
            {"WebSocket": forever(frame(b"", 9) * 5000)},
            {"answer_too_large", "kernel_not_started", "websocket_refused"},
            id="pings without end",
        ),
        pytest.param(
            {"WebSocket": frame(b'{"content": {"execution_state": []}}')},
            {"answer_unreadable"},
            id="what no code foresaw",
        ),
        pytest.param({"WebSocket": frame(DEEP)}, {"kernel_died"}, id="a message that is nested"),
        pytest.param(
            {
                "WebSocket": (
                    frame(b"[1]") + frame(b'"x"') + frame(b'{"header": 5, "content": [], "parent_header": null}')
                )
            },
            {"kernel_not_started"},
            id="other shapes",
        ),
        pytest.param({"WebSocket": frame(b"\xff\xfe")}, {"kernel_died"}, id="no UTF-8"),
        pytest.param({"WebSocket": drip(HUGE)}, {"kernel_not_started"}, id="a byte now and then"),
        pytest.param(
            {"GET /api": forever(HEAD, b"X: " + b"y" * 60000 + b"\r\n")},
            {"not_jupyter", "connection_closed", "answer_too_large"},
            id="headers without end",
        ),
        pytest.param(
            {"GET /api": HEAD + (b"X: " + b"y" * 60000 + b"\r\n") * 50 + b"Content-Length: 2\r\n\r\n{}"},
            {"answer_too_large"},
            id="3 MB of headers",
        ),
        pytest.param(
            {"GET /api": forever(HEAD + b"X: ", ENDLESS)},
            {"connection_closed", "not_jupyter", "answer_too_large"},
            id="a header without end",
        ),
        pytest.param({"GET /api": forever(ENDLESS)}, {"not_jupyter"}, id="no HTTP, without end"),
        pytest.param(
            {"GET /api": forever(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)},
            {"answer_too_large", "no_answer"},
            id="interim answers without end",
        ),
        pytest.param(
            {"GET /api": forever(HEAD + b"Content-Length: 99999999999\r\n\r\n", ENDLESS)},
            {"not_jupyter"},
            id="a body of 100 GB",
        ),
        pytest.param(
            {"GET /api": forever(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 5000)},
            {"not_jupyter", "no_answer", "answer_too_large"},
            id="crumbs of a body",
        ),
        pytest.param(
            {"GET /api": HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n"},
            {"connection_closed", "not_jupyter", "no_answer"},
            id="a body of -5 bytes",
        ),
        pytest.param({"GET /api": drip(HEAD + b"X: y")}, {"no_answer"}, id="an answer byte by byte"),
        pytest.param({"GET /api": answer("200 OK", DEEP)}, {"not_jupyter"}, id="nested without end"),
        pytest.param(
            {"GET /api": answer("200 OK", b'{"version": ' + b"9" * 500_000 + b"}")},
            {"not_jupyter"},
            id="a number of half a million digits",
        ),
        # as JupyterHub 5 answers at its root, and at /hub/api
        pytest.param(
            {"GET /api": answer("302 Found", b"", "Location: /hub/api", "X-JupyterHub-Version: 5.2.1")},
            {"jupyterhub"},
            id="a JupyterHub",
        ),
        pytest.param(
            {"GET /api": answer("200 OK", b'{"version": "5.2.1"}', "X-JupyterHub-Version: 5.2.1")},
            {"jupyterhub"},
            id="its own API",
        ),
        pytest.param(
            {"GET /api": answer("200 OK", b'{"version": "5"}', "X-JupyterHub-Version: " + "x" * 60000)},
            {"jupyterhub"},
            id="a long version",
        ),
        pytest.param(
            {"GET /api": answer("302 Found", b"", "Location: " + "x" * 60000)},
            {"not_jupyter"},
            id="a long way elsewhere",
        ),
        pytest.param(
            {"GET /login": answer("200 OK", b"", *["Set-Cookie: a=" + "b" * 500] * 90)},
            {"ok", "kernel_not_started", "no_result"},
            id="many cookies",
        ),
        pytest.param(
            {"POST /api/sessions": answer("201 Created", DEEP)}, {"kernel_not_started"}, id="a kernel that is nested"
        ),
        pytest.param(
            {"POST /api/sessions": answer("201 Created", b'{"id": [], "kernel": 5}')},
            {"kernel_not_started"},
            id="a kernel of another shape",
        ),
        pytest.param(
            {"POST /api/sessions": answer("500 No", b"{}"), "GET /api/sessions": answer("200 OK", b"5")},
            {"kernel_not_started"},
            id="a list that is none",
        ),
    ],
)
def test_a_server_cannot_use_up_the_control_node(check, hostile, answers, causes):
    seen = bounded(check, hostile(answers).port)
    assert seen["cause"] in causes | LATE, seen
    assert "Traceback" not in json.dumps(seen)


def test_small_values_cost_little(check, hostile):
    """Read as JSON they take thirty times their size."""
    seen = bounded(check, hostile({"WebSocket": frame(b"[" + b"{}," * 10_000_000 + b"0]")}).port, memory=1 << 29)
    assert seen["cause"] == "answer_too_large"


def bounded(check, port: int, memory: int = 1 << 30) -> dict:
    """Run a check with no more than so much memory, and no longer than its time."""
    started = time.monotonic()
    command = check.command(f"http://127.0.0.1:{port}/", password="never asked for", timeout=3)
    assert command[: len(MODULE)] == MODULE
    done = subprocess.run(
        ["prlimit", f"--as={memory}", *command], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.stdout, done.stderr
    assert time.monotonic() - started < 3 + 10 + 5
    return json.loads(done.stdout)


@pytest.mark.parametrize("text", ["\x1b]0;owned\x07", "\x1b[2J", "\u202etxt", "\x9b31m", "line\nok: [host]"])
def test_what_a_server_says_does_nothing_to_a_terminal(check, hostile, text):
    body = json.dumps({"message": f"no {text} kernel"}).encode()
    made = {"POST /api/sessions": answer("500 No", body), "DELETE /api/sessions/s": answer("500 No")}
    seen = check(f"http://127.0.0.1:{hostile(made).port}/", password="never asked for", timeout=3)
    assert seen["cause"] == "kernel_not_started"
    assert seen["message"].isprintable()
    ended = json.dumps({"msg_type": "status", "content": {"execution_state": "dead"}}).encode()
    assert (
        check(f"http://127.0.0.1:{hostile({'WebSocket': frame(ended)}).port}/", password="never asked for", timeout=3)[
            "cause"
        ]
        == "kernel_died"
    )


def test_a_certificate_byte_by_byte_ends_with_the_time(check, hostile):
    """A TLS record that says it is long: each byte is in time for the socket, and the whole never."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection = listener.accept()[0]
                    threading.Thread(target=slow, args=(connection,), daemon=True).start()

        def slow(connection: socket.socket) -> None:
            with contextlib.suppress(OSError):
                drip(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb")(connection)

        threading.Thread(target=serve, daemon=True).start()
        started = time.monotonic()
        seen = check(f"https://127.0.0.1:{listener.getsockname()[1]}/", password="never asked for", timeout=3)
    assert time.monotonic() - started < 8
    assert seen["cause"] in {"tls_handshake_failed", "no_answer"}
