# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outputs of cells whose browser is gone, in the notebooks of a real server with real kernels."""

from __future__ import annotations

import contextlib
import http.client
import json
import queue
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest
import websocket

from .conftest import TOKEN, wait_for

FILES = Path(__file__).parents[2] / "roles/jupyter/files"
#: Times that a person has, made short.
DURABLE = f"""
import sys
sys.path.insert(0, {str(FILES)!r})
sys.dont_write_bytecode = True
import output_recorder
output_recorder.GRACE = 0.5
output_recorder.SHORTEST = 0.3
output_recorder.SAVE_TIME = 3.0
def _full(model, path, **more):
    import os
    from tornado.web import HTTPError
    if os.path.exists("full"):
        raise HTTPError(507, "no space left")
c.FileContentsManager.pre_save_hook = _full
c.IdentityProvider.token = {TOKEN!r}
c.ServerApp.jpserver_extensions = {{"durable_outputs": True}}
"""
#: Each line is one write: a message of the kernel may end between two.
LINES = "import time\nfor n in range(12):\n    print(f'line {n}')\n    time.sleep(0.2)\n'the result'"
PRINTED = "".join(f"line {n}\n" for n in range(12))


@pytest.fixture(scope="module")
def server(make_jupyter):
    return make_jupyter(DURABLE)


class Device:
    """A browser, as far as the server can tell."""

    def __init__(self, server: Any, name: str | None = None) -> None:
        self.server, self.name = server, name or f"{uuid.uuid4().hex[:8]}.ipynb"
        self.session = uuid.uuid4().hex
        self.kernel = ""
        self.line: Any = None
        self.heard: queue.Queue[Any] = queue.Queue()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.server.port}/api/{path}",
            method=method,
            headers={"Authorization": f"token {TOKEN}"},
            data=None if body is None else json.dumps(body).encode(),
        )
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read() or b"null")

    def read(self) -> dict[str, Any]:
        return self.ask("GET", f"contents/{self.name}?content=1")["content"]

    def save(self, notebook: dict[str, Any]) -> Any:
        return self.ask("PUT", f"contents/{self.name}", {"type": "notebook", "format": "json", "content": notebook})

    def open(self) -> Device:
        body = {"path": self.name, "name": "", "type": "notebook", "kernel": {"name": "python3"}}
        self.kernel = self.ask("POST", "sessions", body)["kernel"]["id"]
        self.connect()
        return self

    def connect(self, *subprotocols: str) -> None:
        self.line = websocket.create_connection(
            f"ws://127.0.0.1:{self.server.port}/api/kernels/{self.kernel}/channels?session_id={self.session}",
            header=[f"Authorization: token {TOKEN}"],
            subprotocols=list(subprotocols) or None,
            timeout=30,
        )
        self.listener = threading.Thread(target=self.listen, args=[self.line], daemon=True)
        self.listener.start()

    def listen(self, line: Any) -> None:
        """Read all messages, and answer pings, until the connection ends."""
        with contextlib.suppress(OSError, ValueError, websocket.WebSocketException):
            while True:
                self.heard.put(line.recv())

    def suspend(self) -> None:
        """Stay connected and answer nothing, as an app whose system has stopped it."""
        self.line.pong = lambda _payload: None

    def wake(self) -> None:
        del self.line.pong
        self.line.pong(b"")  # to the ping that its system has kept

    def run(self, code: str, cell: str | None, raw: bool = False) -> str:
        number = uuid.uuid4().hex
        header = {
            "msg_id": number,
            "msg_type": "execute_request",
            "session": self.session,
            "username": "",
            "version": "5.3",
        }
        header["date"] = "2026-01-01T00:00:00Z"
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": True}
        metadata = {"cellId": cell} if cell else {}
        if raw:
            parts = [b"shell", *(json.dumps(part).encode() for part in (header, {}, metadata, content))]
            places = [8 * (len(parts) + 2)]
            for part in parts:
                places.append(places[-1] + len(part))
            self.line.send_binary(struct.pack(f"<{len(places) + 1}Q", len(places), *places) + b"".join(parts))
        else:
            body = {"channel": "shell", "header": header, "parent_header": {}, "metadata": metadata, "content": content}
            self.line.send(json.dumps(body))
        return number

    def hear(self, number: str, text: str) -> None:
        """Wait until a message of the execution has this text."""
        while True:
            message = self.heard.get(timeout=30)
            if isinstance(message, bytes):
                if number.encode() in message and text.encode() in message:
                    return
            elif json.loads(message)["parent_header"].get("msg_id") == number and text in message:
                return

    def vanish(self) -> None:
        """Be gone without a goodbye: the connection is reset, as after kill -9."""
        self.line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.line.sock.shutdown(socket.SHUT_RD)  # sends nothing; the listener holds the socket, and closes it now
        self.listener.join()

    @property
    def file(self) -> dict[str, Any]:
        """The notebook as it lies on the disk, whatever the server says. Jupyter writes it in its place."""
        text = ""
        while not text.endswith("}\n"):
            text = (self.server.folder / self.name).read_text()
        return json.loads(text)


def notebook(*cells: tuple[str, str]) -> dict[str, Any]:
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [
            {"cell_type": "code", "id": name, "source": code, "metadata": {}, "outputs": [], "execution_count": None}
            for name, code in cells
        ],
    }


def printed(cell: dict[str, Any]) -> str:
    return "".join("".join(output["text"]) for output in cell["outputs"] if output["output_type"] == "stream")


def results(cell: dict[str, Any]) -> list[str]:
    return [
        "".join(output["data"]["text/plain"]) for output in cell["outputs"] if output["output_type"] == "execute_result"
    ]


@pytest.fixture
def device(server):
    made = Device(server)
    made.save(notebook(("one", LINES), ("two", "2 + 2")))
    yield made.open()
    made.ask("DELETE", f"kernels/{made.kernel}")


def test_each_line_is_in_the_file_after_a_browser_vanished(device) -> None:
    device.hear(device.run(LINES, "one"), "line 3")
    device.vanish()
    wait_for(lambda: results(device.file["cells"][0]) == ["'the result'"], "the result in the file", 20)
    assert printed(device.file["cells"][0]) == PRINTED
    assert device.file["cells"][0]["execution_count"] == 1
    assert device.file["cells"][1]["outputs"] == []


@pytest.mark.parametrize("raw", [False, True], ids=["messages in JSON", "messages in parts"])
def test_another_device_reads_the_lines_while_the_cell_runs(server, raw) -> None:
    device = Device(server)
    device.save(notebook(("one", LINES)))
    device.open()
    if raw:
        device.vanish()
        device.connect("v1.kernel.websocket.jupyter.org")
    device.hear(device.run(LINES, "one", raw=raw), "line 2")
    device.vanish()
    time.sleep(0.7)
    seen = printed(Device(server, device.name).read()["cells"][0])
    assert seen.startswith("line 0\nline 1\nline 2\nline 3\n"), seen
    assert PRINTED.startswith(seen)


def test_the_file_belongs_to_a_browser_that_is_connected(device) -> None:
    before = (device.server.folder / device.name).stat().st_mtime_ns
    device.hear(device.run("print('only in the browser')", "two"), "idle")
    time.sleep(1.5)
    assert (device.server.folder / device.name).stat().st_mtime_ns == before


def test_a_saved_execution_is_not_written_again(device) -> None:
    device.hear(device.run("print('saved')", "two"), "idle")
    body = device.read()
    body["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "saved\n"}]
    body["cells"][1]["execution_count"] = 1
    device.save(body)
    body["cells"][1]["outputs"] = []  # the person clears them, and goes
    device.save(body)
    device.vanish()
    time.sleep(1.5)
    assert device.file["cells"][1]["outputs"] == []


def test_a_cell_that_was_deleted_does_not_come_back(device) -> None:
    device.hear(device.run("print('a try')", "scratch"), "idle")
    device.save(notebook(("one", LINES)))
    device.vanish()
    time.sleep(1.5)
    assert [cell["id"] for cell in device.file["cells"]] == ["one"]


def test_a_cell_that_was_never_saved_is_added(device) -> None:
    device.hear(device.run("print('typed a moment ago')", "new"), "idle")
    device.vanish()
    wait_for(lambda: len(device.file["cells"]) == 3, "the cell", 10)
    assert device.file["cells"][2]["id"] == "new"
    assert "".join(device.file["cells"][2]["source"]) == "print('typed a moment ago')"
    assert printed(device.file["cells"][2]) == "typed a moment ago\n"


def test_the_classic_pages_do_not_name_the_cell(device) -> None:
    device.hear(device.run("2 + 2", None), "idle")
    device.vanish()
    wait_for(lambda: results(device.file["cells"][1]) == ["4"], "the result", 10)
    assert len(device.file["cells"]) == 2


def test_a_save_by_another_device_keeps_the_lines(device) -> None:
    other = Device(device.server, device.name).open()
    stale = other.read()
    device.hear(device.run(LINES, "one"), "line 2")
    device.vanish()
    time.sleep(1)
    stale["cells"][1]["source"] = "3 + 3"
    other.save(stale)
    assert "line 4" in printed(device.file["cells"][0])
    assert "".join(device.file["cells"][1]["source"]) == "3 + 3"
    wait_for(lambda: results(device.file["cells"][0]) == ["'the result'"], "the result in the file", 20)
    assert printed(device.file["cells"][0]) == PRINTED


def test_a_browser_that_is_back_keeps_the_lines_of_its_gap(device) -> None:
    device.hear(device.run(LINES, "one"), "line 2")
    device.vanish()
    time.sleep(0.1)
    device.connect()
    time.sleep(3.5)
    body = device.read()
    body["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "line 0\nline 11\n"}]
    device.save(body)
    assert printed(device.file["cells"][0]) == PRINTED


def state(device: Device) -> tuple[Any, ...]:
    """What a browser compares before it saves."""
    model = device.ask("GET", f"contents/{device.name}?content=0&hash=1")
    return model["last_modified"], model["hash"]


def test_a_browser_that_is_back_need_not_choose_between_two_files(device) -> None:
    known = state(device)
    device.hear(device.run(LINES, "one"), "line 2")
    device.vanish()
    wait_for(lambda: "line 4" in printed(device.file["cells"][0]), "the lines in the file")
    assert state(device) == known  # its page saves by itself, and may not be connected again yet
    device.connect()
    assert state(device) == known
    other = Device(device.server, device.name).open()  # now there are two who could have changed it
    assert state(other) != known
    other.line.close()
    wait_for(lambda: state(device) == known, "the end of the other device")
    device.save(notebook(("one", LINES), ("two", "3 + 3")))
    assert state(device) != known
    assert "line 4" in printed(device.file["cells"][0])


def test_a_file_that_somebody_else_changed_is_told(device) -> None:
    known = state(device)
    device.hear(device.run("print('a')", "two"), "idle")
    device.vanish()
    wait_for(lambda: printed(device.file["cells"][1]) == "a\n", "the output")
    (device.server.folder / device.name).write_text(json.dumps(notebook(("one", "another")), indent=1) + "\n")
    device.connect()
    assert state(device) != known


def test_a_page_learns_what_it_missed(device) -> None:
    waiting = f"durable-outputs/{device.kernel}?session="
    device.hear(device.run(LINES, "one"), "line 1")
    assert device.ask("GET", waiting + device.session)["executions"] == []
    (found,) = device.ask("GET", waiting + "another")["executions"]
    assert found["present"]
    device.vanish()
    time.sleep(0.5)
    (found,) = device.ask("GET", waiting + "another")["executions"]
    assert (found["cell_id"], found["mine"], found["finished"]) == ("one", False, False)
    assert not found["present"]
    assert found["outputs"][0]["text"].startswith("line 0\nline 1\nline 2\n")
    device.connect()
    (found,) = device.ask("GET", waiting + device.session)["executions"]
    assert found["mine"]


def test_the_answer_has_what_the_page_has_heard_and_names_it(device) -> None:
    number, heard = device.run(LINES, "one"), []
    while len(heard) < 6:
        message = json.loads(device.heard.get(timeout=30))
        if message["parent_header"].get("msg_id") == number and message["msg_type"] == "stream":
            heard.append(message["header"]["msg_id"])
            answer = device.ask("GET", f"durable-outputs/{device.kernel}?session=another")["executions"]
            assert set(heard) <= set(answer[0]["recent"])
            assert answer[0]["messages"] >= len(heard)


def test_the_answer_has_the_number_of_the_messages(device) -> None:
    # Jupyter Server forwards messages some moments after a page is connected: by the number it finds out what it lacks.
    number, heard = device.run("for n in range(3):\n    print(n, flush=True)\ndisplay('a')\n'the result'", "one"), []
    while "status" not in heard[1:]:
        message = json.loads(device.heard.get(timeout=30))
        if message["parent_header"].get("msg_id") == number and message["channel"] == "iopub":
            heard.append(message["msg_type"])
    (found,) = device.ask("GET", f"durable-outputs/{device.kernel}?session=another")["executions"]
    assert found["messages"] == len([kind for kind in heard if kind not in ("status", "execute_input")])


def test_a_page_that_saves_before_it_has_heard_the_end_gets_the_rest(device) -> None:
    device.hear(device.run(LINES, "one"), "line 1")
    other = Device(device.server, device.name).open()
    device.vanish()
    waiting = f"durable-outputs/{device.kernel}?session={other.session}"
    wait_for(lambda: other.ask("GET", waiting)["executions"][0]["finished"], "the end of the cell")
    other.save(notebook(("one", LINES), ("two", "2 + 2")))  # its screen has none of the lines
    assert printed(device.file["cells"][0]) == PRINTED
    (found,) = other.ask("GET", waiting)["executions"]
    assert found["outputs"][0]["text"] == PRINTED
    assert other.ask("GET", f"{waiting}&outputs=0")["executions"] == []  # a page that is new has read the file
    other.line.close()


def test_a_browser_that_does_not_answer_is_gone(device) -> None:
    device.hear(device.run(LINES, "one"), "line 1")
    device.suspend()
    seen = printed(Device(device.server, device.name).read()["cells"][0])
    assert seen.startswith("line 0\nline 1\n") and PRINTED.startswith(seen)
    assert printed(device.file["cells"][0]).startswith(seen)
    (found,) = device.ask("GET", f"durable-outputs/{device.kernel}?session=another")["executions"]
    assert not found["present"]


def test_a_browser_that_answers_keeps_its_file(device) -> None:
    device.hear(device.run(LINES, "one"), "line 1")
    before = (device.server.folder / device.name).stat().st_mtime_ns
    assert printed(Device(device.server, device.name).read()["cells"][0]) == ""
    (found,) = device.ask("GET", f"durable-outputs/{device.kernel}?session=another")["executions"]
    assert found["present"]
    assert (device.server.folder / device.name).stat().st_mtime_ns == before


def test_a_browser_that_wakes_up_is_there_again(device) -> None:
    known = state(device)
    device.hear(device.run(LINES, "one"), "line 1")
    device.suspend()
    Device(device.server, device.name).read()
    (found,) = device.ask("GET", f"durable-outputs/{device.kernel}?session=another")["executions"]
    assert not found["present"]
    device.wake()
    wait_for(lambda: state(device) == known, "the file as it knows it")
    (found,) = device.ask("GET", f"durable-outputs/{device.kernel}?session=another")["executions"]
    assert found["present"]


@pytest.mark.parametrize("_kernel", range(8))
def test_the_first_lines_of_a_kernel_are_heard(device, _kernel) -> None:
    """The server and the browser connect to a kernel that starts. With ZeroMQ's default, the browser was the first one
    in a fifth of the cases."""
    device.hear(device.run("print('first')", "two"), "idle")
    device.vanish()
    wait_for(lambda: device.file["cells"][1]["execution_count"] == 1, "the cell", 10)
    assert printed(device.file["cells"][1]) == "first\n"


def test_a_page_gets_its_lines_after_another_device_has_read_them(device) -> None:
    device.hear(device.run(LINES, "one"), "line 1")
    device.vanish()
    other = Device(device.server, device.name)
    wait_for(lambda: results(other.read()["cells"][0]) == ["'the result'"], "the result", 20)
    device.connect()
    (found,) = device.ask("GET", f"durable-outputs/{device.kernel}?session={device.session}")["executions"]
    assert found["mine"] and found["finished"] and found["outputs"][0]["text"] == PRINTED


def test_outputs_that_another_device_cleared_do_not_come_back(device) -> None:
    device.hear(device.run("print('done')", "two"), "idle")
    device.vanish()
    other = Device(device.server, device.name).open()
    body = other.read()
    assert printed(body["cells"][1]) == "done\n"
    body["cells"][1]["outputs"] = []
    other.save(body)
    assert device.file["cells"][1]["outputs"] == []
    # A page shows what this question names (live_outputs.js).
    waiting = f"durable-outputs/{device.kernel}?session={other.session}&outputs=0"
    assert device.ask("GET", waiting)["executions"] == []


@pytest.mark.parametrize(
    "path",
    [
        "api/durable-outputs/1",
        "lab/extensions/remote-notebooks-durable/live_outputs.js",
        "nbextensions/remote-notebooks-durable/live_outputs.js",
    ],
)
def test_only_a_person_who_logged_in_gets_an_answer(server, path) -> None:
    def status(**headers: str) -> int:
        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        line.request("GET", f"/{path}", headers=headers)
        found = line.getresponse().status
        line.close()
        return found

    assert status() in (302, 403)
    assert status(Authorization=f"token {TOKEN}") == 200


def test_a_connection_that_takes_the_place_of_a_dead_one_may_lack_lines(device) -> None:
    device.hear(device.run(LINES, "one"), "line 1")
    dead, waiting = device.line, f"durable-outputs/{device.kernel}?session={device.session}"
    assert device.ask("GET", waiting)["executions"] == []
    device.connect()  # before the server knows that the other one is dead
    (found,) = device.ask("GET", waiting)["executions"]
    assert (found["mine"], found["cell_id"]) == (True, "one")
    dead.close()


@pytest.fixture
def full_disk(device):
    path = device.server.folder / "full"
    path.touch()
    yield path
    path.unlink(missing_ok=True)


def test_lines_that_cannot_be_written_are_kept_until_they_can(device, full_disk) -> None:
    device.hear(device.run("print('kept')", "two"), "idle")
    device.vanish()
    time.sleep(1.5)
    other = Device(device.server, device.name)
    assert printed(other.read()["cells"][1]) == ""
    full_disk.unlink()
    assert printed(other.read()["cells"][1]) == "kept\n"


def test_a_save_that_fails_forgets_no_line(device, full_disk) -> None:
    other = Device(device.server, device.name).open()
    stale = other.read()
    stale["cells"][1]["source"] = "print('kept')"
    device.hear(device.run("print('kept')", "two"), "idle")
    device.vanish()
    time.sleep(0.3)
    with pytest.raises(urllib.error.HTTPError, match="507"):
        other.save(json.loads(json.dumps(stale)))
    full_disk.unlink()
    other.save(stale)
    assert printed(device.file["cells"][1]) == "kept\n"


@pytest.mark.parametrize("cell", ["one", "new"])
def test_a_cell_that_was_run_twice_has_its_lines_once(device, cell) -> None:
    """A person presses the keys again while the cell runs."""
    device.hear(device.run(LINES, cell), "line 1")
    device.run(LINES, cell)
    device.vanish()

    def lines() -> list[str]:
        return [printed(each) for each in device.file["cells"] if results(each)]

    wait_for(lambda: device.ask("GET", f"kernels/{device.kernel}")["execution_state"] == "idle", "the end")
    wait_for(lambda: lines() == [PRINTED], "the lines")
    time.sleep(1)
    assert lines() == [PRINTED]
    assert [each["execution_count"] for each in device.file["cells"] if results(each)] == [2]


def test_an_interrupt_from_another_device_is_in_the_file(device) -> None:
    device.hear(device.run(LINES, "one"), "line 1")
    device.vanish()
    device.ask("POST", f"kernels/{device.kernel}/interrupt")
    wait_for(lambda: [each["output_type"] for each in device.file["cells"][0]["outputs"]] == ["stream", "error"], "it")
    assert printed(device.file["cells"][0]).startswith("line 0\nline 1\n")
    assert device.file["cells"][0]["outputs"][1]["ename"] == "KeyboardInterrupt"


def test_a_kernel_that_another_device_restarts_leaves_its_lines(device) -> None:
    device.hear(device.run(LINES, "one"), "line 1")
    device.vanish()
    device.ask("POST", f"kernels/{device.kernel}/restart")
    wait_for(lambda: printed(device.file["cells"][0]).startswith("line 0\nline 1\n"), "the lines")
    device.connect()
    device.hear(device.run("print('after it')", "two"), "idle")
    device.vanish()
    wait_for(lambda: printed(device.file["cells"][1]) == "after it\n", "the lines of the new process")
    assert results(device.file["cells"][0]) == []


def test_a_renamed_notebook_gets_its_lines(device) -> None:
    device.hear(device.run(LINES, "one"), "line 1")
    device.vanish()
    (session,) = [each for each in device.ask("GET", "sessions") if each["kernel"]["id"] == device.kernel]
    device.ask("PATCH", f"contents/{device.name}", {"path": "renamed.ipynb"})
    device.ask("PATCH", f"sessions/{session['id']}", {"path": "renamed.ipynb"})
    before, device.name = device.server.folder / device.name, "renamed.ipynb"
    wait_for(lambda: results(device.file["cells"][0]), "the result", 20)
    assert printed(device.file["cells"][0]) == PRINTED
    assert not before.exists()


def test_the_end_of_the_server_loses_no_line(make_jupyter) -> None:
    device = Device(make_jupyter(DURABLE))
    device.save(notebook(("one", LINES)))
    device.open()
    device.hear(device.run(LINES, "one"), "line 5")
    device.server.process.terminate()
    device.server.process.wait(20)
    assert "line 5" in printed(device.file["cells"][0])


def test_a_notebook_that_was_deleted_ends_it(device) -> None:
    device.hear(device.run("print('into the void')", "two"), "idle")
    (device.server.folder / device.name).unlink()
    device.vanish()
    time.sleep(2)
    assert device.server.log.count(f"could not be written into {device.name}") == 1
    assert not (device.server.folder / device.name).exists()


def test_a_check_leaves_and_reads_the_line_that_came_afterwards(server, check) -> None:
    before = server.kernels_left
    seen = check(f"http://127.0.0.1:{server.port}/", token=TOKEN, durable=True)
    assert (seen["cause"], seen["result"]) == ("ok", "42")
    assert seen["checks"][-3:] == ["result", "durable", "cleanup"]
    assert server.kernels_left == before
    assert [file.name for file in server.folder.iterdir() if "connection" in file.name] == []


def test_a_server_that_keeps_no_lines_is_told(jupyter, check) -> None:
    seen = check(f"http://127.0.0.1:{jupyter.port}/", token=TOKEN, durable=True)
    assert (seen["cause"], seen["result"]) == ("not_durable", "42")
    assert "HTTP 404" in seen["message"]
