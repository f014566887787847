# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print the scenarios of one of several machines: ``python -m tools.shards 2/5`` for the second of five.

All machines together run each scenario once, and end at about the same time.
"""

from __future__ import annotations

import sys

from tools import gate

#: Seconds of each scenario when all of them ran on two cores, four at a time, on 2026-12-02. The gate prints them. Only
#: their ratios count here. A scenario that is not listed takes as long as the middle one.
SECONDS = {
    "accounts": 1208,
    "acme": 1327,
    "browser": 1196,
    "damage": 1018,
    "direct": 970,
    "firewall": 1125,
    "hostile_account": 825,
    "hostile_host": 514,
    "interrupted": 580,
    "modes": 786,
    "neighbours": 697,
    "offline": 649,
    "pki": 139,
    "proxied": 483,
    "refusals": 262,
    "scale": 600,
    "service": 1856,
    "smoke": 1335,
    "soak": 1584,
    "tunnel": 318,
    "upgrade": 2271,
}


def seconds(name: str) -> int:
    return SECONDS.get(name, sorted(SECONDS.values())[len(SECONDS) // 2])


def shard(number: int, count: int) -> list[str]:
    """Return the scenarios of one machine: the longest one left goes to the machine with the least work."""
    machines: list[list[str]] = [[] for _machine in range(count)]
    for name in sorted(gate.scenarios(), key=lambda name: (-seconds(name), name)):
        min(machines, key=lambda names: sum(map(seconds, names))).append(name)
    return machines[number - 1]


def main() -> None:
    number, _slash, count = sys.argv[1].partition("/")
    print(*shard(int(number), int(count)))


if __name__ == "__main__":
    main()
