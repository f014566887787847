# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open the pages of a server with Chromium through a phone's network: ours, and `jupyter lab` as it comes, out of the
same environment on the same machine."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from typing import Any

from lab import BENCH_BIN, PASSWORD, PASSWORD_HASH, PEERS, Lab, lab, sh
from measure import Table, options
from runs import UNVERIFIED, inventory, ours

TURNS = 5
OURS, PLAIN = 8888, 8899
#: The page, in the words of the table.
PAGES = {"lab": "JupyterLab, a notebook", "notebook": "classic page of a notebook", "tree": "classic list of files"}
NOTEBOOK = {
    "cells": [{"cell_type": "code", "execution_count": None, "id": "a", "metadata": {}, "outputs": [], "source": []}],
    "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}
FIGURES = [
    ("seconds", "until it can be used", "s", 1),
    ("bytes", "kB over the network", "kB", 1000),
    ("requests", "requests", "", 1),
]
#: A first visit waits a third. A second one has the same answers, with some more bytes of headers.
FIRST, SAME = 1 / 3, 1.1
TARGETS = {"first": FIRST, "second": SAME}
#: Both servers have the same notebook and the same account.
PREPARE = f"""
set -e
sudo install -d -o jupyter -g jupyter -m 700 /home/jupyter/plain
for folder in plain notebooks; do
    echo '{json.dumps(NOTEBOOK)}' | sudo -u jupyter tee /home/jupyter/$folder/x.ipynb >/dev/null
done
cd /
sudo systemd-run --quiet --uid=jupyter --gid=jupyter --setenv=HOME=/home/jupyter \\
  --setenv=PATH=/opt/remote-notebooks/current/lab/bin:/usr/bin:/bin \\
  /opt/remote-notebooks/current/lab/bin/jupyter lab --no-browser --ip=0.0.0.0 --port={PLAIN} \\
  --ServerApp.root_dir=/home/jupyter/plain --PasswordIdentityProvider.hashed_password='{PASSWORD_HASH}'
until python3 -c 'import sys, urllib.request as r; r.urlopen(sys.argv[1])' http://127.0.0.1:{PLAIN}/api 2>/dev/null
do sleep 0.5; done
"""


def visits(url: str) -> dict[str, Any]:
    """Return the visits of one new browser, by page."""
    said = sh(BENCH_BIN / "python", PEERS / "browser.py", url, input=PASSWORD)
    return dict(json.loads(said.splitlines()[-1]))


def measured(made: Lab, turns: int) -> dict[int, list[dict[str, Any]]]:
    address = next(iter(made.hosts.values()))
    found: dict[int, list[dict[str, Any]]] = {OURS: [], PLAIN: []}
    for turn in range(turns + 1):
        for port, each in found.items():
            seen = visits(f"http://{address}:{port}/")
            if turn:  # the first visit of all imports modules of the server, and starts the kernel
                each.append(seen)
    return found


def main() -> int:
    given = options(__doc__)
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing: apt-get install chromium chromium-driver")
    table = Table("pages", given)
    with lab() as made:
        direct = {"jupyter_access": "direct", "jupyter_tls": "none", "jupyter_plain_http": True}
        ours(made, inventory(made, 1, jupyter_allowed_sources=[f"{made.here}/32"], **direct), *UNVERIFIED)
        sh(*made.ssh(next(iter(made.hosts)), PREPARE))
        found = measured(made, 1 if given.quick else TURNS)

    def value(port: int, page: str, which: str, figure: str) -> float:
        return statistics.median(seen[page][which][figure] for seen in found[port])

    against = "jupyter lab as it comes"
    for page, name in PAGES.items():
        for which in ("first", "second"):
            for figure, text, unit, divisor in FIGURES:
                mine, other = (value(port, page, which, figure) / divisor for port in (OURS, PLAIN))
                target = TARGETS[which] if figure != "requests" else SAME
                table.row(f"{name}, {which} visit: {text}", mine, against, other, target, unit)
        files = {
            port: value(port, page, "first", "seconds") - value(port, page, "second", "seconds")
            for port in (OURS, PLAIN)
        }
        table.row(f"{name}: what the first visit waits for files", files[OURS], against, files[PLAIN], FIRST)
    table.note("a second visit is the floor: the browser has all files, computes, and waits for answers of the API")
    table.note("jupyterLab's own client forbids that those answers are cached")
    return table.close()


if __name__ == "__main__":
    sys.exit(main())
