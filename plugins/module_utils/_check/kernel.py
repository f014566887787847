# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kernel for the length of a check: started, asked over a WebSocket, deleted."""

from __future__ import annotations

import contextlib
import http.client
import http.cookiejar
import json
import socket
import time
import traceback
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from .._plain import plain
from .causes import Stop
from .protocol import (
    Answer,
    absorb,
    error_text,
    execute_request,
    read_json,
)

try:
    import websocket

    WEBSOCKET_IMPORT_ERROR = None
except ImportError:
    WEBSOCKET_IMPORT_ERROR = traceback.format_exc()

from .jupyter import JupyterClient
from .limits import CLEANUP_SECONDS, MOST_BODY, MOST_FRAMES, Deadline


@dataclass
class _Session:
    """The session and kernel that Jupyter is asked to create, by a name that is ours."""

    path: str
    may_exist: bool = False
    id: str | None = None  # Jupyter's own name for it, once it was heard


#: A cell that prints a line before the client leaves, and one afterwards. Its text does not contain the second line.
DURABLE_LINES = ("line 1", "line 2")
DURABLE_CODE = "import time\nprint('line 1', flush=True)\ntime.sleep(0.2)\nprint('line 2')"
#: Seconds until the server knows that a client is gone, and has the line.
DURABLE_SECONDS = 10.0
#: The exceptions of a connection that ends while we wait for it.
_GONE: tuple[type[Exception], ...] = (OSError, ValueError)

if WEBSOCKET_IMPORT_ERROR is None:
    _GONE = (OSError, ValueError, websocket.WebSocketException)


class KernelClient(JupyterClient):
    """Runs code, and leaves nothing behind."""

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
                self._execute(channel, answer, self.request.code)
                self._judge(answer, started)
                if self.request.durable:
                    self._leave(channel, kernel_id)
            except _GONE as error:
                raise self._silent(answer, kernel_id, error) from error
            finally:
                with contextlib.suppress(*_GONE):
                    channel.close(timeout=1)
        finally:
            self._clean_up(session)

    def _judge(self, answer: Answer, started: float) -> None:
        """Compare the result with the expected one."""
        self.report.result = answer.text
        self.report.kernel_seconds = round(time.monotonic() - started, 2)
        if self.request.expect is not None and answer.text != self.request.expect:
            raise Stop("wrong_result")
        self._passed("result")

    def _leave(self, channel: Any, kernel_id: str) -> None:
        """Leave in the middle of a cell, without a goodbye, and ask as another session for the line that the cell
        printed afterwards (roles/jupyter/files/output_recorder.py keeps it)."""
        answer = Answer(uuid.uuid4().hex)
        self._execute(channel, answer, DURABLE_CODE, until=DURABLE_LINES[0])
        channel.shutdown()
        path = f"/api/durable-outputs/{kernel_id}?session={uuid.uuid4().hex}"
        end = time.monotonic() + min(DURABLE_SECONDS, self.deadline.left())
        detail = "the line is missing"
        while time.monotonic() < end:
            found = self._call("GET", path)
            if found.status != 200:
                detail = f"HTTP {found.status}"
                break
            # Not before its end: a kernel that is ended while it works leaves a traceback in the journal.
            if DURABLE_LINES[1].encode() in found.body and b'"finished": true' in found.body:
                self._passed("durable")
                return
            time.sleep(0.05)
        raise Stop("not_durable", detail=detail)

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

    def _execute(self, channel: Any, answer: Answer, code: str, until: str | None = None) -> None:
        """Run code, to its end or until it printed a text."""
        channel.send(json.dumps(execute_request(code, answer.message_id, uuid.uuid4().hex, datetime.now(timezone.utc))))
        for _frame in range(MOST_FRAMES):
            channel.settimeout(self.deadline.left())
            message = read_json(channel.recv() or "{}")
            if isinstance(message, dict):
                absorb(answer, message)
            if answer.done or (until is not None and until in answer.text):
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
        """Delete the session of this check and its kernel, then log out. Also after the time is over."""
        if "result" not in self.report.checks:
            self._close()  # a connection that was cut off in the middle of an answer is of no more use
        self.deadline, self._left = Deadline(CLEANUP_SECONDS), MOST_BODY
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
        """Return the fault, "" for none."""
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
