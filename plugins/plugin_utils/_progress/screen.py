# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The live part of the terminal: the work of each host, drawn by rich below all printed lines.

Ansible's display lock is taken before each drawing. Ansible holds it while it prints and while it forks, so lines and
drawings never mix, and no worker inherits a lock of rich.
"""

from __future__ import annotations

import atexit
import io
import sys
import threading
import time
from typing import IO, TYPE_CHECKING, Any, List, Tuple

from ...module_utils._plain import plain
from . import builds
from .builds import Count
from .lines import duration, some
from .run import Host, Run

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

SECONDS = 0.25
#: A host is named as slow if it needs more seconds than this, after most others have ended the same task.
SLOW = 5.0
#: More hosts than this are counted.
MOST_HOSTS = 20
#: The steps of builds are read every so many drawings.
READ = 4
#: First column, work (the longest text first), seconds, style.
Line = Tuple[str, List[str], str, str]


class Screen:
    """Draws a run until it is stopped. Text that Ansible prints meanwhile appears above."""

    def __init__(self, run: Run, lock: Any, *, colour: bool) -> None:
        # Here and not above: rich is optional. All of it, since the thread that draws must import nothing at a fork.
        from rich import ansi, cells, console, live, text  # noqa: F401

        self._run, self._lock = run, lock
        self._console = console.Console(
            file=sys.stdout, markup=False, emoji=False, highlight=False, color_system="auto" if colour else None
        )
        self._live: Live | None = None
        self._stopped = threading.Event()
        self._files: tuple[Any, Any] = (sys.stdout, sys.stderr)
        atexit.register(self.stop)  # after Ctrl-C Ansible sends no further event

    def start(self) -> None:
        from rich.live import Live

        builds.open_folder()
        with self._lock:
            if self._live:
                return
            self._files = (sys.stdout, sys.stderr)
            self._live = Live(
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
                vertical_overflow="crop",
                get_renderable=self._drawing,
            )
            self._live.start()
            # A killed run could not show it again.
            self._console.show_cursor(True)
            sys.stdout = _Above(self._console, self._files[0])
            if sys.stderr.isatty():
                sys.stderr = _Above(self._console, self._files[1])
            self._stopped = threading.Event()
            threading.Thread(target=self._draw, args=(self._stopped,), daemon=True).start()

    def stop(self) -> None:
        with self._lock:
            if not self._live:
                return
            self._stopped.set()
            sys.stdout, sys.stderr = self._files
            self._live.stop()
            self._live = None

    def _draw(self, stopped: threading.Event) -> None:
        drawn = 0
        while not stopped.wait(SECONDS):
            with self._lock:
                if self._live and not stopped.is_set():
                    if drawn % READ == 0:
                        self._count()
                    self._live.refresh()
            drawn += 1

    def _count(self) -> None:
        """Read the steps of the hosts that build."""
        building = {one.name: one for one in list(self._run.hosts.values()) if one.builds}
        for name, count in builds.read(list(building)).items():
            building[name].count = count

    def _drawing(self) -> Text:
        width, height = self._console.size
        return drawing(list(self._run.hosts.values()), time.monotonic(), width, height - 3)


def drawing(hosts: list[Host], now: float, width: int, rows: int) -> Text:
    """Return the live lines: one for each host, or the counts of a fleet."""
    from rich.cells import cell_len
    from rich.text import Text

    lines = _each(hosts, now) if len(hosts) <= min(rows, MOST_HOSTS) else _counts(hosts, now, rows)
    names = min(max((cell_len(first) for first, _work, _time, _style in lines), default=0), width // 3)
    times = max((len(time) for _first, _work, time, _style in lines), default=0)
    room = max(0, width - names - times - 4)
    fitting = [
        (first, next((text for text in work if cell_len(text) <= room), work[-1]), time, style)
        for first, work, time, style in lines
    ]
    works = min(max((cell_len(work) for _first, work, _time, _style in fitting), default=0), room)
    return Text("\n").join(_line(line, (names, works, times)) for line in fitting)


def _line(line: tuple[str, str, str, str], widths: tuple[int, int, int]) -> Text:
    """One line in three columns. The middle one gives way on a narrow terminal."""
    from rich.text import Text

    first, work, seconds, style = line
    text = Text(no_wrap=True)
    for part, most, how in zip((first, work), widths, (style or "bold", style)):
        cell = Text(part, style=how)
        cell.truncate(most, overflow="ellipsis", pad=True)
        text.append_text(cell).append("  ")
    text.append(seconds.rjust(widths[2]), style="dim")
    text.rstrip()
    return text


def _texts(work: str, count: Count | None) -> list[str]:
    return builds.texts(plain(work), count) if count else [plain(work)]


def _each(hosts: list[Host], now: float) -> list[Line]:
    return [
        (plain(one.name), [one.failure], "", "red")
        if one.failure
        else (plain(one.name), _texts(one.work, one.count), duration(now - one.since), "")
        for one in hosts
    ]


def _counts(hosts: list[Host], now: float, rows: int) -> list[Line]:
    """The number of hosts at each task, then the failed and the slow hosts by name."""
    going = [one for one in hosts if not one.failure]
    busy = [one for one in going if one.busy]
    groups: dict[tuple[str, str], list[Host]] = {}
    for one in busy:
        groups.setdefault((one.work, one.count.step if one.count else ""), []).append(one)
    lines: list[Line] = []
    for (work, step), members in sorted(groups.items(), key=lambda group: -len(group[1]))[: max(1, rows - 4)]:
        counts = [one.count for one in members if one.count]
        total = Count(step, sum(count.done for count in counts), sum(count.of for count in counts)) if step else None
        since = min(one.since for one in members)
        lines.append((str(len(members)), _texts(work, total), duration(now - since), ""))
    if len(going) > len(busy):
        lines.append((str(len(going) - len(busy)), ["wait for the other hosts"], "", ""))
    for how in ("failed", "out of reach"):
        names = [plain(one.name) for one in hosts if one.failure == how]
        if names:
            lines.append((str(len(names)), [f"{how}: {some(names)}"], "", "red"))
    slow = [plain(one.name) for one in busy if now - one.since > SLOW]
    if slow and len(slow) * 4 <= len(going):  # most have ended this task
        lines.append((str(len(slow)), [f"slow: {some(slow)}"], "", ""))
    return lines


class _Above(io.TextIOBase):
    """A file for Ansible that prints above the drawing. Long lines are not broken: the terminal does that, and a
    command can be copied whole."""

    def __init__(self, console: Console, file: IO[str]) -> None:
        from rich.ansi import AnsiDecoder

        self._console, self._file = console, file
        self._rest = ""
        self._decoder = AnsiDecoder()  # keeps colours, and drops every other control sequence

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._console.print(self._decoder.decode_line(line), soft_wrap=True)
        return len(text)

    def flush(self) -> None:
        self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()

    def isatty(self) -> bool:
        return self._file.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
