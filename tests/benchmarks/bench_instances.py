# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that finds nothing to do on a host with more and more servers. All share one environment; each has its own
service and configuration."""

from __future__ import annotations

import itertools
import sys

from lab import lab
from measure import TURNS, Sample, Table, interleaved, median, options
from runs import UNVERIFIED, inventory, ours

NUMBERS = (1, 5, 20)


def main() -> int:
    given = options(__doc__)
    table = Table("instances", given)
    numbers, turns = ((1, 2), 1) if given.quick else (NUMBERS, TURNS)
    with lab(len(numbers)) as made:
        servers = {
            name: {"jupyter_instances": [{"name": f"n{index}", "port": 8888 + index} for index in range(number)]}
            for name, number in zip(made.hosts, numbers)
        }
        path = inventory(made, len(numbers), each=servers)
        ours(made, path, *UNVERIFIED)

        def only(name: str) -> Sample:
            return ours(made, path, "--limit", name, *UNVERIFIED)

        found = interleaved({name: lambda name=name: only(name) for name in made.hosts}, turns, made.hang_up)
    samples = dict(zip(numbers, found.values()))
    table.curve("instances", samples)
    for few, many in itertools.pairwise(numbers):
        table.row(
            f"no change, an instance of {many}",
            median(samples[many]) / many,
            f"an instance of {few}",
            median(samples[few]) / few,
            1,
        )
    return table.close()


if __name__ == "__main__":
    sys.exit(main())
