# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernels of a server beside its own: those of other hosts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from .client import check
from .request import Request

#: As many at a time. Each is a program on the server.
AT_ONCE = 8
KEYS = ("verdict", "cause", "message", "cure", "seconds")


def check_kernels(request: Request, names: list[str]) -> dict[str, dict[str, Any]]:
    """Run a line of code on each kernel. Return the verdict of each."""

    def one(name: str) -> dict[str, Any]:
        result = check(replace(request, kernel=name, classic="", upload=0, durable=False, code="6*7", expect="42"))
        return {key: result[key] for key in KEYS}

    if not names:
        return {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(names, pool.map(one, names)))
