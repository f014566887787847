# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same job in three tools: ours, the ordinary playbook, pyinfra.

The peers manage the same resources as the role on a host, on paths of their own. They do not try the server from the
client's side, so neither does our run where it is compared with them (``UNVERIFIED``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lab import BENCH_BIN, PEERS, Lab
from measure import Sample, Ways, timed

PACKAGES = ["jupyterlab>=4,<5", "jupyter_server>=2.21,<3", "ipykernel", "pip", "nbclassic>=1.3,<2"]
UNVERIFIED = ("--skip-tags", "jupyter_verify")


def inventory(lab: Lab, number: int, **variables: Any) -> Path:
    return lab.inventory(number, peer_packages=PACKAGES, **variables)


def ours(lab: Lab, path: Path, *more: str) -> Sample:
    return timed(lab.site(path, *more), lab.environment)


def idiomatic(lab: Lab, path: Path, *more: str) -> Sample:
    return timed(
        [str(lab.bin / "ansible-playbook"), "-i", str(path), *more, str(PEERS / "idiomatic.yml")], lab.environment
    )


def pyinfra(lab: Lab, path: Path) -> Sample:
    command = [str(BENCH_BIN / "pyinfra"), "-y", str(PEERS / "pyinfra_inventory.py"), str(PEERS / "pyinfra_deploy.py")]
    return timed(command, {**lab.environment, "PEER_INVENTORY": str(path), "PEER_KNOWN_HOSTS": str(lab.known_hosts)})


def ways(lab: Lab, path: Path) -> Ways:
    """A run that finds nothing to do, in each tool."""
    return {
        "ours": lambda: ours(lab, path, *UNVERIFIED),
        "pyinfra": lambda: pyinfra(lab, path),
        "idiomatic": lambda: idiomatic(lab, path, "--skip-tags", "answers"),
    }


def prepare(lab: Lab, machines: int) -> None:
    """Bring every machine to the state that the runs then find."""
    path = inventory(lab, machines)
    ours(lab, path)
    idiomatic(lab, path)
    pyinfra(lab, path)
    lab.hang_up()
