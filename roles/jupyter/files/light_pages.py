# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send the files of pages compressed, and compress them only once.

``copy_all()`` compresses the files of an environment that servers send to browsers, before the environment is sealed
(seal_environment.py). ``serve()`` is called before a server starts (run_jupyter.py): for each such file, a browser that
accepts gzip gets the compressed copy, as it lies on the disk.

Only the files of the environment are sent in this way. They are public: anybody can download the same packages. A
response with a person's data or a secret is never compressed, because its length would tell about its content.
"""

from __future__ import annotations

import concurrent.futures
import glob
import gzip
import itertools
import os
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tornado.web import StaticFileHandler

#: The folder of the copies in an environment. Each has the path of its original in there, and this suffix.
COPIES, SUFFIX = "compressed", ".gz"
#: The folders with files of pages. JupyterLab's package has its files a second time, for its core mode.
PLACES = ("share/jupyter/lab*/**", "share/jupyter/nbextensions/**", "lib/python3*/site-packages/*/static/**")
SECOND = re.compile(r"lib/python3[^/]*/site-packages/jupyterlab/static/")
#: Of no use to browsers, unless somebody debugs JupyterLab itself.
UNUSED = ".map"
#: A smaller file is one packet in any case.
SMALLEST = 1400
#: A copy larger than this part of its original does not pay: images, fonts.
LARGEST_PART = 0.9
#: Level 6 takes half as long again, for 1 % less.
LEVEL = 5


def originals(prefix: str) -> Iterator[str]:
    """Yield the files of pages, by their path in the environment."""
    patterns = [os.path.join(glob.escape(prefix), place) for place in PLACES]
    found = itertools.chain.from_iterable(glob.iglob(pattern, recursive=True) for pattern in patterns)
    for path in sorted(set(found)):
        name = os.path.relpath(path, prefix)
        if name.endswith(UNUSED) or SECOND.match(name) or os.path.islink(path) or not os.path.isfile(path):
            continue
        if os.path.getsize(path) >= SMALLEST:
            yield name


def copy_one(prefix: str, name: str) -> None:
    """Write the copy of a file, if it pays. It has the time of its original, by which the server recognises it."""
    original, copy = os.path.join(prefix, name), os.path.join(prefix, COPIES, name + SUFFIX)
    with open(original, "rb") as file:
        content, state = file.read(), os.fstat(file.fileno())
    packed = gzip.compress(content, LEVEL)
    if len(packed) > LARGEST_PART * len(content):
        return
    os.makedirs(os.path.dirname(copy), exist_ok=True)
    with open(copy, "wb") as file:
        file.write(packed)
    os.utime(copy, ns=(state.st_atime_ns, state.st_mtime_ns))


def copy_all(prefix: str) -> None:
    """Write the copies of an environment, on all cores: zlib works without Python's lock."""
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(lambda name: copy_one(prefix, name), originals(prefix)))


def copy_of(path: str) -> tuple[str, int] | None:
    """Return the path and the size of the copy of a file. None if it has none, or if it changed after its copy."""
    prefix = os.path.realpath(sys.prefix)
    name = os.path.relpath(os.path.realpath(path), prefix)
    if name.startswith(os.pardir):  # a file of an account
        return None
    copy = os.path.join(prefix, COPIES, name + SUFFIX)
    try:
        state = os.stat(copy)
        return (copy, state.st_size) if state.st_mtime_ns == os.stat(path).st_mtime_ns else None
    except OSError:
        return None


def accepts_gzip(header: str) -> bool:
    """Tell whether the value of Accept-Encoding includes gzip (RFC 9110, 12.5.3)."""
    for part in header.lower().split(","):
        name, _semicolon, quality = part.partition(";")
        if name.strip() == "gzip":
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", quality)
    return False


def serve() -> None:
    """Have the servers of this process send copies."""
    from tornado.web import StaticFileHandler

    plain = StaticFileHandler.set_headers

    def set_headers(self: StaticFileHandler) -> None:
        plain(self)
        kind: Any = type(self)
        # JupyterLab's handler of themes changes what it sends.
        if getattr(kind.get_content, "__func__", None) is not StaticFileHandler.get_content.__func__:  # type: ignore
            return
        found = copy_of(str(self.absolute_path))
        if found is None:
            return
        self.add_header("Vary", "Accept-Encoding")
        # A range counts the bytes of the original.
        if "Range" in self.request.headers or not accepts_gzip(self.request.headers.get("Accept-Encoding", "")):
            return
        copy, size = found
        self.set_header("Content-Encoding", "gzip")
        self.get_content_size = lambda: size  # type: ignore[method-assign]
        self.get_content = lambda *_path: kind.get_content(copy)  # type: ignore[method-assign]

    StaticFileHandler.set_headers = set_headers  # type: ignore[method-assign]
