# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration files of Jupyter on a host, read with the rights of their accounts."""

from __future__ import annotations

import glob
import json
import os
from typing import Any, Callable

from ..._host import other_account
from .. import config_file
from .paths import MANY, SECONDS_OPTIONS, expand, printable

#: Of a configuration file of Jupyter, and of the options in all of those of one account, in bytes.
LARGEST_OPTIONS = 1 << 20
#: The options, in bytes of JSON, and the files of all accounts together. Each account has the same share, so none takes
#: anything from another, and no account makes the report longer than the control node accepts.
MOST_OPTIONS, MOST_FILES = 1 << 21, 20_000
#: The fault of a file beyond that share.
MORE = "it sets more options than a report holds."


def options(patterns: list[str]) -> Callable[[], dict[str, dict[str, Any]]]:
    """Begin to read the options that each configuration file of Jupyter sets, and its faults. Return a function that
    waits for the answer.

    Names and no value, which may be a hash. No code of it is executed. Files in a home are listed and read with
    the rights of its account, in a process of its own: it may be a link to anywhere, a pipe, a device, endless, or
    nested so deeply that a parser gives up.
    """
    by_account: dict[str, list[str]] = {}
    for pattern in patterns:
        by_account.setdefault(pattern[1:].partition("/")[0] if pattern.startswith("~") else "", []).append(pattern)
    # An account that this run is to create has no home yet.
    there = {name: each for name, each in by_account.items() if not os.path.expanduser(f"~{name}").startswith("~")}
    share = min(LARGEST_OPTIONS, MOST_OPTIONS // max(len(there), 1))
    count = min(MANY, MOST_FILES // max(len(there), 1))
    begun = [(each, name, _begin_options(each, name, share, count)) for name, each in there.items()]

    def answer() -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for each, name, told in begun:
            alone: list[tuple[str, Callable[[], Any]]] = []
            try:
                found.update(told())
            except OSError:
                # One of them is to blame: each by itself. Those whose names are the account's to choose are left out.
                names = expand([pattern for pattern in each if "*" not in pattern])[:count]
                alone = [(path, _begin_options([glob.escape(path)], name, share // len(names), 1)) for path in names]
            for path, one in alone:
                try:
                    found.update(one())
                except OSError as error:
                    found[path] = {"options": [], "error": f"it takes too long, or too much memory ({error.strerror})."}
        return found

    return answer


def _begin_options(patterns: list[str], account_name: str, share: int, count: int) -> Callable[[], Any]:
    def read() -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        left = share
        # Names with ``*`` are the account's to choose, and their number too: those are left out where they do not fit.
        for pattern in sorted(patterns, key=lambda pattern: "*" in pattern):
            for name in expand([pattern])[: count - len(found)]:
                told = _options_of(name)
                if _length(name, told) > left:
                    if "*" in pattern:
                        continue
                    told = {"options": [], "error": MORE}
                found[name] = told
                left -= _length(name, told)
        return found

    return other_account.begin(
        read, account_name, seconds=SECONDS_OPTIONS, limit=2 * LARGEST_OPTIONS, memory=other_account.MEMORY
    )


def _length(name: str, told: dict[str, Any]) -> int:
    return len(json.dumps({name: told}))


def _options_of(path: str) -> dict[str, Any]:
    try:
        text = other_account.content(path, LARGEST_OPTIONS).decode("utf-8", "replace")
        if os.path.basename(path) == "kernel.json":
            return {"options": [], "error": _kernel_error(text)}
        if path.endswith((".json", ".py")):
            return {"options": sorted(filter(config_file.is_name, config_file.parse(text, path)))[:MANY], "error": ""}
        return {"options": [], "error": ""}
    except OSError as error:
        return {"options": [], "error": f"{error.strerror}."}
    except ValueError as error:
        return {"options": [], "error": f"{printable(str(error))[:200].rstrip('.')}."}


def _kernel_error(text: str) -> str:
    """Say why a kernelspec starts no kernel, as far as it tells (jupyter-client.readthedocs.io, "Kernel specs")."""
    spec = json.loads(text)
    command = spec.get("argv") if isinstance(spec, dict) else None
    if not isinstance(command, list) or not command or not isinstance(command[0], str):
        return "it names no program (argv)."
    if os.path.isabs(command[0]) and not os.path.exists(command[0]):
        return f"its program {printable(command[0])[:200]} is not there."
    return ""
