# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person at a browser, as a program: ``person.py URL VERB [CODE]`` with the password on standard input. Needs
requests and websocket-client.

``run`` runs CODE in a new kernel and prints its output; ``leave`` starts CODE in a new kernel and goes away while
it computes; KERNEL, a variable of the environment, names another kernel than the usual one;
``type`` types CODE into a new terminal and prints the output; ``go`` types it and goes away; ``kernels`` lists the
states of all kernels.
"""

import json
import os
import pathlib
import re
import sys
import uuid

import requests
import websocket

#: The authority of the servers with TLS.
AUTHORITY = str(pathlib.Path(__file__).with_name("authority.pem"))


def main():
    url, verb, code = sys.argv[1].rstrip("/"), sys.argv[2], " ".join(sys.argv[3:])
    session = requests.Session()
    session.trust_env = False
    session.verify = AUTHORITY
    session.get(f"{url}/login", timeout=20)
    form = {"password": sys.stdin.read().strip(), "_xsrf": session.cookies["_xsrf"]}
    session.post(f"{url}/login", data=form, timeout=20).raise_for_status()
    session.headers["X-XSRFToken"] = session.cookies["_xsrf"]

    def post(path, **content):
        answer = session.post(f"{url}{path}", json=content, timeout=40)
        answer.raise_for_status()
        return answer.json()

    def socket(path):
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.cookies)
        return websocket.create_connection(
            url.replace("http", "ws", 1) + path, cookie=cookies, timeout=40, sslopt={"ca_certs": AUTHORITY}
        )

    if verb == "kernels":
        print([kernel["execution_state"] for kernel in session.get(f"{url}/api/kernels", timeout=20).json()])
    elif verb in ("run", "leave"):
        kernel = post("/api/kernels", **({"name": os.environ["KERNEL"]} if "KERNEL" in os.environ else {}))["id"]
        channels = socket(f"/api/kernels/{kernel}/channels")
        header = {
            "msg_id": uuid.uuid4().hex,
            "username": "",
            "session": uuid.uuid4().hex,
            "msg_type": "execute_request",
            "version": "5.3",
            "date": "",
        }
        content = {
            "code": code,
            "silent": False,
            "store_history": False,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        channels.send(
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
        while True:
            message = json.loads(channels.recv())
            if message["parent_header"].get("msg_id") != header["msg_id"]:
                continue
            if message["msg_type"] == "stream":
                print(message["content"]["text"], end="", flush=True)
            elif message["msg_type"] == "error":
                print(message["content"]["ename"], message["content"]["evalue"])
            if message["msg_type"] == "execute_input" and verb == "leave":
                return
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
        session.delete(f"{url}/api/kernels/{kernel}", timeout=20)
    else:
        name = post("/api/terminals")["name"]
        terminal = socket(f"/terminals/websocket/{name}")
        # The two quotes distinguish the typed text, which comes back as well, from the output.
        line = f"echo be''gin; {code}; echo e''nd\r" if verb == "type" else f"echo be''gin; {code}\r"
        terminal.send(json.dumps(["stdin", line]))
        seen = ""
        while ("\nend" if verb == "type" else "\nbegin") not in seen:
            kind, *text = json.loads(terminal.recv())
            seen += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", text[0]) if kind == "stdout" else ""
        if verb == "type":
            print(seen.partition("\nbegin\n")[2].partition("\nend")[0])
            session.delete(f"{url}/api/terminals/{name}", timeout=20)


if __name__ == "__main__":
    main()
