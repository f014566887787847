# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A package index on the lab's own network that stores fetched files and counts the requests.

With it a first run measures the tools and not the Internet, and "the second host does not resolve again" is a number of
requests.
"""

from __future__ import annotations

import collections
import contextlib
import hashlib
import http.server
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

from measure import RESULTS
from pip._internal.models.index import PyPI

CACHE = RESULTS / "index"
#: As the usual index answers both installers (PEP 691). A page of HTML costs pip, which parses it in Python, more than
#: it costs uv.
JSON = "application/vnd.pypi.simple.v1+json"


class Mirror(http.server.ThreadingHTTPServer):
    """``counts`` has the requests of each kind: ``page`` and ``metadata`` to resolve versions, ``file`` to download."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: str) -> None:
        super().__init__((address, 0), _Handler)
        self.url = f"http://{address}:{self.server_address[1]}/simple"
        self.upstream = _index()
        self.counts: collections.Counter[str] = collections.Counter()
        self.locks: dict[str, threading.Lock] = collections.defaultdict(threading.Lock)
        #: Created once: the mirror shares its cores with the measured programs.
        self.pages: dict[str, bytes] = {}
        CACHE.mkdir(parents=True, exist_ok=True)


def _index() -> str:
    """Return the index that this machine's pip asks: the one it was given, or its own default."""
    said = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], check=False, capture_output=True, text=True
    )
    return (said.stdout.strip() or PyPI.simple_url).rstrip("/")


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms between its head and its body
    server: Mirror

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path, form = self.path.strip("/"), "application/octet-stream"
        if path.startswith("simple/"):
            kind, url = "page", f"{self.server.upstream}/{path.removeprefix('simple/')}/"
            form = JSON if JSON in self.headers.get("Accept", "") else "text/html"
        else:
            # Where the index has no metadata by itself, uv looks at the length of a wheel and reads the end of it.
            kind = (
                "metadata"
                if path.endswith(".metadata") or self.command == "HEAD" or "Range" in self.headers
                else "file"
            )
            url = path.removeprefix("file/").replace("/", "://", 1)
        self.server.counts[kind] += 1
        try:
            data = self._page(url, form) if kind == "page" else self._fetched(url)
        except urllib.error.HTTPError as error:
            self.send_error(error.code)
            return
        except OSError as error:
            self.send_error(502, str(error))  # the installers try again
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        length = len(data)
        if asked:
            first, last = int(asked[1]), min(int(asked[2]), length - 1)
            data = data[first : last + 1]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Type", form)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Accept-Ranges", "bytes")
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{length}")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _page(self, url: str, form: str) -> bytes:
        """Return a page with every link leading back here. The data of a link about itself (digest, metadata, Python)
        stays."""
        key = f"{form} {url}"
        if key not in self.server.pages:
            page = self._fetched(url, form)
            pattern = rb'("url": ?")([^"#]+)' if form == JSON else rb'(href=")([^"#]+)'
            self.server.pages[key] = re.sub(pattern, lambda found: found[1] + b"/file/" + _here(url, found[2]), page)
        return self.server.pages[key]

    def _fetched(self, url: str, form: str = "") -> bytes:
        path = CACHE / hashlib.sha256(f"{form} {url}".strip().encode()).hexdigest()
        with self.server.locks[url]:
            if not path.exists():
                request = urllib.request.Request(url, headers={"Accept": form} if form else {})
                with urllib.request.urlopen(request, timeout=120) as answer:
                    new = path.with_suffix(".new")
                    new.write_bytes(answer.read())
                    new.rename(path)
            return path.read_bytes()

    def log_message(self, *_arguments: object) -> None:
        """Print nothing: only the counts are read."""


def _here(page: str, link: bytes) -> bytes:
    return urllib.parse.urljoin(page, link.decode()).replace("://", "/", 1).encode()


@contextlib.contextmanager
def mirror(address: str) -> Iterator[Mirror]:
    """Serve at ``address`` as long as the block lasts."""
    with Mirror(address) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
