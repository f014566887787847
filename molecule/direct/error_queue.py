# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say whether this Python leaves the error of one TLS connection to the next one: ``broken`` or ``fine``.

The fault that ``tls_sockets.py.j2`` works around (https://github.com/python/cpython/issues/148594), without that file:
one client stays, another resets its connection while the server writes to it.
"""

import contextlib
import os
import socket
import ssl
import struct
import subprocess
import tempfile
import time

NEVER_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER of zero seconds: close(2) sends a reset


def client(port: int) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    stays = context.wrap_socket(socket.create_connection(("127.0.0.1", port)))
    stays.recv(1)
    vanishes = context.wrap_socket(socket.create_connection(("127.0.0.1", port)))
    vanishes.recv(1)
    vanishes.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NEVER_CLOSE)
    vanishes.close()
    time.sleep(5)


def accepted(listener: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
    connection = context.wrap_socket(listener.accept()[0], server_side=True)
    connection.send(b"x")
    connection.setblocking(False)
    return connection


with tempfile.TemporaryDirectory() as folder:
    key, certificate = f"{folder}/key.pem", f"{folder}/certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x",
         "-days", "2", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
listener = socket.create_server(("127.0.0.1", 0))
if os.fork() == 0:
    client(listener.getsockname()[1])
    os._exit(0)
stays, vanishes = accepted(listener, context), accepted(listener, context)
time.sleep(1)
with contextlib.suppress(OSError):
    vanishes.send(b"y" * 100_000)
try:
    stays.recv(10)
except ssl.SSLWantReadError:
    print("fine")
except OSError:
    print("broken")
