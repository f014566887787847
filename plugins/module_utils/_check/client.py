# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that goes the way of a browser or an app, step by step, until a cell ran or a step failed.

Each step raises ``Stop`` with a cause of ``causes.CAUSES``; nothing here decides what a cause means.
The environment's proxies are not used: the question is what a client on the same network sees.
"""

from __future__ import annotations

import contextlib
import http.client
import http.cookiejar
import io
import json
import re
import socket
import ssl
import threading
import time
import traceback
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, cast

from .._errors import CheckError
from .._plain import plain
from .causes import (
    Address,
    Answer,
    Certificate,
    Forward,
    Stop,
    absorb,
    base_in_policy,
    conclude,
    connect_cause,
    error_text,
    execute_request,
    is_xsrf_refusal,
    not_tls,
    read_json,
    refused_trust,
    unfit_for_clients,
    weightiest,
)
from .certificate import read_der, read_pem_bundle
from .ssh_forward import Tunnel

try:
    import websocket

    WEBSOCKET_IMPORT_ERROR = None
except ImportError:
    WEBSOCKET_IMPORT_ERROR = traceback.format_exc()

#: One address that drops packets must not use up the time of the others: Linux sends its SYN at 0, 1, 3 and 7 s.
CONNECT_SECONDS = 8.0
HANDSHAKE_SECONDS = 5.0
PATIENCE_SECONDS = 2.0
#: The whole for which these are meant: whoever gives a slow server longer gives each part of the way longer.
USUAL_SECONDS = 30.0
#: What is left for cleaning up, also after the time is over.
CLEANUP_SECONDS = 10.0
MOST_BODY = 1 << 20
#: Of all connections of a check together, of which some hundred kB make sense: small values of JSON take thirty times
#: as much when they are read.
#: And those of one answer that stand before its body.
MOST_BYTES = 8 << 20
MOST_HEADERS = 64 << 10
#: WebSocket frames of a check. Messages of a kernel come in one each.
MOST_FRAMES = 20_000


@dataclass(frozen=True)
class Request:
    """One check, as the person asked for it."""

    address: Address
    ca_file: str | None = None  # None: the system's store
    server_name: str | None = None  # None: the host of the url
    certificate_sha256: str | None = None  # None: any that is trusted
    password: str | None = None
    token: str | None = None
    credential_source: str = "the credential"
    forward: Forward | None = None
    kernel: str | None = None  # None: the server's own choice
    code: str = "6*7"
    expect: str | None = "42"
    timeout: float = 30.0


@dataclass
class Report:
    """What the check returns, filled in while it goes."""

    checks: list[str] = field(default_factory=list)
    server_version: str | None = None
    result: str | None = None
    kernel_seconds: float | None = None
    certificate: dict[str, Any] | None = None
    warnings: list[str] = field(default_factory=list)


def check(request: Request) -> dict[str, Any]:
    """Go the whole way. Return the module's result; raise CheckError only for arguments that make no check possible."""
    started = time.monotonic()
    visit = _Visit(request)
    cause, facts = "ok", {}
    try:
        cause = visit.run()
    except Stop as stop:
        cause, facts = stop.cause, stop.facts
    except CheckError:
        raise
    except Exception as error:  # what a library does not foresee of the other side is the other side's doing
        cause, facts = "answer_unreadable", {"detail": f"{type(error).__name__}: {error}"}
    seconds = round(time.monotonic() - started, 2)
    report = visit.report
    common = {**visit.facts(), "seconds": seconds, "result": report.result, "expect": request.expect}
    verdict = conclude(cause, {**common, **facts})
    return {**verdict, **vars(report), "seconds": seconds}


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def over(self) -> bool:
        return time.monotonic() >= self._end

    def left(self, most: float = float("inf")) -> float:
        """Seconds left, never 0 (which would mean "do not wait" to a socket)."""
        return max(0.01, min(most, self._end - time.monotonic()))


class _Meter:
    """A connection that is read no further than a check may read, in bytes and in time.

    The libraries above it have limits of their own for a line or two, and none for a frame, a message, a row of interim
    answers; a socket's limit of time starts anew with each byte.
    """

    def __init__(self, connection: socket.socket, visit: _Visit) -> None:
        self._connection, self._visit = connection, visit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def recv(self, size: int) -> bytes:
        return self._visit.metered(self._connection.recv(size))

    def makefile(self, _mode: str, *_arguments: Any, **_more: Any) -> io.BufferedReader:
        return io.BufferedReader(_MeteredFile(self._connection.makefile("rb", buffering=0), self._visit))


class _MeteredFile(io.RawIOBase):
    def __init__(self, file: Any, visit: _Visit) -> None:
        self._file, self._visit = file, visit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        found: int | None = self._file.readinto(buffer)
        self._visit.metered(b"", found or 0)
        return found

    def close(self) -> None:
        self._file.close()
        super().close()


class _Visit:
    def __init__(self, request: Request) -> None:
        self.request = request
        self.report = Report()
        self.address = request.address
        self.name = request.server_name or request.address.host
        self.deadline = _Deadline(request.timeout)
        self.step = "port"
        self._left = MOST_BYTES
        self._places: list[tuple[Any, ...]] = []  # socket addresses, the good one first once it is known
        self._first: socket.socket | None = None  # a connection that is open already
        self._sockets: list[socket.socket] = []
        self._http: http.client.HTTPConnection | None = None
        self._cookies = http.cookiejar.CookieJar()
        self._tunnel: Tunnel | None = None
        self._authorities: list[Certificate] = []
        self._context: ssl.SSLContext | None = None
        if self.address.scheme == "https":
            self._context = self._trusting_context()

    def facts(self) -> dict[str, Any]:
        """What every sentence may use."""
        at = self.address.at
        if self.request.forward:
            at = f"{self.request.forward.facts['target']} behind {self.request.forward.facts['ssh_at']}"
        return {
            "url": self.request.address.url,
            "at": at,
            "host": self.address.host,
            "host_header": self.address.netloc,
            "path": self.address.base or "/",
            "credential": "token" if self.request.token is not None else "password",
            "credential_source": self.request.credential_source,
        }

    def metered(self, data: bytes, size: int = 0) -> bytes:
        """Return what was read. Raise Stop where it is more than a check reads, and a time-out where its time is
        over."""
        self._left -= len(data) or size
        if self._left < 0:
            raise Stop("answer_too_large", most=f"{MOST_BYTES >> 20} MB")
        if self.deadline.over:
            raise socket.timeout
        return data

    # --- the steps, in order ---------------------------------------------------------------------------------------

    def run(self) -> str:
        """Return the cause of a reachable server; raise Stop for all others."""
        watchdog = threading.Timer(self.request.timeout, self._hang_up)
        watchdog.daemon = True
        watchdog.start()
        with contextlib.ExitStack() as at_the_end:
            at_the_end.callback(watchdog.cancel)
            at_the_end.callback(self._close)
            if self.request.forward:
                self._tunnel = at_the_end.enter_context(Tunnel(self.request.forward, self.deadline.left()))
            return self._run()

    def _run(self) -> str:
        self._reach()
        with self._blamed("tls" if self._context else "api"):
            self._connect_http()
        self._api()
        with self._blamed("login"):
            anonymous = self._call("GET", "/api/status", anonymous=True).status == 200
            if self.request.password is None and self.request.token is None and not anonymous:
                return "no_credentials"
            self._login(anonymous)
        self._run_code()
        return "open_to_all" if anonymous else "ok"

    def _reach(self) -> None:
        if self._tunnel:
            self._tunnel.open()
            self._passed("tunnel")
            return
        self._places = self._resolve()
        self._passed("name")
        self._first = self._dial()
        self._passed("port")

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

    # --- TLS -------------------------------------------------------------------------------------------------------

    def _trusting_context(self) -> ssl.SSLContext:
        # Made by hand: ssl.create_default_context() would obey SSLKEYLOGFILE and, from Python 3.13 on, refuse what
        # browsers accept.
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
        return cast("socket.socket", _Meter(self._open_unmetered(), self))

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
        """What the server shows, trusted or not: to look at, never to talk over."""
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

    # --- HTTP ------------------------------------------------------------------------------------------------------

    def _connect_http(self) -> None:
        connection = self._open()
        if self._context:
            leaf = read_der(cast("ssl.SSLSocket", connection).getpeercert(True) or b"")
            self.report.certificate = leaf.summary()
            unfit = unfit_for_clients(leaf, self._authorities, datetime.now(timezone.utc))
            if unfit:
                raise unfit
            if self.request.certificate_sha256 and leaf.sha256 != self.request.certificate_sha256:
                raise Stop("other_certificate", sha256=leaf.sha256)
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
    ) -> _Response:
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
        answer = _Response(response.status, response.headers, response.read(MOST_BODY))
        if self.deadline.over:
            raise socket.timeout  # hung up in the middle of an answer that would have looked complete
        self._cookies.extract_cookies(response, shadow)
        if response.will_close or not response.isclosed():
            self._http.close()
        return answer

    def _shadow(self, path: str, anonymous: bool = False) -> urllib.request.Request:
        """The request as the cookie jar knows one: the jar decides what goes where (secure, domain, path), as a
        browser's does."""
        shadow = urllib.request.Request(f"{self.address.scheme}://{self.address.netloc}{self.address.base}{path}")  # noqa: S310 - never opened
        if not anonymous:
            self._cookies.add_cookie_header(shadow)
        return shadow

    def _cookie(self, name: str) -> str:
        return next((cookie.value or "" for cookie in self._cookies if cookie.name == name), "")

    def _api(self) -> None:
        with self._blamed("api"):
            try:
                answer = self._call("GET", "/api")
            except (http.client.HTTPException, ConnectionError) as error:
                if self._context is None and self._speaks_tls():
                    raise Stop("server_speaks_tls") from error
                raise
            if answer.status == 400 and self._context is None and self._speaks_tls():
                raise Stop("server_speaks_tls")
            self._require_no_hub(answer)
            if answer.status == 403 and self._answers_to_localhost():
                raise Stop("host_blocked", host_header=self.address.netloc)
            if answer.status in {301, 302, 307, 308, 404}:
                raise self._elsewhere(answer)
            if answer.status != 200:
                raise Stop("server_error", step="GET /api", status=answer.status, detail=error_text(answer.body))
            self.report.server_version = _version(answer.body)
            if self.report.server_version is None:
                raise Stop("not_jupyter", detail="GET /api gives no version")
        self._passed("api")

    def _require_no_hub(self, answer: _Response) -> None:
        """A JupyterHub names itself in each answer, as do the servers that it starts: those lie below /user/, and take
        tokens of the hub's."""
        hub = answer.headers.get("X-JupyterHub-Version")
        served = "/user/" in f"{self.address.base}/"
        if hub and not (served and answer.status == 200 and self.request.password is None):
            known = re.fullmatch(r"[0-9A-Za-z.+-]{1,40}", hub)
            raise Stop("jupyterhub", detail=f"version {hub}" if known else "of a version that it does not say")

    def _answers_to_localhost(self) -> bool:
        saved, self.address = self.address, replace(self.address, host="localhost")
        try:
            return self._call("GET", "/api", anonymous=True).status == 200
        finally:
            self.address = saved

    def _elsewhere(self, answer: _Response) -> Stop:
        """A server that has no /api here: Jupyter under another path names it in the headers of each page."""
        base = base_in_policy(answer.headers.get("Content-Security-Policy", ""))
        if base is not None and base != self.address.base:
            return Stop("wrong_base_url", detail=f"it is at {base or '/'}")
        location = answer.headers.get("Location")
        detail = f"GET /api gives HTTP {answer.status}" + (f" and leads to {location}" if location else "")
        return Stop("wrong_base_url" if self.address.base else "not_jupyter", detail=detail)

    def _login(self, anonymous: bool) -> None:
        if self.request.password is not None or anonymous:
            # The page sets the XSRF cookie that each later write needs (so does the 404 of a server without a login).
            page = self._call("GET", "/login")
            if page.status >= 400 and not anonymous:
                raise Stop("server_error", step="GET /login", status=page.status, detail=error_text(page.body))
        if self.request.password is not None and not anonymous:
            form = urllib.parse.urlencode({"password": self.request.password, "_xsrf": self._cookie("_xsrf")}).encode()
            answer = self._call("POST", "/login", form, "application/x-www-form-urlencoded")
            self._refuse_xsrf(answer, "the login")
            if answer.status in {200, 401, 403}:
                raise Stop("login_refused")
            if answer.status >= 400:
                raise Stop("server_error", step="POST /login", status=answer.status, detail=error_text(answer.body))
        status = self._call("GET", "/api/status").status
        if status in {401, 403}:
            raise Stop("login_refused" if self.request.token is not None else "cookie_lost")
        self._passed("login")

    def _refuse_xsrf(self, answer: _Response, step: str) -> None:
        if is_xsrf_refusal(answer.status, answer.body):
            raise Stop("xsrf", step=step, detail=error_text(answer.body))

    # --- the kernel ------------------------------------------------------------------------------------------------

    def _run_code(self) -> None:
        started = time.monotonic()
        session = _Session(f"connection-check-{uuid.uuid4().hex[:8]}")
        try:
            with self._blamed("kernel"):
                kernel_id = self._start_kernel(session)
            self._passed("kernel")
            with self._blamed("websocket"):
                channel = self._websocket(kernel_id)
            self._passed("websocket")
            answer = Answer(uuid.uuid4().hex)
            try:
                self._execute(channel, answer)
            except _GONE as error:
                raise self._silent(answer, kernel_id, error) from error
            finally:
                with contextlib.suppress(*_GONE):
                    channel.close(timeout=1)
            self.report.result = answer.text
            self.report.kernel_seconds = round(time.monotonic() - started, 2)
            if self.request.expect is not None and answer.text != self.request.expect:
                raise Stop("wrong_result")
            self._passed("result")
        finally:
            self._clean_up(session)

    def _start_kernel(self, session: _Session) -> str:
        # A session rather than a bare kernel: it has a name that is ours, also where the answer is cut off, and a
        # person knows it by that.
        wanted = {"path": session.path, "name": "connection check", "type": "console", "kernel": {}}
        if self.request.kernel:
            wanted["kernel"] = {"name": self.request.kernel}
        session.may_exist = True
        answer = self._call("POST", "/api/sessions", json.dumps(wanted).encode())
        session.may_exist = answer.status == 201
        self._refuse_xsrf(answer, "the start of a kernel")
        if answer.status != 201:
            raise Stop("kernel_not_started", detail=f"HTTP {answer.status}, {error_text(answer.body)}")
        try:
            made = read_json(answer.body)
            session.id = str(made["id"])
            return str(made["kernel"]["id"])
        except (ValueError, LookupError, TypeError) as error:
            raise Stop("kernel_not_started", detail="the answer to POST /api/sessions names no kernel") from error

    def _websocket(self, kernel_id: str) -> Any:
        scheme = "wss" if self._context else "ws"
        connection = self._open()
        # The library leaves a socket of ours as it is, and its limit is still that of the TLS handshake: too short for
        # a kernel to start.
        connection.settimeout(self.deadline.left())
        shadow = self._shadow("/api/kernels")
        path = f"{self.address.base}/api/kernels/{kernel_id}/channels?session_id={uuid.uuid4().hex}"
        try:
            # The library sends an Origin header of this url, as a browser's page does.
            return websocket.create_connection(
                f"{scheme}://{self.address.netloc}{path}",
                timeout=self.deadline.left(),
                socket=connection,  # ours: inside our TLS and past the environment's proxies
                cookie=shadow.get_header("Cookie"),
                header={} if self.request.token is None else {"Authorization": f"token {self.request.token}"},
                redirect_limit=0,
            )
        except websocket.WebSocketBadStatusException as error:
            detail = f"HTTP {error.status_code}, {error_text(error.resp_body or b'')}"
            raise Stop("websocket_refused", detail=detail) from error
        except websocket.WebSocketTimeoutException as error:
            raise socket.timeout from error
        except websocket.WebSocketConnectionClosedException as error:
            raise ConnectionResetError("the connection was closed") from error
        except websocket.WebSocketException as error:
            raise Stop("websocket_refused", detail=str(error) or type(error).__name__) from error

    def _execute(self, channel: Any, answer: Answer) -> None:
        channel.send(
            json.dumps(
                execute_request(self.request.code, answer.message_id, uuid.uuid4().hex, datetime.now(timezone.utc))
            )
        )
        for _frame in range(MOST_FRAMES):
            channel.settimeout(self.deadline.left())
            message = read_json(channel.recv() or "{}")
            if isinstance(message, dict):
                absorb(answer, message)
            if answer.done:
                return
        raise Stop("answer_too_large", most=f"{MOST_FRAMES} messages")

    def _silent(self, answer: Answer, kernel_id: str, error: Exception) -> Stop:
        if self._late(error) or isinstance(error, websocket.WebSocketTimeoutException):
            if answer.seen_alive:
                return Stop("no_result", seconds=f"{self.request.timeout:g}")
            return Stop("kernel_not_started", detail=f"it gave no sign of life within {self.request.timeout:g} s")
        with contextlib.suppress(OSError, http.client.HTTPException, Stop):
            if self._call("GET", f"/api/kernels/{kernel_id}").status == 404:
                return Stop("kernel_died", detail="the server knows it no more")
        return Stop("websocket_refused", detail=f"it closed while the code ran ({error})")

    def _clean_up(self, session: _Session) -> None:
        """Delete what this check made: the session and its kernel; then log out. Also after the time is over."""
        if "result" not in self.report.checks:
            self._close()  # a connection that was cut off in the middle of an answer is of no more use
        self.deadline, self._left = _Deadline(CLEANUP_SECONDS), MOST_BODY
        trouble = ""
        while session.may_exist and not self.deadline.over:
            try:
                trouble = self._delete(session)
            except (OSError, ValueError, LookupError, TypeError, http.client.HTTPException, Stop) as error:
                trouble = plain(error) or type(error).__name__
                self._close()
            if not trouble:
                self._passed("cleanup")
                break
            time.sleep(0.3)
        else:
            if session.may_exist:
                self.report.warnings.append(
                    f"The kernel of this check, {session.path}, may still be there: it could not be deleted"
                    f" ({trouble})."
                )
        if self.request.password is not None:
            with contextlib.suppress(OSError, http.client.HTTPException, Stop):
                self._call("GET", "/logout")

    def _delete(self, session: _Session) -> str:
        """Return what is in the way, "" for nothing."""
        if session.id is None:
            # The answer that names it was cut off. Jupyter lists a session once its kernel has started.
            sessions = read_json(self._call("GET", "/api/sessions").body)
            session.id = next((str(one["id"]) for one in sessions if one["path"] == session.path), None)
        if session.id is None:
            return "Jupyter does not list it yet"
        status = self._call("DELETE", f"/api/sessions/{session.id}").status
        # 404 and 410: the kernel died, and the session with it. 500 while a kernel that died is being started again,
        # which takes a moment.
        return "" if status in {204, 404, 410} else f"HTTP {status}"

    # --- ends and errors -------------------------------------------------------------------------------------------

    def _passed(self, step: str) -> None:
        self.report.checks.append(step)

    @contextlib.contextmanager
    def _blamed(self, step: str) -> Iterator[None]:
        """Turn what a broken connection raises inside ``step`` into its cause."""
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
        # After _hang_up the error is whatever a connection says that was closed under it.
        return self.deadline.over or isinstance(error, (socket.timeout, TimeoutError))

    def _hang_up(self) -> None:
        """The time is over: whatever waits for the network wakes up. (A socket's own limit starts anew with each
        byte.)"""
        for connection in list(self._sockets):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None
        while self._sockets:
            with contextlib.suppress(OSError):
                self._sockets.pop().close()


@dataclass
class _Session:
    """What Jupyter is asked to make, by a name that is ours."""

    path: str
    may_exist: bool = False
    id: str | None = None  # Jupyter's own name for it, once it was heard


@dataclass(frozen=True)
class _Response:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def _version(body: bytes) -> str | None:
    try:
        found = read_json(body)
    except ValueError:
        return None
    version = found.get("version") if isinstance(found, dict) else None
    return version if isinstance(version, str) else None


#: What a connection raises that ends while we wait on it.
_GONE: tuple[type[Exception], ...] = (OSError, ValueError)
if WEBSOCKET_IMPORT_ERROR is None:
    _GONE = (OSError, ValueError, websocket.WebSocketException)
