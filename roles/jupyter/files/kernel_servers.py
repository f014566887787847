# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Jupyter servers of other hosts in which kernels run for this one (remote_kernels.py, kernel_bridge.py)."""

from __future__ import annotations

import json
import os
import ssl
import uuid
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

#: The messages of a kernel over a WebSocket in their binary form
#: (https://jupyter-server.readthedocs.io/en/latest/developers/websocket-protocols.html).
PROTOCOL = "v1.kernel.websocket.jupyter.org"
#: Seconds for a connection, and for a kernel to start.
CONNECT, START = 5.0, 60.0
#: Seconds between two pings, after which a host that is silent counts as away.
PING = 10.0
#: The keys of a server in the file.
KEYS = ("host", "instance", "url", "ca", "pinned", "key")
#: The largest message, in bytes.
LARGEST = 128 * 1024 * 1024


class Away(Exception):
    """The other host does not answer, or refuses. The text is for the notebook."""


class Gone(Away):
    """It answers, and has no such kernel any more."""


def read_servers(path: str) -> dict[str, dict[str, str]]:
    """Return the other servers, by the name of their kernels.

    :raises OSError, ValueError: if the file cannot be read, or is not what the collection writes.
    """
    with open(path, encoding="utf-8") as file:
        found = json.load(file)
    return {str(each["name"]): {key: str(each[key]) for key in KEYS} for each in found}


def trust(server: dict[str, str]) -> ssl.SSLContext:
    """Return the trust in a server: its authorities, those of the system, or one certificate alone."""
    context = ssl.create_default_context(cadata=server["ca"] or None)
    if server["pinned"]:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the certificate itself is its own authority
    return context


class Server:
    """The Jupyter server of the other host. Its entry is read again after each change of the file: another address,
    certificate or key."""

    def __init__(self, path: str, name: str) -> None:
        self._path, self._name, self._stamp = path, name, (0, 0)
        self._client = AsyncHTTPClient(force_instance=True, max_body_size=LARGEST)
        self.host = self.label = self.url = ""
        self._read()

    def close(self) -> None:
        self._client.close()

    def _read(self) -> None:
        try:
            state = os.stat(self._path)
            stamp = (state.st_mtime_ns, state.st_ino)
            if stamp == self._stamp:
                return
            server = read_servers(self._path)[self._name]
            self.host, self.label = server["host"], f"{server['host']}/{server['instance']}"
            self.url, self._trust = server["url"], trust(server)
            self._headers = {"Authorization": f"token {server['key']}"}
            self._stamp = stamp
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise Away(f"{self.host or self._name} is not in the list of this hub ({error}).") from error

    def _request(self, url: str, seconds: float = CONNECT, **more: Any) -> HTTPRequest:
        return HTTPRequest(
            url,
            headers=self._headers,
            ssl_options=self._trust,
            connect_timeout=CONNECT,
            request_timeout=seconds,
            follow_redirects=False,
            **more,
        )

    async def call(self, method: str, path: str, body: Any = None, seconds: float = CONNECT) -> Any:
        """Ask it. The result is JSON, None without a body.

        :raises Gone: for a kernel that it does not have.
        :raises Away: for any other fault.
        """
        self._read()
        try:
            answer = await self._client.fetch(
                self._request(
                    f"{self.url}api/{path}",
                    seconds,
                    method=method,
                    body=None if body is None else json.dumps(body),
                    allow_nonstandard_methods=True,
                )
            )
            return json.loads(answer.body) if answer.body else None
        except HTTPClientError as error:
            raise self._refused(error) from error
        except Exception as error:  # whatever the other end sends
            raise Away(f"{self.host} does not answer at {self.url}: {error}") from error

    async def state(self, kernel: str) -> str:
        """Return what a kernel does, as Jupyter Server says it.

        :raises Gone: for a kernel that it does not have.
        :raises Away: for any other fault.
        """
        found = await self.call("GET", f"kernels/{kernel}")
        try:
            return str(found["execution_state"])
        except (LookupError, TypeError) as error:
            raise Away(f"{self.host} does not answer at {self.url} as a Jupyter server.") from error

    async def start(self, name: str) -> str:
        """Start a kernel, that of the server by default, and return its identifier.

        :raises Away: if there is none.
        """
        await self.call("GET", "kernels")  # a host that is silent would keep the other request for START seconds
        made = await self.call("POST", "kernels", {"name": name} if name else {}, START)
        try:
            return str(uuid.UUID(made["id"]))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise Away(f"{self.host} does not answer at {self.url} as a Jupyter server.") from error

    def _refused(self, error: HTTPClientError) -> Away:
        if error.code == 404:
            return Gone(f"{self.host} has no such kernel.")
        if error.code in (302, 401, 403):
            return Away(f"{self.host} refuses the key of this hub. Run site.yml for {self.host} and for this host.")
        if error.code == 599:
            return Away(f"{self.host} does not answer at {self.url} ({error.message}).")
        return Away(f"{self.host} cannot start or run the kernel (HTTP {error.code}): its log says why.")

    async def connect(self, kernel: str, session: str) -> WebSocketClientConnection:
        self._read()
        url = f"ws{self.url.removeprefix('http')}api/kernels/{kernel}/channels?session_id={session}"
        try:
            return await websocket_connect(
                self._request(url, START),
                ping_interval=PING,
                ping_timeout=PING,
                max_message_size=LARGEST,
                subprotocols=[PROTOCOL],
            )
        except HTTPClientError as error:
            raise self._refused(error) from error
        except Exception as error:  # whatever the other end sends
            raise Away(f"{self.host} does not answer at {self.url}: {error}") from error
