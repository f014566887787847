# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that finds nothing to do on one host, beside one round trip to it and the same job in other tools."""

from __future__ import annotations

import shlex
import sys

from lab import Lab, lab
from measure import TURNS, Table, interleaved, median, options, timed
from runs import inventory, ours, prepare, ways

#: The command of a person to see that everything is in place: one round trip, no tool.
LOOK = """
set -e
id jupyter
stat -c '%A %U %G %n' /opt/remote-notebooks /opt/remote-notebooks/*
stat -c '%A %U %G %n' /etc/remote-notebooks /etc/remote-notebooks/* /home/jupyter/notebooks
sha256sum /opt/remote-notebooks/libexec/* /etc/remote-notebooks/lab/* /etc/systemd/system/jupyter@.service \
  /etc/systemd/system/jupyter@lab.service.d/instance.conf
readlink /opt/remote-notebooks/current/lab
systemctl show --property=ActiveState,UnitFileState,MainPID,NeedDaemonReload jupyter@lab.service
find /opt/remote-notebooks/envs -type f -size +0 | wc -l
"""


def one_host(lab: Lab, table: Table, turns: int) -> None:
    path, name = inventory(lab, 1), next(iter(lab.hosts))
    samples = interleaved(
        {
            "ssh": lambda: timed(lab.ssh(name, "true")),
            "look": lambda: timed(lab.ssh(name, f"sudo sh -c {shlex.quote(LOOK)}")),
            "whole": lambda: ours(lab, path),
            **ways(lab, path),
        },
        turns,
        lab.hang_up,
        {"idiomatic": TURNS},
    )
    seconds = {way: median(found) for way, found in samples.items()}
    table.row("no change, 1 host", seconds["ours"], "one raw ssh, true", seconds["ssh"], 6)
    table.row("no change, 1 host", seconds["ours"], "one raw ssh that looks at the same", seconds["look"])
    table.row("no change, 1 host", seconds["ours"], "pyinfra", seconds["pyinfra"], 1)
    table.row("no change, 1 host", seconds["ours"], "idiomatic playbook", seconds["idiomatic"])
    table.row(
        "no change and the proof, 1 host", seconds["whole"], "pyinfra, which proves nothing", seconds["pyinfra"], 1
    )


def main() -> int:
    given = options(__doc__)
    table = Table("onehost", given)
    turns = 1 if given.quick else 2 * TURNS + 1
    with lab() as made:
        prepare(made, 1)
        one_host(made, table, turns)
    table.note(
        f"turns: {turns}, of the idiomatic playbook {min(turns, TURNS)}; the host shares this machine's cores with the"
        " control node"
    )
    return table.close()


if __name__ == "__main__":
    sys.exit(main())
