# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the cost of private kernel channels: a cell that is encrypted, or goes through Unix sockets,
and the same in clear."""

from __future__ import annotations

import json
import subprocess
import sys

from lab import PEERS, lab
from measure import Table, options
from runs import UNVERIFIED, inventory, ours

ROUNDS = 300
PYTHON, LIBEXEC = "/opt/remote-notebooks/current/lab/bin/python", "/opt/remote-notebooks/libexec"


def main() -> int:
    given = options(__doc__)
    table = Table("channels", given)
    rounds = 20 if given.quick else ROUNDS
    with lab() as made:
        ours(made, inventory(made, 1), *UNVERIFIED)
        made.hang_up()
        command = made.ssh(next(iter(made.hosts)), f"{PYTHON} - {LIBEXEC} {rounds}")
        done = subprocess.run(
            command, input=(PEERS / "round_trips.py").read_text(), text=True, capture_output=True, check=False
        )
    if done.returncode:
        sys.exit(f"the round trips failed:\n{done.stderr[-3000:]}")
    seconds = json.loads(done.stdout.splitlines()[-1])
    for cell, what in (("cell", "an empty cell"), ("megabyte", "a cell that prints 1 MB")):
        for way, how in (("encrypted", "encrypted"), ("sockets", "through Unix sockets")):
            table.row(f"{what}, {how}", seconds[cell][way], "in clear", seconds[cell]["in clear"], 1.5)
    table.note(f"medians of {rounds} cells each, in turns, on the host itself: client and kernel share its cores")
    return table.close()


if __name__ == "__main__":
    sys.exit(main())
