# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a bare host to a server that answers: ours, the ordinary playbook with pip, and uv and pip by hand. Each turn
has new machines.

All get their packages from one index on the lab's network, which has everything already. The requests that the second
host of a fleet asks it for is counted.
"""

from __future__ import annotations

import os
import sys
import urllib.request
from pathlib import Path

from lab import BIN, IMAGE_PYTHON, Lab, lab, sh
from measure import Sample, Table, interleaved, median, options, timed
from runs import PACKAGES, UNVERIFIED, idiomatic, inventory, ours

TURNS = 5
#: It has a pip that the machines' Python 3.13 runs (make venv). That of Debian 12, 23.0.1, does not run there, and each
#: host would install a package.
CONTROL = Path(sys.executable).parent
#: The commands of a person. Fetching uv is part of them, as it is of ours.
BY_HAND = """
set -e
export PIP_INDEX_URL={index} PIP_TRUSTED_HOST={host}
export UV_DEFAULT_INDEX={index} UV_LINK_MODE=copy UV_CACHE_DIR=/opt/by-hand/cache
sudo install -d -o "$USER" /opt/by-hand
cd /opt/by-hand
sudo apt-get -qq update >/dev/null
sudo apt-get -qq install -y python3-venv >/dev/null
python3 -m venv uv
uv/bin/pip install -q uv
uv/bin/uv venv -q env
uv/bin/uv pip install -q --compile-bytecode --python env/bin/python {packages}
"""


def turn(lab: Lab) -> dict[str, Sample]:
    path, (first, second, third) = inventory(lab, 3), lab.hosts
    by_hand = BY_HAND.format(index=lab.index.url, host=lab.here, packages=" ".join(f"'{name}'" for name in PACKAGES))
    ways = {
        "ours": lambda: ours(lab, path, "--limit", first, *UNVERIFIED),
        "idiomatic": lambda: idiomatic(lab, path, "--limit", second),
        "by hand": lambda: timed(lab.ssh(third, by_hand)),
    }
    # Unwritten data of one run must not slow the next one down.
    return {name: found[0] for name, found in interleaved(ways, 1, os.sync).items()}


def fleet(table: Table) -> None:
    """Set up the first host of a fleet, then the second. Count their requests to the index, and how often facts are
    gathered."""
    with lab(2, bin=CONTROL) as made:
        path = inventory(made, 2, jupyter_lock=True, jupyter_wheelhouse=True)
        index, said, asked = made.index, "", []
        for limit in (next(iter(made.hosts)), "all"):
            index.counts.clear()
            said += made.run(made.site(path, "--limit", limit, *UNVERIFIED), ANSIBLE_VERBOSITY="3")
            asked.append((index.counts["page"] + index.counts["metadata"], index.counts["file"]))
        (resolving, files), (again, more) = asked
        table.row(
            "second host of a fleet: questions to resolve versions", again, "first host", max(resolving, 1), 0, unit=""
        )
        table.row("second host of a fleet: files downloaded", more, "first host", max(files, 1), 0, unit="")
        table.row("first runs on 2 hosts: facts gathered", said.count("modules/setup.py"), "one each", 2, 1, unit="")


def main() -> int:
    given = options(__doc__)
    table = Table("first", given)
    turns: list[dict[str, Sample]] = []
    for _turn in range(1 if given.quick else TURNS):
        with lab(3, memory=True, bin=CONTROL) as made:
            warm(made)
            turns.append(turn(made))
    seconds = {way: median([found[way] for found in turns]) for way in turns[0]}
    table.row("bare host", seconds["ours"], "idiomatic playbook, pip", seconds["idiomatic"], 1 / 3)
    table.row("bare host", seconds["ours"], "uv by hand, and only the packages", seconds["by hand"])
    fleet(table)
    table.note(f"turns: {len(turns)}; the index is a mirror on this machine that has fetched everything before")
    table.note(
        "the control node has a pip that the hosts' 3.13 runs, from make venv; with Debian 12's (23.0.1) a host"
        " installs a package, which takes longer"
    )
    table.note(
        "/opt and /root of the machines lie in memory: a disk would be most of what is measured, and is another one"
        " everywhere"
    )
    return table.close()


def warm(lab: Lab) -> None:
    """Have the index fetch the files for the hosts in advance: the page of uv in both forms, for ours reads
    HTML."""
    sh(BIN / "uv", "pip", "install", "--quiet", "--no-cache", "--target", lab.folder / "warm", "--python-version",
       IMAGE_PYTHON,
       "--only-binary", ":all:", "--default-index", lab.index.url, *PACKAGES, "uv")  # fmt: skip
    with urllib.request.urlopen(f"{lab.index.url}/uv/") as page:
        page.read()


if __name__ == "__main__":
    sys.exit(main())
