# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of one person over all of the person's servers. Pure.

A record names its person (:mod:`pages`). The page shows the trust, the keys and the lines of ssh's configuration once,
and never a password: servers of one name may belong to several people.
"""

from __future__ import annotations

import collections
import posixpath
import re
from typing import Any

from .._plan.plan import PEOPLE
from . import tunnel

#: More servers of one name are a fleet, which index.html lists.
MOST = 50


def groups(records: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The servers of each person who uses several, by the person."""
    found: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        found.setdefault(record["person"], []).append(record)
    return {person: theirs for person, theirs in sorted(found.items()) if 1 < len(theirs) <= MOST}


def path(person: str) -> str:
    """The page of a person, below the folder of the hand-off."""
    return f"{PEOPLE}/{person}.html"


def keys(records: list[dict[str, Any]]) -> tunnel.Keys:
    """Where the person keeps each key: the one of a device once, however many servers accept it."""
    users: dict[str, dict[str, None]] = {}
    for record in records:
        ssh = record["ssh"] if record["access"] != "direct" else None
        for login in (ssh, *ssh["others"]) if ssh else ():
            users.setdefault(login["private_key_file"], {})[tunnel.alias_of(record, login)] = None
        for hop in ssh["hops"] if ssh else ():
            users.setdefault(hop["private_key_file"], {})[hop["alias"]] = None
    users.pop(None, None)  # type: ignore[call-overload]
    same = collections.Counter(posixpath.basename(file) for file in users)
    found = {}
    for file, aliases in users.items():
        name = posixpath.basename(file)
        name = name if same[name] == 1 else "/".join(file.split("/")[-2:])
        # Not the name of the file alone: the person's own id_ed25519 may lie there.
        kept = next(iter(aliases)) if len(aliases) == 1 else "jupyter-" + re.sub(r"[^A-Za-z0-9._-]", "-", name)
        found[file] = (name, f"~/.ssh/{kept}")
    return found


def page(person: str, views: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the content of a person's page.

    :param views: of each server (:func:`pages.view`), with :func:`keys` and the links of this page.
    """
    tunnels = [each for view in views for each in view["tunnels"]]
    files = {place: name for each in tunnels for name, place in each["kept"]}
    trusts: dict[str, dict[str, Any]] = {}
    for view in views:
        if view["authority"]:
            trust = trusts.setdefault(view["authority"]["sha256"], {**view["authority"], "servers": []})
            trust["servers"].append(label(view))
    ports: dict[int, list[str]] = {}
    for view in views:
        if view["tunnel"]:
            ports.setdefault(view["tunnel"]["local_port"], []).append(label(view))
    places = list(trusts)
    return {
        "person": person,
        "servers": [
            {
                **view,
                "authority": None,
                "trust": places.index(view["authority"]["sha256"]) if view["authority"] else None,
            }
            for view in views
        ],
        "trusts": list(trusts.values()),
        "pems": sorted({each["pem"] for each in tunnels if each["pem"]}),
        "files": list(files.values()),
        "keep": tunnel.keep([(name, place) for place, name in files.items()]),
        "config": _config([block for each in tunnels for block in each["blocks"]]),
        "crowded": {port: labels for port, labels in ports.items() if len(labels) > 1},
        "clients": [app for app in ("juno", "vscode") if any(app in view["clients"] for view in views)],
    }


def _config(blocks: list[str]) -> str:
    """The blocks of ssh's configuration, each once. An account that leads to several servers has one for all."""
    merged: dict[tuple[str, ...], dict[str, None]] = {}
    for block in blocks:
        lines = block.splitlines()
        forwards = [line for line in lines if line.startswith(tunnel.FORWARD)]
        merged.setdefault(tuple(line for line in lines if line not in forwards), {}).update(dict.fromkeys(forwards))
    return "\n".join("\n".join([*block, *forwards]) for block, forwards in merged.items())


def label(view: dict[str, Any]) -> str:
    return f"{view['instance']} on {view['host']}"
