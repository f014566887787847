# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells whose browser is gone: a hundred trials with Chromium, and what the recorder of outputs costs a server.

Two hosts: one account with two servers, and two accounts with one each. In twenty trials a renewal, and an upgrade that
waits for the cells, run in between.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench_pages import visits
from lab import BENCH_BIN, NETWORK, PASSWORD, PEERS, Lab, lab, sh
from measure import Table, options
from runs import UNVERIFIED, inventory, ours

TRIALS, IN_GROUPS, GROUP = 100, 20, 4
TURNS = 5
ON, OFF = 8888, 8889
#: At most so much of the same server without the recorder.
MEMORY, START, PAGE = 1.05, 1.1, 1.1
SERVERS = {
    "host001": [{"name": "one", "port": 8888}, {"name": "two", "port": 8889}],
    "host002": [
        {"name": "ann", "port": 8888, "user": "ann", "create_user": True},
        {"name": "bob", "port": 8889, "user": "bob", "create_user": True},
    ],
}
#: Two versions of a package, so that each run has another environment to bring.
VERSIONS = ("1.16.0", "1.17.0")


def plan(made: Lab, version: int) -> Path:
    direct = {"jupyter_access": "direct", "jupyter_allowed_sources": [f"{made.here}/32"], "jupyter_restart_wait": 300}
    each = {name: {"jupyter_instances": servers} for name, servers in SERVERS.items()}
    return inventory(made, 2, each=each, jupyter_packages=[f"six=={VERSIONS[version]}"], **direct)


def reach(made: Lab) -> list[dict[str, Any]]:
    """Say where the servers and their notebooks are, one server of each host first."""
    password = made.folder / "password"
    password.write_text(PASSWORD)
    found = []
    for place in (0, 1):
        for number, (name, servers) in enumerate(SERVERS.items()):
            server = servers[place]
            account = server.get("user", "jupyter")
            found.append(
                {
                    "url": f"https://{made.hosts[name]}:{server['port']}",
                    "password_file": str(password),
                    "container": f"{NETWORK}-{number + 1}",
                    "folder": f"/home/{account}/notebooks",
                    "account": account,
                }
            )
    return found


def trust(made: Lab, path: Path) -> dict[str, str]:
    """Return the environment of a person whose browser trusts the authority."""
    store = made.folder / "home" / ".pki" / "nssdb"
    store.mkdir(parents=True)
    authority = path.parent / "pki" / "ca" / "certs" / "ca.cert.pem"
    sh("certutil", "-d", f"sql:{store}", "-N", "--empty-password")
    sh("certutil", "-d", f"sql:{store}", "-A", "-t", "C,,", "-n", "notebooks", "-i", authority)
    return {**os.environ, "HOME": str(made.folder / "home")}


def leave(home: dict[str, str], trials: list[int], servers: list[dict[str, Any]], run: Any = None) -> list[Any]:
    """Run trials; ``run`` is called while all of their browsers are gone."""
    given = json.dumps({"servers": servers, "trials": trials, "wait": run is not None})
    results = []
    with subprocess.Popen(
        [BENCH_BIN / "python", PEERS / "leave.py"], env=home, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdin.write(f"{given}\n")
        process.stdin.flush()
        for line in process.stdout:
            said = json.loads(line)
            if "left" in said:
                run()
                process.stdin.write("\n")
                process.stdin.flush()
                continue
            print(f"  {line.strip()}", flush=True)
            results.append(said)
    return results


def processes(made: Lab) -> list[str]:
    """Return the process of each server, with its host."""
    show = "systemctl show --property=MainPID --value 'jupyter@*'"
    return [f"{name} {pid}" for name in SERVERS for pid in sh(*made.ssh(name, show)).split()]


def trials(made: Lab, table: Table, quick: bool) -> int:
    """Run them, and return how many lost something."""
    number, groups = (4, 1) if quick else (TRIALS - IN_GROUPS, IN_GROUPS // GROUP)
    path = plan(made, 0)
    ours(made, path)
    home, servers = trust(made, path), reach(made)
    results = leave(home, list(range(number)), servers)
    for group in range(groups):

        def operate(version: int = (group + 1) % 2) -> None:
            renew = PEERS.parents[2] / "playbooks" / "renew.yml"
            made.run([str(made.bin / "ansible-playbook"), "-i", str(path), str(renew)])
            before = set(processes(made))
            ours(made, plan(made, version), *UNVERIFIED)
            if before & set(processes(made)):
                sys.exit("the upgrade did not restart each server")

        first = TRIALS - IN_GROUPS + GROUP * group
        results += leave(home, list(range(first, first + GROUP)), servers, operate)
    lost = [each for each in results if each["fault"]]
    table.note(
        f"{len(results) - len(lost)} of {len(results)} trials: every line and the result on each screen and in the"
        f" file. {GROUP * groups} of them with a renewal and an upgrade that waited"
    )
    return len(lost) + (number + GROUP * groups - len(results))


def cost(made: Lab, table: Table, turns: int) -> None:
    """Compare a server with the recorder to one without, on one host."""
    direct = {"jupyter_access": "direct", "jupyter_tls": "none", "jupyter_plain_http": True}
    both = [{"name": "on", "port": ON}, {"name": "off", "port": OFF, "durable": False}]
    path = inventory(made, 1, jupyter_allowed_sources=[f"{made.here}/32"], jupyter_instances=both, **direct)
    ours(made, path, *UNVERIFIED)
    name = next(iter(made.hosts))
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    sh(
        *made.ssh(
            name, f"echo '{json.dumps(notebook)}' | sudo -u jupyter tee /home/jupyter/notebooks/x.ipynb >/dev/null"
        )
    )
    ready = "import sys, urllib.request as r\nr.urlopen(sys.argv[1])"
    measure = (
        "a=$(date +%s.%N); sudo systemctl restart jupyter@{unit}; until python3 -c '{ready}' http://127.0.0.1:{port}/api"
        " 2>/dev/null; do :; done; b=$(date +%s.%N); pid=$(systemctl show -P MainPID jupyter@{unit});"
        " echo $a $b $(sudo awk '/^Pss:/ {{print $2}}' /proc/$pid/smaps_rollup)"
    )
    seconds: dict[str, list[float]] = {"on": [], "off": []}
    memory: dict[str, list[float]] = {"on": [], "off": []}
    pages: dict[str, list[float]] = {"on": [], "off": []}
    address = made.hosts[name]
    for turn in range(turns + 1):
        for unit, port in (("on", ON), ("off", OFF)):
            a, b, pss = map(float, sh(*made.ssh(name, measure.format(unit=unit, ready=ready, port=port))).split())
            seen = visits(f"http://{address}:{port}/")
            if turn:
                seconds[unit].append(b - a)
                memory[unit].append(pss / 1024)
                pages[unit].append(seen["lab"]["first"]["seconds"])
    off = "the same without it"
    for what, found, target, unit in (
        ("a server that records: start", seconds, START, "s"),
        ("a server that records: memory", memory, MEMORY, "MB"),
        ("JupyterLab's first page", pages, PAGE, "s"),
    ):
        table.row(what, statistics.median(found["on"]), off, statistics.median(found["off"]), target, unit)


def main() -> int:
    given = options(__doc__)
    for program in ("chromium", "chromedriver", "certutil"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing: apt-get install chromium chromium-driver libnss3-tools")
    table, began = Table("durable", given), time.monotonic()
    with lab() as made:
        cost(made, table, 1 if given.quick else TURNS)
    with lab(2) as made:
        lost = trials(made, table, given.quick)
    if lost:
        given.record = False  # a loss is no figure to accept
    table.note(f"the whole took {(time.monotonic() - began) / 60:.0f} minutes")
    return table.close() or int(lost > 0)


if __name__ == "__main__":
    sys.exit(main())
