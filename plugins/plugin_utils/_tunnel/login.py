# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log in to a tunnel account from this machine, as its clients will: the same block for ssh, the same key, the host's
own keys and no other's."""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from ...module_utils._check.causes import Stop, conclude
from ...module_utils._check.ssh import Forward
from ...module_utils._check.ssh_forward import Tunnel
from ...module_utils._errors import CheckError, TunnelError
from ...module_utils._tunnel import client_config, names
from .. import _files
from .._remote.contact import SSH
from .._remote.route import spelled, way
from . import keys

#: A far side that has not refused a connection by then has taken it.
SILENCE = 1.0
#: Said by the shell of an account that may run commands, and by nothing else.
QUESTION, ANSWER = "echo $((6 * 7))-remote-notebooks", "42-remote-notebooks"


@dataclasses.dataclass
class Login:
    """The accounts of one host, seen from this machine."""

    host: str
    directory: str
    host_keys: list[str]
    address: str
    jump: str
    reached: dict[str, Any]
    seconds: float
    #: Whether the way that clients are told to go has been seen to lead nowhere from here.
    barred: bool = False

    def untried(self, account: dict[str, Any]) -> str:
        """Why nobody can log in to an account from here; empty where somebody can."""
        if self.reached["connection"] not in (
            *SSH,
            "local",
            "ansible.builtin.local",
            "paramiko",
            "paramiko_ssh",
            "ansible.netcommon.libssh",
        ):
            return f"Ansible reaches {self.host} by '{self.reached['connection']}', which is no way for ssh"
        key = self._key(account)
        if not key:
            return "only its public keys are given"
        if "locked" not in account and not _is_open(key):
            return f"{key} is not there, or has a passphrase that is not known here"
        return ""

    def _key(self, account: dict[str, Any]) -> str:
        """The private key: the one generated here, else the one that the inventory names."""
        made = names.key_file(self.directory, self.host, account)
        return made if "locked" in account else os.path.expanduser(account["identity_file"])

    def refusal(self, account: dict[str, Any], passphrase: str) -> tuple[str, str]:
        """Log in, go through every forwarding, and ask for a shell. Return two sentences, either empty: why that
        failed, and the remarks."""
        with tempfile.TemporaryDirectory(prefix="tunnel-login-") as folder, self._agent(
            folder, account, passphrase
        ) as agent:
            key = names.quoted(self._key(account))
            options = ("-o", f"IdentityFile={key}", *agent)
            known = os.path.join(folder, "known_hosts")
            server, via = way(self.address, self.jump, self.reached)
            _write(known, client_config.known_hosts(*server, self.host_keys))
            own_way = bool(via or self.address) and self.reached["connection"] in SSH
            said = ""
            if not self.barred:
                words = ("-F", self._config(folder, account, known), *options)
                said = self._through(account, words, names.alias(self.host, account["name"]))
                if not said or not own_way:
                    return said, ""
            # Another machine on the way, or an address that is meant for others: the way that Ansible has just come
            # tells whether it is that.
            pinned = (
                "-o",
                f"UserKnownHostsFile={names.quoted(known)}",
                "-o",
                f"HostKeyAlias={client_config.host_name(*server)}",
            )
            own = (*pinned, *options, "-l", account["name"], *self.reached["ssh_args"])
            refusal = self._through(account, own, self.reached["host"], self.reached["port"])
            if refusal:
                return refusal, ""
            remark = (
                f"the way that clients are told to go leads nowhere from here ({said}), and the one that Ansible takes"
                " does"
                if said
                else ""
            )
            self.barred = True
            return "", remark

    def _config(self, folder: str, account: dict[str, Any], known: str) -> str:
        """The block that clients get, and those of the other accounts here: one may lead to the jump host."""
        server, via = way(self.address, self.jump, self.reached)
        own = os.path.join(self.directory, self.host, f"{account['name']}.config")
        others = [path for path in sorted(glob.glob(f"{glob.escape(self.directory)}/*/*.config")) if path != own]
        block = client_config.client_config(self.host, account, server, known, spelled(via, self.reached))
        path = os.path.join(folder, "config")
        _write(
            path, "".join([block, "Host *\n", *(f"Include {names.quoted(glob.escape(other))}\n" for other in others)])
        )
        return path

    def _through(self, account: dict[str, Any], words: tuple[str, ...], host: str, port: int | None = None) -> str:
        forward = Forward(host, 0, port=port, user=None, ssh_args=words)
        server, via = way(self.address, self.jump, self.reached)
        try:
            with Tunnel(forward, self.seconds) as tunnel:
                tunnel.open()
                for _local, target in client_config.local_forwards(account["permit_open"]):
                    _forwards(tunnel, target)
                if ANSWER in tunnel.runs(QUESTION, 10):
                    return f"{account['name']} may run commands on {self.host}, and should only forward"
        except Stop as stop:
            facts = {
                **stop.facts,
                "ssh_user": account["name"],
                "ssh_at": ":".join(map(str, server)),
                "ssh_host": server[0],
            }
            # With a machine on the way, ssh alone knows which of the two it speaks of.
            return str(
                stop.facts["words"] if via and "words" in stop.facts else conclude(stop.cause, facts)["message"]
            ).rstrip(".")
        except CheckError as error:
            return str(error).rstrip(".")
        return ""

    @contextlib.contextmanager
    def _agent(self, folder: str, account: dict[str, Any], passphrase: str) -> Iterator[tuple[str, ...]]:
        """An agent of ssh's that holds the key meanwhile, where that has a passphrase: nothing of it is written, or
        stands on a command line."""
        program = shutil.which("ssh-agent")
        if not account.get("locked") or program is None:
            yield ()
            return
        path = self._key(account)
        key = keys.openssh(keys.load(_files.read(path) or b"", passphrase, path), "")
        name = os.path.join(folder, "agent")
        agent = subprocess.Popen(
            [program, "-D", "-a", name], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            end = time.monotonic() + 5
            while not os.path.exists(name) and agent.poll() is None and time.monotonic() < end:
                time.sleep(0.02)
            environment = {**os.environ, "SSH_AUTH_SOCK": name}
            subprocess.run(
                ["ssh-add", "-q", "-"], input=key, env=environment, check=False, capture_output=True, timeout=10
            )
            yield ("-o", f"IdentityAgent={names.quoted(name)}")
        finally:
            agent.kill()
            agent.wait()


def _forwards(tunnel: Tunnel, target: str) -> None:
    """Connect to a target through the tunnel. Raise Stop where sshd does not let us; whether anybody listens there is
    not its business."""
    host, _colon, port = target.rpartition(":")
    tunnel.forward = dataclasses.replace(tunnel.forward, remote_host=host.strip("[]"), remote_port=int(port))
    with tunnel.connect() as far:
        far.settimeout(SILENCE)
        far.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            if far.recv(1):
                return
    complaint = tunnel.complaint()
    if complaint and complaint.cause != "tunnel_target_refused":
        raise complaint


def _is_open(path: str) -> bool:
    """Tell whether a private key is there and needs no passphrase."""
    try:
        with open(path, "rb") as file:
            keys.load(file.read(100_000), "", path)
    except (OSError, TunnelError):
        return False
    return True


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
