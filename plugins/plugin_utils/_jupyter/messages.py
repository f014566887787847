# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages of a run: why a server does not start, and the last lines of a run. Pure: no I/O, no Ansible."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

from ...module_utils._plain import plain_lines
from .._state.work import work

#: More people than this are counted instead of listed.
MOST_PEOPLE = 12
#: systemctl and ssh say these of every failure.
_EMPTY_WORDS = re.compile(r"Job for |See |.*onnection to .* closed")


def start_failure(
    step: dict[str, Any], remarks: Iterable[str], log: str = "", output: str = "", errors: str = ""
) -> dict[str, str]:
    """Return ``instance`` and ``text``: why its server does not start.

    :param step: the one that failed. :param remarks: those of the host.
    :param log: the last lines of the unit's log, or of the screen of a tmux session.
    :param output: the output of the command that starts a unit; a masked unit is in no log. :param errors: likewise.
    """
    is_tmux = step["manager"] == "tmux"
    server = f"the server in the tmux session {step['name']}" if is_tmux else step["name"]
    printed = [line for line in f"{output}\n{errors}".splitlines() if line and not _EMPTY_WORDS.match(line)]
    last_words = plain_lines("\n".join([*log.splitlines(), *printed])).splitlines()
    log_command = "" if is_tmux else f" The whole log: journalctl -u {step['name']}"
    return {
        "instance": step["instance"],
        "text": "\n".join(
            [
                f"instance '{step['instance']}': {server} does not start. Its last words:",
                *(f"  {line}" for line in last_words or [""]),
                *(remark for remark in remarks if " chown " in remark or " cannot be read by Jupyter: " in remark),
                f"Correct what they name and run again.{log_command}",
            ]
        ),
    }


def note(host: str, remark: str) -> str:
    """Return a remark as one of the last lines. A warning stands out and names its host."""
    text = remark.removeprefix("WARNING: ")
    return f"note: {text}" if text == remark else f"WARNING: {host}: {text}"


def closing(
    hosts: list[dict[str, Any]],
    left_out: list[str],
    folder: str,
    inventory_folder: str,
    *,
    dry: bool,
    people: dict[str, str] | None = None,
) -> list[str]:
    """Return the last lines of a run: where to connect, which restarts wait, and which hosts were left out.

    :param hosts: ``state``, ``plan`` and ``busy`` of each (:func:`work`).
    :param folder: the folder with the passwords; named where that is not beside the inventory.
    :param dry: check mode creates no server to connect to.
    :param people: the page of each person with several servers.
    """
    lines: list[str] = []
    for host in () if dry else hosts:
        lines += host["state"]["connect"]
        if host["state"]["steps"]:
            lines += work(host["state"], host["plan"], busy=host["busy"])["waits"]
    if lines and people:
        lines += _pages_of_people(people)
    if lines and folder != inventory_folder:
        lines.append(f"kept: passwords, keys and pages of this run are in {folder}")
    if left_out:
        reason = "unreachable or failed, see above. To run for them again: --limit"
        lines.append(f"left out: {', '.join(left_out)}: {reason} {','.join(left_out)}")
    return lines


def _pages_of_people(people: dict[str, str]) -> list[str]:
    if len(people) > MOST_PEOPLE:
        folder = os.path.dirname(next(iter(people.values())))
        return [f"the pages of {len(people)} people over their servers: {folder}"]
    return [f"the page of {person} over all servers: {path}" for person, path in people.items()]
