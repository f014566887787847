# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An SSH tunnel for the length of a check: the real ``ssh``, always closed again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from ._connection import Forward, Stop, ssh_argv, ssh_cause
from ._errors import CheckError

#: How long ssh may take to say why the far side closed a channel: it reports and closes in the same moment.
WORDS_SECONDS = 0.3


class Tunnel:
    """Forwards a free port of 127.0.0.1 while the ``with`` block runs."""

    def __init__(self, forward: Forward, seconds: float) -> None:
        ssh = shutil.which("ssh")
        if ssh is None:
            raise CheckError("tunnel: there is no ssh on this machine. Install OpenSSH's client (Debian: openssh-client).")
        if forward.host.startswith("-"):
            raise CheckError(f"tunnel.host: {forward.host} is not a host name.")
        if forward.private_key_file and not os.access(forward.private_key_file, os.R_OK):
            raise CheckError(f"tunnel.private_key_file: {forward.private_key_file} is missing or not readable.")
        self.forward = forward
        self._ssh = ssh
        self._end = time.monotonic() + seconds
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the tunnel; ssh's stderr
        self._process: subprocess.Popen[bytes] | None = None
        self.local_port = 0

    def __enter__(self) -> Tunnel:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._words.close()

    def open(self) -> socket.socket:
        """Open the tunnel; return the first connection through it. Raise Stop with ssh's own words where there is none."""
        try:
            return self._open()
        except Stop as stop:
            if stop.cause != "tunnel_port_in_use":
                raise
        # Somebody took the free port between our asking for it and ssh's binding it. Twice in a row is no accident.
        self._stop()
        self._words.seek(0)
        self._words.truncate()
        return self._open()

    def _open(self) -> socket.socket:
        self.local_port = _free_port()
        left = max(1, int(self._end - time.monotonic()))
        argv = ssh_argv(self._ssh, self.forward, self.local_port, left)
        # In a session of its own, so that a jump host's ssh ends together with this one.
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._words,
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,
        )
        while time.monotonic() < self._end:
            first = _connect(self.local_port)
            if first is not None:
                return first
            if self._process.poll() is not None:
                raise self._stopped()
            time.sleep(0.02)
        raise Stop("tunnel_timed_out", words=f"no session within the time given ({self._last_words()})", **self.forward.facts)

    def complaint(self) -> Stop | None:
        """Why a connection through the tunnel was closed, if ssh says it was the far side's sshd; else None."""
        end = time.monotonic() + WORDS_SECONDS
        while time.monotonic() < end:
            if "open failed" in self._read() or (self._process is not None and self._process.poll() is not None):
                return self._stopped()
            time.sleep(0.02)
        return None

    def _stopped(self) -> Stop:
        cause, line = ssh_cause(self._read())
        return Stop(cause, words=line, **self.forward.facts)

    def _last_words(self) -> str:
        return ssh_cause(self._read())[1]

    def _read(self) -> str:
        # pread(2): ssh writes at the offset the two share.
        return os.pread(self._words.fileno(), 100000, 0).decode("utf-8", "replace")

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for kind, seconds in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, kind)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
                return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _connect(port: int) -> socket.socket | None:
    connection = socket.socket()
    try:
        connection.connect(("127.0.0.1", port))
    except OSError:
        connection.close()
        return None
    if connection.getsockname() == connection.getpeername():
        # TCP's simultaneous open: a free port in the ephemeral range can connect to itself (RFC 9293, 3.5).
        connection.close()
        return None
    return connection
