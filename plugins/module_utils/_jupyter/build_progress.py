# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a build and their counts, in a small file that the control node reads meanwhile.

The counts are those of uv's own events: what it looks for in its cache, downloads, installs, compiles. The file has a
step and two numbers, nothing private: the account that Ansible logs in as can read it without becoming another.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import re
import select
import subprocess
import time
from typing import Any

from .._host import process_environment
from .uv import Run

# run_command() gives no output before the end.
# pylint: disable=ansible-bad-function

#: Begins the name of the file, beside the environments. A name with a dot is no environment.
PREFIX = ".building-"
#: Seconds between two writings of the file.
PAUSE = 0.5
#: The modules of uv whose events count (tracing_subscriber's EnvFilter), with --quiet as well.
EVENTS = "off,uv_installer=debug,uv_fs=trace,uv_install_wheel=trace"
_EVENT = re.compile(rb"(?:\x1b\[[0-9;]*m)*\s*(?:TRACE|DEBUG|INFO|WARN)\b")
_UNCACHED = b"Identified uncached distribution"
_CACHED = b" already cached"
_DOWNLOADED = re.compile(rb"Released lock at .*/(?:wheels|sdists)-v\d+/")
_INSTALLED = b"Writing record"
_COMPILES = b"bytecode compilation workers"


def place(environment: str, name: str) -> str:
    """Return the path of the file about the build of an environment. A run gives the name."""
    return os.path.join(os.path.dirname(environment), PREFIX + os.path.basename(name))


class Progress:
    """The step of a build. Without a path, nobody asks, and nothing is written."""

    def __init__(self, path: str = "", environment: str = "") -> None:
        self.path, self._environment = path, environment
        self._now = ("", 0, 0)
        self._written: Any = None
        self._due = 0.0
        self._uncached = self._downloaded = self._all = self._installed = 0

    def step(self, name: str, done: int = 0, of: int = 0) -> None:
        """Enter a step, or count in it."""
        is_new = name != self._now[0]
        self._now = (name, min(done, of), of)
        if self.path and (is_new or time.monotonic() >= self._due):
            self._write()

    def _write(self) -> None:
        self._due, self._written = time.monotonic() + PAUSE, self._now
        name, done, of = self._now
        with contextlib.suppress(OSError):  # a build does not fail for it
            with open(f"{self.path}.new", "w", encoding="ascii") as file:
                json.dump({"step": name, "done": done, "of": of}, file)
            os.rename(f"{self.path}.new", self.path)

    def following(self, run: Run) -> Run:
        """Return a runner of uv that follows its events. Without a path, it is ``run``."""
        return (lambda argv, _text: run_uv(argv, self)) if self.path else run

    def end(self) -> None:
        for path in (self.path, f"{self.path}.new") if self.path else ():
            with contextlib.suppress(OSError):
                os.unlink(path)

    def event(self, line: bytes) -> bool:
        """Read a line of uv. Tell whether it is an event, which belongs in no message."""
        if not _EVENT.match(line):
            return False
        if _UNCACHED in line:  # a burst, and its end is the number of packages
            if not self._uncached:
                self._due = time.monotonic() + PAUSE
            self._uncached += 1
            self._all += 1
            self._now = ("download", 0, self._uncached)
        elif _CACHED in line:
            self._all += 1
        elif self._uncached and _DOWNLOADED.search(line):
            self._downloaded += 1
            self.step("download", self._downloaded, self._uncached)
        elif _INSTALLED in line:
            self._installed += 1
            self.step("install", self._installed, self._all)
        elif _COMPILES in line:
            self._count_compiled()
        return True

    def tick(self) -> None:
        """Write the latest counts, and count the compiled files: uv has no event for each."""
        if self._now[0] == "compile" and time.monotonic() >= self._due:
            self._count_compiled()
        elif self._now != self._written:
            self.step(*self._now)

    def _count_compiled(self) -> None:
        began, done, of = time.process_time(), 0, 0
        pattern = os.path.join(glob.escape(self._environment), "lib", "python3*", "site-packages")
        for folder in glob.glob(pattern):
            for root, _folders, files in os.walk(folder):
                if os.path.basename(root) == "__pycache__":
                    done += len(files)
                else:
                    of += sum(name.endswith(".py") for name in files)
        self.step("compile", done, of)
        self._due = time.monotonic() + max(1.0, 50 * (time.process_time() - began))  # at most 2 % of one core


def run_uv(argv: list[str], progress: Progress) -> tuple[int, str]:
    """Run uv and follow its events. Return its exit code, and its output without them."""
    environment = {**process_environment.without_foreign(), "RUST_LOG": EVENTS}
    streams: dict[str, Any] = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
    }
    said, rest = [], b""
    with subprocess.Popen(argv, env=environment, bufsize=0, **streams) as process:
        output: Any = process.stdout
        try:
            while True:
                if select.select([output], [], [], 1)[0]:
                    part = os.read(output.fileno(), 1 << 16)
                    if not part:
                        break
                    *lines, rest = (rest + part).split(b"\n")
                    said += [line for line in lines if not progress.event(line)]
                progress.tick()
        except BaseException:
            process.kill()
            raise
    return process.returncode, b"\n".join([*said, rest]).decode("utf-8", "replace")
