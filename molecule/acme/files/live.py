# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that computes while the certificate is renewed: ``live.py AUTHORITY < PASSWORDFILE``

Prints how many lines of a cell came over one WebSocket, and whether the server shows another certificate than before.
"""

import http.cookiejar
import json
import ssl
import sys
import urllib.parse
import urllib.request

import websocket

AUTHORITY, PASSWORD = sys.argv[1], sys.stdin.read().strip()
SITE, LINES = "https://10.99.33.11", 40
context, jar = ssl.create_default_context(cafile=AUTHORITY), http.cookiejar.CookieJar()
opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({}),
    urllib.request.HTTPSHandler(context=context),
    urllib.request.HTTPCookieProcessor(jar),
)


def cookie(name: str) -> str:
    return next(each.value for each in jar if each.name.endswith(name))


def ask(path: str, data: bytes | None = None) -> bytes:
    headers = {"X-XSRFToken": cookie("_xsrf")} if data is not None else {}
    return opener.open(urllib.request.Request(f"{SITE}{path}", data, headers)).read()  # noqa: S310 - SITE is https


def shown() -> str:
    return ssl.get_server_certificate(("10.99.33.11", 443), timeout=20)


ask("/login")
ask("/login", urllib.parse.urlencode({"password": PASSWORD, "_xsrf": cookie("_xsrf")}).encode())
kernel = json.loads(ask("/api/kernels", b"{}"))["id"]
cookies = "; ".join(f"{each.name}={each.value}" for each in jar)
channel = websocket.create_connection(
    f"wss://10.99.33.11/api/kernels/{kernel}/channels", sslopt={"ca_certs": AUTHORITY}, cookie=cookies, timeout=60
)
code = f"import time\nfor number in range({LINES}):\n    print(number, flush=True)\n    time.sleep(1)"
header = {"msg_id": "one", "msg_type": "execute_request", "session": "one", "username": "", "version": "5.3"}
content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False, "user_expressions": {}}
channel.send(
    json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"})
)
before, text = shown(), ""
while True:
    message = json.loads(channel.recv())
    if message["parent_header"].get("msg_id") != "one":
        continue
    if message["msg_type"] == "stream":
        text += message["content"]["text"]
    if message["msg_type"] == "execute_reply":
        break
print(len(text.split()), "lines", "another certificate" if shown() != before else "the same certificate")
