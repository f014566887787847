# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A page of the hub: ``page.py FOLDER-OF-THE-CONTROL-NODE``, then on standard input a line for each thing.

``kernels``            print the names that the launcher shows
``KERNEL CODE``        run a cell in a kernel and print its outputs as one line
``keep KERNEL CODE``   the same, and leave the kernel running
"""

import json
import pathlib
import sys
import uuid

import requests
import websocket

STATE = pathlib.Path(sys.argv[1])
URL = "https://10.99.41.11:8888"
AUTHORITY = str(STATE / "pki/ca/certs/ca.cert.pem")


class Page:
    def __init__(self):
        self.session = requests.Session()
        self.session.trust_env, self.session.verify = False, AUTHORITY
        self.session.get(f"{URL}/login", timeout=60)
        password = (STATE / "credentials/trixie/lab.password").read_text().strip()
        form = {"password": password, "_xsrf": self.session.cookies["_xsrf"]}
        self.session.post(f"{URL}/login", data=form, timeout=60)
        self.session.headers["X-XSRFToken"] = self.session.cookies["_xsrf"]

    def ask(self, method, path, body=None):
        answer = self.session.request(method, f"{URL}/api/{path}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def kernels(self):
        specs = self.ask("GET", "kernelspecs")["kernelspecs"]
        return ", ".join(sorted(each["spec"]["display_name"] for each in specs.values()))

    def run(self, kernel, code, is_kept=False):
        number = self.ask("POST", "kernels", {"name": kernel})["id"]
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.session.cookies)
        address = f"{URL.replace('https', 'wss')}/api/kernels/{number}/channels?session_id={uuid.uuid4().hex}"
        line = websocket.create_connection(address, cookie=cookies, timeout=60, sslopt={"ca_certs": AUTHORITY})
        names = ("msg_id", "session", "username", "date")
        header = {**dict.fromkeys(names, uuid.uuid4().hex), "msg_type": "execute_request", "version": "5.3"}
        content = {"code": code, "silent": False, "user_expressions": {}, "allow_stdin": False}
        line.send(
            json.dumps({"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content})
        )
        seen = []
        while True:
            message = json.loads(line.recv())
            kind, content = message["msg_type"], message["content"]
            if message["parent_header"].get("msg_id") != header["msg_id"]:
                continue
            if kind == "stream":
                seen.append(content["text"].strip())
            elif kind == "execute_result":
                seen.append(content["data"]["text/plain"])
            elif kind == "error":
                seen.append(f"{content['ename']}: {content['evalue']}")
            elif kind == "status" and content["execution_state"] == "idle":
                break
        line.close()
        if not is_kept:
            self.ask("DELETE", f"kernels/{number}")
        return " ".join(seen)


def main():
    page = Page()
    for text in sys.stdin.read().split("\n"):
        if not text:
            continue
        kernel, _blank, code = text.removeprefix("keep ").partition(" ")
        print(page.run(kernel, code, is_kept=text.startswith("keep ")) if code else page.kernels(), flush=True)


main()
