# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real parts that the connection check is tried against: Jupyter Server, OpenSSH, nftables, certificates.

Everything listens on the loopback or in a network namespace of its own and ends with the tests. Needed on the machine:
root, OpenSSH's server and client, nftables, unshare (util-linux); Jupyter itself is installed by uv into a temporary
environment.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "correct horse, 電池 staple"
TOKEN = "0123456789abcdef0123456789abcdef"
MODULE = [sys.executable, "-m", "ansible_collections.remote.notebooks.plugins.modules.connection_check"]

#: A namespace with only a loopback, and the commands to run in it before the module.
NAMESPACE = ["unshare", "--net", "sh", "-ec", 'ip link set lo up; printf %s "$0" | nft -f -; exec "$@"']


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Any, what: str, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"no {what} within {seconds} s"
        time.sleep(0.05)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Checker:
    """Runs the module as Ansible does: a Python of its own, arguments as JSON, one JSON object back."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, url: str, firewall: str | None = None, **arguments: Any) -> dict[str, Any]:
        started = time.monotonic()
        environment = {**os.environ, **self.environment}
        # A failing module exits with 1: its JSON says more than that.
        done = subprocess.run(
            self.command(url, firewall, **arguments),
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            env=environment,
        )
        assert done.stdout, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        result["wall"] = time.monotonic() - started
        return result

    def command(self, url: str, firewall: str | None = None, **arguments: Any) -> list[str]:
        path = self.folder / "arguments.json"
        path.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {"url": url, **arguments}}))
        path.chmod(0o600)
        inside = [] if firewall is None else [*NAMESPACE, firewall]
        return [*inside, *MODULE, str(path)]


@pytest.fixture
def check(tmp_path: Path) -> Checker:
    return Checker(tmp_path)


# --- Jupyter
# -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def jupyter_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with a real Jupyter Server and a real kernel.

    Its files are copies: a file that a test damages here must not be damaged in uv's cache as well, and so in each
    environment after it.
    """
    options = ["--link-mode", "copy", "--compile-bytecode"]
    return install(tmp_path_factory.mktemp("jupyter"), "jupyter_server>=2.21,<3", "ipykernel", options=options)


def install(folder: Path, *packages: str, options: list[str] | None = None) -> Path:
    """Create an environment with packages. Return its Python."""
    uv, python = str(Path(sys.executable).parent / "uv"), folder / "bin/python"
    subprocess.run([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder)], check=True)
    command = [uv, "pip", "install", "--quiet", *(options or []), "--python", str(python), *packages]
    subprocess.run(command, check=True)
    return python


@dataclass
class Jupyter:
    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def kernels_left(self) -> int:
        """Counted in the processes, not in the server's own records."""
        # ps exits with 1 where there is no child at all.
        listing = subprocess.run(
            ["ps", "-ww", "--ppid", str(self.process.pid), "-o", "args="], check=False, capture_output=True, text=True
        ).stdout
        return listing.count("ipykernel_launcher")

    def end_kernels(self) -> None:
        """End the processes that a killed check has left."""
        at, headers = f"http://127.0.0.1:{self.port}/api/sessions", {"Authorization": f"token {TOKEN}"}
        with urllib.request.urlopen(urllib.request.Request(at, headers=headers)) as answer:
            sessions = json.load(answer)
        for session in sessions:
            urllib.request.urlopen(
                urllib.request.Request(f"{at}/{session['id']}", method="DELETE", headers=headers)
            ).close()
        wait_for(lambda: self.kernels_left == 0, "end of the kernels")


class JupyterMaker:
    def __init__(self, python: Path, factory: pytest.TempPathFactory) -> None:
        self.python, self.factory = python, factory
        self.running: list[Jupyter] = []
        program = "import sys; from jupyter_server.auth import passwd; print(passwd(sys.stdin.read()))"
        self.hashed = subprocess.run(
            [str(python), "-c", program], input=PASSWORD, capture_output=True, text=True, check=True
        ).stdout.strip()

    def __call__(self, extra: str = "", password: bool = True, wait: bool = True) -> Jupyter:
        folder = self.factory.mktemp("server")
        port = free_port()
        lines = [
            "c = get_config()",
            "c.ServerApp.ip = '127.0.0.1'",
            f"c.ServerApp.port = {port}",
            "c.ServerApp.port_retries = 0",
            "c.ServerApp.open_browser = False",
            "c.ServerApp.allow_root = True",
            f"c.ServerApp.root_dir = {str(folder)!r}",
            (
                f"c.PasswordIdentityProvider.hashed_password = {self.hashed!r}"
                if password
                else "c.IdentityProvider.token = ''"
            ),
            extra,
        ]
        (folder / "config.py").write_text("\n".join(lines))
        environment = {
            **os.environ,
            "HOME": str(folder),
            "JUPYTER_PATH": str(folder / "data"),
            "JUPYTER_CONFIG_DIR": str(folder / "none"),
        }
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [str(self.python), "-m", "jupyter_server", f"--config={folder / 'config.py'}"],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
                cwd=folder,
                start_new_session=True,
            )
        made = Jupyter(port, folder, process)
        self.running.append(made)
        if wait:
            self.ready(made)
        return made

    def ready(self, made: Jupyter) -> None:
        wait_for(lambda: listens(made.port) or made.process.poll() is not None, "Jupyter Server")
        assert made.process.poll() is None, made.log

    def stop(self) -> None:
        for made in self.running:
            made.process.send_signal(signal.SIGCONT)
            made.process.terminate()
        for made in self.running:
            try:
                made.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(made.process.pid, signal.SIGKILL)
                made.process.wait()


@pytest.fixture(scope="session")
def make_jupyter(jupyter_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    maker = JupyterMaker(jupyter_python, tmp_path_factory)
    yield maker
    maker.stop()


@pytest.fixture(scope="session")
def jupyter(make_jupyter: JupyterMaker) -> Jupyter:
    """The ordinary server: the loopback, a password and, beside it, a token."""
    return make_jupyter(f"c.IdentityProvider.token = {TOKEN!r}")


# --- OpenSSH
# -------------------------------------------------------------------------------------------------------------


@dataclass
class Sshd:
    port: int
    folder: Path

    def arguments(self, known_hosts: str = "known_hosts") -> list[str]:
        """Options that exclude the tester's own ssh configuration."""
        return [
            "-F",
            "/dev/null",
            "-o",
            f"UserKnownHostsFile={self.folder / known_hosts}",
            "-o",
            "GlobalKnownHostsFile=/dev/null",
        ]

    def tunnel(
        self, remote_port: int, key: str = "good", known_hosts: str = "known_hosts", **more: Any
    ) -> dict[str, Any]:
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "private_key_file": str(self.folder / key),
            "remote_port": remote_port,
            "ssh_args": self.arguments(known_hosts),
            **more,
        }


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A real sshd on the loopback with its own keys and configuration. The account is the one that runs the tests."""
    folder = tmp_path_factory.mktemp("sshd")
    for key in ("host", "other_host", "good", "limited", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(folder / key)], check=True)
    port = free_port()
    public = {key: (folder / f"{key}.pub").read_text() for key in ("host", "other_host", "good", "limited")}
    (folder / "authorized_keys").write_text(
        public["good"] + 'restrict,port-forwarding,permitopen="localhost:1" ' + public["limited"]
    )
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {public['host']}")
    (folder / "changed").write_text(f"[127.0.0.1]:{port} {public['other_host']}")
    (folder / "unknown").write_text("")
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized_keys\nPidFile"
        " none\n"
        # Temporary folders are writable for all, which StrictModes refuses.
        "StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin"
        " prohibit-password\nUsePAM no\n"
    )
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd's privilege separation folder; Debian's unit creates it
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "config")], stderr=log, stdin=subprocess.DEVNULL
        )
    wait_for(lambda: listens(port), "sshd")
    yield Sshd(port, folder)
    process.terminate()
    process.wait()
