# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An SSH tunnel for the length of a check: the real ``ssh``, always closed again, and no port of this machine.

A port of the loopback is open to every account of this machine, and any program that listens there first is sent the
password. So ssh logs in once and listens at a socket in a folder of ours alone; each connection is the standard input
and output of an ``ssh -W`` that goes through it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from .._errors import CheckError
from .causes import Stop
from .ssh import Forward, channel_argv, command_argv, ssh_argv, ssh_cause

# run_command() waits for the end of a program. This one talks with ssh while it runs.
# pylint: disable=ansible-bad-function

#: How long ssh may take to say why the far side closed a channel: it reports and closes in the same moment.
WORDS_SECONDS = 0.3
#: The limit for the output of a program of the far side.
MOST_WORDS = 1000
#: ssh binds a temporary name, 17 characters longer than ours, and a socket's name ends at 104 bytes on
#: macOS (unix(4)).
MOST_PATH = 80

#: Becomes ssh, and leaves a process behind in its group that waits for the end of our standard input: a check that is
#: killed outright can close
#: nothing, and a far side that is not honest would keep ssh alive. ``$0`` is the folder, the rest the command.
LIFELINE = """
ulimit -f 2048 # what ssh says goes into a file, and a far side may have it say anything
exec 3<&0
(trap '' TERM; read -r _ <&3; kill -TERM 0; sleep 1; rm -rf -- "$0"; kill -KILL 0) </dev/null >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
"""


class Tunnel:
    """Connects to the target of a forwarding while the ``with`` block runs."""

    def __init__(self, forward: Forward, seconds: float) -> None:
        ssh = shutil.which("ssh")
        if ssh is None:
            raise CheckError(
                "tunnel: there is no ssh on this machine. Install OpenSSH's client (Debian: openssh-client)."
            )
        if forward.host.startswith("-"):
            raise CheckError(f"tunnel.host: {forward.host} is not a host name.")
        if forward.private_key_file and not os.access(forward.private_key_file, os.R_OK):
            raise CheckError(f"tunnel.private_key_file: {forward.private_key_file} is missing or not readable.")
        self.forward = forward
        self._ssh = ssh
        self._end = time.monotonic() + seconds
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the tunnel; ssh's stderr
        self._folder = _private_folder()
        self._control = os.path.join(self._folder, "s")
        self._alive: int | None = None  # while this is open, so is the tunnel
        self._process: subprocess.Popen[bytes] | None = None
        self._channels: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Tunnel:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._words.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def open(self) -> None:
        """Log in. Raise Stop with ssh's own words where that fails."""
        left = max(1, int(self._end - time.monotonic()))
        watched, self._alive = os.pipe()
        command = ["/bin/sh", "-c", LIFELINE, self._folder, *ssh_argv(self._ssh, self.forward, self._control, left)]
        # In a session of its own, so that a jump host's ssh ends together with this one.
        self._process = subprocess.Popen(
            command,
            stdin=watched,
            stdout=subprocess.DEVNULL,
            stderr=self._words,
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,
        )
        os.close(watched)
        while time.monotonic() < self._end:
            if self._process.poll() is not None:
                raise self._stopped()
            if os.path.exists(self._control):
                return
            time.sleep(0.02)
        raise Stop(
            "tunnel_timed_out", words=f"no session within the time given ({self._last_words()})", **self.forward.facts
        )

    def connect(self) -> socket.socket:
        """Return a new connection to the target. Where the far side refuses it, it ends at once, and ``complaint``
        tells why."""
        ours, theirs = socket.socketpair()
        with theirs:
            command = channel_argv(self._ssh, self.forward, self._control)
            # It says only that there is none; why, says the ssh that it goes through.
            self._channels.append(
                subprocess.Popen(command, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.DEVNULL)
            )
        return ours

    def runs(self, command: str, seconds: float) -> str:
        """Run a program of the far side. Return its output, which is nothing if none may run."""
        ours, theirs = socket.socketpair()
        said = b""
        with ours:
            with theirs:
                argv = command_argv(self._ssh, self._control, command)
                self._channels.append(
                    subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=theirs.fileno(), stderr=subprocess.DEVNULL)
                )
            ours.settimeout(seconds)
            with contextlib.suppress(OSError):  # a far side may go on for ever, in words or in silence
                while len(said) < MOST_WORDS and (more := ours.recv(MOST_WORDS)):
                    said += more
        return said.decode("utf-8", "replace")

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
        if process is not None:
            for kind, seconds in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0)):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, kind)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(seconds)
            self._leave_background()
        for channel in self._channels:
            channel.kill()
            channel.wait()
        if self._alive is not None:
            os.close(self._alive)

    def _leave_background(self) -> None:
        """End an ssh that the user's configuration sent into the background (ForkAfterAuthentication): it is in no
        group of ours."""
        if os.path.exists(self._control):
            command = [*channel_argv(self._ssh, self.forward, self._control)[:-4], "-O", "exit", "--", "target"]
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(
                    command,
                    check=False,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=2,
                )


def _private_folder() -> str:
    """Return a new folder of ours alone (mode 0700), with a name short enough for a socket in it."""
    folder = tempfile.mkdtemp(prefix="tunnel-")
    if len(os.fsencode(folder)) < MOST_PATH:
        return folder
    os.rmdir(folder)
    return tempfile.mkdtemp(prefix="tunnel-", dir="/tmp")
