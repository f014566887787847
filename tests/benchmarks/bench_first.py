# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a bare host to a server that answers: ours, and the ordinary playbook with pip. Each turn starts from new machines.

Both fetch from the same index in the same turn. Ours also logs in and runs a kernel, which the other does not; a row without that stands beside it.
"""

from __future__ import annotations

import sys

from bench_nochange import PACKAGES, UNVERIFIED
from lab import BIN, PEERS, lab
from measure import TURNS, Sample, Table, median, options, timed


def main() -> int:
    given = options(__doc__)
    table = Table("first", given.record)
    samples: dict[str, list[Sample]] = {"whole": [], "ours": [], "idiomatic": []}
    for turn in range(TURNS if given.full else 3):
        with lab(machines=3, names=3) as made:
            inventory = made.inventory(3, peer_packages=PACKAGES)
            first, second, third = made.hosts
            commands = {
                "whole": made.site(inventory, "--limit", first),
                "ours": made.site(inventory, "--limit", second, *UNVERIFIED),
                "idiomatic": [str(BIN / "ansible-playbook"), "-i", str(inventory), "--limit", third, str(PEERS / "idiomatic.yml")],
            }
            # Every other turn backwards: whoever comes second finds the index's own caches warm.
            for name in list(commands)[:: -1 if turn % 2 else 1]:
                samples[name].append(timed(commands[name], made.environment))
                made.hang_up()
    table.row("bare host", median(samples["ours"]), "idiomatic playbook", median(samples["idiomatic"]), 1 / 3)
    table.row("bare host and the proof", median(samples["whole"]), "idiomatic playbook, which proves nothing", median(samples["idiomatic"]))
    return table.close()


if __name__ == "__main__":
    sys.exit(main())
