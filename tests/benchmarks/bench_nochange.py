# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that finds nothing to do, and one that finds one setting changed: one host, then a fleet.

The peers manage what the role manages on a host, on paths of their own. They do not try the server from the client's side, so neither
does our run where it is compared with them; the whole run stands in a row of its own.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from lab import BENCH_BIN, BIN, PEERS, Lab, lab
from measure import TURNS, Table, interleaved, median, options, timed

PACKAGES = ["jupyterlab>=4,<5", "jupyter_server>=2.21,<3", "ipykernel", "pip", "nbclassic>=1.3,<2"]
UNVERIFIED = ("--skip-tags", "jupyter_verify")
MACHINES = 2
FLEET = 50
#: What a person would type to see with their own eyes that everything is in place: one round trip, no tool.
LOOK = """
set -e
id jupyter
stat -c '%A %U %G %n' /opt/remote-notebooks /opt/remote-notebooks/* /etc/remote-notebooks /etc/remote-notebooks/* /home/jupyter/notebooks
sha256sum /opt/remote-notebooks/libexec/* /etc/remote-notebooks/lab/* /etc/systemd/system/jupyter@.service \
  /etc/systemd/system/jupyter@lab.service.d/instance.conf
readlink /opt/remote-notebooks/current/lab
systemctl show --property=ActiveState,UnitFileState,MainPID,NeedDaemonReload jupyter@lab.service
find /opt/remote-notebooks/envs -type f -size +0 | wc -l
"""


def idiomatic(lab: Lab, inventory: Path, *more: str) -> list[str]:
    return [str(BIN / "ansible-playbook"), "-i", str(inventory), "--skip-tags", "answers", *more, str(PEERS / "idiomatic.yml")]


def pyinfra() -> list[str]:
    return [str(BENCH_BIN / "pyinfra"), "-y", str(PEERS / "pyinfra_inventory.py"), str(PEERS / "pyinfra_deploy.py")]


def peer_environment(lab: Lab, inventory: Path) -> dict[str, str]:
    return {**lab.environment, "PEER_INVENTORY": str(inventory), "PEER_KNOWN_HOSTS": str(lab.known_hosts)}


def ways(lab: Lab, inventory: Path) -> dict[str, Any]:
    environment = peer_environment(lab, inventory)
    return {
        "ours": lambda: timed(lab.site(inventory, *UNVERIFIED), environment),
        "pyinfra": lambda: timed(pyinfra(), environment),
        "idiomatic": lambda: timed(idiomatic(lab, inventory), environment),
    }


def one_host(lab: Lab, table: Table) -> None:
    inventory = lab.inventory(1, peer_packages=PACKAGES)
    name = next(iter(lab.hosts))
    samples = interleaved(
        {
            "ssh": lambda: timed(lab.ssh(name, "true")),
            "look": lambda: timed(lab.ssh(name, f"sudo sh -c {shlex.quote(LOOK)}")),
            "whole": lambda: timed(lab.site(inventory), lab.environment),
            **ways(lab, inventory),
        },
        between=lab.hang_up,
    )
    ours = median(samples["ours"])
    table.row("no change, 1 host", ours, "ssh that looks at the same things", median(samples["look"]), 6)
    table.row("no change, 1 host", ours, "pyinfra", median(samples["pyinfra"]), 1)
    table.row("no change, 1 host", ours, "idiomatic", median(samples["idiomatic"]))
    table.row("no change, 1 host", ours, "ssh host true", median(samples["ssh"]))
    table.row("no change and the proof, 1 host", median(samples["whole"]), "ssh that looks at the same things", median(samples["look"]))
    table.row("no change and the proof, 1 host", median(samples["whole"]), "pyinfra, which proves nothing", median(samples["pyinfra"]))


def fleet(lab: Lab, table: Table, turns: int, rivals: tuple[str, ...] = ("pyinfra", "idiomatic")) -> None:
    inventory = lab.inventory(FLEET, peer_packages=PACKAGES)
    lab.run(lab.site(inventory, *UNVERIFIED))  # the control node's own files for each name
    possible = ways(lab, inventory)
    samples = interleaved({name: possible[name] for name in ("ours", *rivals)}, turns, lab.hang_up)
    ours, many = samples["ours"], f"no change, {FLEET} hosts"
    if "pyinfra" in samples:
        table.row(many, median(ours), "pyinfra", median(samples["pyinfra"]), 1)
    if "idiomatic" in samples:
        table.row(many, median(ours), "idiomatic playbook", median(samples["idiomatic"]))
        table.row(f"{many}: control node's CPU", median(ours, "cpu"), "idiomatic playbook's", median(samples["idiomatic"], "cpu"), 0.5)


def main() -> int:
    given = options(__doc__)
    table = Table("nochange", given.record)
    with lab(MACHINES, FLEET) as made:
        prepare(made)
        one_host(made, table)
        fleet(made, table, *((TURNS,) if given.full else (3, ("pyinfra",))))
        table.note(f"{FLEET} names with an address each lead to {MACHINES} machines, which share this one's cores with the control node")
    return table.close()


def prepare(lab: Lab) -> None:
    """Bring every machine to the state that the runs then find."""
    inventory = lab.inventory(MACHINES, peer_packages=PACKAGES)
    lab.run(lab.site(inventory))
    lab.run(idiomatic(lab, inventory))
    environment = peer_environment(lab, inventory)
    timed(pyinfra(), environment)
    lab.hang_up()


if __name__ == "__main__":
    sys.exit(main())
