# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address of a server as a user writes it, and the causes of a connection that fails. Pure."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from .._errors import CheckError

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Address:
    """Where a server is, as the person's url says it."""

    scheme: str  # http or https
    host: str  # a name, or an address without brackets
    port: int
    base: str  # the path, beginning with / and not ending with one: "" for the root

    @property
    def at(self) -> str:
        return join_host(self.host, self.port)

    @property
    def netloc(self) -> str:
        """The Host header: the port only where it is not the scheme's own, as browsers do (the cookie's name depends on
        it)."""
        bracketed = f"[{self.host}]" if ":" in self.host else self.host
        return bracketed if self.port == DEFAULT_PORTS[self.scheme] else f"{bracketed}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.base}/"


def join_host(host: str, port: int) -> str:
    """``host:port`` as people write it, IPv6 in brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_url(url: str) -> Address:
    """Split ``http(s)://host[:port][/base]``. Raise CheckError for anything else, without repeating a password found in
    it."""
    hint = "write it as https://host:port/ with the server's base_url as the path"
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise CheckError(f"url: {error}; {hint}.") from error
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise CheckError(f"url: a host after http:// or https:// is needed; {hint}.")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise CheckError(
            "url: a user, a password, a token or a query does not belong here (use password_file or token_file);"
            f" {hint}."
        )
    return Address(
        parts.scheme, parts.hostname, DEFAULT_PORTS[parts.scheme] if port is None else port, parts.path.rstrip("/")
    )


def connect_cause(error: OSError) -> str:
    """The cause behind a failed connect(2)."""
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, (socket.timeout, TimeoutError)):
        return "timed_out"
    if error.errno in {
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
        errno.EADDRNOTAVAIL,
        errno.EACCES,
        errno.EPERM,
    }:
        return "no_route"
    return "connection_closed"


def weightiest(causes: list[str]) -> str:
    """The cause to report where a name has several addresses and none connects: the one that says most about the
    server."""
    order = ["refused", "connection_closed", "timed_out", "no_route"]
    return min(causes, key=order.index)
