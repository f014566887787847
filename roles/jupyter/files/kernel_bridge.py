# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a kernel of another host: ``kernel_bridge.py SERVERS NAME KERNEL CONNECTION_FILE``.

For the Jupyter server that starts it this is a kernel like any other, with its own channels
(https://jupyter-client.readthedocs.io/en/stable/messaging.html). The kernel itself runs in the server of the other
host (kernel_connection.py), which keeps it while the connection is lost, and then sends what it has printed meanwhile.

A host that does not answer ends nothing here: cells end with an error that says so, and the next one tries again. If
the kernel is gone, the next cell gets a new one, and is told so.

The server comes by name out of SERVERS (``remote_kernels.json``): its key is on no command line.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from kernel_connection import RemoteKernel
from kernel_memory import Memory
from kernel_messages import Channels, contents, from_websocket, message, to_websocket
from kernel_servers import PING, Away, Server

if TYPE_CHECKING:
    import zmq.asyncio

#: Seconds after a new connection until the server there has sent what it kept, and within which the reply of a cell
#: follows its end.
SETTLE = 1.0
#: Pauses between two questions about the kernel, or two tries to connect again; the last one for ever.
TICK, PAUSES = 0.5, (0.0, 1.0, 2.0, 5.0, PING)
#: Seconds for the answer to a question about the kernel. busy_kernels.py takes a kernel for busy after two.
ABOUT_SECONDS = 1.5
#: The outputs of nbformat, which are messages of kernels as well.
OUTPUTS = ("stream", "display_data", "execute_result", "error")


class Request(NamedTuple):
    """A message that waits for its reply."""

    channel: str
    addresses: list[bytes]
    header: dict[str, Any]
    #: The number of the connection that it was sent through.
    connection: int

    @property
    def kind(self) -> str:
        return str(self.header["msg_type"])

    @property
    def has_reply(self) -> bool:
        """Tell whether the protocol has a reply to it: the messages of a widget have none, but an end."""
        return self.kind.endswith("_request")


class Bridge:
    """Between the channels here and the kernel there."""

    def __init__(self, server: Server, kernel: str, channels: Channels, memory: Memory) -> None:
        self.channels, self.host, self.memory = channels, server.host, memory
        self.there = RemoteKernel(server, kernel, memory, self._from_there, self._lost)
        #: By the identifier of the message.
        self.waiting: dict[str, Request] = {}
        #: Cells until their end. One that was sent through an earlier connection may lack an output.
        self.cells: dict[str, Request] = {}
        self.ended = asyncio.Event()
        self.tasks: set[asyncio.Task[Any]] = set()

    # --- from the kernel there

    async def _from_there(self, data: Any) -> None:
        channel, parts = from_websocket(data)
        header, parent, content = contents(parts)
        kind, of = header["msg_type"], parent.get("msg_id", "")
        state = content["execution_state"] if kind == "status" else ""
        if channel == "iopub":
            self.there.heard = self.there.heard or kind == "status"
            cell = self.cells.pop(of, None) if state == "idle" else None
            if cell and cell.connection < self.there.connection:
                await self._show(await self.there.record(of), cell.header)
            await self.channels.send(self.channels.iopub, [kind.encode()], parts)
            if state in ("restarting", "dead"):
                self.there.heard = False
                text = f"The kernel on {self.host} has ended, and its variables are lost."
                await self._fail_all("KernelLost", text)
        elif channel == "stdin" and of in self.waiting:
            await self.channels.send(self.channels.stdin, self.waiting[of].addresses, parts)
        elif channel in ("shell", "control") and of in self.waiting:
            request = self.waiting.pop(of)
            await self.channels.send(getattr(self.channels, channel), request.addresses, parts)

    async def _lost(self) -> None:
        text = f"The kernel on {self.host} has ended, and its variables are lost. The next cell gets a new one."
        await self._fail_all("KernelLost", text)

    # --- what the connection has lost

    async def _watch(self) -> None:
        """Look after the kernel while something waits for it, or the connection is lost."""
        turn, due, away, number = 0, 0.0, 0.0, 0
        while True:
            await asyncio.sleep(TICK)
            now = time.monotonic()
            is_idle = not self.there.id or not (self.waiting or self.cells or self.there.line is None)
            connection = -1 if self.there.line is None else self.there.connection
            if is_idle or connection != number:  # lost, or there again
                turn, due, number = 0, 0.0, connection
            if is_idle:
                away = 0.0
            elif now >= due:
                try:
                    await self._look()
                    away = 0.0
                except Away as error:
                    if self.there.line is None:
                        away = await self._tell(error, now, away)
                except Exception as error:  # one fault must not end the watch
                    print(f"kernel_bridge: {type(error).__name__}: {error}", file=sys.stderr)
                turn, due = turn + 1, time.monotonic() + PAUSES[min(turn, len(PAUSES) - 1)]

    async def _tell(self, error: Away, now: float, away: float) -> float:
        """Tell cells that wait, once, that their host is away. Return since when it is; minus that once they know."""
        if away > 0.0 and now - away > PING:
            text = f"{error} The cell may go on there; its output comes once the host answers again.\n"
            for request in list(self.waiting.values()):
                await self._publish("stream", request.header, {"name": "stderr", "text": text})
            return -away
        return away or now

    async def _look(self) -> None:
        """Come back to a kernel that may still compute, and end the requests whose answer was lost."""
        there = self.there
        state = await there.state()
        if there.line is None:
            await there.connected(is_quiet=False)
            await asyncio.sleep(SETTLE)
            for number, cell in list(self.cells.items()):
                record = await there.record(number)
                if record is not None:
                    await self._show(record, cell.header)
        requests = {**self.cells, **self.waiting}
        old = {name: each for name, each in requests.items() if each.connection < there.connection}
        ends = await self._ended(old, state) if old else {}
        if ends:
            await asyncio.sleep(SETTLE)  # the next cell may be about to start, and a reply on its way
            ends = await self._ended(ends, await there.state())
        for number, request in ends.items():
            record = await there.record(number)
            cell = self.cells.pop(number, None)
            if self.waiting.pop(number, None):
                await self._answer(request, record)
            elif cell is not None:  # its reply came, and its end did not
                await self._show(record, request.header)
                await self._publish("status", request.header, {"execution_state": "idle"})

    async def _ended(self, requests: dict[str, Request], state: str) -> dict[str, Request]:
        """Return those that nothing there computes any more."""
        finished = await self.there.finished()
        return {
            number: request
            for number, request in requests.items()
            if (number in self.waiting or number in self.cells) and (state == "idle" or finished.get(number))
        }

    async def _answer(self, request: Request, record: dict[str, Any] | None) -> None:
        if record is None:
            text = f"The connection to {self.host} was lost, and this request or its answer with it."
            await self._fail(request, "AnswerLost", text)
        else:
            await self._show(record, request.header)
            failed = any(each["output_type"] == "error" for each in record["outputs"])
            content = {"status": "error" if failed else "ok", "execution_count": record["count"]}
            await self._reply("execute_reply", request, content)
            await self._publish("status", request.header, {"execution_state": "idle"})

    async def _show(self, record: dict[str, Any] | None, header: dict[str, Any]) -> None:
        """Show all outputs of a cell that has ended as the server there has recorded them. Without a record, say that
        some may be missing."""
        if record is None:
            text = f"The connection to {self.host} was lost while this cell ran: lines may be missing.\n"
            await self._publish("stream", header, {"name": "stderr", "text": text})
            return
        await self._publish("clear_output", header, {"wait": True})
        for output in record["outputs"]:
            if output["output_type"] in OUTPUTS:
                content = {key: value for key, value in output.items() if key != "output_type"}
                await self._publish(output["output_type"], header, content)

    # --- from the server here

    async def _from_here(self, channel: str, received: list[bytes]) -> None:
        opened = self.channels.opened(received)
        if opened is None:
            return
        addresses, parts = opened
        request = Request(channel, addresses, json.loads(parts[0]), self.there.connection)
        if request.kind == "shutdown_request":
            await self._shut_down(request, json.loads(parts[3]))
        elif request.kind == "interrupt_request":
            await self._interrupt(request)
        else:
            await self._forward(request, parts)

    async def _forward(self, request: Request, parts: list[bytes]) -> None:
        number = request.header["msg_id"]
        try:
            if request.kind == "kernel_info_request" and self.there.line is None and not self.cells:
                # Pages and restarts of the hub wait for this one, and not for long. No answer means that a cell runs.
                await self.there.server.call("GET", "kernels", seconds=ABOUT_SECONDS)
            line = await self.there.connected(is_quiet=not self.waiting)
            request = request._replace(connection=self.there.connection)
            if is_cell(request):
                await self._explain(request.header)
                self.there.used = True
                self.cells[number] = request
            if request.has_reply:
                self.waiting[number] = request
            await line.write_message(to_websocket(request.channel, parts), binary=True)
        except Exception as error:
            self.waiting.pop(number, None)
            self.cells.pop(number, None)
            text = str(error) if isinstance(error, Away) else f"{self.host}: {type(error).__name__}: {error}"
            await self._fail(request, "HostAway", text)

    async def _explain(self, header: dict[str, Any]) -> None:
        """Say that this is another kernel than before, or the same one."""
        text = ""
        if self.there.lost:
            text = f"This is a new kernel on {self.host}: the variables of the one before are lost.\n"
        elif self.there.found:
            text = f"This kernel went on on {self.host} while the hub was away. Its variables are still there.\n"
        self.there.lost = self.there.found = False
        if text:
            await self._publish("stream", header, {"name": "stderr", "text": text})

    async def _interrupt(self, request: Request) -> None:
        try:
            await self.there.interrupt()
        except Away as error:
            # The notebook can go on. What runs there may go on as well.
            await self._fail_all("HostAway", f"{error} The cell may still run there.")
        await self._reply("interrupt_reply", request, {"status": "ok"})

    async def _shut_down(self, request: Request, content: dict[str, Any]) -> None:
        await self.there.end()
        await self._reply("shutdown_reply", request, {"status": "ok", "restart": bool(content.get("restart"))})
        self.ended.set()

    # --- messages of its own

    async def _publish(self, kind: str, parent: dict[str, Any], content: dict[str, Any]) -> None:
        parts = message(kind, self.there.session, parent, content)
        await self.channels.send(self.channels.iopub, [kind.encode()], parts)

    async def _reply(self, kind: str, request: Request, content: dict[str, Any]) -> None:
        parts = message(kind, self.there.session, request.header, content)
        await self.channels.send(getattr(self.channels, request.channel), request.addresses, parts)

    async def _fail(self, request: Request, name: str, text: str) -> None:
        """Answer a request with an error. A question about the kernel gets an answer without one: a page would wait for
        another."""
        if request.channel == "stdin":
            return
        kind, header = request.kind.removesuffix("_request"), request.header
        fault: dict[str, Any] = {"status": "error", "ename": name, "evalue": text, "traceback": [f"{name}: {text}"]}
        await self._publish("status", header, {"execution_state": "busy"})
        if kind == "execute":
            await self._publish("error", header, {key: fault[key] for key in ("ename", "evalue", "traceback")})
            fault["execution_count"] = 0
        elif kind == "kernel_info":
            fault = {**ABOUT, "banner": text}
        if request.has_reply:
            await self._reply(f"{kind}_reply", request, fault)
        await self._publish("status", header, {"execution_state": "idle"})

    async def _fail_all(self, name: str, text: str) -> None:
        waiting, self.waiting, self.cells = self.waiting, {}, {}
        for request in waiting.values():
            await self._fail(request, name, text)

    # --- its life

    def _later(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _serve(self, socket: zmq.asyncio.Socket, act: Callable[[list[bytes]], Awaitable[None]]) -> None:
        while True:
            received = await socket.recv_multipart()
            try:
                await act(received)
            except Exception as error:  # one message must not end the channel
                print(f"kernel_bridge: {type(error).__name__}: {error}", file=sys.stderr)

    async def run(self, parent: int) -> None:
        """Work until the kernel is ended, or the server that started this is gone."""
        channels = self.channels
        self._later(self._serve(channels.heartbeat, channels.heartbeat.send_multipart))
        for name in ("shell", "control", "stdin"):
            socket = getattr(channels, name)
            self._later(self._serve(socket, lambda received, name=name: self._from_here(name, received)))
        self._later(self._watch())
        while not self.ended.is_set() and os.getppid() == parent:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.ended.wait(), 2)
        if os.getppid() == parent:
            await self.there.end()
            self.memory.close()
        await asyncio.sleep(0.2)  # the reply is on its way


def is_cell(request: Request) -> bool:
    return request.kind == "execute_request"


#: What a page needs to know of a kernel that does not answer.
ABOUT = {
    "status": "ok",
    "protocol_version": "5.3",
    "implementation": "kernel_bridge",
    "implementation_version": "1",
    "language_info": {"name": "python", "version": "3", "mimetype": "text/x-python", "file_extension": ".py"},
    "help_links": [],
}


async def main(servers: str, name: str, kernel: str, connection_file: str) -> None:
    # The server that starts a kernel says who it is (jupyter_client): it may be gone before this looks.
    parent = int(os.environ.get("JPY_PARENT_PID") or os.getppid())
    with open(connection_file, encoding="utf-8") as file:
        channels = Channels(json.load(file))
    server = Server(servers, name)
    memory = Memory(connection_file, server.label, kernel)
    bridge = Bridge(server, kernel, channels, memory)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, bridge.ended.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    await bridge.run(parent)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
