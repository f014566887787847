# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person at a laptop, with Debian's Chromium: ``drive.py VERB ARGUMENT ...``. Runs on the client; prints its result,
a line for each thing.

``refused URL``           open the address and print the browser's message against it
``lab PAGE PASSWORDFILE`` open the page that was handed over, follow its link, log in, run a cell and a terminal in
JupyterLab
``classic URL FILE``      open the classic pages, log in, run a cell
``leave URL LAB CLASSIC FILE`` run a cell in JupyterLab, vanish while it runs, read its lines in the classic pages on a
tablet
``narrow PAGE``           open a page as wide as a phone, and print the width that it takes
``title URL FILE``        log in and say the title of the page
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import tempfile
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import TimeoutException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

PATIENCE = 180  # three other scenarios build environments meanwhile
PHONE, TABLET = (390, 844), (820, 1180)  # CSS pixels of an iPhone 14 and of an iPad of the tenth generation, upright


class Person:
    """One browser, started anew, with a profile of its own and the account's certificate store."""

    def __init__(self, profile: str) -> None:
        options = webdriver.ChromeOptions()
        # /dev/shm is small in a container, and its user namespaces are not for ordinary accounts.
        for argument in (
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--window-size=1280,900",
            f"--user-data-dir={profile}",
        ):
            options.add_argument(argument)
        options.accept_insecure_certs = False
        options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
        self.profile = profile
        self.browser = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))

    def vanish(self) -> None:
        """Be gone without a goodbye, as an app that the system ends."""
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if f"--user-data-dir={self.profile}".encode() in place.read_bytes():
                    os.kill(int(place.parent.name), signal.SIGKILL)

    def see(self, selector: str, text: str = "", patience: float = PATIENCE):
        """Wait for an element that is shown, and that holds ``text``."""

        def look(browser):
            for element in browser.find_elements(By.CSS_SELECTOR, selector):
                if element.is_displayed() and text in element.text:
                    return element
            return None

        return WebDriverWait(self.browser, patience, ignored_exceptions=[WebDriverException]).until(
            look, f"{selector} {text}"
        )

    def type(self, element, *keys: str) -> None:
        webdriver.ActionChains(self.browser).click(element).send_keys(*keys).perform()

    def resize(self, size: tuple[int, int]) -> None:
        """Give the page the size of another screen. A window of Chromium cannot be as narrow as a phone."""
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def run_cell(self, code: str, answer: str, editor: str, output: str) -> str:
        """Type into the first cell and run it; once more, as a person does, where the page was not ready to listen
        yet."""
        for patience in (30, 60, PATIENCE):
            self.see(editor)
            keys = (
                webdriver.ActionChains(self.browser)
                .click(self.see(editor))
                .key_down(Keys.CONTROL)
                .send_keys("a")
                .key_up(Keys.CONTROL)
            )
            keys.send_keys(code).pause(0.5).key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(Keys.SHIFT).perform()
            with contextlib.suppress(TimeoutException):
                return self.see(output, answer, patience=patience).text.strip()
        raise SystemExit(f"no answer to {code}")

    def hear(self, text: str) -> str:
        """Wait until a WebSocket brings ``text``: a terminal is painted, so its words are in no element of the page."""
        WebDriverWait(self.browser, PATIENCE).until(
            lambda browser: any(
                "webSocketFrameReceived" in entry["message"] and text in entry["message"]
                for entry in browser.get_log("performance")
            ),
            text,
        )
        return text

    def log_in(self, password_file: str) -> None:
        field = self.see("input[name=password]")
        field.send_keys(Path(password_file).read_text().strip())
        field.submit()
        WebDriverWait(self.browser, PATIENCE).until(lambda browser: "/login" not in browser.current_url)


def refused(person: Person, url: str) -> None:
    person.browser.get(url)
    codes = person.browser.find_elements(
        By.ID, "error-code"
    )  # of Chromium's own page, which stands in for the server's
    print(codes[0].get_attribute("textContent") if codes else f"opened {person.browser.current_url}")


def lab(person: Person, page: str, password_file: str) -> None:
    person.browser.get(Path(page).absolute().as_uri())
    print(person.see("h1").text)
    person.see("a.go").click()
    person.log_in(password_file)
    print(person.browser.current_url.rstrip("?"))
    card = '.jp-LauncherCard[data-category="{}"]'
    person.see(card.format("Notebook")).click()
    person.see('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
    places = (".jp-Notebook .cm-content", ".jp-OutputArea-output")
    print("cell", person.run_cell("6*7", "42", *places))
    person.resize(TABLET)
    print("cell on a tablet", person.run_cell("6*7+1", "43", *places))
    person.browser.get(f"{person.browser.current_url.split('/lab')[0]}/lab?reset")
    person.see(card.format("Other"), "Terminal").click()
    person.type(person.see(".jp-Terminal .xterm-screen"), "echo answer-$((6*7))", Keys.ENTER)
    print("terminal", person.hear("answer-42"))


def classic(person: Person, url: str, password_file: str) -> None:
    person.resize(TABLET)  # their app is for tablets
    person.browser.get(url)
    person.log_in(password_file)
    person.see("#new-dropdown-button, #new-buttons button").click()
    person.see("#kernel-python3 a, #new-menu a", "Python 3").click()
    WebDriverWait(person.browser, PATIENCE).until(lambda browser: len(browser.window_handles) > 1)
    person.browser.switch_to.window(person.browser.window_handles[-1])
    print("cell", person.run_cell("6*7", "42", ".CodeMirror", ".output_text"))


def leave(person: Person, url: str, page: str, classic_page: str, password_file: str) -> None:
    person.browser.get(f"{url}/{page}")
    person.log_in(password_file)
    person.see('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
    code = "for n in range(80): print('line', n, flush=True); __import__('time').sleep(.5)"
    person.run_cell(code, "line 3", ".jp-Notebook .cm-content", ".jp-OutputArea-output")
    person.vanish()
    with tempfile.TemporaryDirectory() as folder:
        other = Person(folder)
        try:
            other.resize(TABLET)
            other.browser.get(f"{url}/{classic_page}")
            other.log_in(password_file)
            other.see(".output_text", "line 4")
            # The page goes on to show the lines: it is not loaded again.
            lines = other.see(".output_text", "line 79").text.split("\n")
            WebDriverWait(other.browser, PATIENCE).until(lambda _: "*" not in other.see(".input_prompt").text)
            print("left and back:", len(lines), "lines from", lines[0], "to", lines[-1])
            beside(other, f"{url}/{page}?reset", password_file)
        finally:
            other.browser.quit()


def unsaved(person: Person) -> bool:
    """Tell whether JupyterLab has a notebook that it did not save."""
    return bool(person.browser.find_elements(By.CSS_SELECTOR, ".jp-mod-dirty"))


def beside(person: Person, page: str, password_file: str) -> None:
    """Run the cell of a classic page again, and read its lines in JupyterLab at another device meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        other = Person(folder)
        try:
            other.browser.get(page)
            other.log_in(password_file)
            other.see(".jp-OutputArea-output", "line 79")
            other.see('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
            # JupyterLab adds the language of the kernel to a notebook that lacks it.
            webdriver.ActionChains(other.browser).key_down(Keys.CONTROL).send_keys("s").key_up(Keys.CONTROL).perform()
            WebDriverWait(other.browser, PATIENCE).until(lambda _: not unsaved(other), "the save")
            keys = webdriver.ActionChains(person.browser).click(person.see(".CodeMirror"))
            keys.key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(Keys.SHIFT).perform()
            WebDriverWait(other.browser, PATIENCE, ignored_exceptions=[WebDriverException]).until(
                lambda _: "line 79" not in other.see(".jp-OutputArea-output", "line 2").text, "the new lines"
            )
            print("beside it:", "unsaved" if unsaved(other) else "saved")
        finally:
            other.browser.quit()


def narrow(person: Person, page: str) -> None:
    person.resize(PHONE)
    person.browser.get(Path(page).absolute().as_uri())
    root = person.browser.find_element(By.TAG_NAME, "html")
    words = re.split(r"[\s/-]", root.get_attribute("textContent"))
    long = "a word of 90 characters or more" if len(max(words, key=len)) >= 90 else "no long word"
    # A scroll bar takes some of the width.
    page, screen = root.get_property("scrollWidth"), root.get_property("clientWidth")
    print(f"{'fits' if page <= screen <= 390 else f'{page} on {screen}'}, {long}")


def title(person: Person, url: str, password_file: str) -> None:
    person.browser.get(url)
    person.log_in(password_file)
    person.see("body")
    print(person.browser.current_url.rstrip("?"), person.browser.title)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        driver = Person(folder)
        try:
            verbs = (refused, lab, classic, leave, narrow, title)
            {verb.__name__: verb for verb in verbs}[sys.argv[1]](driver, *sys.argv[2:])
        finally:
            driver.browser.quit()
