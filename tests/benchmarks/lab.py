# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines to measure against: a few systemd containers behind real SSH daemons, under as many names as a fleet has.

Every name has an address of its own, so it costs every tool a connection of its own, as another machine would. Names
that lead to one machine are given the same plan, or they would undo each other's work; the first name has the first
machine to itself. Nothing is mocked.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirror import Mirror, mirror

ROOT = Path(__file__).resolve().parents[2]
#: The environment of `make up`, and nothing beside it. pyinfra, matplotlib: only for the benchmarks (`make bench`
#: creates both)
BIN = ROOT / ".cache" / "runtime" / "bin"
BENCH_BIN = ROOT / ".cache" / "bench" / "bin"
PEERS = Path(__file__).resolve().parent / "peers"
NETWORK = "remote-notebooks-bench"
SUBNET = "10.99.20"
IMAGE = "remote-notebooks-test:trixie"
IMAGE_PYTHON = "3.13"
SYSTEMD = [
    *(
        "--cap-add",
        "SYS_ADMIN",
        "--cap-add",
        "NET_ADMIN",
        "--security-opt",
        "seccomp=unconfined",
        "--security-opt",
        "apparmor=unconfined",
    ),
    *("--cgroupns", "host", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw", "--tmpfs", "/run", "--tmpfs", "/tmp:exec"),
]
MEMORY = ("--tmpfs", "/opt:exec,mode=755", "--tmpfs", "/root:mode=700")
PASSWORD = "correct-horse-battery-staple"
#: Of that password: all names of one machine must have the same hash, which has a random salt.
PASSWORD_HASH = (
    "argon2:$argon2id$v=19$m=10240,t=10,p=8$935vzZmTMkboHWPsvVeqVQ$bUibiOnASN3FKthb1ZGxPV6autxL7rEvL74obfG8PpQ"
)
#: The settings for a login to the lab. ansible-playbook, pyinfra and ssh each have their own form.
USER = "debian"


def sh(*command: str | Path, **options: Any) -> str:
    """Run a command, return its output, and end with its message if it fails."""
    done = subprocess.run([str(word) for word in command], check=False, text=True, capture_output=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


@dataclass
class Lab:
    """``hosts`` maps each name of the fleet to its address; ``index`` is where everybody gets packages from, and
    counts."""

    folder: Path
    hosts: dict[str, str]
    index: Mirror
    #: the control node's programs
    bin: Path = BIN
    #: this machine's address among them
    here: str = f"{SUBNET}.1"

    @property
    def key(self) -> Path:
        return self.folder / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def environment(self) -> dict[str, str]:
        """The project's own ansible.cfg, and connections that no run of before has left open."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        return {
            **clean,
            "PATH": f"{self.bin}{os.pathsep}{clean['PATH']}",
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.folder / "cp"),
            "ANSIBLE_NOCOLOR": "1",
            # The machines share their cores with the control node: where that is busy, a login takes longer than ten
            # seconds.
            "ANSIBLE_TIMEOUT": "60",
            "LC_ALL": "C.UTF-8",
        }

    def ssh(self, name: str, *command: str) -> list[str]:
        """One raw ``ssh``, as Ansible would call it, without a connection to share."""
        options = (
            "-o",
            f"UserKnownHostsFile={self.known_hosts}",
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "IdentitiesOnly=yes",
            "-i",
            str(self.key),
        )
        return ["ssh", "-F", "none", *options, f"{USER}@{self.hosts[name]}", *command]

    def inventory(self, number: int = 1, each: dict[str, dict[str, Any]] | None = None, **variables: Any) -> Path:
        """Write an inventory with the first ``number`` names of the fleet.

        :param each: variables of single names; ``variables`` hold for all of them.
        """
        everybody = {
            "ansible_user": USER,
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_common_args": (
                f"-o UserKnownHostsFile={self.known_hosts} -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"
            ),
            "jupyter_index_url": self.index.url,
            "jupyter_password": PASSWORD,
            "jupyter_password_hash": PASSWORD_HASH,
            **variables,
        }
        hosts = {
            name: {"ansible_host": address, **(each or {}).get(name, {})}
            for name, address in list(self.hosts.items())[:number]
        }
        path = self.folder / f"inventory-{number}" / "hosts.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"all": {"hosts": hosts, "vars": everybody}}))
        return path

    def site(self, inventory: Path, *arguments: str) -> list[str]:
        return [
            str(self.bin / "ansible-playbook"),
            "-i",
            str(inventory),
            *arguments,
            str(ROOT / "playbooks" / "site.yml"),
        ]

    def run(self, command: list[str], **more: str) -> str:
        """Run a command in the lab's environment, with ``more`` in it; a failure ends the benchmark."""
        return sh(*command, env={**self.environment, **more})

    def hang_up(self) -> None:
        """End the processes of the last run, connections and a kernel that is being shut down, so that each run starts
        alike."""
        for socket in (self.folder / "cp").glob("*"):
            subprocess.run(
                ["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "lab"], check=False, capture_output=True
            )
        time.sleep(1)


@contextlib.contextmanager
def lab(machines: int = 1, names: int = 0, memory: bool = False, bin: Path = BIN) -> Iterator[Lab]:
    """Create the machines, hand over the lab, take all of it away again. Another checkout on this machine waits for its
    turn.

    :param names: how many names lead to them; without it each machine has one.
    :param memory: /opt and /root (pip's cache) are in memory: the time of a disk for half a gigabyte says nothing about
        who wrote it.
    """
    with open(Path(tempfile.gettempdir()) / f"{NETWORK}-{os.getuid()}.lock", "w") as lock, tempfile.TemporaryDirectory(
        prefix="rn-bench."
    ) as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _remove()
        sh("docker", "network", "create", "--subnet", f"{SUBNET}.0/24", "--gateway", f"{SUBNET}.1", NETWORK)
        with contextlib.ExitStack() as later:
            later.callback(_remove)
            index = later.enter_context(mirror(Lab.here))
            hosts = {f"host{number + 1:03}": f"{SUBNET}.{20 + number}" for number in range(names or machines)}
            made = Lab(Path(folder), hosts, index, bin)
            later.callback(made.hang_up)
            (made.folder / "cp").mkdir(mode=0o700)
            sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", made.key)
            shares: list[list[str]] = [[] for _machine in range(machines)]
            for number, address in enumerate(hosts.values()):
                shares[1 + (number - 1) % (machines - 1) if number else 0].append(address)
            with concurrent.futures.ThreadPoolExecutor() as pool:
                keys = list(pool.map(lambda number: _boot(made, number, shares[number], memory), range(machines)))
            made.known_hosts.write_text(
                "".join(f"{address} {key}\n" for key, share in zip(keys, shares) for address in share)
            )
            yield made


def _boot(lab: Lab, number: int, addresses: list[str], memory: bool) -> str:
    """Start one machine under its share of the addresses; return its host key."""
    name = f"{NETWORK}-{number + 1}"
    sh("docker", "run", "-d", "--name", name, "--hostname", f"machine{number + 1}", "--network", NETWORK, "--ip",
       f"{SUBNET}.{2 + number}",
       *SYSTEMD, *(MEMORY if memory else ()), "--pull", "never", IMAGE, "/sbin/init")  # fmt: skip
    # Several names open their connections at the same moment; sshd's default drops some of more than ten that are not
    # logged in yet. The first moments of process 1 are called init.
    more = (
        "until [ $(cat /proc/1/comm) = systemd ]; do sleep 0.1; done\necho 'MaxStartups 200'"
        " >/etc/ssh/sshd_config.d/bench.conf\n"
    )
    first_boot = (ROOT / "molecule/shared/first-boot.sh").read_text()
    booted = (
        "\nsystemctl is-system-running --wait >/dev/null || :  # some services of a machine cannot run in a container\n"
    )
    said = sh(
        "docker",
        "exec",
        "-i",
        name,
        "sh",
        "-euc",
        more + first_boot + booted,
        input=f"{lab.key.with_suffix('.pub').read_text()}",
    )
    # Without a duplicate address test: nobody else is on this network.
    sh(
        "docker",
        "exec",
        name,
        "sh",
        "-euc",
        "".join(f"ip address add {address}/24 dev eth0\n" for address in addresses),
    )
    return said.splitlines()[-1]


def _remove() -> None:
    left = subprocess.run(
        ["docker", "ps", "-aq", "--filter", f"name={NETWORK}-"], check=False, text=True, capture_output=True
    ).stdout.split()
    if left:
        sh("docker", "rm", "-f", "-v", *left)
    if subprocess.run(["docker", "network", "inspect", NETWORK], check=False, capture_output=True).returncode == 0:
        sh("docker", "network", "rm", NETWORK)
