# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the state of a host. Runs on the host, changes nothing, starts as few processes as it can.

Everything here describes; :mod:`_state.compare` compares and decides. Files before processes: a fork costs more than
all of /proc.
"""

from __future__ import annotations

import contextlib
import os
import pwd
from typing import Any, Callable

from .accounts import account, folders, homes, loose, unusable
from .acme import acme
from .configuration import options
from .details import details
from .devices import devices
from .environments import environments
from .existing import existing
from .interpreters import interpreters
from .listeners import listeners
from .manifest import manifest
from .network import network
from .paths import aside, bound_texts, expand, path, shut
from .servers import commands, servers, sessions, used
from .system import Command, python, system, units


def report(
    probe: dict[str, Any], run: Command, firewall: Callable[[], Any], tunnel: Callable[[dict[str, Any]], Any]
) -> dict[str, Any]:
    """Describe the host as far as ``probe`` asks (:func:`_state.probe.probe`). Raises OSError where this account may
    not look.

    :param firewall: reads the firewall; called only where the plan, or an earlier run, has something to do with one.
    :param tunnel: reads the accounts that can only forward, with ``owner`` and ``accounts``; likewise.
    """
    asked, foreign = probe.get("tunnel"), existing(probe.get("existing") or {})
    things, machine, started, built = manifest(probe["manifest"]), system(), commands(), expand([probe["environments"]])
    sealed, told, owners = environments(built), options(probe["shadows"]), _owners(probe, things, machine)
    names = {*expand(probe["paths"])} | {thing["path"] for thing in things if thing.get("path")}
    services = {
        thing["id"].split(" ", 1)[1]
        for thing in things
        if thing["kind"] == "service" and thing.get("manager") != "tmux"
    }
    managed = units(sorted({*probe["units"], *services}), probe["user_units"], run) if machine["systemd"] else {}
    running = servers(probe["site"], owners, started, {unit.get("MainPID") for unit in managed.values()})
    walled = probe["firewall"] or any(thing["kind"] == "rule" for thing in things)
    if asked:
        asked, mark = {"owner": asked["owner"], "accounts": asked["accounts"]}, asked["mark"]
        tunnelled = machine["uid"] == 0 and bool(
            asked["accounts"] or any(entry.pw_gecos.split(",")[0] == mark for entry in pwd.getpwall())
        )
    states = {
        **{
            name: path(name, text=probe["texts"] and os.path.basename(name) not in probe["secret"])
            for name in sorted(names)
        },
        **shut(probe, things),
    }
    bound_texts(states)
    said = {
        "tunnel": tunnel(asked) if asked and tunnelled else None,
        "firewall": firewall() if walled and machine["uid"] == 0 else None,
        "system": machine,
        "manifest": things,
        "pythons": {name: python(name, run) for name in probe["pythons"]},
        "accounts": {name: account(name) for name in probe["accounts"]},
        "homes": homes(things, probe["accounts"]),
        "paths": states,
        "used": used(built, started, {uid for uids in owners.values() for uid in uids} | {0}),
        "servers": running,
        "aside": aside(probe["aside"], things),
        **unusable(probe["roots"]),
        "loose": loose(probe.get("bound") or []),
        "sessions": sessions(probe["sessions"], probe["owners"]),
        "listeners": listeners(probe["ports"], {server["pid"]: server["uid"] for server in running}),
        "units": managed,
        "folders": folders(probe.get("folders") or {}),
        "network": network(),
        "acme": acme(probe.get("acme") or ""),
        "devices": devices() if probe.get("devices") else {"classes": {}, "cards": []},
    }
    said["shadows"] = told()
    said["environments"] = sealed()
    said["existing"] = foreign()
    said["interpreters"] = interpreters(probe.get("interpreters") or "/nonexistent", built)
    closer = probe.get("details")
    if closer:
        said["details"] = details(running, os.path.expanduser(closer["script"]), closer["ports"], run)
    return said


def trouble(error: OSError) -> str:
    """Return why the state of this host was not read, and the cure: more rights only if an account may not look."""
    cure = " Run with become, or set jupyter_scope: user." if isinstance(error, PermissionError) else ""
    return f"Cannot read the state of this host: {error}.{cure}"


def _owners(probe: dict[str, Any], things: list[dict[str, Any]], machine: dict[str, Any]) -> dict[str, set[int]]:
    """Return by instance the numbers of the accounts it may run as: the one of the plan, and the one of an earlier
    run."""
    listed = [
        (thing["instance"], thing["user"]) for thing in things if thing["kind"] == "service" and thing.get("user")
    ]
    found: dict[str, set[int]] = {}
    for instance, name in [*((instance, name) for instance, name in probe["owners"].items()), *listed]:
        with contextlib.suppress(KeyError):
            found.setdefault(instance, set()).add(pwd.getpwnam(name).pw_uid if name else machine["uid"])
    return found
