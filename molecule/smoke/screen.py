# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print the screen that a person sees at the end of a command, from a file of script(1): ``screen.py FILE``.

The first lines: how many lines the screen has, those that left it at the top included, and how many seconds it took.
"""

from __future__ import annotations

import re
import sys
from datetime import datetime
from pathlib import Path

import pyte

COLUMNS, ROWS = 100, 40


def shown(data: bytes) -> list[str]:
    terminal = pyte.HistoryScreen(COLUMNS, ROWS, history=5000, ratio=0.5)
    pyte.ByteStream(terminal).feed(data)
    above = ["".join(line[column].data for column in range(COLUMNS)) for line in terminal.history.top]
    return [line.rstrip() for line in [*above, *terminal.display]]


def moment(header: bytes) -> datetime:
    """Return the time in a line that script(1) writes around the bytes of the terminal."""
    return datetime.fromisoformat(re.search(r"[\d-]{10}.\S{8,14}", header.decode())[0])


def main() -> None:
    begin, rest = Path(sys.argv[1]).read_bytes().split(b"\n", 1)
    data, end = rest.rsplit(b"Script done on ", 1)
    lines = [line for line in shown(data) if line]
    print(f"lines {len(lines)}", f"seconds {(moment(end) - moment(begin)).seconds}", *lines, sep="\n")


if __name__ == "__main__":
    main()
