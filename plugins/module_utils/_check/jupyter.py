# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jupyter behind a url: that it is one, and the login."""

from __future__ import annotations

import http.client
import http.cookiejar
import re
import urllib.parse
import urllib.request
from dataclasses import replace

from .causes import Stop
from .http_client import HttpClient, Response
from .protocol import (
    CLASSIC_PATHS,
    Page,
    base_in_policy,
    error_text,
    is_xsrf_refusal,
    read_json,
    read_page,
)

#: A gateway that does not reach the server, or gets no answer (RFC 9110, 15.6.3 to 15.6.5).
GATEWAY = (502, 503, 504)


def _version(body: bytes) -> str | None:
    try:
        found = read_json(body)
    except ValueError:
        return None
    version = found.get("version") if isinstance(found, dict) else None
    return version if isinstance(version, str) else None


class JupyterClient(HttpClient):
    """The steps before a kernel."""

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
            if answer.status in GATEWAY:
                raise Stop("bad_gateway", status=answer.status)
            if answer.status != 200:
                raise Stop("server_error", step="GET /api", status=answer.status, detail=error_text(answer.body))
            self.report.server_version = _version(answer.body)
            if self.report.server_version is None:
                raise Stop("not_jupyter", detail="GET /api gives no version")
        self._passed("api")

    def _require_no_hub(self, answer: Response) -> None:
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

    def _elsewhere(self, answer: Response) -> Stop:
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

    def _upload(self) -> None:
        """Send a large request that changes nothing: Jupyter reads it, and has no such method there."""
        if not self.request.upload:
            return
        body, refused = b"x" * self.request.upload, ""
        try:
            status = self._call("POST", "/api/status", body, "application/octet-stream").status
            refused = "HTTP 413" if status == 413 else ""
        except (http.client.HTTPException, ConnectionError):
            refused = "the connection ended in the middle of it"
        if refused:
            raise Stop("body_limit", size=f"{len(body) / 1e6:g}", detail=refused)
        self._passed("upload")

    def _open_classic(self) -> None:
        """Open the page that Juno opens. Notebook 7 and JupyterLab answer with pages of their own."""
        path = self.request.classic
        if not path:
            return
        found = self._page(path)
        if not found.is_classic:
            other = next((each for each in CLASSIC_PATHS if each != path and self._page(each).is_classic), "")
            detail = f"they are at {self.address.base}/{other}" if other else found.kind
            raise Stop("not_classic", page=f"{self.request.address.url}{path}", detail=detail)
        self._passed("classic")

    def _page(self, path: str) -> Page:
        answer = self._call("GET", f"/{path}")
        return read_page(answer.status, answer.body)

    def _refuse_xsrf(self, answer: Response, step: str) -> None:
        if is_xsrf_refusal(answer.status, answer.body):
            raise Stop("xsrf", step=step, detail=error_text(answer.body))
