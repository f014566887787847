# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Visit a Jupyter server with Chromium through a phone's network: ``browser.py URL < password``.

Each page is opened twice, with an empty cache and again. Prints the visits as JSON, by page and ``first`` or
``second``: seconds until the page can be used, bytes that came over the network, and requests sent.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.support.wait import WebDriverWait

#: Each page: its path, and what is true in it when a person can type or click.
PAGES = {
    "lab": ("lab/tree/x.ipynb", "document.querySelector('.jp-Notebook .cm-content[contenteditable=true]')"),
    "notebook": ("notebooks/x.ipynb", "window.Jupyter && Jupyter.notebook && document.querySelector('.CodeMirror')"),
    "tree": ("tree", "document.querySelector('#notebook_list .list_item a.item_link')"),
}
MEGABIT = 1e6 / 8
#: 10 Mbit/s both ways, 60 ms until an answer begins. Chromium leaves WebSockets out.
NETWORK = {"offline": False, "latency": 60, "downloadThroughput": 10 * MEGABIT, "uploadThroughput": 10 * MEGABIT}
PATIENCE = 120


def browser(profile: str) -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    # Root has no sandbox, and /dev/shm is small in a container.
    own = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server", "--window-size=1280,900")
    for argument in (*own, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))


def visit(driver: webdriver.Chrome, url: str, ready: str) -> dict[str, float]:
    driver.get("about:blank")
    driver.get_log("performance")
    started = time.monotonic()
    driver.execute_cdp_cmd("Page.navigate", {"url": url})
    WebDriverWait(driver, PATIENCE, poll_frequency=0.02, ignored_exceptions=[WebDriverException]).until(
        lambda driver: driver.execute_script(f"return Boolean({ready})"), url
    )
    seconds = time.monotonic() - started
    time.sleep(1)  # what comes later belongs to the visit
    sizes = [
        entry["params"]["encodedDataLength"]
        for entry in (json.loads(line["message"])["message"] for line in driver.get_log("performance"))
        if entry["method"] == "Network.loadingFinished" and entry["params"]["encodedDataLength"]
    ]
    return {"seconds": seconds, "bytes": sum(sizes), "requests": len(sizes)}


def log_in(driver: webdriver.Chrome, url: str, password: str) -> None:
    driver.get(f"{url}login")
    field = driver.find_element("css selector", "input[name=password]")
    field.send_keys(password)
    field.submit()
    WebDriverWait(driver, PATIENCE).until(lambda driver: "/login" not in driver.current_url)


def main() -> None:
    url, password = sys.argv[1], sys.stdin.read().strip()
    with tempfile.TemporaryDirectory() as profile:
        driver = browser(profile)
        try:
            log_in(driver, url, password)
            driver.execute_cdp_cmd("Network.enable", {})
            driver.execute_cdp_cmd("Network.emulateNetworkConditions", NETWORK)
            visits = {}
            for page, (path, ready) in PAGES.items():
                driver.execute_cdp_cmd("Network.clearBrowserCache", {})
                visits[page] = {which: visit(driver, url + path, ready) for which in ("first", "second")}
        finally:
            driver.quit()
    print(json.dumps(visits))


if __name__ == "__main__":
    main()
