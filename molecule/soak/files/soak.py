# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbook after playbook over a server in which one cell computes: ``soak.py FOLDER-OF-THE-CONTROL-NODE
INVENTORY-ARGUMENT ...``

Prints a line for each run, ``ok`` or its faults, and the figures at the end. Goes on after a fault: one soak
shows all there are.
"""

import json
import os
import pathlib
import re
import ssl
import subprocess
import sys
import threading
import time
import uuid

import requests
import websocket

STATE, INVENTORIES = pathlib.Path(sys.argv[1]), sys.argv[2:]
RUNS = int(os.environ.get("SOAK_RUNS") or 4)
HOST, INDEX = "10.99.24.12", "10.99.24.10"
URL = f"https://{HOST}:8888"
AUTHORITY = str(STATE / "pki/ca/certs/ca.cert.pem")
PASSWORD = STATE / "credentials/trixie/lab.password"
LOOK = pathlib.Path(__file__).with_name("look.py").read_text()
THESIS = "c2afef311e0ca04d47cdb1e19a51d8826e2556c1c65bf91e70bdd48a08a84ac1"
CYCLE = ("upgrade", "rollback", "renew", "rotate_password", "site")
# Back in the environment that the server runs in, nothing is due; from the first new password on, a restart is.
DUE = {1: True, 2: False, 3: False}
CELL = """
import os, time
count, gap, last = 0, 0.0, time.monotonic()
while True:
    count, now = count + 1, time.monotonic()
    gap, last = max(gap, now - last), now
    with open("counter.new", "w") as file:
        file.write(f"{os.getpid()} {count} {gap:.1f}")
    os.replace("counter.new", "counter")
    if count % 10 == 0:
        print(count, flush=True)
    time.sleep(0.1)
"""


def on(address, *command, text=None):
    options = [
        "-o",
        "BatchMode=yes",
        "-o",
        f"UserKnownHostsFile={STATE}/ssh/known_hosts",
        "-i",
        f"{STATE}/ssh/id_ed25519",
    ]
    done = subprocess.run(
        ["ssh", *options, f"root@{address}", *command], check=True, input=text or "", capture_output=True, text=True
    )
    return done.stdout


def look():
    return json.loads(on(HOST, "python3", "-", text=LOOK))


def publish(newest):
    """Let the index offer the versions 1 to ``newest`` of a package."""
    versions = {str(version): {"tiny.py": f"VALUE = {version}"} for version in range(1, newest + 1)}
    on(INDEX, "tee", "/srv/published.json", text=json.dumps({"tiny": versions}))


def play(name, number, *more):
    """Run a playbook as a person does. Return its exit code and its output."""
    command = ["ansible-playbook", f"remote.notebooks.{name}", *INVENTORIES, "-e", "target=servers", *more]
    with (STATE / f"soak-{number:02}-{name}.log").open("w+") as log:
        code = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=log, stderr=log).returncode
        log.seek(0)
        return code, log.read()


def serial():
    """Return the fingerprint of the presented certificate."""
    return ssl.get_server_certificate((HOST, 8888), timeout=60)


class Person:
    """A browser that stays logged in."""

    def __init__(self):
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = AUTHORITY

    def log_in(self, password):
        """Return the status that the login page answers with."""
        self.session.get(f"{URL}/login", timeout=60)
        form = {"password": password, "_xsrf": self.session.cookies["_xsrf"]}
        answer = self.session.post(f"{URL}/login", data=form, timeout=60, allow_redirects=False)
        self.session.headers["X-XSRFToken"] = self.session.cookies["_xsrf"]
        return answer.status_code

    def ask(self, path, method="GET"):
        return self.session.request(method, f"{URL}/api/{path}", json={} if method == "POST" else None, timeout=60)


class Cell:
    """A cell that runs in a kernel, and the WebSocket of the page that shows its output: one connection from the first
    run to the last."""

    def __init__(self, person, code):
        self.kernel = person.ask("kernels", "POST").json()["id"]
        self.numbers, self.error, self.closed, self.heard = [], "", "", time.monotonic()
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in person.session.cookies)
        address = f"{URL.replace('https', 'wss')}/api/kernels/{self.kernel}/channels?session_id={uuid.uuid4().hex}"
        self.channels = websocket.create_connection(address, cookie=cookies, timeout=60, sslopt={"ca_certs": AUTHORITY})
        header = {
            "msg_id": uuid.uuid4().hex,
            "session": uuid.uuid4().hex,
            "msg_type": "execute_request",
            "version": "5.3",
        }
        header.update(username="", date="")
        content = {
            "code": code,
            "silent": False,
            "store_history": False,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        self.channels.send(
            json.dumps(
                {
                    "header": header,
                    "parent_header": {},
                    "metadata": {},
                    "channel": "shell",
                    "buffers": [],
                    "content": content,
                }
            )
        )
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while not self.error:
            try:
                message = json.loads(self.channels.recv())
            except (OSError, ValueError, websocket.WebSocketException) as error:
                self.closed = f"{time.monotonic() - self.heard:.0f} s after the last output: {error!r}"
                return
            if message["msg_type"] == "stream":
                self.numbers += [int(word) for word in message["content"]["text"].split()]
                self.heard = time.monotonic()
            elif message["msg_type"] == "error":
                self.error = message["content"]["ename"]

    def faults(self, person):
        """Return the faults of the received messages, and of those that the server has recorded for another device."""
        heard = list(self.numbers)
        (recorded,) = person.ask(f"durable-outputs/{self.kernel}?session=another").json()["executions"]
        numbers = [int(word) for word in recorded["outputs"][0]["text"].split()]
        if numbers[: len(heard)] != heard:
            yield f"the record lacks something: {numbers[-5:]} after {len(numbers)} of {len(heard)} lines"
        if self.numbers != list(range(10, 10 * len(self.numbers) + 10, 10)):
            yield f"the WebSocket lost or repeated something: {self.numbers[-5:]}"
        if self.closed or time.monotonic() - self.heard > 30:
            yield f"the WebSocket is silent; it ended {self.closed or 'not'}"


class Soak:
    def __init__(self):
        self.password = PASSWORD.read_text().strip()
        self.person = Person()
        self.person.log_in(self.password)
        self.cell = Cell(self.person, CELL)
        while len(self.cell.numbers) < 2:
            time.sleep(0.1)
        self.first = self.last = look()
        self.before = self.expected_link = self.first["link"]
        self.newest = self.expected_tiny = self.tiny_before = int(self.first["tiny"])

    def run(self, number):
        """Run one playbook. Return its name and the faults afterwards."""
        name = CYCLE[(number - 1) % len(CYCLE)]
        presented, more = serial(), []
        if name == "upgrade":
            self.newest += 1
            publish(self.newest)
        if name == "site":
            more = ["-e", json.dumps({"jupyter_settings": {"ServerApp": {"max_body_size": 1000000 + number}}})]
        code, output = play(name, number, *more)
        faults = [] if code == 0 else [f"exit code {code}: {output[-3000:]}"]
        now = look()
        if name == "upgrade":
            self.before, self.tiny_before, self.expected_tiny, self.expected_link = (
                self.last["link"],
                self.expected_tiny,
                self.newest,
                now["link"],
            )
            if now["link"] == self.last["link"]:
                faults.append("nothing was upgraded")
        if name == "rollback":
            self.expected_tiny, self.expected_link = self.tiny_before, self.before
        if (serial() != presented) != (name == "renew"):
            faults.append("the certificate " + ("is the old one" if name == "renew" else "is another one"))
        faults += self.look(now)
        code, output = play("report", number, "-e", f"report_json={STATE}/report.json")
        reported = json.loads((STATE / "report.json").read_text())["hosts"][0]["servers"][0]
        due = DUE.get(number, True)
        if code or bool(reported["restart_due"]) != due or not reported["busy"] or not reported["running"]:
            faults.append(f"the report ends with {code} and says {reported}; a restart is {'' if due else 'not '}due")
        self.last = now
        return name, faults

    def look(self, now):
        """Compare the host with its former state, and with the view of a client."""
        for key in ("server", "kernel", "runs_in", "strays"):
            if now[key] != self.first[key]:
                yield f"{key} was {self.first[key]} and is {now[key]}"
        if now["count"] <= self.last["count"]:
            yield f"the cell has not counted on: {now['count']} after {self.last['count']}"
        if now["gap"] > 10:
            yield f"the cell stood still for {now['gap']} s"
        if now["thesis"] != THESIS:
            yield "the notebook is another one"
        if (now["link"], now["tiny"]) != (self.expected_link, str(self.expected_tiny)):
            yield (
                f"the link leads to {now['link']} with {now['tiny']} instead of {self.expected_link} with"
                f" {self.expected_tiny}"
            )
        # One that runs, one that is wanted, and one for a rollback.
        if now["environments"] > 3:
            yield f"there are {now['environments']} environments"
        yield from self.cell.faults(self.person)
        answer = self.person.ask(f"kernels/{self.cell.kernel}")
        if answer.status_code != 200 or answer.json()["execution_state"] != "busy":
            yield f"the kernel is not busy: {answer.status_code} {answer.text}"
        # The old password is in force until the restart.
        if (status := Person().log_in(self.password)) != 302:
            yield f"a new client is refused: {status}"

    def end(self):
        """Interrupt the cell: the next run does the postponed work, and nothing is left for the one after it."""
        self.person.ask(f"kernels/{self.cell.kernel}/interrupt", "POST")
        for _wait in range(100):
            if self.cell.error:
                break
            time.sleep(0.1)
        print(f"the cell ended: {self.cell.error}; lost on the way: {list(self.cell.faults(self.person))}")
        codes, outputs = zip(*(play("site", RUNS + number) for number in (1, 2)))
        now = look()
        print(f"site, twice: {codes}, {re.findall(r'changed=[0-9]+', outputs[1])}")
        print(
            f"restarted: {now['server'] != self.first['server']}, in the environment wanted:"
            f" {now['runs_in'] == now['link'] == self.expected_link}"
        )
        old, new = Person(), Person()
        print(f"old password {old.log_in(self.password)}, its session {self.person.ask('kernels').status_code}")
        print(f"new password {new.log_in(PASSWORD.read_text().strip())}, its session {new.ask('kernels').status_code}")
        print(
            f"the notebook: {now['thesis'] == THESIS}; strays: {now['strays'] == self.first['strays']}; environments:"
            f" {now['environments']}"
        )
        return now


def main():
    soak, started, lost = Soak(), time.monotonic(), 0
    rows = [soak.first]
    for number in range(1, RUNS + 1):
        began = time.monotonic()
        name, faults = soak.run(number)
        lost += any(soak.last[key] != soak.first[key] for key in ("server", "kernel"))
        print(f"{number} {name}: {'; '.join(faults) or 'ok'}", flush=True)
        rows.append({**soak.last, "seconds": round(time.monotonic() - began)})
    took = time.monotonic() - started
    rows.append(soak.end())
    print(f"lost kernels: {lost}")
    print(
        f"figures: {RUNS} runs in {took:.0f} s; the cell counted to {soak.last['count']}, its longest pause was"
        f" {soak.last['gap']} s"
    )
    for key in ("server_mb", "kernel_mb", "environments", "prefix_mb", "manifest"):
        print(f"figures: {key} {[row[key] for row in rows]}")
    print(f"figures: seconds {[row['seconds'] for row in rows[1:-1]]}; strays {soak.last['strays']}")


main()
