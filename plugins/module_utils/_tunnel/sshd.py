# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH server of a host: which one it is, its settings, listeners and log, its reload. Runs on the host, as root.

The effective settings come from sshd itself: ``sshd -T -C user=...,addr=...`` prints those of an account that comes
as the present connection comes, and with ``-ddd`` which line of which file says so.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
import signal
import time
from typing import Any, Callable

from .._errors import TunnelError
from .._host.processes import is_here

Command = Callable[["list[str]"], "tuple[int, str, str]"]
CONFIG = "/etc/ssh/sshd_config"
#: So long sshd may take to start itself anew.
RELOAD_SECONDS = 5.0
#: Of the log, so many lines at most are worth repeating.
WORDS = 5


class Server:
    """The SSH server that the present connection came through, else the one that listens: its program, its
    configuration, its processes."""

    def __init__(self, run: Command) -> None:
        self.run = run
        program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin")
        if program is None:
            raise TunnelError("There is no SSH server (sshd) on this host. Install one (Debian: openssh-server).")
        self.program = program
        found = listeners()
        self.connection = connection()
        serving = (
            [each for each in found if self.connection.get("lport") in each["ports"]]
            or [each for each in found if 22 in each["ports"]]
            or found
        )
        self.config: str = serving[0]["config"] if serving else CONFIG
        #: Given on its command line, they win over every file.
        self.options: list[str] = serving[0]["options"] if serving else []
        self.listeners = [each for each in found if each["config"] == self.config]
        port = next((min(each["ports"]) for each in serving), 22)
        here = {"addr": "127.0.0.1", "laddr": "127.0.0.1", "lport": port, **self.connection}
        self.criteria = f"host={here['addr']},addr={here['addr']},laddr={here['laddr']},lport={here['lport']}"

    def test(self, config: str) -> str:
        """Return the complaint of sshd about a configuration file. Empty if it takes it."""
        code, out, err = self._ask(["-t", "-f", config])
        return "" if code == 0 else " ".join((err or out).split()) or f"sshd -t ended with {code}"

    def effective(self, user: str, config: str) -> tuple[dict[str, list[str]], str]:
        """Return the settings that sshd applies to an account that comes as this connection did, by keyword, and its
        words on how it got there."""
        code, out, err = self._ask(["-T", "-ddd", "-f", config, "-C", f"user={user},{self.criteria}"])
        if code != 0:
            said = " ".join(line for line in err.splitlines() if not line.startswith("debug"))
            raise TunnelError(f"sshd does not take its own configuration: {said}")
        values: dict[str, list[str]] = {}
        for line in out.splitlines():
            keyword, _space, value = line.partition(" ")
            values.setdefault(keyword.lower(), []).append(value)
        return values, err

    def _ask(self, words: list[str]) -> tuple[int, str, str]:
        command = [self.program, *words, *self.options]
        code, out, err = self.run(command)
        # Where a socket starts sshd, the folder is there only as long as one runs; it is below /run, empty and root's.
        missing = re.search(r"Missing privilege separation directory: (/(?:var/)?run/\S+)", err)
        if code != 0 and missing:
            with contextlib.suppress(FileExistsError):
                os.mkdir(missing.group(1), 0o755)
            code, out, err = self.run(command)
        return code, out, err

    def reload(self) -> None:
        """Let every sshd that uses this configuration read it again. Open sessions are processes of their own and go
        on."""
        for each in self.listeners:
            _reload(each["pid"], self.run)


def connection() -> dict[str, Any]:
    """The SSH connection that this process descends from, as sshd's Match line sees it; empty where there is none.

    sudo drops SSH_CONNECTION from the environment, so the parents are asked, too.
    """
    pid = os.getpid()
    while pid > 1:
        for item in (text(f"/proc/{pid}/environ") or "").split("\0"):
            words = item.partition("=")[2].split() if item.startswith("SSH_CONNECTION=") else []
            # Else "UNKNOWN": no network, but vsock or a pipe.
            if (
                len(words) == 4
                and all(re.fullmatch(r"[0-9A-Fa-f.:]+(?:%\w+)?", address) for address in (words[0], words[2]))
                and words[3].isdigit()
            ):
                return {"addr": _plain(words[0]), "laddr": _plain(words[2]), "lport": int(words[3])}
        parent = re.search(r"^PPid:\s*(\d+)", text(f"/proc/{pid}/status") or "", re.MULTILINE)
        pid = int(parent.group(1)) if parent else 0
    return {}


def _plain(address: str) -> str:
    return address.replace("::ffff:", "") if "." in address else address.partition("%")[0]


def listeners() -> list[dict[str, Any]]:
    """Every sshd of this host that waits for connections: ``{"pid", "ports", "config", "options"}``; none where a
    socket has yet to start it."""
    sockets = _listening()
    found = []
    for entry in glob.glob("/proc/[0-9]*"):
        pid = int(os.path.basename(entry))
        if (text(f"{entry}/comm") or "").strip() != "sshd" or not is_here(pid):
            continue
        with contextlib.suppress(OSError):
            ports = {sockets[inode] for inode in _sockets(pid) if inode in sockets}
            if ports and os.stat(entry).st_uid == 0:
                words = (text(f"{entry}/cmdline") or "").replace("\0", " ")
                given = re.search(r"\s-f\s*(\S+)", words)
                options = [word for value in re.findall(r"\s-o\s*(\S+=\S+)", words) for word in ("-o", value)]
                found.append(
                    {"pid": pid, "ports": ports, "config": given.group(1) if given else CONFIG, "options": options}
                )
    return sorted(found, key=lambda each: int(each["pid"]))


def _listening() -> dict[str, int]:
    """The port of each TCP socket that listens, by its inode (proc_net_tcp(5): state 0A)."""
    found = {}
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in (text(path) or "").splitlines()[1:]:
            words = line.split()
            if len(words) > 9 and words[3] == "0A":
                found[words[9]] = int(words[1].rpartition(":")[2], 16)
    return found


def _sockets(pid: int) -> set[str]:
    """The inodes of the sockets that a process holds."""
    found = set()
    for entry in glob.glob(f"/proc/{pid}/fd/*"):
        with contextlib.suppress(OSError):
            match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(entry))
            if match:
                found.add(match.group(1))
    return found


def _reload(pid: int, run: Command) -> None:
    held = _sockets(pid) & set(_listening())
    unit = next(iter(re.findall(r"/([^/\s]+\.service)\s*$", text(f"/proc/{pid}/cgroup") or "", re.MULTILINE)), "")
    # A socket that systemd created and keeps (ssh.socket): sshd could not bind it a second time, and SIGHUP, so also
    # `systemctl reload`, would end it.
    if unit and held & _sockets(1):
        _systemctl("restart", unit, run)
        return
    os.kill(pid, signal.SIGHUP)  # sshd(8): it starts itself anew, under the same number
    end = time.monotonic() + RELOAD_SECONDS
    while time.monotonic() < end:
        time.sleep(0.05)
        now = _sockets(pid) & set(_listening())
        if now and not now & held:
            return
        if not os.path.exists(f"/proc/{pid}"):
            break
    if os.path.exists(f"/proc/{pid}") and _sockets(pid) & set(_listening()):
        raise TunnelError(
            "sshd did not read its configuration again when told to (SIGHUP). Restart it, and run this again."
        )
    if not unit:
        raise TunnelError(
            "sshd ended when it was told to read its configuration again (SIGHUP). Start it again from another way in"
            " than SSH."
        )
    _systemctl("restart", unit, run)


def _systemctl(verb: str, unit: str, run: Command) -> None:
    code, out, err = run(["systemctl", verb, unit])
    if code != 0:
        raise TunnelError(f"'systemctl {verb} {unit}' failed: {' '.join((err or out).split())}")


def heard(account: str, since: float, run: Command) -> list[str]:
    """The last lines of sshd in the host's log about connections of an account."""
    since_text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since))
    code, out, _err = (
        run(["journalctl", "--no-pager", "--quiet", "--output=short", f"--since={since_text}"])
        if shutil.which("journalctl")
        else (1, "", "")
    )
    if code != 0:
        out = next(
            (
                said
                for said in (_tail(path) for path in ("/var/log/auth.log", "/var/log/secure", "/var/log/messages"))
                if said
            ),
            "",
        )
    rows = re.findall(r"\bsshd(?:-session|-auth)?\[(\d+)\]: (.*)$", out, re.MULTILINE)
    mine = {pid for pid, said in rows if re.search(rf"\b{re.escape(account)}\b", said)}
    return list(dict.fromkeys(said for pid, said in rows if pid in mine and not said.startswith("Accepted ")))[-WORDS:]


def _tail(path: str) -> str:
    with contextlib.suppress(OSError), open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - 20000))
        return file.read().decode("utf-8", "replace")
    return ""


def text(path: str) -> str | None:
    """The content of a file. None if there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
        return None


def write(path: str, said: str) -> None:
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(said)


def included(arguments: str) -> list[str]:
    """The patterns of an Include line, as paths."""
    words = [quoted or word for quoted, word in re.findall(r'"([^"]*)"|(\S+)', arguments)]
    return [word if word.startswith("/") else f"/etc/ssh/{word}" for word in words]
