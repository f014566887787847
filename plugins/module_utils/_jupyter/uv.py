# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""uv for a host: one program out of one wheel whose digest this collection knows. Runs there, with the host's Python
(3.8 or newer).

The wheel comes from the package index (Simple Repository API,
https://packaging.python.org/en/latest/specifications/simple-repository-api/) or with the wheels of the control node.
pip could fetch it by digest as well (``pip download --require-hashes``). With pip, a first run takes 1.19 times as long
(measured in pairs).
"""

from __future__ import annotations

import base64
import contextlib
import glob
import hashlib
import html.parser
import http.client
import io
import netrc
import os
import posixpath
import re
import shutil
import struct
import time
import urllib.request
import zipfile
from typing import Any, Callable, List, Tuple
from urllib.parse import unquote, urljoin, urlsplit

from .._errors import AlarmError, BuildError
from .uv_wheels import VERSION, WHEELS

#: (argv, text for its standard input) → (exit code, its output to stdout and stderr)
Run = Callable[[List[str], str], Tuple[int, str]]

#: Seconds to wait before the index is asked again, where it may be better off by then.
PAUSES = (1, 3)
#: Seconds without a byte from it.
TIMEOUT = 30

#: Bytes, and seconds, of one answer. A wheel of uv has 25 MB, the page with all of them 5.
MOST = 64 << 20
PATIENCE = 600

#: The machine of a 32-bit system on a 64-bit kernel, such as many a Raspberry Pi.
NARROW = {"x86_64": "i686", "aarch64": "armv7l", "armv8l": "armv7l"}

#: Prints the index that pip asks when nobody told it anything. The pip is the one that this Python puts into virtual
#: environments, a wheel, or
#: the one that its arguments name; Debian's Python has none without python3-venv.
DEFAULT_INDEX = """
import glob, os, sys, sysconfig
wheels = sys.argv[1:]
if not wheels:
    import ensurepip
    folders = [sysconfig.get_config_var("WHEEL_PKG_DIR"), os.path.join(os.path.dirname(ensurepip.__file__), "_bundled")]
    wheels = [wheel for folder in folders if folder for wheel in glob.glob(os.path.join(folder, "pip-*.whl"))]
sys.path[:0] = wheels
from pip._internal.models.index import PyPI
print(PyPI.simple_url)
"""


def program(prefix: str, python: str, pip: str, wheels: str, run: Run) -> str:
    """Return the path of uv, which is fetched once a host and version.

    :param pip: a wheel of pip on this host, where Python comes without; or empty. :param wheels: a folder with uv's
        among others; or empty.
    :raises BuildError: with the reason why it cannot be had. :raises OSError, http.client.HTTPException: from the
        index, or the disk.
    """
    folder = os.path.join(prefix, "installer", f"uv-{VERSION}")
    uv = os.path.join(folder, "bin", "uv")
    if os.path.exists(uv) and run([uv, "--version"], "")[0] == 0:
        return uv
    shutil.rmtree(folder, ignore_errors=True)
    content = _carried(wheels) if wheels else _fetched(f"uv-{VERSION}-py3-none-{_tag()}.whl", _index(python, pip, run))
    if hashlib.sha256(content).hexdigest() not in WHEELS.values():
        raise AlarmError(
            "the wheel of uv is not the one that this collection was made with. Somebody put another file under that"
            " name: find out who, before anything else comes from there. To do without uv, and have pip believe the"
            " same index, say jupyter_installer: pip."
        )
    os.makedirs(os.path.dirname(uv), 0o755)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        inside = next(name for name in archive.namelist() if name.endswith(".data/scripts/uv"))
        with archive.open(inside) as source, open(uv, "wb") as target:
            shutil.copyfileobj(source, target)
    os.chmod(uv, 0o700)  # the builder has fetched it
    code, output = run([uv, "--version"], "")
    if code != 0:
        raise BuildError(f"it does not run here: {output.strip()}")
    return uv


def _tag() -> str:
    """Return the compatibility tag (PEP 425) of the wheel for this machine; of several the one that the oldest C
    library runs."""
    machine, libc = os.uname().machine, "manylinux" if _is_glibc() else "musllinux"
    if struct.calcsize("P") == 4:
        machine = NARROW.get(machine, machine)
    fitting = sorted(
        tag
        for tag in WHEELS
        if any(part.startswith((libc, "linux_")) and part.endswith(f"_{machine}") for part in tag.split("."))
    )
    if not fitting:
        raise BuildError(f"there is no wheel of it for {machine} ({libc}).")
    return fitting[0]


def _is_glibc() -> bool:
    try:
        return bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (OSError, ValueError):
        return False


def _carried(wheels: str) -> bytes:
    path = next(iter(glob.glob(os.path.join(glob.escape(wheels), "uv-*.whl"))), "")
    if not path:
        raise BuildError("it is not among the wheels of the control node.")
    with open(path, "rb") as file:
        return file.read()


def _index(python: str, pip: str, run: Run) -> str:
    """Return the address of the index that uv is going to ask as well."""
    given = os.environ.get("UV_DEFAULT_INDEX")
    if given:
        return given
    code, output = run([python, "-I", "-c", DEFAULT_INDEX, *([pip] if pip else [])], "")
    if code != 0:
        raise BuildError("no index_url is given, and this Python keeps no pip that would say which one is usual.")
    return output.strip().splitlines()[-1]


class _Links(html.parser.HTMLParser):
    """The addresses in a page of an index."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]


def _fetched(name: str, index: str) -> bytes:
    """Return the content of the file of uv that is called ``name``."""
    page, address = _get(f"{index.rstrip('/')}/uv/", index)
    links = _Links()
    # One link in thousands is wanted, and a parser takes a tenth of a second for all of them.
    links.feed("".join(part for part in re.split("(?=<a )", page.decode("utf-8", "replace")) if name in part))
    link = next((link for link in links.found if posixpath.basename(urlsplit(link).path) == name), "")
    if not link:
        raise BuildError(f"the package index has no {name}.")
    return _get(urljoin(address, link), index)[0]


def _get(url: str, index: str) -> tuple[bytes, str]:
    """Return the content, and the address that it came from in the end. If that may be better in a moment, ask
    again."""
    for pause in PAUSES:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return _answer(url, index)
        time.sleep(pause)
    return _answer(url, index)


def _answer(url: str, index: str) -> tuple[bytes, str]:
    there, login = urlsplit(url), _login(url, index)
    plain = there._replace(netloc=there.netloc.rpartition("@")[2]).geturl()
    # For any scheme in a page: the digest decides whether it is run.
    request = urllib.request.Request(plain, headers={"Accept": "text/html", "User-Agent": "remote.notebooks"})  # noqa: S310
    if login:
        # Not for where this address may lead on to.
        request.add_unredirected_header("Authorization", "Basic " + base64.b64encode(":".join(login).encode()).decode())
    # Proxy and authority: HTTPS_PROXY and its like, SSL_CERT_FILE.
    with urllib.request.build_opener().open(request, timeout=TIMEOUT) as answer:
        return _whole(answer), answer.geturl()


def _whole(answer: Any) -> bytes:
    """Read an answer that somebody else gives, so much of it and so long. Raise OSError for more."""
    end, parts, size = time.monotonic() + PATIENCE, [], 0
    while True:
        part = answer.read1(1 << 20)
        if not part:
            break
        parts.append(part)
        size += len(part)
        if size > MOST or time.monotonic() > end:
            raise OSError(f"the index sends more than {MOST >> 20} MB, or for more than {PATIENCE // 60} minutes")
    if getattr(answer, "length", None):  # the missing part of the announced length
        raise http.client.IncompleteRead(b"", answer.length)
    return b"".join(parts)


def _login(url: str, index: str) -> tuple[str, str] | None:
    """Return name and password for an address: those that stand in the index's own address are for that host and no
    other; else those of netrc.

    Where the index is read over TLS, none goes over anything else.
    """
    there, known = urlsplit(url), urlsplit(index)
    if known.scheme == "https" and there.scheme != "https":
        return None
    if known.username is not None and (there.hostname, there.port) == (known.hostname, known.port):
        return unquote(known.username), unquote(known.password or "")
    with contextlib.suppress(OSError, UnicodeError, netrc.NetrcParseError):
        found = netrc.netrc(os.environ.get("NETRC")).authenticators(there.hostname or "")
        return (found[0], found[2] or "") if found else None
    return None
