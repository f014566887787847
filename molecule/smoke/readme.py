# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print README as a script for bash: each command of its blocks, and of its table of every day, in their order.

The output of each goes to a file with its number. The first `make up` has a terminal of 100 columns, whose bytes go to
``terminal``. Standard output is for the commands that fail.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

SCREEN = "stty columns 100 rows 40; export TERM=xterm-256color; "


def commands(text: str) -> list[str]:
    found = []
    for block, row in re.findall(r"^```sh\n(.*?)^```|^\| [^|`]+ \| `(make [^`]+)`", text, re.DOTALL | re.MULTILINE):
        found += [row] if row else block.splitlines()
    return [re.sub(r" +#.*", "", line) for line in found]


def main() -> None:
    lines = commands(Path(sys.argv[1]).read_text())
    first = lines.index("make up") + 1
    for number, line in enumerate(lines, 1):
        failed = shlex.quote(f"fails: {number}: {line}")
        screen = f'script --quiet --return --command {shlex.quote(SCREEN + line)} "$logs/terminal"'
        typed = screen if number == first else line
        print(f'{{ {typed}\n}} < /dev/null > "$logs/{number}.log" 2>&1 || echo {failed}')
    kinds = {"git clone", "make up", "make new", "make check", "make upgrade", "make down"}
    whole = all(any(line.startswith(kind) for line in lines) for kind in kinds)
    print("echo the end of README" if whole else "echo commands are missing")


if __name__ == "__main__":
    main()
