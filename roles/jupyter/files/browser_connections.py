# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The browsers that are connected to kernels, whether they answer, and the files that they know.

A laptop whose lid was closed, or an app that its system has suspended, sends no goodbye. Jupyter Server sends a ping
(RFC 6455, 5.5.2) each 30 seconds, and ends a connection after 90 seconds without an answer. Until then such a browser
looks as if it were there. So it is asked once more when it matters: when a device opens the notebook.

An *owner* is a kernel and a session, as in jupyter_server: ``<kernel>:<session>``.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tornado.ioloop import IOLoop

#: Seconds that a browser has for an answer. Phones' networks need one at times.
PATIENCE = 2.0
#: By these a browser finds out that somebody else changed a file, and asks which one to keep.
STATE = ("last_modified", "hash", "hash_algorithm")


@dataclass
class Written:
    """A notebook that the recorder wrote."""

    #: Its state before the first time and after the last one, in between nobody else wrote it.
    before: dict[str, Any]
    after: dict[str, Any]
    #: The browsers whose outputs were written.
    owners: set[str]

    def is_it(self, model: dict[str, Any]) -> bool:
        """Tell whether a file is still as it was written."""
        return all(model[name] == self.after[name] for name in STATE if model.get(name) is not None)


class Connections:
    """The connections of each owner; ``connection`` is a KernelWebsocketConnection of jupyter_server."""

    def __init__(self) -> None:
        self.open: dict[str, set[Any]] = {}
        #: Those that did not answer, with the time of the question (IOLoop.time).
        self.silent: dict[str, float] = {}

    def add(self, owner: str, connection: Any) -> bool:
        """Note a connection. Return whether the owner had one already."""
        had = owner in self.open
        self.open.setdefault(owner, set()).add(connection)
        self.silent.pop(owner, None)
        return had

    def remove(self, owner: str, connection: Any) -> bool:
        """Note the end of a connection. Return whether it was the owner's last one."""
        left = self.open.get(owner, set())
        left.discard(connection)
        if not left:
            self.open.pop(owner, None)
            self.silent.pop(owner, None)
        return not left

    def owners(self, kernel_id: str) -> set[str]:
        """Those that are connected to a kernel, silent ones too."""
        return {owner for owner in self.open if owner.partition(":")[0] == kernel_id}

    def answers(self, owner: str) -> bool:
        """Tell whether a browser is connected, and did not leave a question without an answer."""
        if owner in self.silent and self._heard(owner, self.silent[owner]):
            del self.silent[owner]
        return owner in self.open and owner not in self.silent

    def _heard(self, owner: str, since: float) -> bool:
        handlers = (getattr(connection, "websocket_handler", None) for connection in self.open.get(owner, ()))
        return any(getattr(handler, "last_pong", 0.0) > since for handler in handlers)

    async def ask(self, owners: Iterable[str]) -> None:
        """Ask all of them at once, and wait until each has answered or PATIENCE is over."""
        waiting, end = {owner for owner in owners if self.answers(owner)}, time.monotonic() + PATIENCE
        asked = IOLoop.current().time()  # the clock of last_pong
        for connection in [each for owner in waiting for each in self.open[owner]]:
            with contextlib.suppress(Exception):  # it was closed a moment ago
                connection.websocket_handler.ping(b"")
        while waiting and time.monotonic() < end:
            await asyncio.sleep(0.02)
            waiting = {owner for owner in waiting if owner in self.open and not self._heard(owner, asked)}
        self.silent.update(dict.fromkeys(waiting, asked))
