# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This very machine as a host of an inventory."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit


def name(hostname: str) -> str:
    """The machine's own name, which its page and its passwords carry; ``localhost`` where it cannot name a file, or is
    that of a group."""
    usable = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", hostname) and hostname not in ("all", "ungrouped", "jupyter")
    return hostname if usable else "localhost"


def variables(environ: Mapping[str, str], *, root: bool, logins: bool = True) -> dict[str, Any]:
    """Variables of this machine. The person's network settings in the environment go to the installers.

    :param logins: whether an address may hold a password.
    """

    def first(*names: str) -> str | None:
        found = next((environ[name] for name in names if environ.get(name)), None)
        return None if found and not logins and "@" in urlsplit(found).netloc else found

    passed_on = {
        "jupyter_ca_bundle": first("SSL_CERT_FILE"),
        "jupyter_index_url": first("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"),
        "jupyter_http_proxy": first("https_proxy", "HTTPS_PROXY"),
    }
    return {
        "ansible_connection": "local",
        "ansible_python_interpreter": system_python(),
        "jupyter_scope": "system" if root else "user",
        **{name: value for name, value in passed_on.items() if value},
    }


def system_python() -> str:
    """The machine's own interpreter: .venv may vanish, and Debian's python3-apt lives only beside the system's."""
    candidates = ("/usr/bin/python3", os.path.realpath(sys.executable))
    return next(path for path in candidates if os.access(path, os.X_OK))
