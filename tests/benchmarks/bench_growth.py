# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run that finds nothing to do grows with the fleet. With --full also 200 hosts and 5 and 20 instances a host, and a new curve.

Each row compares what one host costs in a larger fleet with what it costs in a smaller one: at most 1 means that the time grows linearly
or better.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from bench_nochange import MACHINES, PACKAGES, UNVERIFIED
from lab import BENCH_BIN, ROOT, Lab, lab
from measure import RESULTS, TURNS, Sample, Table, interleaved, median, options, peak_memory, timed

HOSTS = (1, 5, 50)
MANY = 200
INSTANCES = (1, 5, 20)
CURVE = ROOT / "docs" / "pictures" / "scale.svg"


def hosts(lab: Lab, table: Table, numbers: tuple[int, ...], turns: int) -> dict[int, list[Sample]]:
    """The same run over more and more names, in turns; a turn goes through all sizes."""
    inventories = {number: lab.inventory(number, peer_packages=PACKAGES) for number in numbers}
    for inventory in inventories.values():
        lab.run(lab.site(inventory, *UNVERIFIED))  # the control node's own files for each name
    lab.hang_up()
    ways = {str(number): _run(lab, inventory) for number, inventory in inventories.items()}
    samples = {int(name): found for name, found in interleaved(ways, turns, lab.hang_up).items()}
    pairs = list(zip(numbers, numbers[1:]))
    for few, many in pairs:
        each, before = median(samples[many]) / many, median(samples[few]) / few
        table.row(f"a host of {many}", each, f"a host of {few}", before, 1)
    return samples


def _run(lab: Lab, inventory: Any) -> Any:
    return lambda: timed(lab.site(inventory, *UNVERIFIED), lab.environment)


def memory(lab: Lab, table: Table, number: int) -> None:
    inventory = lab.inventory(number, peer_packages=PACKAGES)
    with peak_memory() as peak:
        timed(lab.site(inventory, *UNVERIFIED), lab.environment)
    lab.hang_up()
    table.row(f"{number} hosts: peak memory", peak[0], "600 MB", 600, 1, unit="MB")


def instances(lab: Lab, table: Table, turns: int) -> dict[int, list[Sample]]:
    """More servers on one host. All share one environment; each has its own service, configuration and password."""
    samples: dict[int, list[Sample]] = {}
    for number in INSTANCES:
        wanted = [{"name": "lab" if index == 0 else f"n{index}", "port": 8888 + index} for index in range(number)]
        inventory = lab.inventory(1, peer_packages=PACKAGES, jupyter_instances=wanted)
        lab.run(lab.site(inventory, *UNVERIFIED))
        samples[number] = interleaved({"ours": _run(lab, inventory)}, turns, lab.hang_up)["ours"]
    for few, many in zip(INSTANCES, INSTANCES[1:]):
        table.row(f"an instance of {many}", median(samples[many]) / many, f"an instance of {few}", median(samples[few]) / few, 1)
    return samples


def draw(table: Table, curves: dict[str, dict[int, list[Sample]]]) -> None:
    """Draw the curves, with the benchmarks' own matplotlib."""
    for name, samples in curves.items():
        table.curve(name, {number: (median(found), median(found, "cpu")) for number, found in samples.items()})
    table.write()
    script = str(ROOT / "tests" / "benchmarks" / "curve.py")
    subprocess.run([str(BENCH_BIN / "python"), script, str(RESULTS / "growth.json"), str(CURVE)], check=True)


def main() -> int:
    given = options(__doc__)
    table = Table("growth", given.record)
    with lab(MACHINES, MANY if given.full else max(HOSTS)) as made:
        made.run(made.site(made.inventory(MACHINES, peer_packages=PACKAGES)))
        made.hang_up()
        curves = {"hosts": hosts(made, table, (*HOSTS, MANY) if given.full else HOSTS, TURNS if given.full else 3)}
        memory(made, table, MANY if given.full else max(HOSTS))
        if given.full:
            curves["instances"] = instances(made, table, TURNS)
        table.note(f"each name has an address of its own; they lead to {MACHINES} machines, which share this one's cores with the control node")
    if given.full:
        draw(table, curves)
    return table.close()


if __name__ == "__main__":
    sys.exit(main())
