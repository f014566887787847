# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of the tunnel accounts: OpenSSH, and libssh2 as phone apps carry it. clients.py FOLDER [NAME]

FOLDER is the control node's folder of the tunnels. With NAME, only the forbidden actions of that account are tried.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from ssh2.exceptions import SSH2Error
from ssh2.session import Session

FOLDER = Path(sys.argv[1])
PASSPHRASE = "open, sesame"  # noqa: S105 - the one of the inventory beside this file
# Somebody who types the passphrase when ssh asks (ssh(1), SSH_ASKPASS)
TYPIST = Path(tempfile.mkdtemp()) / "typist"
TYPIST.write_text(f"#!/bin/sh\necho '{PASSPHRASE}'\n")
TYPIST.chmod(0o700)
PERSON = {"SSH_ASKPASS": str(TYPIST), "SSH_ASKPASS_REQUIRE": "force", "SSH_AUTH_SOCK": ""}
BROWSER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- OpenSSH
# -----------------------------------------------------------------------------------------------------------


def openssh(*words: str) -> list[str]:
    # -F alone: this machine's own configuration, agent and known hosts must not help.
    return ["ssh", "-F", str(FOLDER / "config"), "-o", "ConnectTimeout=10", *words]


class Tunnel:
    """A running ``ssh -N`` whose near end is a port of ours."""

    def __init__(self, name: str, port: int, *words: str) -> None:
        self.port = port
        self.words = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the tunnel
        # In a session of its own, so that the ssh to the jump host ends with it.
        self.process = subprocess.Popen(
            openssh(*words, "-N", name),
            stderr=self.words,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, **PERSON},
        )

    def __enter__(self) -> Tunnel:
        end = time.monotonic() + 15
        while not answers(self.port) and self.process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        for kind in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(self.process.pid, kind)
                self.process.wait(timeout=5)
                break
        self.words.close()

    def get(self, path: str = "/") -> str:
        try:
            with BROWSER.open(f"http://localhost:{self.port}{path}", timeout=5) as answer:
                return str(answer.status)
        except urllib.error.HTTPError as error:
            return str(error.code)
        except (OSError, http.client.HTTPException) as error:
            time.sleep(0.3)  # ssh closes the connection first and says why then
            self.words.seek(0)
            return reason(self.words.read()) or f"nothing ({error})"


#: How sshd says no. A failure of any other kind is no proof.
NO = ("administratively prohibited", "remote port forwarding failed", "open failed")
#: How the options before the key and the account's shell say no where sshd itself would let a session begin.
NO_BY_KEY = ("PTY allocation request failed", "This account is currently not available", "Received message too long")


def reason(words: str) -> str:
    phrases = NO + NO_BY_KEY if len(sys.argv) > 2 else NO
    return next((f"refused: {phrase}" for phrase in phrases if phrase in words), "")


def refused(*words: str) -> str:
    """Return the answer of ssh (or sftp) to a client that wants more than a tunnel: it must be a refusal."""
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=15, check=False)
    except subprocess.TimeoutExpired:
        return "GRANTED (it goes on)"
    said = "" if done.returncode == 0 or "uid=" in done.stdout else reason(done.stdout + done.stderr)
    return said or f"GRANTED ({done.returncode}: {done.stdout}{done.stderr})"


def listens(name: str) -> str:
    """-R: does the server take the wish to listen there?"""
    return refused(*openssh("-o", "ExitOnForwardFailure=yes", "-R", "9001:localhost:22", "-N", name))


def other_port(name: str, target: str) -> str:
    port = free_port()
    with Tunnel(name, port, "-L", f"{port}:{target}") as tunnel:
        return tunnel.get()


def socks(name: str, target: str) -> str:
    """-D asks the server to go wherever the client wants."""
    port = free_port()
    with Tunnel(name, port, "-D", str(port)) as tunnel, socket.create_connection(
        ("127.0.0.1", port), timeout=5
    ) as client:
        host, number = target.split(":")
        client.sendall(b"\x05\x01\x00")  # RFC 1928: version 5, no authentication
        client.recv(2)
        client.sendall(b"\x05\x01\x00\x03" + bytes([len(host)]) + host.encode() + int(number).to_bytes(2, "big"))
        client.settimeout(3)
        with contextlib.suppress(OSError):
            client.recv(10)
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            if client.recv(100).startswith(b"HTTP/"):
                return "answered"
        tunnel.words.seek(0)
        return reason(tunnel.words.read()) or "nothing"


def everything_else(name: str) -> None:
    command = openssh("-o", "ClearAllForwardings=yes")
    print(name, "shell", refused(*command, "-T", name))
    print(name, "command", refused(*command, name, "id"))
    print(name, "terminal", refused(*command, "-tt", name))
    print(name, "agent", refused(*command, "-A", name, "ssh-add -L; true"))
    print(name, "X11", refused(*command, "-X", name, "echo $DISPLAY"))
    print(
        name,
        "sftp",
        refused("sftp", "-F", str(FOLDER / "config"), "-o", "ClearAllForwardings=yes", "-b", "/dev/null", name),
    )
    print(name, "-R", listens(name))
    print(name, "-D to its port", socks(name, "localhost:8888"))
    print(name, "-D to another", socks(name, "localhost:9999"))
    print(name, "another port", other_port(name, "localhost:9999"))
    print(name, "SSH itself", other_port(name, "localhost:22"))
    print(name, "another host", other_port(name, "10.99.10.11:22"))
    print(name, "a unix socket", other_port(name, "/run/dbus/system_bus_socket"))


# --- libssh2
# -----------------------------------------------------------------------------------------------------------


def libssh2(address: tuple[str, int], account: str, key: Path) -> Session:
    session = Session()
    session.handshake(socket.create_connection(address, timeout=10))
    session.userauth_publickey_fromfile(account, str(key), PASSPHRASE if account.endswith("-locked") else "")
    return session


def fetch(session: Session, host: str, port: int, path: str = "/") -> str:
    channel = session.direct_tcpip_ex(host, port, "127.0.0.1", 1)
    channel.write(f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n".encode())
    _size, data = channel.read()
    found = re.match(rb"HTTP/1\.[01] (\d+)", data)
    return found.group(1).decode() if found else f"nothing ({data[:40]!r})"


def denied(wish: object, *arguments: object) -> str:
    try:
        made = wish(*arguments)  # type: ignore[operator]
    except SSH2Error as error:
        return f"refused ({type(error).__name__})"
    return f"GRANTED ({made})"


def phone(address: tuple[str, int], account: str, key: Path) -> None:
    try:
        session = libssh2(address, account, key)
        said = [fetch(session, "localhost", 8888), fetch(session, "127.0.0.1", 8888)]
    except SSH2Error as error:
        said = [type(error).__name__]
    print("libssh2", key.name, *said)


def phone_wants_more(address: tuple[str, int], account: str, key: Path) -> None:
    print("libssh2 a session", denied(libssh2(address, account, key).open_session))
    print("libssh2 sftp", denied(libssh2(address, account, key).sftp_init))
    print("libssh2 -R", denied(libssh2(address, account, key).forward_listen, 9002))
    print("libssh2 another port", denied(libssh2(address, account, key).direct_tcpip, "localhost", 9999))


# --- the tour
# ----------------------------------------------------------------------------------------------------------

FORMS = {"ecdsa": ("", ".pem"), "ed25519": ("",), "rsa": ("", ".pem")}


def main() -> None:
    port = free_port()
    for kind, forms in FORMS.items():
        for form in forms:
            with Tunnel(
                f"trixie-{kind}",
                port,
                "-o",
                f"IdentityFile={FOLDER}/trixie/{kind}{form}",
                "-L",
                f"{port}:localhost:8888",
            ) as tunnel:
                print("OpenSSH", f"{kind}{form}", tunnel.get())
    for kind in FORMS:
        with Tunnel(f"trixie-{kind}-locked", 8888) as tunnel:
            print("OpenSSH", f"{kind}-locked", tunnel.get())
    with Tunnel("trixie-ecdsa", 8888) as tunnel:
        print("ssh -N and nothing else", tunnel.get())
    everything_else("trixie-ecdsa")
    # The same key as `jupyter_tunnel_accounts: [ipad]` made it, for the ports of the plan.
    with Tunnel("bookworm-ipad", 8888) as tunnel:
        print("Jupyter", tunnel.get("/api"), tunnel.get("/tree"), tunnel.get("/api/kernels"))
    with Tunnel("bookworm-ipad", port, "-L", f"{port}:127.0.0.1:8888") as tunnel:
        print("Jupyter on another local port", tunnel.get("/api"))
    everything_else("bookworm-ipad")
    print(
        "libssh2 Jupyter",
        fetch(libssh2(("10.99.10.11", 22), "ipad", FOLDER / "bookworm" / "ipad.pem"), "localhost", 8888, "/api"),
    )
    # The phone knows no jump host: a tunnel through the one account leads to the SSH server of the other.
    with Tunnel("jump-ipad", 8022):
        for kind, forms in FORMS.items():
            for account in (kind, f"{kind}-locked"):
                for form in forms:
                    phone(("127.0.0.1", 8022), account, FOLDER / "trixie" / f"{account}{form}")
        phone_wants_more(("127.0.0.1", 8022), "ecdsa", FOLDER / "trixie" / "ecdsa")
    shutil.rmtree(TYPIST.parent)
    print("jump-ipad beyond", other_port("jump-ipad", "10.99.10.11:22"))


if len(sys.argv) > 2:
    everything_else(sys.argv[2])
else:
    main()
