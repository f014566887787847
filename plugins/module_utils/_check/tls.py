# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS: a verified connection, and the reason why there is none."""

from __future__ import annotations

import socket
import ssl
from datetime import datetime, timezone
from typing import cast

from .._certificate.reader import read_der, read_pem_bundle
from .._certificate.values import Certificate
from .._errors import CheckError
from .causes import Stop
from .connections import Connections
from .limits import HANDSHAKE_SECONDS, PATIENCE_SECONDS, Meter
from .request import Request
from .trust import not_tls, refused_trust


class TlsConnections(Connections):
    """Connections inside verified TLS where the url says https."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._authorities: list[Certificate] = []
        self._leaf: Certificate | None = None
        self._context = self._trusting_context() if self.address.scheme == "https" else None

    def _trusting_context(self) -> ssl.SSLContext:
        # Created by hand: ssl.create_default_context() would obey SSLKEYLOGFILE and, from Python 3.13 on, refuse
        # certificates that browsers accept.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.request.ca_file is None:
            context.load_default_certs()
            return context
        try:
            with open(self.request.ca_file, "rb") as file:
                pem = file.read()
            self._authorities = read_pem_bundle(pem, self.request.ca_file)
            context.load_verify_locations(cafile=self.request.ca_file)
        except ssl.SSLError as error:
            raise CheckError(
                f"ca_file: {self.request.ca_file} cannot be used: {error.reason}. Give the authority's certificate as"
                " PEM."
            ) from error
        except OSError as error:
            raise CheckError(
                f"ca_file: cannot read {self.request.ca_file}: {error.strerror}. Give the authority's certificate as"
                " PEM."
            ) from error
        return context

    def _open(self) -> socket.socket:
        """A new connection, inside verified TLS where the url says https, metered."""
        connection = self._open_unmetered()
        if self._context:
            self._require_certificate(cast(ssl.SSLSocket, connection))
        return cast("socket.socket", Meter(connection, self.metered))

    def _require_certificate(self, connection: ssl.SSLSocket) -> None:
        """Refuse another certificate than the known one on each connection: each carries a cookie or a token."""
        self._leaf = read_der(connection.getpeercert(True) or b"")
        if self.request.certificate_sha256 and self.request.certificate_sha256 != self._leaf.sha256:
            connection.close()
            self.report.certificate = self._leaf.summary()
            raise Stop("other_certificate", sha256=self._leaf.sha256)

    def _open_unmetered(self) -> socket.socket:
        connection, self._first = self._first or self._dial(), None
        if self._context is None:
            return connection
        try:
            try:
                secured = self._wrap(self._context, connection, PATIENCE_SECONDS)
            except (socket.timeout, TimeoutError) as error:
                # A plain HTTP server waits for the end of a line that a TLS hello never has. Ask before waiting for
                # long.
                if self._plain_answer():
                    raise self._no_tls(error) from error
                try:
                    secured = self._wrap(self._context, self._dial(), HANDSHAKE_SECONDS)
                except (socket.timeout, TimeoutError) as still:
                    raise Stop("tls_handshake_failed", detail="it takes the connection and does not answer") from still
        except ssl.SSLCertVerificationError as error:
            raise self._refused_trust(error) from error
        except (OSError, ValueError) as error:
            raise self._no_tls(error) from error
        return secured

    def _refused_trust(self, error: ssl.SSLCertVerificationError) -> Stop:
        try:
            leaf = self._peer_certificate()
        except (OSError, ValueError):
            return Stop("not_trusted", detail=error.verify_message)
        trust = self.request.ca_file or "this machine's list of authorities"
        now = datetime.now(timezone.utc)
        return refused_trust(
            leaf,
            self._authorities,
            now,
            code=error.verify_code,
            words=error.verify_message,
            name=self.name,
            trust=trust,
        )

    def _peer_certificate(self) -> Certificate:
        """The certificate of the server, trusted or not: only for reading, never for a connection with data."""
        with self._wrap_unverified(self._dial()) as secured:
            leaf = read_der(secured.getpeercert(True) or b"")
        self.report.certificate = leaf.summary()
        return leaf

    def _wrap_unverified(self, connection: socket.socket) -> ssl.SSLSocket:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")  # a weak key must be seen before it can be named
        return self._wrap(context, connection, HANDSHAKE_SECONDS)

    def _wrap(self, context: ssl.SSLContext, connection: socket.socket, seconds: float) -> ssl.SSLSocket:
        connection.settimeout(self._part(seconds))
        secured = context.wrap_socket(connection, server_hostname=self.name, do_handshake_on_connect=False)
        # Before the handshake: the limit of time holds for each byte of it, and the watchdog for all of it.
        self._sockets.append(secured)
        try:
            secured.do_handshake()
        except BaseException:
            secured.close()
            raise
        return secured

    def _no_tls(self, error: Exception) -> Stop:
        if self._tunnel:
            complaint = self._tunnel.complaint()
            if complaint:
                return complaint
        answer = self._plain_answer()
        # A TLS server may say "400, plain HTTP sent to an HTTPS port" in plain HTTP: that is no plain HTTP server.
        if answer.startswith(b"HTTP/") and b" 400 " not in answer.split(b"\r\n")[0]:
            return Stop("server_speaks_plain_http")
        reason = getattr(error, "reason", None)
        if answer and not answer.startswith(b"HTTP/") and not_tls(reason):
            return Stop("not_jupyter", detail=f"it says {answer[:40]!r}")
        if self._late(error):
            return Stop("tls_handshake_failed", detail="it takes the connection and does not answer")
        words = str(reason or getattr(error, "strerror", "") or error).replace("_", " ").lower()
        return Stop("tls_handshake_failed", detail=words)

    def _plain_answer(self) -> bytes:
        """The first bytes a plain HTTP request gets; b"" for none. No secret goes with it."""
        try:
            with self._dial() as connection:
                connection.settimeout(self.deadline.left(3.0))
                lines = f"GET {self.address.base}/api HTTP/1.1", f"Host: {self.address.netloc}", "Connection: close"
                connection.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
                return connection.recv(200)
        except (OSError, Stop):
            return b""

    def _speaks_tls(self) -> bool:
        try:
            self._wrap_unverified(self._dial()).close()
        except ssl.SSLError as error:
            return "ALERT" in (error.reason or "")
        except (OSError, Stop):
            return False
        return True
