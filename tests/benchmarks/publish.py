# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the figures of recorded.json into README.md and docs/scale.md, and draw its curves. `make bench ARGS=--record`
ends with it.

The tables stand between two comments; tests/unit/test_project.py fails where a page and recorded.json differ.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from measure import RECORDED, ROOT, Row, recorded, rows_of

PAGES = ("README.md", "docs/scale.md")
PICTURE = ROOT / "docs" / "pictures" / "growth.svg"
DRAWN = (
    "Wall time and the control node's CPU of a run that finds nothing to do: 1, 5, 50 and 200 hosts, and 1, 5 and 20"
    " servers on one host"
)
BEGIN, END = "<!-- measured: {} -->", "<!-- end of measured -->"
#: The order of the tables, and the title of each.
SUBJECTS = {
    "onehost": "A run that finds nothing to do",
    "nochange": "A run that finds nothing to do, on a fleet",
    "instances": "More servers on one host",
    "first": "The first run on a bare host",
    "verdict": "The proof from the client's side",
    "channels": "Kernels that other accounts cannot listen to",
    "pages": "Pages through 10 Mbit/s with 60 ms",
    "durable": "Outputs of cells whose browser is gone",
    "pki": "Certificates",
}


#: Of all figures the three that a user waits for: the measurement, its peer, and the sentence in README.
FELT = {
    (
        "bare host",
        "idiomatic playbook, pip",
    ): "A first run on a bare host takes {ours}. An ordinary playbook with pip takes {other}.",
    (
        "no change, 1 host",
        "pyinfra",
    ): "A run without changes takes {ours}. pyinfra takes {other} for the same resources.",
    ("the proof itself, 1 host", "2.5 s"): "The proof takes {ours}: login, kernel, one cell.",
}


def felt(results: dict[str, Any]) -> str:
    """README's three sentences."""
    rows = {(row.what, row.against): row for subject in SUBJECTS for row in rows_of(results.get(subject, {}))}
    said = [
        f"* {text.format(ours=_figure(rows[key].ours, 's'), other=_figure(rows[key].other, 's'))}"
        for key, text in FELT.items()
        if key in rows
    ]
    measured = {
        subject: results[subject]
        for subject in results
        if set(rows) & set(FELT) & {(row.what, row.against) for row in rows_of(results[subject])}
    }
    return "\n".join([*said, "", _measured(measured)])


def long(results: dict[str, Any]) -> str:
    """All figures, a table for each subject, with its notes."""
    lines: list[str] = []
    for subject, title in SUBJECTS.items():
        if subject in results:
            result = results[subject]
            notes = [f"{note[0].upper()}{note[1:]}." for note in result["notes"]]
            lines += [
                f"### {title}",
                "",
                _measured({subject: result}),
                f"Load before it: {result['load']:.1f}.",
                *notes,
                "",
                *_table(rows_of(result)),
                "",
            ]
    if any(result["curves"] for result in results.values()):
        lines.append(f"![{DRAWN}](pictures/{PICTURE.name})")
    return "\n".join(lines).strip() or _measured({})


def _measured(results: dict[str, Any]) -> str:
    if not results:
        return "Nothing has been recorded yet."
    said = sorted({f"{result['date']} on {result['machine']}" for result in results.values()})
    return f"Measured on {'; on '.join(said)}."


def _table(rows: list[Row]) -> list[str]:
    head = ["| what | | against | | ratio | target |", "|---|---:|---|---:|---:|---|"]
    return head + [
        f"| {row.what} | {_figure(row.ours, row.unit)} | {row.against} | {_figure(row.other, row.unit)} |"
        f" **{_ratio(row.ratio)}** | {_target(row)} |"
        for row in rows
    ]


def _figure(value: float, unit: str) -> str:
    return f"{value:.0f} {unit}".strip() if unit != "s" else f"{value:.3g} s"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 or value == 0 else f"{value:.2g}"


def _target(row: Row) -> str:
    return "" if row.target is None else f"≤ {row.target:.2g}, {row.verdict}"


TABLES = {"felt": felt, "long": long}


def page(text: str, results: dict[str, Any]) -> str:
    """Return a page with its tables as ``results`` has them."""
    for name, make in TABLES.items():
        begin = BEGIN.format(name)
        if begin in text:
            before, _begin, after = text.partition(begin)
            text = f"{before}{begin}\n{make(results)}\n{END}{after.partition(END)[2]}"
    return text


def main() -> None:
    for name in PAGES:
        path = ROOT / name
        path.write_text(page(path.read_text(), recorded()))
    if any(result["curves"] for result in recorded().values()):
        PICTURE.parent.mkdir(exist_ok=True)
        from lab import BENCH_BIN

        subprocess.run([BENCH_BIN / "python", Path(__file__).with_name("curve.py"), RECORDED, PICTURE], check=True)


if __name__ == "__main__":
    main()
