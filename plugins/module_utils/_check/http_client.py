# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP over the connections of a check: requests, cookies, the login token."""

from __future__ import annotations

import contextlib
import http.client
import http.cookiejar
import socket
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import datetime, timezone

from .causes import Stop
from .limits import MOST_BODY, MOST_HEADERS
from .request import Request
from .tls import TlsConnections
from .trust import unfit_for_clients


@dataclass(frozen=True)
class Response:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class HttpClient(TlsConnections):
    """Requests as a browser sends them, one connection at a time."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._http: http.client.HTTPConnection | None = None
        self._cookies = http.cookiejar.CookieJar()

    def _connect_http(self) -> None:
        connection = self._open()
        if self._leaf:
            self.report.certificate = self._leaf.summary()
            unfit = unfit_for_clients(self._leaf, self._authorities, datetime.now(timezone.utc))
            if unfit:
                raise unfit
            self._passed("tls")
        self._http = http.client.HTTPConnection(self.address.host, self.address.port)
        self._http.sock = connection

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        kind: str = "application/json",
        *,
        anonymous: bool = False,
    ) -> Response:
        if self._http is None or self._http.sock is None:
            self._http = http.client.HTTPConnection(self.address.host, self.address.port)
            self._http.sock = self._open()
        shadow = self._shadow(path, anonymous)
        headers = {
            "Host": self.address.netloc,
            "Accept": "*/*",
            "X-XSRFToken": self._cookie("_xsrf"),
            **dict(shadow.unredirected_hdrs),
        }
        if self.request.token is not None and not anonymous:
            headers["Authorization"] = f"token {self.request.token}"
        if body is not None:
            headers["Content-Type"] = kind
        self._http.sock.settimeout(self.deadline.left())
        self._http.request(method, f"{self.address.base}{path}", body, headers)
        response = self._http.getresponse()
        if sum(len(name) + len(value) for name, value in response.headers.items()) > MOST_HEADERS:
            raise Stop("answer_too_large", most=f"{MOST_HEADERS >> 10} kB before an answer begins")
        answer = Response(response.status, response.headers, response.read(MOST_BODY))
        if self.deadline.over:
            raise socket.timeout  # hung up in the middle of an answer that would have looked complete
        self._cookies.extract_cookies(response, shadow)
        if response.will_close or not response.isclosed():
            self._http.close()
        return answer

    def _shadow(self, path: str, anonymous: bool = False) -> urllib.request.Request:
        """The request as the cookie jar knows one: the jar decides which cookie goes where (secure, domain, path), as a
        browser's does."""
        shadow = urllib.request.Request(f"{self.address.scheme}://{self.address.netloc}{self.address.base}{path}")  # noqa: S310 - never opened
        if not anonymous:
            self._cookies.add_cookie_header(shadow)
        return shadow

    def _cookie(self, name: str) -> str:
        return next((cookie.value or "" for cookie in self._cookies if cookie.name == name), "")

    def _close(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None
        while self._sockets:
            with contextlib.suppress(OSError):
                self._sockets.pop().close()
