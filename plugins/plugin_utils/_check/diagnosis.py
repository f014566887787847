# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a client is kept out, as the host itself tells it. Pure: no I/O, no Ansible.

A client sees only that nothing answers. Whether the server is down, listens on the loopback alone, is shut in by the
host's own firewall, or is cut off on the way (a cloud's security group, a router), only a fresh look at the host can
tell: the module ``jupyter_state`` takes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...module_utils._check.causes import conclude
from ...module_utils._firewall import openings
from .._jupyter import conflicts, leftovers
from .._network.ports import in_the_way, stopping
from .._network.rules import as_json
from .._state.layout import UNIT

if TYPE_CHECKING:
    from .._records import Instance, Plan
    from .._report_records import FirewallPicture, Listener, Report

#: The causes of :data:`causes.CAUSES` behind which the host may know more than the client.
WORTH_A_LOOK = (
    "refused",
    "timed_out",
    "no_route",
    "connection_closed",
    "no_answer",
    "tls_handshake_failed",
    "not_jupyter",
    "tunnel_target_refused",
    "kernel_not_started",
    "kernel_died",
    "no_result",
    "code_failed",
    "wrong_result",
    "server_error",
    "unknown_ca",
    "other_certificate",
)
#: Those in which something that a server or its kernels read or run may be to blame.
OF_THE_KERNEL = ("kernel_not_started", "kernel_died", "no_result", "code_failed", "wrong_result", "server_error")
#: As many files are named.
NAMED = 10
#: Seconds that a check has: on a host that is not slow, and on any.
LEAST, MOST = 30.0, 300.0
#: Those in which a packet may have been lost between the client and the host.
ON_THE_WAY = ("timed_out", "no_route", "refused")


def probe(plan: Plan, files: bool = False) -> dict[str, Any]:
    """Return the probe for the module: processes, listeners, units, the firewall. No file of ours.

    :param files: also ask for foreign files that servers and kernels may read: after a known failure.
    """
    return {
        "manifest": f"{plan['prefix']}/manifest.json",
        "paths": [],
        "secret": [],
        "texts": False,
        "environments": "",
        "roots": {},
        "traces": [],
        "sessions": {},
        "site": f"{plan['prefix']}/envs",
        "owners": {item["name"]: item["user"] for item in plan["instances"]},
        "shadows": [*conflicts.places(plan), *leftovers.places(plan)] if files else [],
        "aside": [],
        "accounts": sorted({item["user"] for item in plan["instances"]} - {""}) if files else [],
        "pythons": [],
        "ports": sorted({item["port"] for item in plan["instances"]}),
        "units": [UNIT.format(name=item["name"]) for item in plan["instances"]],
        "user_units": plan["scope"] == "user",
        "firewall": plan["scope"] == "system" and any(item["networked"] for item in plan["instances"]),
    }


def known(
    targets: list[dict[str, Any]], plan: Plan, report: Report | None, proven: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Return the targets (:func:`endpoints.targets`) with the data that a client needs before it sends a password.

    ``proven`` tells that only the server can be at the other end: it shows the certificate that was issued for it
    alone, or the host says that its process has the port. ``stranger`` is the conclusion where the host says that
    another one has it.

    :param report: the host's answer. None if there was none.
    :param proven: names of instances that have proved themselves since then.
    """
    items = {item["name"]: item for item in plan["instances"]}
    found = []
    for target in targets:
        item, name = items[target["instance"]], target["instance"]
        who = "" if report is None or name in proven else stranger(item, report)
        sure = by_certificate(target, item) or name in proven or (report is not None and bool(in_the_way(item, report)))
        concluded = (
            conclude("port_held", {"port": item["port"], "host": plan["host"], "instance": name, "who": who})
            if who
            else None
        )
        seconds = plan["timeout"] or patience(name, report) or target.get("seconds") or LEAST
        found.append({**target, "proven": sure and not who, "stranger": concluded, "seconds": seconds})
    return found


def patience(name: str, report: Report | None) -> float:
    """Return the time limit for the check of an instance: four times the time of the trial of its environment there; 0
    where that is not known."""
    took = (
        max((server["trial"] for server in report["servers"] if server["instance"] == name), default=0) if report else 0
    )
    return max(LEAST, min(MOST, 4 * took)) if took else 0


def by_certificate(target: dict[str, Any], item: Instance) -> bool:
    """Tell whether the certificate alone proves the server: it was issued for this server, and no other has its key.

    A certificate from elsewhere may serve several instances, each of which can read the key. A name alone proves
    nothing either: every server of the host has a certificate with it.
    """
    return bool(
        target["url"].startswith("https:")
        and target["possible"]
        and target.get("sha256")
        and item["tls"] in ("private_ca", "self_signed")
    )


def stranger(item: Instance, report: Report) -> str:
    """Return who listens on the port of an instance beside its server, or in its place; empty where nobody does."""
    found = _stranger(item, report)
    return _holder(found) if found else ""


def _stranger(item: Instance, report: Report) -> Listener | None:
    servers = [server for server in report["servers"] if server["instance"] == item["name"]]
    unit = report["units"].get(UNIT.format(name=item["name"]), {})
    pids = {server["pid"] for server in servers} | {int(unit.get("MainPID") or 0)} - {0}
    uids = {server["uid"] for server in servers}

    def is_ours(each: Listener) -> bool:
        if each["pid"]:
            return each["pid"] in pids
        return each["uid"] in uids or each["account"] == item["user"]

    return next((each for each in in_the_way(item, report) if not is_ours(each)), None)


def explain(item: Instance, cause: str, report: Report) -> str:
    """Return the host's explanation of an instance that a client could not use, and the cure. Empty if
    all is as it should be there."""
    if not report["manifest"]:
        return "On the host: nothing was installed by remote.notebooks. Run the site playbook."
    name, port = item["name"], item["port"]
    unit = report["units"].get(UNIT.format(name=name), {})
    server = next((server for server in report["servers"] if server["instance"] == name), None)
    listener = next(iter(in_the_way(item, report)), None)
    if server is None:
        state = f", and {UNIT.format(name=name)} is {unit['ActiveState']}" if unit.get("LoadState") == "loaded" else ""
        strange = listener is not None and listener.get("unit", UNIT.format(name=name)) != UNIT.format(name=name)
        taken = (
            f"; the port is held by {_holder(listener)}{f'. {stopping(listener)}' if strange else ''}"
            if listener
            else ""
        )
        broken = _unreadable(item, report)
        return (
            f"On the host: no server of the instance '{name}' runs{state}{taken}.{broken} Read its log there, then run"
            " the site playbook."
        )
    if listener is None:
        return (
            f"On the host: the server runs, but nothing listens on TCP port {port}. Read its log there, then run the"
            " site playbook."
        )
    other = _stranger(item, report)
    if other:
        return f"On the host: TCP port {port} is held by {_holder(other)}. {stopping(other)}, or choose another port."
    if item["networked"] and all(each["loopback"] for each in in_the_way(item, report)):
        return (
            f"On the host: the server listens on the loopback alone, and access is '{item['access']}'. Run the site"
            " playbook."
        )
    if cause in OF_THE_KERNEL:
        return _beside(item, report)
    return _walls(item, cause, report["firewall"])


def _home(item: Instance, report: Report) -> str:
    account = report["accounts"].get(item["user"]) or report["system"]
    return str(account["home"])


def _unreadable(item: Instance, report: Report) -> str:
    """Name the settings beside ours that end a server at its start."""
    found = report["shadows"]
    broken = [
        path
        for path in leftovers.suspects(_home(item, report), found)
        if conflicts.is_configuration(path) and found[path]["error"]
    ]
    return "".join(
        f" {path} cannot be read by Jupyter: {found[path]['error']} Correct it, or move it aside." for path in broken
    )


def _beside(item: Instance, report: Report) -> str:
    """Name the foreign files that the server and its kernels read or run: they may be to blame, and no other check
    tells which of them is."""
    paths = leftovers.suspects(_home(item, report), report["shadows"])
    if not paths:
        return ""
    return (
        f"On the host: it reads or runs these as well: {', '.join(paths[:NAMED])}. Correct what fails there, or move it"
        " aside, and check again."
    )


def _holder(listener: Listener) -> str:
    if listener["pid"]:
        unit = f", {listener['unit']}" if listener.get("unit") else ""
        return f"{listener['command']} (process {listener['pid']} of the account '{listener['account']}'{unit})"
    return f"a process of the account '{listener['account']}'"


def _walls(item: Instance, cause: str, firewall: FirewallPicture | None) -> str:
    """Distinguish the host's own firewall from a filter beyond the host."""
    if item["access"] in ("tunnel", "proxied") or cause not in ON_THE_WAY or firewall is None:
        return ""
    client, port = firewall["ssh"].get("client"), item["port"]
    if not client:
        return ""
    admitted = openings.admits(as_json(firewall), "tcp", port, client)
    if admitted is False:
        return (
            f"On the host: the server listens, but the firewall there ({firewall['provider']}) does not let {client}"
            " in. Add that network to allowed_sources and run the site playbook."
        )
    if admitted and cause != "refused":
        return (
            f"On the host: the server listens and the firewall there lets {client} in, so the connection is lost on the"
            f" way. Open TCP port {port} in the cloud's security group, or forward it in the router."
        )
    return ""
