# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that finds nothing to do, and one that finds one setting changed: how they grow from one host to fleets."""

from __future__ import annotations

import itertools
import sys

from lab import Lab, lab
from measure import TURNS, Sample, Samples, Table, Ways, interleaved, median, options, peak_memory
from runs import UNVERIFIED, inventory, ours, prepare, ways

MACHINES = 8
FLEETS = (5, 50, 200)
#: The fleet that one changed setting is a question of.
CHANGED = 50
#: Those of 200 would take twenty-two minutes a turn, and no target asks for them. The playbook takes five minutes for
#: 50 hosts, and its ratio is four times below the target: two turns tell as much as five.
FEWER = {"idiomatic 200": 0, "pyinfra 200": 0, "idiomatic 50": 2}


def possible(lab: Lab, numbers: tuple[int, ...]) -> Ways:
    """Every compared run, by tool and number of hosts: all in turns, and the most similar ones, a fleet from a
    smaller one, side by side."""
    limits, one = itertools.count(1), inventory(lab, 1)
    fleets = {f"{tool} {number}": way for number in numbers for tool, way in ways(lab, inventory(lab, number)).items()}
    # The peers come last: they take some ten minutes a turn, and a machine is not the same ten minutes later.
    found: Ways = {
        "ours 1": lambda: ours(lab, one, *UNVERIFIED),
        **{name: way for name, way in fleets.items() if name.startswith("ours ")},
    }
    if CHANGED in numbers:
        found["changed"] = lambda: changed(lab, CHANGED, next(limits))
    return {**found, **fleets}


def fleet(table: Table, number: int, samples: Samples) -> None:
    mine, theirs, many = samples[f"ours {number}"], samples[f"idiomatic {number}"], f"no change, {number} hosts"
    if samples[f"pyinfra {number}"]:
        table.row(many, median(mine), "pyinfra", median(samples[f"pyinfra {number}"]), 1)
    if theirs:
        table.row(many, median(mine), "idiomatic playbook", median(theirs))
        table.row(
            f"{many}: control node's CPU a host",
            median(mine, "cpu") / number,
            "idiomatic playbook's",
            median(theirs, "cpu") / number,
            0.5,
        )
    if number == CHANGED:
        table.row(
            f"one setting changed on 1 of {number} hosts", median(samples["changed"]), "no change", median(mine), 1.3
        )


def changed(lab: Lab, number: int, limit: int) -> Sample:
    """One setting of the host that has a machine to itself; each time another value. The server restarts with it."""
    name = next(iter(lab.hosts))
    path = inventory(
        lab, number, each={name: {"jupyter_settings": {"ServerApp": {"max_body_size": 536870912 + limit}}}}
    )
    sample = ours(lab, path, *UNVERIFIED)
    if " changed=0 " in lab.run(lab.site(inventory(lab, number), *UNVERIFIED, "--limit", name)):
        sys.exit(f"{name} has not got the setting that was to be changed: there was nothing to take back.")
    return sample


def memory(lab: Lab, table: Table, number: int) -> None:
    """The first run with these names; it writes the control node's own files for each, so that the runs after it find
    nothing to do."""
    path = inventory(lab, number)
    with peak_memory(str(lab.folder)) as peak:
        ours(lab, path, *UNVERIFIED)
    lab.hang_up()
    table.row(f"no change, {number} hosts: peak memory", peak[0], "600 MB", 600, 1 if number == 50 else None, unit="MB")


def questions(lab: Lab, table: Table, number: int) -> None:
    """Count the data that a run sends to its hosts."""
    said = lab.run(lab.site(inventory(lab, number), *UNVERIFIED), ANSIBLE_VERBOSITY="3")
    lab.hang_up()
    table.row(
        f"no change, {number} hosts: commands sent to them",
        said.count("SSH: EXEC ssh "),
        "one each",
        number,
        1,
        unit="",
    )
    table.row(
        f"no change, {number} hosts: facts gathered", said.count("modules/setup.py"), "one each", number, 0, unit=""
    )


def growth(table: Table, samples: dict[int, list[Sample]]) -> None:
    table.curve("hosts", samples)
    for few, many in itertools.pairwise(samples):
        table.row(
            f"no change, a host of {many}",
            median(samples[many]) / many,
            f"a host of {few}",
            median(samples[few]) / few,
            1,
        )


def main() -> int:
    given = options(__doc__)
    table = Table("nochange", given)
    fleets, turns = ((3,), 1) if given.quick else (FLEETS, TURNS)
    machines = min(MACHINES, max(fleets))
    with lab(machines, max(fleets)) as made:
        prepare(made, machines)
        for number in fleets:
            memory(made, table, number)
        samples = interleaved(possible(made, fleets), turns, made.hang_up, FEWER)
        for number in fleets:
            fleet(table, number, samples)
        growth(table, {number: samples[f"ours {number}"] for number in (1, *fleets)})
        questions(made, table, fleets[0])
    table.note(
        f"each name has an address and connections of its own; they lead to {machines} machines, which share the"
        " control node's cores"
    )
    table.note(f"turns: {turns}" + ("" if given.quick else ", of the idiomatic playbook on 50 hosts 2"))
    return table.close()


if __name__ == "__main__":
    sys.exit(main())
