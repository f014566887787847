# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device kit: files that a phone or a colleague's laptop may fetch for a few minutes. Pure: no I/O, no Ansible.

An *answer* is ``(status, headers, body)``; :func:`answer` gives it for a method and a path, and knows nothing but the
kit's files.
"""

from __future__ import annotations

import posixpath
from typing import Dict, Tuple
from urllib.parse import unquote, urlsplit

from ...module_utils._errors import PlanError

Answer = Tuple[int, Dict[str, str], bytes]

#: The type by which a device offers to install the file instead of showing it: the first is Apple's for profiles, the
#: second is Netscape's for a CA in DER, which Android, Firefox and Windows still do.
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".mobileconfig": "application/x-apple-aspen-config",
    ".crt": "application/x-x509-ca-cert",
    ".pem": "application/x-pem-file",
}
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the token is part of the address
}


def kit(files: dict[str, bytes], extra: dict[str, bytes]) -> dict[str, bytes]:
    """The files to serve: pages, certificates and profiles of the hand-off, and ``extra`` ones, asked for by name.

    :raises PlanError: where two of the extra files, or one of them and one of the kit, have one name.
    """
    chosen = {name: data for name, data in files.items() if posixpath.splitext(name)[1] in TYPES}
    for name in extra:
        if name in chosen:
            raise PlanError(f"files: '{name}' is the name of a file of the kit. Give the other one another name.")
    return {**chosen, **extra}


def name(token: str, target: str) -> str:
    """Return the file that a request asks for; empty without the token."""
    try:
        path = unquote(urlsplit(target).path)
    except ValueError:
        return ""
    prefix = f"/{token}/"
    return path[len(prefix) :] or "index.html" if path.startswith(prefix) else ""


def answer(files: dict[str, bytes], token: str, method: str, target: str) -> Answer:
    """Answer one request: a file below ``/<token>/``, its ``index.html`` for the folder itself, or 404 for everything
    else."""
    if method not in ("GET", "HEAD"):
        return 405, {**HEADERS, "Allow": "GET, HEAD", "Content-Length": "0"}, b""
    wanted = name(token, target)
    if wanted not in files:
        return 404, {**HEADERS, "Content-Length": "0"}, b""
    data, ending = files[wanted], posixpath.splitext(wanted)[1]
    kind = TYPES.get(ending, "application/octet-stream")
    headers = {**HEADERS, "Content-Type": kind, "Content-Length": str(len(data))}
    if ending not in (".html", ".mobileconfig", ".crt"):
        headers["Content-Disposition"] = f'attachment; filename="{posixpath.basename(wanted)}"'
    return 200, headers, data if method == "GET" else b""
