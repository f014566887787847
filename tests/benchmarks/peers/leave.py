# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run cells in Chromium and be gone while they run: ``leave.py < plan``.

The plan is JSON: ``servers`` (url, password_file, container, folder, account), ``trials`` (numbers), and ``wait``: true
to wait for a line of standard input between going and coming back. Prints a JSON object for each trial: ``number``,
``way``, ``pages`` and ``fault``, which is empty if every line and the result are on the screens and in the file.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import TimeoutException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "molecule" / "browser" / "files"))
from drive import TABLET, Person

#: How a browser goes: it is killed (kill -9), its network is cut, its tab is discarded (the process of the tab ends
#: without a word), or its system suspends it.
WAYS = ("killed", "cut", "discarded", "suspended")
#: The path of a notebook, its ready mark, its editor and its outputs, of each kind of page.
PAGES = {
    "lab": (
        "lab/tree/",
        '.jp-Notebook-ExecutionIndicator[data-status="idle"]',
        ".jp-Notebook .cm-content",
        ".jp-Notebook .jp-OutputArea-output",
    ),
    "classic": ("notebooks/", "#kernel_indicator_icon.kernel_idle_icon", ".CodeMirror", ".output_subarea"),
}
QUESTION = ".jp-Dialog, .modal.in"
LINES, PAUSE, LONG = 24, 0.4, 120
#: Seconds without a network, or suspended. Jupyter Server ends a silent connection after 90.
AWAY = (3, 8, 15, 100)
STARTING = threading.Semaphore(2)


class Trial:
    def __init__(self, number: int, server: dict[str, Any], long: bool) -> None:
        self.number, self.server, self.long = number, server, long
        turn = number // len(WAYS)
        self.way = WAYS[number % len(WAYS)]
        self.first, self.second = (("lab", "classic"), ("classic", "lab"), ("lab", "lab"), ("classic", "classic"))[
            turn % 4
        ]
        self.away = AWAY[(turn + turn // len(AWAY)) % len(AWAY)]
        self.typed = turn % 2 == 0  # or it stands in the file
        self.name = f"trial-{number:03}.ipynb"
        self.lines = LONG if long else LINES
        self.code = (
            f"import time; [(print('line', n, flush=True), time.sleep({PAUSE})) for n in range({self.lines})]"
            " and 'all done'"
        )

    def host(self, *command: str, text: str = "") -> str:
        words = ["docker", "exec", "-i", self.server["container"], *command]
        return subprocess.run(words, check=True, input=text, capture_output=True, text=True).stdout

    @property
    def path(self) -> str:
        return f"{self.server['folder']}/{self.name}"

    def write(self) -> None:
        source = "" if self.typed else self.code
        cell = {
            "cell_type": "code",
            "id": "a",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": source,
        }
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        body = {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
        account = self.server["account"]
        self.host("sudo", "-u", account, "sh", "-c", f"cat >{self.path}", text=json.dumps(body, indent=1) + "\n")

    def whole(self, text: str) -> bool:
        return re.findall(r"line (\d+)", text) == [str(n) for n in range(self.lines)] and "'all done'" in text

    # --- the steps

    @contextlib.contextmanager
    def person(self) -> Iterator[Person]:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            with STARTING:
                person = Person(folder)
            try:
                yield person
            finally:
                with contextlib.suppress(Exception):
                    send(processes(person), signal.SIGCONT)
                with contextlib.suppress(Exception):
                    person.browser.quit()
                with contextlib.suppress(Exception):
                    person.vanish()

    def visit(self, person: Person, page: str, log_in: bool = True) -> None:
        person.browser.get(f"{self.server['url']}/{PAGES[page][0]}{self.name}?reset")  # no tabs of other devices
        if log_in:
            person.log_in(self.server["password_file"])
        person.page = page

    def screen(self, person: Person) -> str:
        elements = person.browser.find_elements(By.CSS_SELECTOR, PAGES[person.page][3])
        return "\n".join(element.get_attribute("textContent") for element in elements if element.is_displayed())

    def see_whole(self, person: Person, what: str) -> None:
        try:
            WebDriverWait(person.browser, 60 + self.lines * PAUSE, ignored_exceptions=[WebDriverException]).until(
                lambda _: self.whole(self.screen(person))
            )
        except TimeoutException:
            seen = self.screen(person)
            raise AssertionError(f"{what}: {len(re.findall('line', seen))} lines, ends in {seen[-60:]!r}") from None

    def start(self, person: Person) -> None:
        self.visit(person, self.first)
        _path, ready, editor, _output = PAGES[self.first]
        person.see(ready)
        keys = webdriver.ActionChains(person.browser).click(person.see(editor))
        if self.typed:
            keys.send_keys(self.code).pause(0.5)
        keys.key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(Keys.SHIFT).perform()
        WebDriverWait(person.browser, 30, ignored_exceptions=[WebDriverException]).until(
            lambda _: "line 2" in self.screen(person), "line 2"
        )

    def begin(self, stack: contextlib.ExitStack) -> Person:
        """Start the cell. Once more in another browser, where the page did not listen yet: in the same page, the keys
        could come to the next cell."""
        for last in (False, False, True):
            self.write()
            person = stack.enter_context(self.person())
            try:
                self.start(person)
                return person
            except TimeoutException:
                if last:
                    raise
                person.vanish()
        raise AssertionError

    def other_device(self, what: str) -> None:
        with self.person() as other:
            other.resize(TABLET)
            self.visit(other, self.second)
            self.see_whole(other, what)

    def run(self, gone: threading.Barrier, go_on: threading.Event) -> str:
        with contextlib.ExitStack() as stack:
            person = self.begin(stack)
            back = getattr(self, self.way)(person)
            gone.wait(900)
            go_on.wait()
            back()
        self.in_the_file()
        return ""

    def in_the_file(self) -> None:
        seen, count, end = "", None, time.monotonic() + 60
        while time.monotonic() < end:
            body = self.host("cat", self.path)
            with contextlib.suppress(ValueError, IndexError):
                cell = json.loads(body)["cells"][0]
                count = cell["execution_count"]
                seen = "".join(
                    "".join(output.get("text", "") or output.get("data", {}).get("text/plain", ""))
                    for output in cell["outputs"]
                )
                if self.whole(seen) and isinstance(count, int):
                    return
            time.sleep(0.5)
        raise AssertionError(f"file: {len(re.findall('line', seen))} lines, ends in {seen[-60:]!r}, number {count}")

    # --- each way: go, and return how to come back

    def killed(self, person: Person) -> Any:
        person.vanish()
        time.sleep(0 if self.long else self.away % 12)
        return lambda: self.other_device("another device after a kill")

    def cut(self, person: Person) -> Any:
        port = self.server["url"].rpartition(":")[2]
        rules = (
            f"table inet cut{port} {{ chain coming {{ type filter hook input priority -300; tcp dport {port} drop; }}; "
            f"chain going {{ type filter hook output priority -300; tcp sport {port} drop; }}; }}"
        )
        self.host("nft", "-f", "-", text=rules)
        try:
            time.sleep(10 if self.long else self.away)  # a run in between needs the network
        finally:
            self.host("nft", "delete", "table", "inet", f"cut{port}")
        return lambda: self.same_page(person)

    def discarded(self, person: Person) -> Any:
        page = renderers(person)
        person.browser.switch_to.new_window("tab")
        person.browser.get("chrome://version")  # in a process of its own
        send(page, signal.SIGKILL)
        time.sleep(1 if self.long else self.away % 12)

        def back() -> None:
            self.visit(person, self.first, log_in=False)
            self.see_whole(person, "the tab, loaded again")

        return back

    def suspended(self, person: Person) -> Any:
        send(processes(person), signal.SIGSTOP)
        time.sleep(0 if self.long else self.away % 12)

        def back() -> None:
            self.other_device("another device beside one that is suspended")
            send(processes(person), signal.SIGCONT)
            self.see_whole(person, "the page that was suspended")

        return back

    def questions(self, person: Person) -> list[Any]:
        return [each for each in person.browser.find_elements(By.CSS_SELECTOR, QUESTION) if each.is_displayed()]

    def same_page(self, person: Person) -> None:
        self.see_whole(person, "the same page")
        for question in self.questions(person):
            if "Server Connection Error" in question.text:  # JupyterLab's own message of a network that is gone
                webdriver.ActionChains(person.browser).send_keys(Keys.ENTER).perform()
        keys = webdriver.ActionChains(person.browser).key_down(Keys.CONTROL).send_keys("s").key_up(Keys.CONTROL)
        keys.perform()
        time.sleep(3)
        # After a restart, the page asks: the server that ended wrote all that it had.
        for question in [] if self.long else self.questions(person):
            raise AssertionError(f"the page asks: {question.text[:100]!r}")
        self.other_device("another device after a cut")


def processes(person: Person) -> dict[int, bytes]:
    """The processes of a browser, with their command lines."""
    found = {}
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = place.read_bytes()
            if f"--user-data-dir={person.profile}".encode() in words:
                found[int(place.parent.name)] = words
    return found


def renderers(person: Person) -> list[int]:
    return [process for process, words in processes(person).items() if b"--type=renderer" in words]


def send(some: Iterable[int], number: int) -> None:
    """Send a signal to processes; those that have ended since are left out."""
    for process in some:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def one(trial: Trial, gone: threading.Barrier, go_on: threading.Event) -> None:
    fault, started = "", time.monotonic()
    try:
        trial.run(gone, go_on)
    except Exception as error:
        gone.abort()
        fault = f"{type(error).__name__}: {str(error)[:300]}"
    pages = f"{trial.first}, {trial.second}{', typed' if trial.typed else ''}"
    said = {"number": trial.number, "way": trial.way, "away": trial.away, "pages": pages, "fault": fault}
    print(json.dumps({**said, "seconds": round(time.monotonic() - started)}), flush=True)


def main() -> None:
    plan = json.loads(sys.stdin.readline())
    servers, wait = plan["servers"], plan["wait"]
    go_on = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(len(servers)) as pool:
        if wait:  # all of them together
            gone = threading.Barrier(len(plan["trials"]) + 1)
            trials = [Trial(number, servers[place % len(servers)], True) for place, number in enumerate(plan["trials"])]
            done = [pool.submit(one, trial, gone, go_on) for trial in trials]
            with contextlib.suppress(threading.BrokenBarrierError):
                gone.wait(900)
            print(json.dumps({"left": len(trials)}), flush=True)
            sys.stdin.readline()
            go_on.set()
            for each in done:
                each.result()
        else:
            go_on.set()

            numbers = iter(plan["trials"])  # next() of a list's iterator is one step for threads

            def serve(server: dict[str, Any]) -> None:
                for number in numbers:
                    one(Trial(number, server, False), threading.Barrier(1), go_on)

            list(pool.map(serve, servers))


if __name__ == "__main__":
    main()
