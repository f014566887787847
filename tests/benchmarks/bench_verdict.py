# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof from the client's side: TLS, login, a kernel, a sum over its WebSocket. One host, then all at once."""

from __future__ import annotations

import json
import statistics
import sys

from lab import BIN, ROOT, lab
from measure import TURNS, Sample, Table, interleaved, median, options, timed
from runs import UNVERIFIED, inventory, ours

HOSTS = 5


def main() -> int:
    given = options(__doc__)
    table = Table("verdict", given)
    number, turns = (2, 1) if given.quick else (HOSTS, TURNS)
    proofs: list[float] = []
    with lab(number) as made:
        path = inventory(made, number, jupyter_access="direct", jupyter_allowed_sources=[f"{made.here}/32"])
        ours(made, path, *UNVERIFIED)
        said = made.folder / "check.json"

        def check(limit: str) -> Sample:
            words = [
                "-i",
                str(path),
                "--limit",
                limit,
                "-e",
                f"check_json={said}",
                str(ROOT / "playbooks" / "check.yml"),
            ]
            sample = timed([str(BIN / "ansible-playbook"), *words], made.environment)
            if limit != "all":
                proofs.extend(row["milliseconds"] / 1000 for row in json.loads(said.read_text())["servers"])
            return sample

        samples = interleaved(
            {"one": lambda: check(next(iter(made.hosts))), "all": lambda: check("all")}, turns, made.hang_up
        )
    one, every = median(samples["one"]), median(samples["all"])
    table.row("the proof itself, 1 host", statistics.median(proofs), "2.5 s", 2.5, 1)
    table.row("check.yml, 1 host", one, "2.5 s", 2.5, 1)
    table.row(f"check.yml, a host of {number}", every / number, "2.5 s", 2.5, 1)
    table.row(f"check.yml, {number} hosts at once", every, "one after another", one * number, 1)
    table.note("hosts and control node share this machine's cores: a kernel takes about a second of one to start")
    return table.close()


if __name__ == "__main__":
    sys.exit(main())
