# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A package index of the lab: our own tiny packages, generated from /srv/published.json at each request; anything else
is at the index above.

Uses PEP 503 (the pages) and the wheel format (PEP 427), so it looks to installers like any other index.
"""

import base64
import hashlib
import http.server
import io
import json
import re
import sys
import zipfile

UPSTREAM = sys.argv[1].rstrip("/")


def published():
    with open("/srv/published.json", encoding="utf-8") as file:
        return json.load(file)


def wheel(name, version, files):
    info = f"{name}-{version}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: lab\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(text.encode())}\n")
    files[f"{info}/RECORD"] = "".join([*rows, f"{info}/RECORD,,\n"])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)  # a fixed date: the same wheel has the same hash
    return buffer.getvalue()


class Index(http.server.BaseHTTPRequestHandler):
    def answer(self, code, body, kind="text/html", **headers):
        self.send_response(code)
        for key, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        own = published()
        page = re.fullmatch(r"/simple/([^/]+)/", self.path)
        file = re.fullmatch(r"/files/([^-]+)-([^-]+)-py3-none-any\.whl", self.path)
        if page and page[1] in own:
            names = [f"{page[1]}-{version}-py3-none-any.whl" for version in own[page[1]]]
            self.answer(200, "".join(f'<a href="/files/{name}">{name}</a>\n' for name in names).encode())
        elif page:
            self.answer(302, b"", Location=f"{UPSTREAM}/{page[1]}/")
        elif file and file[2] in own.get(file[1], {}):
            self.answer(200, wheel(file[1], file[2], own[file[1]][file[2]]), "application/zip")
        else:
            self.answer(404, b"")


http.server.ThreadingHTTPServer(("", 8080), Index).serve_forever()
