# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory that has had enough (RFC 8555, 6.6): 127.0.0.1:14001"""

import http.server
import json
import ssl

PROBLEM = {"type": "urn:ietf:params:acme:error:rateLimited", "detail": "Too many requests of this host", "status": 429}


class Busy(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        text = json.dumps(PROBLEM).encode()
        self.send_response(429)
        self.send_header("Retry-After", "3600")
        self.send_header("Content-Type", "application/problem+json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


server = http.server.HTTPServer(("127.0.0.1", 14001), Busy)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("busy.pem", "busy.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
