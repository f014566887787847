# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of a run that stay on the terminal: failures, and the end. Pure: records in, plain text out."""

from __future__ import annotations

import os
import re
from typing import Any

from ...module_utils._plain import plain, plain_lines, printable
from .._check import table
from .run import Run

#: More hosts, rows or addresses than this are counted instead of listed.
MOST = 12
_TONE = re.compile(r"(?:\S+: )?(FAILED|OUT OF REACH|WARNING|ok)(?=[ ,:])")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
#: Ansible's own words before a message of a connection or a template.
_ANSIBLES = "Task failed: "
#: The parts of a failed result that explain it, the best first.
_PARTS = ("msg", "module_stderr", "stderr", "module_stdout", "stdout")


def tone(line: str) -> str:
    """Return the word that decides the colour of a line, or an empty text."""
    found = _TONE.match(line)
    return found[1] if found else ""


def failure(word: str, host: str, task: str, result: dict[str, Any]) -> list[str]:
    """Return the lines of one failure: the place, and the reason as its program gives it."""
    where = f"{word} {plain(host)}: {plain(task)}" if task else f"{word} {plain(host)}"
    return [where, *(f"  {line}" for line in reason(result))]


def reason(result: dict[str, Any]) -> list[str]:
    """Return the lines that explain a failed result, each text once."""
    if "censored" in result:
        return [plain(result["censored"])]
    parts: list[str] = []
    for name in _PARTS:
        text = plain_lines(result.get(name) or "", most=4000, lines=200).strip().removeprefix(_ANSIBLES)
        if text and not any(text in part for part in parts):
            parts.append(text)
    return [line for part in parts for line in part.split("\n")]


def unreachable(host: str, result: dict[str, Any]) -> list[str]:
    """Return the one sentence about a host that is out of reach."""
    return [f"OUT OF REACH {plain(host)}: {sentence(result)}"]


def sentence(result: dict[str, Any]) -> str:
    """Return the reason in one line."""
    return " ".join(plain_lines(result.get("msg") or "No answer.").split()).removeprefix(_ANSIBLES)


def message(said: Any) -> list[str]:
    """Return the message of a debug task as lines."""
    texts = said if isinstance(said, list) else [said]
    return [line for text in texts for line in plain_lines(text, most=4000, lines=400).split("\n")]


def difference(text: str) -> list[str]:
    """Return a difference between two texts as lines, whole. Colours are the caller's."""
    return [printable(line, keep="\t") for line in _COLOUR.sub("", text).rstrip("\n").split("\n")]


def recap(run: Run, outcomes: dict[str, dict[str, int]], seconds: float) -> list[str]:
    """Return the result of each host, or the counts of a fleet.

    :param outcomes: Ansible's statistics of each host.
    """
    time = duration(seconds)
    if len(outcomes) <= MOST:
        lines = [f"{plain(name)}: {_outcome(counts, run.dry)}, {time}" for name, counts in outcomes.items()]
    else:
        lines = _fleet(outcomes, run.dry, time)
    left = [plain(name) for name in run.listed if name not in outcomes]
    if left:
        lines.append(f"not started, after the failure of an earlier batch: {some(left)}")
    if run.changed:
        word = "would change" if run.dry else "changed"
        lines.append(f"{word}: {', '.join(plain(subject) for subject in run.changed)}")
    return lines


def ending(run: Run) -> list[str]:
    """Return the last lines of a run: the proof, the addresses, the next certificate to end."""
    late = [line for each in run.last_lines for line in each if line.startswith("WARNING: ")]
    warnings = message(list(dict.fromkeys([*late, *run.warnings])))
    blocks = [_proof(list(run.rows.values())), [*_addresses(run), *_expiry(run)], warnings]
    return [line for block in blocks if block for line in ["", *block]]


def duration(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole} s" if whole < 100 else f"{whole // 60}:{whole % 60:02} min"


def _outcome(counts: dict[str, int], dry: bool) -> str:
    if counts["unreachable"]:
        return "OUT OF REACH"
    changes = counts["changed"]
    said = f"{changes} task{'' if changes == 1 else 's'} {'would change it' if dry else 'changed it'}"
    if counts["failures"]:
        return f"FAILED, {said}" if changes else "FAILED"
    return f"ok, {said}" if changes else "ok, no change"


def _fleet(outcomes: dict[str, dict[str, int]], dry: bool, time: str) -> list[str]:
    groups: dict[str, list[str]] = {}
    for name, counts in outcomes.items():
        how = "OUT OF REACH" if counts["unreachable"] else "FAILED" if counts["failures"] else "ok"
        groups.setdefault(how, []).append(plain(name))
    changed = sum(1 for counts in outcomes.values() if counts["changed"])
    word = "would change" if dry else "changed"
    lines = [f"{len(outcomes)} hosts: {len(groups.get('ok', []))} ok, {changed} {word}, {time}"]
    for how in ("FAILED", "OUT OF REACH"):
        if how in groups:
            lines.append(f"{how} {len(groups[how])}: {some(groups[how])}")
    return lines


def some(names: list[str]) -> str:
    """Return the first names of a list, and the number of the others."""
    shown = ", ".join(names[:MOST])
    return shown if len(names) <= MOST else f"{shown} and {len(names) - MOST} more"


def _proof(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    bad = [row for row in rows if not table.is_good(row)]
    if len(rows) <= MOST:
        return table.table(rows)
    lines = [f"proof: {len(rows) - len(bad)} of {len(rows)} connections reach a kernel"]
    return lines + (table.table(bad[:MOST]) if bad else [])


def _addresses(run: Run) -> list[str]:
    lines = [line for each in run.last_lines for line in each if not line.startswith("WARNING: ")]
    # Each batch of hosts names the pages of its people, who may have had servers in the batches before.
    lines = [
        line
        for place, line in enumerate(lines)
        if not line.startswith(("the page of ", "the pages of ")) or line not in lines[place + 1 :]
    ]
    if len(run.expiries) <= MOST and len(run.addresses) <= 4 * MOST:
        return message(lines)
    pages = [line.partition(": ")[2] for line in run.addresses if line.startswith("the page to hand over: ")]
    folder = os.path.commonpath(pages) if pages else ""
    rest = [line for line in lines if line not in run.addresses]
    return message(([f"the pages to hand over, one for each server: {folder}"] if folder else []) + rest)


def _expiry(run: Run) -> list[str]:
    if not run.expiries or not run.last_lines:
        return []
    name, ends = min(run.expiries.items(), key=lambda item: item[1])
    return [f"next certificate to end: {plain(name)}, on {plain(ends)[:10]}"]
