# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write into notebooks what their cells print while no browser is there to do it.

A browser that is gone (a closed lid, an app in the background, a lost network) reads nothing and saves nothing. So the
server records the outputs of each cell that a browser runs, from the messages that the kernel publishes to all of its
clients. As long as that browser is connected, the notebook is its own affair. Once it is gone, the outputs are
written into the file: before somebody opens it, before the server ends, and from time to time. Nothing is kept
elsewhere, and no file of a notebook has a form of its own.

- The browser that ran the cell may come back. Its page gets the lines that it missed. As long as no other device is
  there, the server answers as if the file were the one that this browser knows: else its next save would ask the
  person which of two files to keep.
- A save by another device keeps recorded outputs that this device has not seen.
- While another device is connected to the kernel, the file is left to it: else each of its saves would meet a file
  that somebody else changed, and it would have to ask which one to keep.
- A cell that was never saved is added at the end of the notebook, unless the notebook was saved without it since.
- Text beyond ``cell_outputs.LIMIT`` is cut in the middle. Widgets keep their state in the browser, as they always do.

durable_outputs.py connects it with a server.
"""

from __future__ import annotations

import asyncio
import json
import time
import weakref
from typing import TYPE_CHECKING, Any

from browser_connections import STATE, Connections, Written
from cell_outputs import CELL_ID, Execution, comparable, find_cell, put_outputs, text_of

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

#: Seconds until a browser that is gone is taken to stay away: networks fail for a moment.
GRACE = 5.0
#: Seconds between two writes of a file: a tenth of the time since the browser went, within these bounds. A long
#: computation on a Raspberry Pi writes to an SD card.
SHORTEST, LONGEST = 2.0, 60.0
#: A write may take this part of the time: a notebook of 20 MB takes seconds.
PART = 0.05
#: Seconds after its end in which a device that is connected may save an execution, before the server does.
SAVE_TIME = 150.0
#: Seconds after its end in which a page gets an execution that it shows, also if the file has it: it may have saved
#: before it heard the end.
LATE = 60.0
#: Executions that are remembered, and the characters of their outputs. Beyond these, the oldest that are finished go.
MOST, MOST_SIZE = 500, 64 * 1024 * 1024
#: Milliseconds between two tries to connect to a kernel that starts. With ZeroMQ's default of 100, a browser was faster
#: at times, and the first lines were not heard.
RECONNECT = 5


class Recorder:
    """What a server knows of the executions of its kernels."""

    def __init__(self, app: ServerApp) -> None:
        self.app = app
        self.log = app.log
        self.executions: dict[str, Execution] = {}
        self.streams: dict[str, Any] = {}
        self.browsers = Connections()
        self.locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self.writers: dict[str, asyncio.Task[None]] = {}
        self.written: dict[str, Written] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.get, self.save = app.contents_manager.get, app.contents_manager.save

    # --- from the kernels

    def watch(self, kernel_id: str) -> None:
        """Read the messages of a kernel from its start on: a connection made later would miss the first ones."""
        import zmq
        from jupyter_client.session import Session

        kernel = self.app.kernel_manager.get_kernel(kernel_id)
        session = Session(config=kernel.session.config, key=kernel.session.key)
        self.unwatch(kernel_id)
        defaults = kernel.context.sockopts
        defaults[zmq.RECONNECT_IVL] = RECONNECT
        try:
            self.streams[kernel_id] = stream = kernel.connect_iopub()
        finally:
            del defaults[zmq.RECONNECT_IVL]
        stream.on_recv(lambda parts: self.safely(self._message, kernel_id, session, parts))

    def unwatch(self, kernel_id: str) -> None:
        """End it. What still ran there has ended as well."""
        stream = self.streams.pop(kernel_id, None)
        if stream is not None and not stream.closed():
            stream.close()
        for execution in list(self.executions.values()):
            if execution.kernel_id == kernel_id and not execution.path:
                self._forget(execution)  # no notebook: a console, a check
            elif execution.kernel_id == kernel_id and execution.finished is None:
                execution.finished = time.monotonic()

    def _message(self, kernel_id: str, session: Any, parts: list[bytes]) -> None:
        if not self.executions:
            return
        parts = session.feed_identities(parts)[1]
        kind = session.unpack(parts[1]).get("msg_type")
        if kind == "update_display_data":
            content = session.deserialize(parts)["content"]
            for execution in self.executions.values():
                if execution.kernel_id == kernel_id and execution.outputs.update_display(content):
                    execution.changed = True
            return
        found = self.executions.get(session.unpack(parts[2]).get("msg_id", ""))
        if found is None:
            return
        content = session.deserialize(parts)["content"]
        if kind == "status":
            if content.get("execution_state") == "idle":
                found.finished = time.monotonic()
                if not found.started:  # an earlier cell failed, and this one never ran
                    self._forget(found)
        elif found.outputs.add(kind, content):
            found.started = found.changed = True
            found.messages += kind != "execute_input"
            found.recent.append(str(session.unpack(parts[1]).get("msg_id", "")))

    # --- from the browsers

    def request(self, owner: str, kernel_id: str, message: Any) -> None:
        """Take note of a cell that a browser runs."""
        from jupyter_server.services.kernels.connection.base import deserialize_msg_from_ws_v1

        if isinstance(message, str):
            if '"execute_request"' not in message:
                return
            whole = json.loads(message)
            channel, header, metadata, content = (whole.get(x) for x in ("channel", "header", "metadata", "content"))
        else:
            if b'"execute_request"' not in message[:4096]:
                return
            channel, parts = deserialize_msg_from_ws_v1(message)
            header, metadata, content = (json.loads(parts[place]) for place in (0, 2, 3))
        if channel != "shell" or header["msg_type"] != "execute_request" or content.get("silent"):
            return
        cell_id = metadata.get("cellId")
        execution = Execution(
            kernel_id,
            owner,
            str(content.get("code", "")),
            cell_id if isinstance(cell_id, str) and CELL_ID.match(cell_id) else None,
        )
        for name, other in list(self.executions.items()):
            if other.kernel_id == kernel_id and cell_id is not None and other.cell_id == cell_id and other.finished:
                del self.executions[name]  # the cell runs again
        self.executions[str(header["msg_id"])] = execution
        self._make_room()
        self._later(self._paths(kernel_id))

    def _make_room(self) -> None:
        """Forget the oldest executions that are finished: a browser that never saves must not fill the memory."""
        kept, size = 0, 0
        for name, execution in reversed(list(self.executions.items())):
            kept, size = kept + 1, size + execution.outputs.size
            if execution.finished and (kept > MOST or size > MOST_SIZE):
                del self.executions[name]

    def came(self, owner: str, connection: object) -> None:
        if self.browsers.add(owner, connection):  # instead of a dead one, to which messages were sent
            self._note_gap(owner)

    def went(self, owner: str, connection: object) -> None:
        if not self.browsers.remove(owner, connection):
            return
        self._note_gap(owner)
        kernel_id = owner.partition(":")[0]
        if kernel_id not in self.writers:
            self.writers[kernel_id] = self._later(self._write_later(kernel_id))
            self.writers[kernel_id].add_done_callback(lambda _: self.writers.pop(kernel_id, None))

    def _note_gap(self, owner: str) -> None:
        for execution in self.executions.values():
            if execution.owner == owner:
                execution.gap = True

    # --- to the files

    def _left(self, kernel_id: str) -> list[Execution]:
        """The executions of a kernel whose browser is gone."""
        return [
            execution
            for execution in self.executions.values()
            if execution.kernel_id == kernel_id and execution.path and not self.browsers.answers(execution.owner)
        ]

    async def _write_later(self, kernel_id: str) -> None:
        """Write what a kernel prints without a browser, until it is finished or the browser is back."""
        since, pause = time.monotonic(), GRACE
        while True:
            await asyncio.sleep(pause)
            began = time.monotonic()
            due = [execution for execution in self._left(kernel_id) if execution.changed]
            if any(map(self.browsers.answers, self.browsers.owners(kernel_id))):
                due = [execution for execution in due if execution.finished and execution.finished + SAVE_TIME < began]
            if due:
                for path in await self._paths(kernel_id):
                    await self._write_safely(path)
            if not any(execution.changed or not execution.finished for execution in self._left(kernel_id)):
                return
            took = time.monotonic() - began
            pause = max(SHORTEST, took / PART, min(LONGEST, (began - since) / 10))

    async def _paths(self, kernel_id: str) -> set[str]:
        """The notebooks of a kernel: they may have been renamed since."""
        sessions = await self.app.session_manager.list_sessions()
        found = {
            str(session["path"]).strip("/")
            for session in sessions
            if session.get("type") == "notebook" and session.get("kernel", {}).get("id") == kernel_id
        }
        mine = [execution for execution in self.executions.values() if execution.kernel_id == kernel_id]
        for execution in mine:
            if found and execution.path not in found:
                execution.path = min(found)
        return found or {execution.path for execution in mine if execution.path}

    async def write(self, path: str, *, all_of_them: bool = False) -> None:
        """Write the outputs of the executions without a browser into their notebook; ``all_of_them``: of the others
        as well, because a browser that does not answer looks for a while as if it were there."""
        path = path.strip("/")
        chosen = [
            execution
            for execution in self.executions.values()
            if execution.path == path
            and execution.started
            and execution.changed
            and (all_of_them or not self.browsers.answers(execution.owner))
        ]
        if not chosen:
            return
        async with self.locks.setdefault(path, asyncio.Lock()):
            before = await self._state(path)
            model = await _result(self.get(path, content=True, type="notebook"))
            notebook, put = model["content"], False
            for execution in chosen:
                execution.changed = False
                put = put_outputs(notebook, execution) or put
            if put:
                try:
                    await _result(self.save({"type": "notebook", "format": "json", "content": notebook}, path))
                except Exception:
                    for execution in chosen:
                        execution.changed = True
                    raise
                owners = {execution.owner for execution in chosen}
                known = self.written.get(path)
                if known and known.after == before:
                    before, owners = known.before, owners | known.owners
                self.written[path] = Written(before, await self._state(path), owners)
                self.log.info("Wrote the outputs of %d cells into %s: no browser did.", len(chosen), path)

    async def _state(self, path: str) -> dict[str, Any]:
        """Return what tells a browser whether a notebook is still the one that it knows."""
        try:
            model = await _result(self.get(path, content=False, require_hash=True))
        except TypeError:  # a contents manager that makes no hash
            model = await _result(self.get(path, content=False))
        return {name: model.get(name) for name in STATE}

    # --- instead of the contents manager's own

    async def read(self, path: str, content: bool = True, *rest: Any, **more: Any) -> Any:
        """Answer with a notebook that has every line that was printed until now."""
        path = path.strip("/")
        if content and self.executions:
            for known_id in {execution.kernel_id for execution in self.executions.values()}:
                await self._paths(known_id)
            mine = [execution for execution in self.executions.values() if execution.path == path]
            await self.browsers.ask({execution.owner for execution in mine if execution.changed})
            await self._write_safely(path)
            for execution in mine:  # this device has it now
                if execution.finished and not execution.changed and not self.browsers.answers(execution.owner):
                    execution.delivered = True
        model = await _result(self.get(path, content, *rest, **more))
        known = self.written.get(path)
        if known and not content and isinstance(model, dict) and known.is_it(model):
            kernels = {execution.kernel_id for execution in self.executions.values() if execution.path == path}
            clients = {client for kernel_id in kernels for client in self.browsers.owners(kernel_id)}
            if len(known.owners) == 1 and clients <= known.owners:  # a page may save before it is connected again
                model.update({name: value for name, value in known.before.items() if name in model})
        return model

    async def store(self, model: dict[str, Any], path: str = "", *rest: Any, **more: Any) -> Any:
        """Save a notebook for a browser, with the recorded outputs that it cannot know."""
        path = path.strip("/")
        async with self.locks.setdefault(path, asyncio.Lock()):
            stored: list[Execution] = []
            if isinstance(model, dict) and model.get("type") == "notebook" and isinstance(model.get("content"), dict):
                self.safely(self._merge, model["content"], path, stored)
                self.written.pop(path, None)
            try:
                saved = await _result(self.save(model, path, *rest, **more))
            except Exception:
                for execution in stored:
                    execution.changed = True
                raise
            for execution in stored:
                if execution.finished and not execution.changed:
                    execution.delivered = True
                    if self.browsers.owners(execution.kernel_id) == {execution.owner}:
                        self._forget(execution)  # its own page has it as well
            return saved

    def _merge(self, notebook: dict[str, Any], path: str, stored: list[Execution]) -> None:
        """Put the outputs that a browser lacks into the notebook that it saves. Add the executions to ``stored`` that
        the notebook has then."""
        for execution in list(self.executions.values()):
            if execution.path != path or not execution.started:
                continue
            answers = self.browsers.answers(execution.owner)
            by_owner = answers and self.browsers.owners(execution.kernel_id) == {execution.owner}
            if execution.delivered and not by_owner:
                continue
            lacks = execution.gap if by_owner else not answers
            cell = find_cell(notebook, execution)
            if cell is not None and comparable(cell.get("outputs", [])) == comparable(execution.outputs.stored()):
                execution.changed = False
            elif cell is not None and lacks and text_of(cell.get("source", "")) == execution.code:
                cell["outputs"], cell["execution_count"] = execution.outputs.stored(), execution.outputs.count
                execution.changed = False
            elif by_owner and execution.finished:
                execution.changed = False  # the person cleared the outputs, or deleted the cell
            execution.saved = execution.saved or by_owner or cell is not None
            if not execution.changed:
                stored.append(execution)

    async def _write_safely(self, path: str, *, all_of_them: bool = False) -> None:
        """Write, where that can be done. The next time comes, and until then the outputs are kept."""
        try:
            await self.write(path, all_of_them=all_of_them)
        except Exception as error:
            self.log.warning("The outputs of cells could not be written into %s: %s", path, error)
            if getattr(error, "status_code", 0) == 404:  # the notebook was deleted
                self.executions = {name: each for name, each in self.executions.items() if each.path != path}

    async def write_all(self) -> None:
        """Write everything: the server is about to end."""
        for path in {execution.path for execution in self.executions.values() if execution.path}:
            await self._write_safely(path, all_of_them=True)

    def waiting(self, kernel_id: str, session: str, outputs: bool = True, only: str = "") -> list[dict[str, Any]]:
        """Return the executions that a page of this session may show, and did not see whole: its own, and those of
        other devices that its file lacks. ``present``: their browser is there, and saves them itself.

        :param only: the identifier of the one that is wanted; empty for all.
        """
        own = f"{kernel_id}:{session}"
        if kernel_id in self.streams:
            self.streams[kernel_id].flush()  # the page may have heard more than the recorder
        return [
            {
                "id": name,
                "cell_id": execution.cell_id,
                "code": execution.code,
                "mine": execution.owner == own,
                "present": self.browsers.answers(execution.owner),
                "finished": execution.finished is not None,
                "count": execution.outputs.count,
                "outputs": execution.outputs.stored() if outputs else [],
                "messages": execution.messages,
                "recent": list(execution.recent) if outputs else [],
            }
            for name, execution in self.executions.items()
            if execution.kernel_id == kernel_id
            and execution.started
            and only in ("", name)
            and (execution.gap if execution.owner == own else execution.is_news(LATE if outputs else 0.0))
        ]

    def _forget(self, execution: Execution) -> None:
        self.executions = {name: each for name, each in self.executions.items() if each is not execution}

    def _later(self, work: Any) -> asyncio.Task[None]:
        """Do something beside the server's work. A task that nothing refers to can vanish (asyncio.create_task)."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.log.error("The recorder of outputs failed", exc_info=task.exception())

    def safely(self, call: Any, *arguments: Any) -> None:
        """A fault of the recorder must not touch the connection between a kernel and its browser."""
        try:
            call(*arguments)
        except Exception:
            self.log.exception("The recorder of outputs failed")


async def _result(value: Any) -> Any:
    """Contents managers are written in both ways."""
    return await value if asyncio.iscoroutine(value) or asyncio.isfuture(value) else value
