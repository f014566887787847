# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ratios, not seconds: what is compared runs in turns within one run, so that whatever else the machine does meets both alike.

A *row* is one ratio, ours over the other's: less is better. ``recorded.json`` holds the ratio that was last accepted for each row;
one that is worse than LIMIT times that is a regression, and ``make bench`` then ends with an error.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

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


def interleaved(ways: Ways, turns: int = TURNS, between: Callable[[], object] = lambda: None) -> dict[str, list[Sample]]:
    """Run each way once a turn. ``between`` makes all start alike, and is not timed."""
    samples: dict[str, list[Sample]] = {name: [] for name in ways}
    for _turn in range(turns):
        for name, way in ways.items():
            between()
            samples[name].append(way())
    between()
    return samples


def median(samples: list[Sample], what: str = "seconds") -> float:
    return statistics.median(getattr(sample, what) for sample in samples)


@contextlib.contextmanager
def peak_memory() -> Iterator[list[float]]:
    """The most memory of all processes below this one, in MB, looked at five times a second; what forks share counts once (PSS)."""
    peak, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            peak[0] = max(peak[0], sum(map(_proportional, _children(os.getpid()))) / 1024)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def _children(pid: int) -> list[int]:
    found = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split()):
                found += [child, *_children(child)]
    return found


def _proportional(pid: int) -> int:
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Pss:")).split()[1])
    return 0


@dataclass
class Row:
    what: str
    ours: float
    unit: str
    against: str
    other: float
    ratio: float
    target: float | None
    recorded: float | None

    @property
    def regressed(self) -> bool:
        return self.recorded is not None and self.ratio > LIMIT * self.recorded

    @property
    def verdict(self) -> str:
        if self.regressed:
            return f"REGRESSED from {self.recorded:.2f}"
        if self.target is None:
            return ""
        return "met" if self.ratio <= self.target else "missed"


@dataclass
class Table:
    """The rows of one subject: printed as they come, written as JSON at the end."""

    subject: str
    record: bool = False
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    curves: dict[str, dict[int, tuple[float, float]]] = field(default_factory=dict)

    def row(self, what: str, ours: float, against: str, other: float, target: float | None = None, unit: str = "s") -> None:
        """``ours`` over ``other`` should be at most ``target``."""
        recorded = _recorded().get(self.subject, {}).get(f"{what} / {against}")
        row = Row(what, ours, unit, against, other, ours / other, target, recorded)
        self.rows.append(row)
        wish = "" if target is None else f"≤ {target:.2f}"
        print(f"{what:<52} {ours:9.2f} {unit:<3} {against:<44} {other:9.2f} {unit:<3} x {row.ratio:6.2f}  {wish:<8} {row.verdict}", flush=True)

    def note(self, text: str) -> None:
        self.notes.append(text)
        print(f"  {text}", flush=True)

    def curve(self, name: str, points: dict[int, tuple[float, float]]) -> None:
        """Keep points of a curve: number to wall time and processor time."""
        self.curves[name] = points

    def write(self) -> None:
        """Write the table as JSON."""
        RESULTS.mkdir(parents=True, exist_ok=True)
        said = {"subject": self.subject, "date": f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC", "machine": machine()}
        rows = [{**asdict(row), "verdict": row.verdict} for row in self.rows]
        everything = {**said, "rows": rows, "notes": self.notes, "curves": self.curves}
        (RESULTS / f"{self.subject}.json").write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n")

    def close(self) -> int:
        """Write the table; return the exit code."""
        self.write()
        if self.record:
            kept = _recorded()
            kept.setdefault(self.subject, {}).update({f"{row.what} / {row.against}": round(row.ratio, 3) for row in self.rows})
            RECORDED.write_text(json.dumps(kept, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
        return int(any(row.regressed for row in self.rows) and not self.record)


def _recorded() -> dict[str, dict[str, float]]:
    return json.loads(RECORDED.read_text()) if RECORDED.exists() else {}


def machine() -> str:
    """What the figures were measured on, in one line."""
    cpu = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "?")
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1024 / 1024
    return f"{os.cpu_count()} cores ({cpu}), {memory:.0f} GB, load {os.getloadavg()[0]:.1f} at the end"


def options(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--full", action="store_true", help="the long rows, too")
    parser.add_argument("--record", action="store_true", help="accept these ratios: write them to recorded.json")
    return parser.parse_args()
