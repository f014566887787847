# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ratios, not seconds: compared programs run in turns within one run, so that other work of the machine affects both
alike.

A *row* is one ratio, ours over the other's: less is better. ``recorded.json`` holds the run that was last accepted of
each subject; a ratio that is worse than LIMIT times its own there is a regression, and ``make bench`` then ends with an
error.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RECORDED = Path(__file__).resolve().parent / "recorded.json"
RESULTS = ROOT / ".cache" / "bench"
LIMIT = 1.5
TURNS = 5


@dataclass(frozen=True)
class Sample:
    """One run: wall time, and the processor time of the process and all it waited for, in seconds."""

    seconds: float
    cpu: float


def timed(command: list[str], environment: dict[str, str] | None = None) -> Sample:
    """Run a command that has to succeed."""
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        _pid, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        if status:
            output.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{output.read().decode(errors='replace')[-4000:]}")
    return Sample(seconds, usage.ru_utime + usage.ru_stime)


Ways = dict[str, Callable[[], Sample]]
Samples = dict[str, list[Sample]]


def interleaved(
    ways: Ways, turns: int = TURNS, between: Callable[[], object] = lambda: None, fewer: dict[str, int] | None = None
) -> Samples:
    """Run each way once a turn. ``between`` makes all start alike, and is not timed; ``fewer`` says which ways get
    fewer turns, and how many."""
    samples: Samples = {name: [] for name in ways}
    for turn in range(turns):
        for name, way in ways.items():
            if turn < (fewer or {}).get(name, turns):
                between()
                samples[name].append(way())
    between()
    return samples


def median(samples: list[Sample], what: str = "seconds") -> float:
    return statistics.median(getattr(sample, what) for sample in samples)


@contextlib.contextmanager
def peak_memory(mark: str) -> Iterator[list[float]]:
    """The most memory of all processes that have ``mark`` in their command line, in MB, looked at five times a second.

    That is ansible-playbook with all its forks and ssh clients, and the connections that ssh keeps in the background.
    Memory that processes share counts once (PSS).
    """
    peak, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            peak[0] = max(peak[0], sum(_proportional(process, mark) for process in Path("/proc").glob("[0-9]*")) / 1024)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def _proportional(process: Path, mark: str) -> int:
    with contextlib.suppress(OSError, StopIteration):
        if mark.encode() in (process / "cmdline").read_bytes():
            lines = (process / "smaps_rollup").read_text().splitlines()
            return int(next(line for line in lines if line.startswith("Pss:")).split()[1])
    return 0


@dataclass(frozen=True)
class Row:
    """``ours`` over ``other`` should be at most ``target``."""

    what: str
    ours: float
    unit: str
    against: str
    other: float
    target: float | None

    @property
    def name(self) -> str:
        return f"{self.what} / {self.against}"

    @property
    def ratio(self) -> float:
        return self.ours / self.other

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        return "met" if self.ratio <= self.target else "missed"


@dataclass
class Table:
    """The rows of one subject: printed as they come, written as JSON at the end."""

    subject: str
    given: argparse.Namespace
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    curves: dict[str, dict[int, tuple[float, float]]] = field(default_factory=dict)
    load: float = field(default_factory=lambda: os.getloadavg()[0])

    def __post_init__(self) -> None:
        self.accepted = {row.name: row.ratio for row in rows_of(recorded().get(self.subject, {}))}

    def row(
        self, what: str, ours: float, against: str, other: float, target: float | None = None, unit: str = "s"
    ) -> None:
        row = Row(what, ours, unit, against, other, target)
        self.rows.append(row)
        wish = "" if target is None else f"≤ {target:.2f}"
        verdict = f"REGRESSED from {self.accepted[row.name]:.2f}" if self._regressed(row) else row.verdict
        print(
            f"{what:<52} {ours:9.2f} {unit:<3} {against:<44} {other:9.2f} {unit:<3} x {row.ratio:6.2f}  {wish:<8}"
            f" {verdict}",
            flush=True,
        )

    def note(self, text: str) -> None:
        self.notes.append(text)
        print(f"  {text}", flush=True)

    def curve(self, name: str, samples: dict[int, list[Sample]]) -> None:
        """Keep the points of a curve: number to wall time and processor time."""
        self.curves[name] = {number: (median(found), median(found, "cpu")) for number, found in samples.items()}

    def _regressed(self, row: Row) -> bool:
        return not self.given.quick and row.ratio > LIMIT * self.accepted.get(row.name, row.ratio)

    def close(self) -> int:
        """Write the table; return the exit code."""
        said = {
            "date": f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}",
            "machine": machine(),
            "load": self.load,
        }
        rows = [{key: _short(value) for key, value in vars(row).items()} for row in self.rows]
        curves = {
            name: {str(number): [*map(_short, point)] for number, point in points.items()}
            for name, points in self.curves.items()
        }
        result = {**said, "rows": rows, "notes": self.notes, "curves": curves}
        RESULTS.mkdir(parents=True, exist_ok=True)
        (RESULTS / f"{self.subject}.json").write_text(_json(result))
        if self.given.record:
            RECORDED.write_text(_json({**recorded(), self.subject: result}))
        return int(any(map(self._regressed, self.rows)) and not self.given.record)


def recorded() -> dict[str, Any]:
    """Return the accepted figures: by subject its date, machine, rows, notes and curves."""
    return json.loads(RECORDED.read_text()) if RECORDED.exists() else {}


def rows_of(result: dict[str, Any]) -> list[Row]:
    return [Row(**row) for row in result.get("rows", [])]


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _json(value: Any) -> str:
    """One line for each row and for each curve."""
    text = json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True)
    return (
        re.sub(r'[{\[](?:[^{}\[\]"]|"[^"]*"|\[[^\[\]]*\])*[}\]]', lambda found: " ".join(found[0].split()), text) + "\n"
    )


def machine() -> str:
    """Describe the machine of the measurement, in one line."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "?",
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1024 / 1024
    return f"{os.cpu_count()} cores ({cpu}), {memory:.0f} GB"


def options(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    one = parser.add_mutually_exclusive_group()
    one.add_argument(
        "--quick",
        action="store_true",
        help="one turn, few hosts: whether it runs, not how fast; nothing is judged or recorded",
    )
    one.add_argument("--record", action="store_true", help="accept these ratios: write them to recorded.json")
    return parser.parse_args()
