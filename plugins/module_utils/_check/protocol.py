# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages of Jupyter over HTTP and WebSocket, and their reading. Pure: bytes in, values out."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .._certificate.values import iso
from .causes import Stop

#: The errors of a kernel of another host (roles/jupyter/files/kernel_bridge.py).
AWAY = ("HostAway", "KernelLost", "AnswerLost")


def read_json(text: str | bytes) -> Any:
    """Return the value of a JSON text. Raise ValueError if it has none, also if it is nested without end."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def error_text(body: bytes) -> str:
    """The one line of an HTTP error's body worth repeating: Jupyter's JSON ``message``, or the page's title."""
    text = body[:20000].decode("utf-8", "replace")
    try:
        found = read_json(text)
        text = str(found.get("message") or found.get("reason") or "") if isinstance(found, dict) else ""
    except ValueError:
        title = re.search(r"<title>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        text = title.group(1) if title else re.sub(r"<[^>]*>", " ", text)
    return " ".join(text.split())[:200].rstrip(".") or "without a reason"


def base_in_policy(policy: str) -> str | None:
    """The base path ("" for the root) that Jupyter names in the Content-Security-Policy of each page; None where it
    names none.

    jupyter_server.base.handlers.JupyterHandler.content_security_policy: ``report-uri
    <base_url>api/security/csp-report``.
    """
    found = re.search(r"report-uri (\S*)/api/security/csp-report", policy)
    return found.group(1) if found else None


#: The two places of the classic pages: alone, and beside Notebook 7 (``nbclassic.nbclassic_path``).
CLASSIC_PATHS = ("tree", "nbclassic/tree")


@dataclass(frozen=True)
class Page:
    """A page that a server sent, and its kind in words."""

    is_classic: bool
    kind: str


def read_page(status: int, body: bytes) -> Page:
    """Return the kind of a page.

    The templates of nbclassic and of Notebook 6 alone name ``ipython-main-app`` (``tree.html``). Notebook 7 tells its
    pages by ``notebookPage`` in the configuration of the page.
    """
    if status != 200:
        return Page(False, f"HTTP {status} is the answer")
    if b'id="ipython-main-app"' in body:
        return Page(True, "")
    return Page(False, "Notebook 7 answers there" if b'"notebookPage"' in body else "another page answers there")


def is_xsrf_refusal(status: int, body: bytes) -> bool:
    """Tornado's answer to a missing or a wrong ``_xsrf`` (tornado.web.RequestHandler.check_xsrf_cookie)."""
    return status == 403 and (b"_xsrf" in body or b"XSRF" in body)


def execute_request(code: str, message_id: str, session: str, now: datetime) -> dict[str, Any]:
    """The request to run ``code`` (Jupyter messaging protocol 5.3, "Execute"; the channel key is Jupyter Server's
    WebSocket wrapping)."""
    header = {
        "msg_id": message_id,
        "session": session,
        "username": "connection_check",
        "date": iso(now),
        "msg_type": "execute_request",
        "version": "5.3",
    }
    content = {
        "code": code,
        "silent": False,
        "store_history": False,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": True,
    }
    return {
        "channel": "shell",
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "buffers": [],
    }


#: Characters of a result, or of printed text. The rest is cut off.
MOST_RESULT = 1 << 20


@dataclass
class Answer:
    """The data received over the WebSocket so far."""

    message_id: str
    result: str | None = None  # text of the last expression
    printed: list[str] = field(default_factory=list)
    length: int = 0  # of the printed text
    seen_alive: bool = False  # the kernel itself said something, so it did start
    done: bool = False

    @property
    def text(self) -> str:
        """The value of the last expression, or the text that the code printed."""
        return "".join(self.printed).strip() if self.result is None else self.result


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def absorb(answer: Answer, message: dict[str, Any]) -> None:
    """Take in one message of the kernel. Raise Stop where it says that the code failed or that the kernel is gone."""
    header, parent, content = (_table(message.get(key)) for key in ("header", "parent_header", "content"))
    kind = message.get("msg_type") or header.get("msg_type", "")
    state = content.get("execution_state", "")
    if kind == "status" and state in {"dead", "restarting", "autorestarting"}:
        raise Stop("kernel_died", detail="its process ended while the code ran")
    if parent.get("msg_id") != answer.message_id:
        return
    answer.seen_alive = True
    if kind == "execute_result":
        answer.result = str(_table(content.get("data")).get("text/plain", ""))[:MOST_RESULT]
    elif kind == "stream" and content.get("name") == "stdout":
        text = str(content.get("text", ""))[: MOST_RESULT - answer.length]
        answer.printed.append(text)
        answer.length += len(text)
    elif kind == "error":
        if content.get("ename") in AWAY:
            raise Stop("host_away", detail=str(content.get("evalue", ""))[:400].rstrip("."))
        raise Stop("code_failed", detail=f"{content.get('ename', 'error')}: {content.get('evalue', '')}"[:200])
    elif kind == "status" and state == "idle":
        answer.done = True
