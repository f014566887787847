# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serve the device kit over plain HTTP until the time or the number of requests is used up. Reads no file: everything is in memory."""

from __future__ import annotations

import http.server
import ipaddress
import queue
import secrets
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from ..module_utils import _kit
from ..module_utils._errors import PlanError

#: Seconds that one connection may stay silent, and connections at one time: a stuck phone must not keep others out.
SILENCE = 10
CONNECTIONS = 16


def own_address() -> str:
    """The address this machine would send from. Connecting a UDP socket sends nothing (RFC 5737 address)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError as error:
            raise PlanError(f"address: this machine has no network ({error.strerror}). Name the address to serve on.") from error
        return str(probe.getsockname()[0])


class KitServer(http.server.ThreadingHTTPServer):
    """Listens from the moment it is made.

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
            raise PlanError(f"address: '{address}' is no IP address. Name one of this machine that the device can reach.") from None
        if parsed.is_unspecified:
            raise PlanError(f"address: {address} would serve on every network of this machine. Name the one address that the device can reach.")
        self.address_family = socket.AF_INET6 if parsed.version == 6 else socket.AF_INET
        self.files, self.token = files, secrets.token_urlsafe(12)
        self.seen: queue.Queue[dict[str, Any]] = queue.Queue()
        self._places = threading.BoundedSemaphore(CONNECTIONS)
        try:
            super().__init__((address, port), _Handler)
        except OSError as error:
            raise PlanError(
                f"address: cannot listen on {address} port {port} ({error.strerror}). Name an address of this machine and a free port."
            ) from error
        host = f"[{address}]" if parsed.version == 6 else address
        self.url = f"http://{host}:{self.server_address[1]}/{self.token}/"

    def server_bind(self) -> None:
        # Not HTTPServer's, which asks the name service for the machine's name.
        socketserver_bind = super(http.server.HTTPServer, self).server_bind
        socketserver_bind()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A device that hangs up is no error of ours."""

    def serve(self, seconds: float, requests: int, tell: Callable[[dict[str, Any]], None]) -> str:
        """Serve until ``seconds`` are over or ``requests`` were answered; ``tell`` hears of each. Return which of the two ended it."""
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


class _Handler(http.server.BaseHTTPRequestHandler):
    server: KitServer
    timeout = SILENCE
    server_version = "remote-notebooks"
    sys_version = ""

    def _answer(self) -> None:
        status, headers, body = _kit.answer(self.server.files, self.server.token, self.command, self.path)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        name = self.path.rsplit(f"/{self.server.token}/", maxsplit=1)[-1] if status == 200 else ""
        self.server.seen.put({"client": self.client_address[0], "status": status, "file": name or ("index.html" if status == 200 else "")})

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = _answer

    def log_message(self, *_arguments: Any) -> None:
        """Nothing to standard error: the caller tells what was fetched."""
