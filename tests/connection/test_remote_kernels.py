# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels of another host in a hub: two real servers with real kernels, and a network between them that fails."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest
import websocket

from .conftest import TOKEN, free_port, wait_for
from .test_tls import Authority

FILES = Path(__file__).parents[2] / "roles/jupyter/files"
KEY = "k" * 43
BESIDE = f"import sys; sys.path.insert(0, {str(FILES)!r}); sys.dont_write_bytecode = True\n"
THERE = """
import browser_connections, cell_outputs, output_recorder, durable_outputs, kernel_keys
c.ServerApp.identity_provider_class = "kernel_keys.KernelKeys"
c.KernelKeys.key_file = {keys!r}
c.ServerApp.jpserver_extensions = {{"kernel_keys": True, "durable_outputs": True}}
"""
HERE = """
import remote_kernels
c.ServerApp.jpserver_extensions = {{"remote_kernels": True}}
c.IdentityProvider.token = {token!r}
c.ServerApp.kernel_spec_manager_class = "remote_kernels.RemoteKernelSpecManager"
c.RemoteKernelSpecManager.remote_file = {servers!r}
"""
COUNT = "import time\nfor n in range(12):\n    print(n, flush=True)\n    time.sleep(0.25)\n'the result'"
COUNTED = "".join(f"{n}\n" for n in range(12)) + "'the result'"


class Network:
    """Between the hub and the other server. ``cut()`` loses all that is on its way, and lets nobody in."""

    def __init__(self, port: int) -> None:
        self.to, self.is_cut, self.open = port, False, set[socket.socket]()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            near = self.listener.accept()[0]
            if self.is_cut:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:  # the server has ended, and so do the tests
                near.close()
                continue
            self.open |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=(one, other), daemon=True).start()

    def carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if not self.is_cut:
                    other.sendall(data)
        for each in (one, other):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def cut(self, seconds: float) -> Any:
        """What is sent meanwhile is read and lost, then the connections end."""
        self.is_cut = True
        yield
        time.sleep(seconds)
        for each in self.open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self.open = set()
        self.is_cut = False


class Notebook:
    """A page of the hub with a kernel of another host."""

    def __init__(self, hub: Any, kernel: str = "gpu1", path: str = "", name: str | None = None) -> None:
        self.hub = hub
        path = path or f"{uuid.uuid4().hex}.ipynb"
        name = path if name is None else name
        body = {"path": path, "name": name, "type": "notebook", "kernel": {"name": kernel}}
        self.session = ask(hub, "POST", "sessions", body)
        self.kernel = self.session["kernel"]["id"]
        self.line = websocket.create_connection(
            f"ws://127.0.0.1:{hub.port}/api/kernels/{self.kernel}/channels?session_id={uuid.uuid4().hex}",
            header=[f"Authorization: token {TOKEN}"],
            timeout=60,
        )

    def send(self, kind: str, content: dict[str, Any], channel: str = "shell") -> str:
        number = uuid.uuid4().hex
        header = {"msg_id": number, "msg_type": kind, "session": "s", "username": "", "version": "5.3", "date": ""}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "buffers": []}
        self.line.send(json.dumps({"channel": channel, **message}))
        return number

    def run(self, code: str, answer: str | None = None, seen: Any = None) -> str:
        """Run a cell. Return its outputs as a page shows them: lines, the result, the name and the text of an error."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "stop_on_error": True}
        number = self.send("execute_request", {**content, "allow_stdin": answer is not None})
        shown, clear, left = "", False, {"idle", "reply"}
        end = threading.Timer(120, self.line.shutdown)  # pings keep a silent line open
        end.daemon = True
        end.start()
        while left:
            message = json.loads(self.line.recv())
            kind, content = message["msg_type"], message["content"]
            if message["parent_header"].get("msg_id") != number:
                continue
            if kind == "clear_output":
                clear = True
            elif kind in ("stream", "execute_result", "error"):
                shown, clear = "" if clear else shown, False
                shown += (
                    content["text"]
                    if kind == "stream"
                    else content["data"]["text/plain"]
                    if kind == "execute_result"
                    else f"{content['ename']}: {content['evalue']}"
                )
            elif kind == "status" and content["execution_state"] == "idle":
                left.discard("idle")
            elif kind == "execute_reply":
                left.discard("reply")
            elif kind == "input_request":
                self.send("input_reply", {"value": answer}, "stdin")
            if seen is not None:
                seen(shown)
        end.cancel()
        return shown

    def end(self) -> None:
        self.line.close()
        with contextlib.suppress(urllib.error.HTTPError):
            ask(self.hub, "DELETE", f"sessions/{self.session['id']}")


def ask(server: Any, method: str, path: str, body: Any = None, key: str = TOKEN) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/api/{path}",
        method=method,
        headers={"Authorization": f"token {key}"},
        data=None if body is None else json.dumps(body).encode(),
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read() or b"null")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
def there(make_jupyter, folder):
    """The server of the other host."""
    keys = folder / "kernel_keys.json"
    keys.write_text(json.dumps({"hub1/lab": hashlib.sha256(KEY.encode()).hexdigest()}))
    server = make_jupyter(BESIDE + THERE.format(keys=str(keys)))
    for name in ("own", "other"):
        spec = server.folder / f".local/share/jupyter/kernels/{name}/kernel.json"
        spec.parent.mkdir(parents=True)
        spec.write_text(json.dumps({"argv": ["true"], "display_name": name, "language": "R"}))
    return server


@pytest.fixture(scope="module")
def network(there):
    return Network(there.port)


@pytest.fixture(scope="module")
def plain(make_jupyter, there, folder):
    """The network before a server without the service that records outputs."""
    settings = THERE.format(keys=str(folder / "kernel_keys.json")).replace('"durable_outputs": True', "")
    return Network(make_jupyter(BESIDE + settings).port)


@pytest.fixture(scope="module")
def make_hub(make_jupyter, folder, network, plain):
    servers = folder / "remote_kernels.json"
    entries = [("gpu1", network.port), ("gone", free_port()), ("gpu1-own", free_port()), ("plain", plain.port)]
    listed = [
        {
            "name": name,
            "host": name,
            "instance": "lab",
            "url": f"http://127.0.0.1:{port}/",
            "ca": "",
            "pinned": "",
            "key": KEY,
        }
        for name, port in entries
    ]
    servers.write_text(json.dumps(listed))
    return lambda: make_jupyter(BESIDE + HERE.format(token=TOKEN, servers=str(servers)))


@pytest.fixture(scope="module")
def hub(make_hub):
    return make_hub()


@pytest.fixture
def notebook(hub):
    made = Notebook(hub)
    yield made
    made.end()


def kernels(there: Any) -> list[dict[str, Any]]:
    return ask(there, "GET", "kernels", key=KEY)


def running() -> str:
    """The command lines of all programs of this account."""
    command = ["ps", "-ww", "-U", str(os.getuid()), "-o", "args="]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("api/kernels", 200),
        ("api/remote-kernels", 200),
        ("api/kernelspecs", 403),
        ("api/contents", 403),
        ("api/terminals", 403),
        ("api/sessions", 403),
        ("api/status", 403),
        ("api/me", 403),
        ("files/config.py", 403),
        ("api/kernels/../contents", 403),
        ("api/kernels%2F..%2Fcontents", 403),
        ("api/kernelsx", 403),
    ],
)
def test_a_key_opens_the_kernels_and_nothing_else(there, path, status):
    with socket.create_connection(("127.0.0.1", there.port)) as line:  # no library corrects the path
        fields = ("Host: 127.0.0.1", f"Authorization: token {KEY}", "Connection: close")
        line.sendall("\r\n".join((f"GET /{path} HTTP/1.1", *fields, "", "")).encode())
        first = line.makefile("rb").readline().split()
    found = int(first[1])
    assert found == status or (status == 403 and found in (302, 404))


@pytest.mark.parametrize("key", ["", KEY[:-1], KEY.upper(), hashlib.sha256(KEY.encode()).hexdigest()])
def test_another_key_opens_nothing(there, key):
    with pytest.raises(urllib.error.HTTPError) as raised:
        ask(there, "GET", "kernels", key=key)
    assert raised.value.code == 403


def test_a_key_in_the_address_opens_nothing(there):
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(f"http://127.0.0.1:{there.port}/api/kernels?token={KEY}")
    assert raised.value.code == 403


def test_the_launcher_names_host_and_python_and_who_is_away(hub):
    specs = ask(hub, "GET", "kernelspecs")["kernelspecs"]
    assert specs["gpu1"]["spec"]["display_name"].startswith("gpu1 · Python 3.")
    assert specs["gone"]["spec"]["display_name"] == "gone · away"
    assert specs["python3"]["spec"]["display_name"].startswith("Python 3")
    assert "logo-svg" in specs["gpu1"]["resources"]


def test_a_server_gives_no_name_of_another_one_to_its_kernels(hub):
    specs = ask(hub, "GET", "kernelspecs")["kernelspecs"]
    assert specs["gpu1-other"]["spec"]["display_name"] == "gpu1 · other"
    assert specs["gpu1-other"]["spec"]["language"] == "R"
    assert specs["gpu1-own"]["spec"]["metadata"]["remote_kernel"] == "gpu1-own"


def test_a_cell_runs_on_the_other_host(hub, there, notebook):
    assert notebook.run("import os; os.getcwd()") == repr(str(there.folder))
    assert notebook.run("os.getppid()") == str(there.process.pid)
    assert "kernel_bridge.py" in running()
    assert KEY not in running()
    assert [kernel["execution_state"] for kernel in kernels(there)] == ["idle"]
    notebook.end()
    assert kernels(there) == []


def test_what_a_kernel_can_do_it_can_do_from_afar(hub, notebook):
    assert notebook.run("print(input('name? '))", answer="Ada") == "Ada\n"
    assert notebook.run("1 / 0") == "ZeroDivisionError: division by zero"
    assert notebook.run("x = 5") == ""
    assert len(notebook.run("print('y' * 400_000)")) == 400_001
    timer = threading.Timer(1, lambda: ask(hub, "POST", f"kernels/{notebook.kernel}/interrupt", {}))
    timer.start()
    assert notebook.run("import time; time.sleep(60)") == "KeyboardInterrupt: "
    assert notebook.run("x") == "5"
    ask(hub, "POST", f"kernels/{notebook.kernel}/restart", {})
    assert notebook.run("'x' in globals()") == "False"


def test_a_lost_connection_loses_no_line(network, notebook):
    lost = []

    def lose(shown: str) -> None:
        if "3\n" in shown and not lost:
            lost.append(True)
            with network.cut(1.0):
                pass

    assert notebook.run(COUNT, seen=lose) == COUNTED
    assert notebook.run("n") == "11"


def test_a_cell_that_ends_while_the_connection_is_lost_ends(network, notebook):
    lost = []

    def lose(shown: str) -> None:
        if "9\n" in shown and not lost:
            lost.append(True)
            with network.cut(3.0):
                pass

    assert notebook.run(COUNT, seen=lose) == COUNTED


def cut_beside(network: Network, seconds: float) -> threading.Thread:
    """Lose the connection in the background, from now on."""

    def lose() -> None:
        with network.cut(seconds):
            pass

    thread = threading.Thread(target=lose)
    thread.start()
    time.sleep(0.3)
    return thread


def cell(code: str) -> dict[str, Any]:
    return {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}


def test_a_cell_that_is_lost_behind_another_one_ends(network, notebook):
    notebook.run("import time")
    notebook.send("execute_request", cell("time.sleep(6)"))
    time.sleep(0.5)
    lost = cut_beside(network, 1.5)
    assert notebook.run("6 * 7") == (
        "AnswerLost: The connection to gpu1 was lost, and this request or its answer with it."
    )
    lost.join()
    assert notebook.run("6 * 7") == "42"


def test_a_cell_whose_end_is_lost_does_not_wait_for_the_next_one(network, notebook):
    notebook.run("import time")
    first = notebook.send("execute_request", cell("time.sleep(2)\n'the first'"))
    second = notebook.send("execute_request", cell("time.sleep(12)"))
    time.sleep(0.5)
    cut_beside(network, 3).join()
    replies, times = [], []
    while second not in replies:
        message = json.loads(notebook.line.recv())
        if message["msg_type"] == "execute_reply":
            replies.append(message["parent_header"]["msg_id"])
            assert message["content"]["status"] == "ok"
            times.append(time.monotonic())
    assert replies == [first, second]
    assert times[1] - times[0] > 2


def test_a_cell_that_nobody_recorded_says_that_lines_may_be_missing(hub, plain):
    notebook, lost = Notebook(hub, "plain"), []

    def lose(shown: str) -> None:
        if "3\n" in shown and not lost:
            lost.append(True)
            with plain.cut(1.0):
                pass

    shown = notebook.run(COUNT, seen=lose)
    notebook.end()
    assert "The connection to plain was lost while this cell ran: lines may be missing.\n" in shown
    assert "'the result'" in shown


def test_messages_of_widgets_wait_for_nothing(network, notebook):
    assert notebook.run("1") == "1"
    for _message in range(3):
        notebook.send("comm_msg", {"comm_id": "none", "data": {}})
    cut_beside(network, 1.5).join()
    time.sleep(3)  # the watch looks twice
    last, kinds = notebook.send("execute_request", cell("2")), []
    while kinds[-1:] != [(last, "execute_reply")]:
        message = json.loads(notebook.line.recv())
        kinds.append((message["parent_header"].get("msg_id"), message["msg_type"]))
    assert {kind for _number, kind in kinds if kind.endswith("_reply")} == {"execute_reply"}


def test_another_key_counts_for_notebooks_that_are_open(folder, there, notebook):
    keys, servers = folder / "kernel_keys.json", folder / "remote_kernels.json"
    before = keys.read_text(), servers.read_text()
    assert notebook.run("x = 5") == ""
    keys.write_text(json.dumps({"hub1/lab": hashlib.sha256(b"another").hexdigest()}))
    servers.write_text(before[1].replace(KEY, "another"))
    time.sleep(6)  # the open connection ends within two looks of the server (kernel_keys.LOOK)
    assert notebook.run("x") == "5"
    for path, text in zip((keys, servers), before):
        path.write_text(text)
    time.sleep(6)
    assert notebook.run("x") == "5"


@pytest.mark.parametrize(("shown", "accepted"), [("lab", True), ("bob", False)])
def test_a_pinned_certificate_is_the_only_one_that_gets_the_key(jupyter_python, tmp_path, shown, accepted):
    """Both are of one authority and for one name: another account has a server on the same host."""
    authority = Authority()
    for name in ("lab", "bob"):
        (tmp_path / f"{name}.pem").write_bytes(authority.issue() + authority.pem)
    words = (tmp_path / "lab.pem").read_text()
    pinned = words[words.index("-----BEGIN CERTIFICATE") : words.index("-----END CERTIFICATE") + 26]
    program = BESIDE.replace("; ", "\n") + (
        "import json, socket, kernel_servers\n"
        "context = kernel_servers.trust(json.load(sys.stdin))\n"
        "port = int(sys.argv[1])\n"
        "context.wrap_socket(socket.create_connection(('127.0.0.1', port)), server_hostname='localhost')\n"
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / f"{shown}.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError), listener.accept()[0] as line:
                context.wrap_socket(line, server_side=True)

        threading.Thread(target=serve, daemon=True).start()
        done = subprocess.run(
            [jupyter_python, "-c", program, str(listener.getsockname()[1])],
            input=json.dumps({"ca": pinned, "pinned": "yes"}),
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode == 0) == accepted, done.stderr
    assert accepted or "CERTIFICATE_VERIFY_FAILED" in done.stderr


def test_a_kernel_whose_host_is_away_when_its_notebook_closes_is_ended_later(hub, there, network):
    left = Notebook(hub)
    assert left.run("1") == "1"
    lost = cut_beside(network, 8)
    left.end()
    assert len(kernels(there)) == 1
    lost.join()

    def is_ended() -> bool:
        ask(hub, "GET", "kernelspecs")
        return kernels(there) == []

    wait_for(is_ended, "the end of the kernel", 60)


def test_a_kernel_that_its_hub_has_left_is_ended(make_jupyter, folder, there):
    settings = BESIDE + THERE.format(keys=str(folder / "kernel_keys.json")) + "c.KernelKeys.abandoned_after = 2\n"
    there = make_jupyter(settings + f"c.IdentityProvider.token = {TOKEN!r}\n")
    own = ask(there, "POST", "kernels", {"name": "python3"})["id"]
    used = ask(there, "POST", "kernels", {"name": "python3"}, key=KEY)["id"]
    address = f"ws://127.0.0.1:{there.port}/api/kernels/{used}/channels"
    line = websocket.create_connection(address, header=[f"Authorization: token {KEY}"], timeout=60)
    with socket.create_connection(("127.0.0.1", there.port)) as request:  # gone before the kernel has started
        fields = (f"Authorization: token {KEY}", "Host: localhost", "Content-Type: application/json")
        body = json.dumps({"name": "python3"})
        request.sendall(
            "\r\n".join(("POST /api/kernels HTTP/1.1", *fields, f"Content-Length: {len(body)}", "", body)).encode()
        )
    wait_for(lambda: len(kernels(there)) == 3, "the start of a kernel that nobody waits for")
    wait_for(lambda: len(kernels(there)) == 2, "its end")
    time.sleep(5)
    assert {each["id"] for each in kernels(there)} == {own, used}
    line.close()
    wait_for(lambda: [each["id"] for each in kernels(there)] == [own], "the end of a kernel without its hub")


def test_a_kernel_that_dies_there_is_told(there, notebook):
    assert notebook.run("x = 5") == ""
    pid = int(notebook.run("import os; os.getpid()"))
    threading.Timer(1, os.kill, (pid, signal.SIGKILL)).start()
    assert notebook.run("import time; time.sleep(60)") == (
        "KernelLost: The kernel on gpu1 has ended, and its variables are lost."
    )
    assert notebook.run("'x' in globals()") == "False"


def test_a_kernel_that_somebody_ended_there_is_replaced_and_told(there, notebook):
    assert notebook.run("x = 5") == ""
    ask(there, "DELETE", f"kernels/{kernels(there)[0]['id']}", key=KEY)
    assert notebook.run("x") == (
        "KernelLost: The kernel on gpu1 has ended, and its variables are lost. The next cell gets a new one."
    )
    assert notebook.run("'x' in globals()") == (
        "This is a new kernel on gpu1: the variables of the one before are lost.\nFalse"
    )


def test_a_host_that_is_away_takes_nothing_with_it(hub):
    away = Notebook(hub, "gone")
    assert away.run("6 * 7").startswith("HostAway: gone does not answer at http://127.0.0.1:")
    local = Notebook(hub, "python3")
    assert local.run("6 * 7") == "42"
    away.end()
    local.end()


def test_the_check_runs_a_cell_on_each_host_and_names_those_that_are_away(check, hub, there):
    seen = check(f"http://127.0.0.1:{hub.port}/", token=TOKEN, kernels=["gpu1", "gone"])
    assert (seen["verdict"], seen["cause"]) == ("reachable", "ok")
    assert {name: found["cause"] for name, found in seen["kernels"].items()} == {"gpu1": "ok", "gone": "host_away"}
    assert seen["kernels"]["gone"]["message"].startswith(
        "The kernel runs on another host, and cannot: gone does not answer at http://127.0.0.1:"
    )
    assert kernels(there) == []


def test_a_hub_that_was_killed_finds_its_kernel_again(make_hub, make_jupyter, there):
    """Also with a classic page, which tells no name at first, and with a notebook that was renamed since."""
    hub = make_hub()
    before = Notebook(hub, path="Untitled.ipynb", name="")
    assert before.run("x = 5") == ""
    ask(hub, "PATCH", f"sessions/{before.session['id']}", {"path": "work.ipynb"})
    words = Path(f"/proc/{hub.process.pid}/environ").read_text().split("\0")
    environment = dict(word.split("=", 1) for word in words if word)
    hub.process.kill()
    hub.process.wait()
    (kernel,) = kernels(there)
    with (hub.folder / "log").open("ab") as log:
        hub.process = subprocess.Popen(
            hub.process.args, stdout=log, stderr=log, env=environment, cwd=hub.folder, start_new_session=True
        )
    make_jupyter.ready(hub)
    wait_for(lambda: f"{hub.folder}/.local" not in running(), "the end of the first bridge")
    other = Notebook(hub, path="Untitled.ipynb", name="")
    assert other.run("'x' in globals()") == "False"
    other.end()
    again = Notebook(hub, path="work.ipynb", name="")
    assert again.run("x") == ("This kernel went on on gpu1 while the hub was away. Its variables are still there.\n5")
    assert [each["id"] for each in kernels(there)] == [kernel["id"]]
    again.end()
    assert kernels(there) == []


def test_a_key_that_is_withdrawn_is_refused_at_once(there, folder, notebook):
    keys = folder / "kernel_keys.json"
    before = keys.read_text()
    assert notebook.run("1") == "1"
    keys.write_text("{}")
    other = Notebook(notebook.hub)
    assert other.run("1") == "HostAway: gpu1 refuses the key of this hub. Run site.yml for gpu1 and for this host."
    refused = "HostAway: gpu1 refuses the key of this hub. Run site.yml for gpu1 and for this host."
    wait_for(lambda: notebook.run("1") == refused, "the end of the open connection")
    keys.write_text(before)
    assert other.run("1") == "1"
    other.end()
