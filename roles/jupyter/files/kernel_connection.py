# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel on the other host, and the connection to it (kernel_bridge.py).

The server there keeps the kernel while the connection is lost
(https://jupyter-server.readthedocs.io/en/latest/developers/websocket-protocols.html)."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kernel_memory import Memory, leave
from kernel_messages import message, to_websocket
from kernel_servers import START, Away, Gone, Server

if TYPE_CHECKING:
    from tornado.websocket import WebSocketClientConnection

#: Seconds for a farewell, before Jupyter ends the program by force (jupyter_client: shutdown_wait_time is 5).
FAREWELL = 3.5
#: Seconds between two questions about itself to a kernel that has published nothing yet.
SIGN = 1.0


class RemoteKernel:
    """A kernel of that server, from the first cell on."""

    def __init__(
        self,
        server: Server,
        kernel: str,
        memory: Memory,
        hear: Callable[[Any], Awaitable[None]],
        lose: Callable[[], Awaitable[None]],
    ) -> None:
        """
        :param hear: called with each message of the kernel.
        :param lose: called once the kernel is gone, and all that ran in it.
        """
        self.server, self.kernel, self.memory, self._hear, self._tell_loss = server, kernel, memory, hear, lose
        self.session = uuid.uuid4().hex
        self.id = ""
        self._has_looked = False
        self.found = False  # it is the kernel of a hub that ended without a farewell
        self.used = self.lost = False  # a cell ran; its kernel is gone
        self.line: WebSocketClientConnection | None = None
        #: The number of the connection. What was sent through an earlier one may have come nowhere.
        self.connection = 0
        self.heard = False  # something that the kernel published, since the connection or its start
        self.over = False
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def connected(self, is_quiet: bool) -> WebSocketClientConnection:
        """Return the connection to a running kernel, a new one of both where that is needed.

        :param is_quiet: whether nothing is computed there, so that the kernel answers a question about itself.
        :raises Away: if there is none.
        """
        async with self._lock:
            if self.line is None:
                await self._connect()
            if not self.heard and is_quiet:
                await self._wait_for_a_sign()
            if self.line is None:
                raise Away(f"{self.server.host} has ended the connection.")
            return self.line

    async def _connect(self) -> None:
        if not self._has_looked:  # not earlier: the hub knows the notebook once the kernel has started
            self._has_looked, self.id = True, self.memory.read()
            self.found = bool(self.id)
        if self.id:
            with contextlib.suppress(Gone):
                await self.state()
        if self.over:
            raise Away(f"The kernel on {self.server.host} was ended.")
        if not self.id:
            self.id = await self.server.start(self.kernel)
        self.memory.write(self.id)
        line = await self.server.connect(self.id, self.session)
        self.line, self.heard, self.connection = line, False, self.connection + 1
        task = asyncio.ensure_future(self._listen(line))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _wait_for_a_sign(self) -> None:
        """Ask the kernel about itself until a message comes that it publishes. Before that, the server there may not
        have subscribed to it, and the outputs of a cell would be lost."""
        end = time.monotonic() + START
        while self.line is not None and not self.heard and time.monotonic() < end:
            question = to_websocket("shell", message("kernel_info_request", self.session, {}, {}))
            await self.line.write_message(question, binary=True)
            for _turn in range(20):
                if not self.heard:
                    await asyncio.sleep(SIGN / 20)

    async def _listen(self, line: WebSocketClientConnection) -> None:
        try:
            while (data := await line.read_message()) is not None:
                try:
                    await self._hear(data)
                except Exception as error:  # whatever the other host sends
                    print(f"kernel_bridge: {self.server.host}: {type(error).__name__}: {error}", file=sys.stderr)
        finally:
            if self.line is line:
                self.line = None

    async def state(self) -> str:
        """Return what the kernel does: ``idle``, ``busy`` and so on.

        :raises Gone: if it is there no more.
        :raises Away: for any other fault.
        """
        asked = self.id
        try:
            return await self.server.state(asked)
        except Gone:
            await self.lose(asked)
            raise

    async def lose(self, kernel: str) -> None:
        """Forget a kernel that is gone. A late answer about an earlier one is none about this."""
        if kernel != self.id:
            return
        self._forget()
        self.lost = self.lost or (self.used and not self.found)
        self.used = self.found = False
        line, self.line = self.line, None
        if line is not None:
            line.close()
        await self._tell_loss()

    async def finished(self) -> dict[str, bool]:
        """Tell of each cell of this connection whether it has ended, as the server there has recorded it
        (output_recorder.py), by the identifier of its request. Without that service there are none."""
        try:
            return {each["id"]: each["finished"] for each in await self._recorded("outputs=0")}
        except Away:
            return {}

    async def record(self, number: str) -> dict[str, Any] | None:
        """Return one cell with all its outputs; None where the server there has not recorded it, or cannot say."""
        try:
            return next(iter(await self._recorded(f"id={quote(number, safe='')}")), None)
        except Away:
            return None

    async def _recorded(self, wanted: str) -> list[dict[str, Any]]:
        path = f"durable-outputs/{self.id}?session={self.session}&{wanted}"
        found = await self.server.call("GET", path, seconds=START)
        try:
            return [each for each in found["executions"] if each["mine"] and is_record(each)]
        except (LookupError, TypeError) as error:
            raise Away(f"{self.server.host} does not answer at {self.server.url} as a Jupyter server.") from error

    async def interrupt(self) -> None:
        """:raises Away: if the server cannot be asked."""
        if self.id:
            await self.server.call("POST", f"kernels/{self.id}/interrupt", {})

    async def end(self) -> None:
        """End the kernel, also one that is being started. One whose host is away is ended once it answers again
        (remote_kernels.py)."""
        self.over = True
        try:
            await asyncio.wait_for(self._end(), FAREWELL)
        except Gone:
            pass
        except (Away, asyncio.TimeoutError):
            if self.id:
                leave(self.server.label, self.id)
        self._forget()

    async def _end(self) -> None:
        async with self._lock:
            if self.id:
                await self.server.call("DELETE", f"kernels/{self.id}")

    def _forget(self) -> None:
        self.id = ""
        self.memory.forget()


def is_record(value: dict[str, Any]) -> bool:
    """Tell whether a record of the other host has the keys and types of one."""
    return (
        isinstance(value.get("id"), str)
        and isinstance(value.get("finished"), bool)
        and isinstance(value.get("count"), (int, type(None)))
        and isinstance(value.get("outputs"), list)
        and all(isinstance(each, dict) and isinstance(each.get("output_type"), str) for each in value["outputs"])
    )
