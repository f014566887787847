# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serve the device kit over plain HTTP until the time or the number of requests is used up. Reads no file: everything
is in memory."""

from __future__ import annotations

import contextlib
import http.server
import ipaddress
import queue
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...module_utils._errors import PlanError
from . import kit

#: Seconds that one connection may stay silent, may take to ask, and may take in all: a stuck phone must not keep
#: others out.
SILENCE = 10.0
READING = 10.0
SENDING = 120.0
#: Connections at one time, in all and from one address. A browser opens six.
CONNECTIONS = 64
CONNECTIONS_EACH = 12
#: Bytes of one request. Browsers send less than one kilobyte.
MOST_REQUEST = 16384


def own_address() -> str:
    """The address this machine would send from. Connecting a UDP socket sends nothing (RFC 5737 address)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError as error:
            raise PlanError(
                f"address: this machine has no network ({error.strerror}). Name the address to serve on."
            ) from error
        return str(probe.getsockname()[0])


class KitServer(http.server.ThreadingHTTPServer):
    """Listens from the moment it is created.

    :param address: the one IP address to listen on.
    :param port: 0 for any free one.
    :param files: by path below the address.
    :raises PlanError: where ``address`` is not one of this machine's, or the port is taken.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: str, port: int, files: dict[str, bytes]) -> None:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            raise PlanError(
                f"address: '{address}' is no IP address. Name one of this machine that the device can reach."
            ) from None
        parsed = getattr(parsed, "ipv4_mapped", None) or parsed  # ::ffff:0.0.0.0 is 0.0.0.0 to the system
        if int(parsed) == 0:
            raise PlanError(
                f"address: {address} would serve on every network of this machine. Name the one address that the device"
                " can reach."
            )
        if parsed.is_multicast or (parsed.version == 4 and (parsed.packed[0] == 0 or parsed.is_reserved)):
            raise PlanError(
                f"address: {address} is no address of one machine. Name the one address that the device can reach."
            )
        address = str(parsed)
        self.address_family = socket.AF_INET6 if parsed.version == 6 else socket.AF_INET
        self.files, self.token = files, secrets.token_urlsafe(12)
        self.seen: queue.Queue[dict[str, Any]] = queue.Queue()
        self.refused = 0  # requests for unknown files
        self._lock = threading.Lock()
        self._visits: dict[Any, _Visit] = {}  # by connection, the oldest first
        try:
            super().__init__((address, port), _Handler)
        except OSError as error:
            raise PlanError(
                f"address: cannot listen on {address} port {port} ({error.strerror}). Name an address of this machine"
                " and a free port."
            ) from error
        host = f"[{address}]" if parsed.version == 6 else address
        self.url = f"http://{host}:{self.server_address[1]}/{self.token}/"

    def server_bind(self) -> None:
        # Not HTTPServer's, which asks the name service for the machine's name.
        socketserver_bind = super(http.server.HTTPServer, self).server_bind
        socketserver_bind()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection in; where there are too many, the one goes that has been asking the longest."""
        client, now = str(client_address[0]), time.monotonic()
        with self._lock:
            asking = [each for each, visit in self._visits.items() if not visit.answered]
            same = [each for each in asking if self._visits[each].client == client]
            if len(same) >= CONNECTIONS_EACH:
                self._end(same[0])
            elif len(self._visits) >= CONNECTIONS and asking:
                self._end(asking[0])
            if len(self._visits) < CONNECTIONS:
                self._visits[request] = _Visit(client, now)
        if request in self._visits:
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._visits.pop(request, None)

    def service_actions(self) -> None:
        """End requests that take too long, however many bytes they send meanwhile."""
        now = time.monotonic()
        with self._lock:
            for request, visit in list(self._visits.items()):
                if now - visit.began > (SENDING if visit.answered else READING):
                    self._end(request)

    def answering(self, request: Any, told: dict[str, Any] | None) -> None:
        """Record a request. ``told`` is the message for the caller, None for an unknown file."""
        with self._lock:
            if request in self._visits:
                self._visits[request].answered = True
            self.refused += told is None
        if told is not None:
            self.seen.put(told)

    def _end(self, request: Any) -> None:
        del self._visits[request]
        with contextlib.suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A device that hangs up is no error of ours."""

    def serve(self, seconds: float, requests: int, tell: Callable[[dict[str, Any]], None]) -> str:
        """Serve until ``seconds`` are over or ``requests`` were served; ``tell`` is called for each. Return which of
        the two ended it.

        A request from the network without the address does not count, or it would end the kit.
        """
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        deadline = time.monotonic() + seconds
        try:
            for _count in range(requests):
                try:
                    tell(self.seen.get(timeout=max(0.0, deadline - time.monotonic())))
                except queue.Empty:
                    return "time"
            return "requests"
        finally:
            self.shutdown()
            thread.join()
            self.server_close()


@dataclass
class _Visit:
    client: str
    began: float
    answered: bool = False


class _Bounded:
    """A file to read a request from, which ends after :data:`MOST_REQUEST`."""

    def __init__(self, file: Any) -> None:
        self._file, self._left = file, MOST_REQUEST

    def readline(self, size: int = -1) -> bytes:
        line: bytes = self._file.readline(min(self._left, size) if size >= 0 else self._left)
        self._left -= len(line)
        return line

    def close(self) -> None:
        self._file.close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: KitServer
    timeout = SILENCE
    server_version = "remote-notebooks"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        self.rfile = _Bounded(self.rfile)  # type: ignore[assignment]

    def _answer(self) -> None:
        status, headers, body = kit.answer(self.server.files, self.server.token, self.command, self.path)
        name = kit.name(self.server.token, self.path)
        self.server.answering(
            self.connection,
            {"client": self.client_address[0], "status": status, "file": name} if status == 200 else None,
        )
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = _answer

    def log_message(self, *_arguments: Any) -> None:
        """Write nothing to standard error: the caller reports the downloads."""
