# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the resources of a host with the wanted ones. Pure."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from .._acme import resources as acme_resources
from .._jupyter import removal, throttle
from .._jupyter import strangers as jupyter_strangers
from .._network import rules as network_rules
from . import existing, layout, manifest

if TYPE_CHECKING:
    from .._records import Change, HostInstance, Plan, Resource
    from .._report_records import PathState, Process, Report


def differences(plan: Plan, wanted: list[Resource], instances: list[HostInstance], report: Report) -> list[Change]:
    """Compare. The result is in the order of ``wanted``, then the unwanted resources. Empty means: nothing to do.

    Each file in ``wanted`` carries its ``digest`` (SHA-256 in hex), or None where the content is not known yet (a
    certificate that check mode has not issued): it then differs.
    """
    changes: list[Change] = []
    report = jupyter_strangers.without(wanted, report)
    revisions = {item["name"]: item["revision"] for item in instances}
    for thing in wanted:
        for what, found, wish in _compare(thing, wanted, revisions, report):
            changes.append(_change(thing, what, found, wish))
    changes += network_rules.rule_changes(plan, report)
    changes += network_rules.tunnel_changes(plan, report)
    changes += existing.changes(plan, report)
    unnamed = [] if plan["prune"] else removal.unnamed(plan, report)
    if unnamed:  # only a report gets here, and no run would remove anything
        changes = [change for change in changes if change["what"] != "unwanted"]
    for name in unnamed:
        changes.append(
            {
                "id": f"instance {name}",
                "kind": "instance",
                "stage": "remove",
                "instance": name,
                "what": "unnamed",
                "found": "present",
                "wanted": "named",
                "text": f"instance {name}: the inventory says nothing of it",
            }
        )
    for thing in manifest.orphans(plan, wanted, report):
        changes.append(_change({**thing, "stage": "remove"}, "unwanted", "present", "absent"))
    return changes


def _change(thing: Resource, what: str, found: Any, wish: Any) -> Change:
    text = f"{thing['id']}: {what} is {found}, wanted {wish}" if found != "absent" else f"{thing['id']}: absent, wanted"
    if what == "unwanted":
        text = f"{thing['id']}: left by an earlier run, no longer wanted"
        if thing["kind"] == "shadow":
            text = f"{thing['id']}: moved aside by an earlier run, gets its name back"
        elif thing["kind"] == "stranger":
            text = f"{thing['origin']}: replaced by an earlier run, comes back from {thing['backup']}"
        elif thing["kind"] == "found":
            text = f"{thing['id'].split(' ', 1)[1]}: served until now, was there before, and stays as it is"
    return {
        "id": thing["id"],
        "kind": thing["kind"],
        "stage": thing["stage"],
        "instance": thing["instance"],
        "what": what,
        "found": found,
        "wanted": wish,
        "text": text,
    }


def _compare(
    thing: Resource, wanted: list[Resource], revisions: dict[str, str], report: Report
) -> list[tuple[str, Any, Any]]:
    """Return (kind, found, wanted) for each difference of one resource."""
    kind, name = thing["kind"], thing["id"].split(" ", 1)[1]
    if kind == "account":
        return [] if report["accounts"].get(name) else [("account", "absent", "present")]
    if kind in ("rule", "trace", "tunnel", "found"):
        # rule_changes and tunnel_changes compare them all at once. Others create traces and the
        # resources that were there before
        return []
    if kind == "package":
        if name == "nftables":
            installed = report["firewall"]["installed"] if report["firewall"] else []
            return [] if name in installed else [("package", "absent", "present")]
        command = {"fail2ban": throttle.COMMAND}.get(name, name)
        missing = layout.r_is_missing(report) if name == "R" else not report["system"]["commands"].get(command)
        return [("package", "absent", "present")] if missing else []
    if kind == "mask":
        path = layout.USER_MANAGER.format(uid=(report["accounts"].get(name) or {"uid": ""})["uid"])
        return (
            []
            if (report["paths"].get(path) or {}).get("target") == "/dev/null"
            else [("user manager", "startable", "masked")]
        )
    if kind == "linger":
        return [] if f"/var/lib/systemd/linger/{name}" in report["paths"] else [("linger", "absent", "present")]
    if kind == "timer":
        return acme_resources.timer_difference(report)
    if kind == "daemon":
        return throttle.difference(report)
    if kind == "environment":
        state = report["environments"].get(thing["path"])
        if state is None or not state["sealed"]:
            return [("environment", "absent" if state is None else "unfinished", "present")]
        return [("environment", f"without {', '.join(state['missing'][:3])}", "whole")] if state["missing"] else []
    if kind in ("shadow", "stranger"):
        return (
            [("name", posixpath.basename(thing["origin"]), posixpath.basename(thing["backup"]))] if thing["due"] else []
        )
    if kind == "service":
        return _compare_service(thing, wanted, revisions[thing["instance"]], report)
    differing = _compare_path(thing, report["paths"].get(thing["path"]))
    return differing if differing or "order" not in thing else acme_resources.difference(thing, report)


def _compare_path(thing: Resource, found: PathState | None) -> list[tuple[str, Any, Any]]:
    kind = thing["kind"]
    if found is None:
        return [(kind, "absent", "present")]
    if kind == "directory" and thing["mode"] is None and (found["kind"] == "directory" or found.get("directory")):
        return []  # it is there, be it by a link of its owner: it keeps its owner and its mode
    if found["kind"] != kind:
        return [("kind", found["kind"], kind)]
    if kind == "link":
        return [("target", found["target"], thing["target"])] if found["target"] != thing["target"] else []
    differing = []
    if kind == "file" and "order" not in thing and found["digest"] != thing["digest"]:
        differing.append(("content", "another", "its own"))
    if thing["mode"] is not None and found["mode"] != thing["mode"]:
        differing.append(("mode", found["mode"], thing["mode"]))
    if found["owner"] != thing["owner"]:
        differing.append(("owner", found["owner"], thing["owner"]))
    if found["group"] != thing["group"]:
        differing.append(("group", found["group"], thing["group"]))
    return differing


def _compare_service(
    thing: Resource, wanted: list[Resource], revision_wanted: str, report: Report
) -> list[tuple[str, Any, Any]]:
    differing: list[tuple[str, Any, Any]] = []
    server = running(thing, report)
    if server is None:
        differing.append(("service", "stopped", "running"))
    elif server["revision"] != revision_wanted:
        differing.append(("revision", server["revision"] or "none", revision_wanted))
    elif any(
        other["kind"] == "environment" and other["path"] == thing["environment"] and _compare(other, wanted, {}, report)
        for other in wanted
    ):
        differing.append(("environment", "damaged under it", "whole"))
    elif _has_read_another(thing["instance"], server, wanted, report):
        differing.append(("configuration", "loaded after it was changed by hand", "the plan's"))
    if thing["manager"] != "tmux":
        unit = report["units"].get(thing["id"].split(" ", 1)[1], {})
        if unit.get("UnitFileState") != "enabled":
            differing.append(("start at boot", unit.get("UnitFileState") or "off", "enabled"))
        if unit.get("NeedDaemonReload") == "yes":
            differing.append(("unit", "not reloaded", "reloaded"))
    return differing


def running(thing: Resource, report: Report) -> Process | None:
    """Return the server process behind a service, or None where none runs under its own manager."""
    unit = report["units"].get(thing["id"].split(" ", 1)[1], {})
    for server in report["servers"]:
        if server["instance"] != thing["instance"]:
            continue
        if server["tmux"] if thing["manager"] == "tmux" else str(server["pid"]) == unit.get("MainPID"):
            return server
    return None


def _has_read_another(instance: str, server: Process, wanted: list[Resource], report: Report) -> bool:
    """Tell whether a file that is read at start was already changed when this server started: mending the file is then
    not enough."""
    for thing in wanted:
        if (
            thing["kind"] != "file"
            or thing["instance"] not in (instance, "")
            or thing.get("live")
            or thing["stage"] not in ("configure", "service")
        ):
            continue
        found = report["paths"].get(thing["path"])
        if (
            found
            and found["kind"] == "file"
            and found["digest"] != thing["digest"]
            and found["modified"] <= server["started"]
        ):
            return True
    return False
