# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that goes the way of a browser or an app, step by step, until a cell ran or a step failed.

Each step raises ``Stop`` with a cause of ``causes.CAUSES``. Nothing here interprets a cause.
The environment's proxies are not used: the check takes the place of a client on the same network.

Each layer uses those before it: :mod:`connections`, :mod:`tls`, :mod:`http_client`, :mod:`jupyter`, :mod:`kernel`.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

from .._errors import CheckError
from .causes import Stop, conclude
from .kernel import KernelClient
from .request import Request
from .ssh_forward import Tunnel


class _Visit(KernelClient):
    """All steps, in order."""

    def facts(self) -> dict[str, Any]:
        """The facts that every sentence may use."""
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
            self._upload()
        with self._blamed("classic"):
            self._open_classic()
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
    except Exception as error:  # an error that a library does not foresee is caused by the other side
        cause, facts = "answer_unreadable", {"detail": f"{type(error).__name__}: {error}"}
    seconds = round(time.monotonic() - started, 2)
    report = visit.report
    common = {**visit.facts(), "seconds": seconds, "result": report.result, "expect": request.expect}
    verdict = conclude(cause, {**common, **facts})
    return {**verdict, **vars(report), "seconds": seconds}
