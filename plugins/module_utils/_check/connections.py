# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to a server: name, TCP port or tunnel, with limits of time and size."""

from __future__ import annotations

import contextlib
import http.client
import http.cookiejar
import socket
import threading
from collections.abc import Iterator
from typing import Any

from .address import connect_cause, weightiest
from .causes import Stop
from .limits import CONNECT_SECONDS, MOST_BYTES, USUAL_SECONDS, Deadline
from .request import Report, Request
from .ssh_forward import Tunnel


class Connections:
    """The connections of one check."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.report = Report()
        self.address = request.address
        self.name = request.server_name or request.address.host
        self.deadline = Deadline(request.timeout)
        self.step = "port"
        self._left = MOST_BYTES
        self._places: list[tuple[Any, ...]] = []  # socket addresses, the good one first once it is known
        self._first: socket.socket | None = None  # a connection that is open already
        self._sockets: list[socket.socket] = []
        self._tunnel: Tunnel | None = None

    def metered(self, data: bytes, size: int = 0) -> bytes:
        """Return the bytes read. Raise Stop if there are more than a check reads, and a time-out if its time is
        over."""
        self._left -= len(data) or size
        if self._left < 0:
            raise Stop("answer_too_large", most=f"{MOST_BYTES >> 20} MB")
        if self.deadline.over:
            raise socket.timeout
        return data

    def _resolve(self) -> list[tuple[Any, ...]]:
        found: list[Any] = []

        def ask() -> None:
            try:
                found.append(socket.getaddrinfo(self.address.host, self.address.port, type=socket.SOCK_STREAM))
            except (OSError, UnicodeError) as error:
                found.append(error)

        # getaddrinfo(3) knows no time limit; the thread may outlive us, being a daemon.
        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(self.deadline.left())
        if not found:
            raise Stop("name_not_resolved", detail=f"the resolver gave no answer within {self.request.timeout:g} s")
        if isinstance(found[0], Exception):
            raise Stop("name_not_resolved", detail=getattr(found[0], "strerror", None) or str(found[0]))
        return [(family, place) for family, _type, _protocol, _canonical, place in found[0]]

    def _part(self, seconds: float) -> float:
        """Return how long a part of the way may take that is meant to take so many seconds at most."""
        return self.deadline.left(seconds * max(1.0, self.request.timeout / USUAL_SECONDS))

    def _dial(self) -> socket.socket:
        if self._tunnel:
            self._sockets.append(self._tunnel.connect())
            return self._sockets[-1]
        causes, detail = [], ""
        for index, (family, place) in enumerate(self._places):
            limit = self._part(CONNECT_SECONDS)
            try:
                connection = socket.socket(family, socket.SOCK_STREAM)
                self._sockets.append(connection)
                connection.settimeout(limit)
                connection.connect(place)
            except OSError as error:
                causes.append("timed_out" if self.deadline.over else connect_cause(error))
                detail = error.strerror or str(error)
                connection.close()
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._places.insert(0, self._places.pop(index))
            return connection
        raise Stop(weightiest(causes), detail=detail)

    def _passed(self, step: str) -> None:
        self.report.checks.append(step)

    @contextlib.contextmanager
    def _blamed(self, step: str) -> Iterator[None]:
        """Turn an exception of a broken connection inside ``step`` into its cause."""
        try:
            yield
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._blame(step, error) from error

    def _blame(self, step: str, error: Exception) -> Stop:
        words = str(error) or type(error).__name__
        if self._tunnel and not isinstance(error, ValueError):
            complaint = self._tunnel.complaint()
            if complaint:
                return complaint
        late = self._late(error)
        if late:
            words = f"no answer within {self.request.timeout:g} s"
        if step == "kernel":
            return Stop("kernel_not_started", detail=words)
        if step == "websocket":
            # Jupyter accepts the WebSocket only once the kernel behind it answers.
            return Stop("kernel_not_started" if late else "websocket_refused", detail=words)
        if late:
            return Stop("no_answer", step=step)
        if isinstance(error, http.client.BadStatusLine) and not isinstance(error, http.client.RemoteDisconnected):
            return Stop("not_jupyter", detail=f"it says {words[:60]!r}")
        return Stop("connection_closed", detail=words)

    def _late(self, error: Exception) -> bool:
        # After _hang_up the error is any exception of a connection that was closed under it.
        return self.deadline.over or isinstance(error, (socket.timeout, TimeoutError))

    def _hang_up(self) -> None:
        """The time is over: every wait for the network ends. (A socket's own limit starts anew with each
        byte.)"""
        for connection in list(self._sockets):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
