# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that finds nothing to do, and one that finds one setting changed: one host, then fleets."""

from __future__ import annotations

import itertools
import shlex
import sys

from lab import Lab, lab
from measure import TURNS, Sample, Table, interleaved, median, options, peak_memory, timed
from runs import UNVERIFIED, inventory, ours, prepare, ways

MACHINES = 2
FLEETS = (5, 50, 200)
#: What takes minutes a turn gets fewer than five. The ordinary playbook is not tried on 200 hosts; one changed setting is a question of the 50.
FEWER = {
    5: {"idiomatic": 3, "changed": 0},
    50: {"idiomatic": 1, "changed": 3},
    200: {"ours": 3, "pyinfra": 1, "idiomatic": 0, "changed": 0},
}
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


def one_host(lab: Lab, table: Table, turns: int) -> list[Sample]:
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
    )
    seconds = {way: median(found) for way, found in samples.items()}
    table.row("no change, 1 host", seconds["ours"], "one raw ssh, true", seconds["ssh"], 6)
    table.row("no change, 1 host", seconds["ours"], "one raw ssh that looks at the same", seconds["look"])
    table.row("no change, 1 host", seconds["ours"], "pyinfra", seconds["pyinfra"], 1)
    table.row("no change, 1 host", seconds["ours"], "idiomatic playbook", seconds["idiomatic"])
    table.row("no change and the proof, 1 host", seconds["whole"], "pyinfra, which proves nothing", seconds["pyinfra"], 1)
    return samples["ours"]


def fleet(lab: Lab, table: Table, number: int, turns: int) -> list[Sample]:
    path, limits = inventory(lab, number), itertools.count(1)
    possible = {**ways(lab, path), "changed": lambda: changed(lab, number, next(limits))}
    samples = interleaved(possible, turns, lab.hang_up, FEWER.get(number))
    mine, many = samples["ours"], f"no change, {number} hosts"
    table.row(many, median(mine), "pyinfra", median(samples["pyinfra"]), 1)
    if samples["idiomatic"]:
        cpu, theirs = median(mine, "cpu") / number, median(samples["idiomatic"], "cpu") / number
        table.row(many, median(mine), "idiomatic playbook", median(samples["idiomatic"]))
        table.row(f"{many}: control node's CPU a host", cpu, "idiomatic playbook's", theirs, 0.5)
    if samples["changed"]:
        table.row(f"one setting changed on 1 of {number} hosts", median(samples["changed"]), "no change", median(mine), 1.3)
    return mine


def changed(lab: Lab, number: int, limit: int) -> Sample:
    """One setting of the host that has a machine to itself; each time another value. The server restarts with it."""
    name = next(iter(lab.hosts))
    path = inventory(lab, number, each={name: {"jupyter_settings": {"ServerApp": {"max_body_size": 536870912 + limit}}}})
    sample = ours(lab, path, *UNVERIFIED)
    if " changed=0 " in lab.run(lab.site(inventory(lab, number), *UNVERIFIED, "--limit", name)):
        sys.exit(f"{name} has not got the setting that was to be changed: there was nothing to take back.")
    return sample


def memory(lab: Lab, table: Table, number: int) -> None:
    """The first run with these names; it writes the control node's own files for each, so that the runs after it find nothing to do."""
    path = inventory(lab, number)
    with peak_memory(str(lab.folder)) as peak:
        ours(lab, path, *UNVERIFIED)
    lab.hang_up()
    table.row(f"no change, {number} hosts: peak memory", peak[0], "600 MB", 600, 1 if number == 50 else None, unit="MB")


def questions(lab: Lab, table: Table, number: int) -> None:
    """Count what a run sends to its hosts."""
    said = lab.run(lab.site(inventory(lab, number), *UNVERIFIED), ANSIBLE_VERBOSITY="3")
    lab.hang_up()
    table.row(f"no change, {number} hosts: commands sent to them", said.count("SSH: EXEC ssh "), "one each", number, 1, unit="")
    table.row(f"no change, {number} hosts: facts gathered", said.count("modules/setup.py"), "one each", number, 0, unit="")


def growth(table: Table, samples: dict[int, list[Sample]]) -> None:
    table.curve("hosts", samples)
    for few, many in itertools.pairwise(samples):
        table.row(f"no change, a host of {many}", median(samples[many]) / many, f"a host of {few}", median(samples[few]) / few, 1)


def main() -> int:
    given = options(__doc__)
    table = Table("nochange", given)
    fleets, turns = ((3,), 1) if given.quick else (FLEETS, TURNS)
    with lab(MACHINES, max(fleets)) as made:
        prepare(made, MACHINES)
        samples = {1: one_host(made, table, turns)}
        for number in fleets:
            memory(made, table, number)
            samples[number] = fleet(made, table, number, turns)
        growth(table, samples)
        questions(made, table, fleets[0])
    table.note("each name has an address and connections of its own; they lead to two machines, which share this one's cores with the control node")
    table.note("5 turns; a changed setting 3; the idiomatic playbook on 5 hosts 3, on 50 hosts 1; on 200 hosts ours 3, pyinfra 1")
    return table.close()


if __name__ == "__main__":
    sys.exit(main())
