# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Type the commands of pages, in their order, each page into a new shell: typed.py PAGE ...

The page has to name every requirement before its command. A command that installs or changes hosts is typed with its
playbook only read: --syntax-check finds missing files, and other scenarios run it. Standard output: a line for each
command that does not work.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

#: Our own commands. Programs of others (ssh, openssl, ansible-runner) are the pages' examples of tools that a reader
#: may have.
OURS = re.compile(
    r"(?:[A-Z_]+=\S+ )?(?:make|(?:\.venv/bin/)?ansible-(?:playbook|doc)) .+|\. \.venv/.+|(?:cp"
    r" inventory\.example|umask|mkdir|ln) .+"
)


def commands(text: str) -> list[str]:
    """The commands of a page in its order: blocks of sh and console, and text in backquotes."""
    found = []
    for block, shell, inline in re.findall(r"```(\w*)\n(.*?)```|`([^`\n]+)`", text, re.DOTALL):
        lines = [inline] if inline else shell.splitlines() if block in ("sh", "console") else []
        for line in lines:
            command = line.removeprefix("$ ").replace("\\|", "|").strip()
            if OURS.fullmatch(command):
                found.append(command)
    return found


def typed(command: str, seen: set[tuple[str, ...]]) -> str:
    """The same as it is typed here: nothing is installed once more, and no host is asked.

    :param seen: the playbooks and files that were named until now; once they were read, the program has to be there,
        and they are.
    """
    if "cp inventory.example" in command:
        return "test -f inventory.example"  # the inventory of this machine is there already
    command = re.sub(r" +#.*", "", command).replace("<this machine's address>", "192.0.2.5")
    command = command.replace("<inventory>", "inventory/hosts.yml")
    command = re.sub(r"(ARGS=| )--ask-become-pass", r"\1", command)  # nobody is there to answer
    verb = re.match(r"make (\w+)", command)
    playbooks = {"up", "down", *(path.stem for path in Path("playbooks").glob("*.yml"))} - {"new"}
    named = verb.groups() if verb else tuple(re.findall(r"\S+\.yml|remote\.notebooks\.\w+", command))
    if verb and verb[1] not in playbooks:
        return command.replace("make", "make -n", 1)
    if not verb and "ansible-playbook" not in command:
        return command
    if named in seen:
        return f"command -v {command.split()[0]}"
    seen.add(named)
    if not verb:
        return f'PATH="$PWD/.venv/bin:$PATH" {command} --syntax-check'  # an Ansible of the reader's own
    words = shlex.split(command)
    options = " ".join(word.removeprefix("ARGS=") for word in words if word.startswith("ARGS="))
    others = [word for word in words if not word.startswith(("ARGS=", "HOST="))]  # no host of the page is ours
    return shlex.join([*others, f"ARGS={options} --syntax-check"])


def main() -> None:
    seen: set[tuple[str, ...]] = set()
    total, bad = 0, []
    for page in sys.argv[1:]:
        lines = commands(Path(page).read_text())
        script = "\n".join(f"{{ {typed(line, seen)}\n}} < /dev/null 1>&2 || echo {shlex.quote(line)}" for line in lines)
        done = subprocess.run(["bash", "-c", script], check=False, stdout=subprocess.PIPE, text=True)
        bad += [f"{page}: does not work: {line}" for line in done.stdout.splitlines()]
        total += len(lines)
    print(*bad, "every command works" if total > 60 and not bad else f"{total} typed", sep="\n")


if __name__ == "__main__":
    main()
