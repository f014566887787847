# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign resources at the paths of ours. Pure: no I/O, no Ansible.

A resource is ours if the host's own manifest names it. The manifest is written before the first change, so an
interrupted run has listed all that it created. Anything else that is found where a managed resource belongs was there
before us. It stops the run, or, where
``jupyter_replace_existing`` says so, it gets another name beside its old one, and the old name back when ours goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._plan.account import SERVICE_ACCOUNT

if TYPE_CHECKING:
    from .._records import Obstacle, Plan, Resource
    from .._report_records import Report

#: The suffix of a resource that is moved aside. The day follows.
SUFFIX = ".before-remote-notebooks-"

#: Tells the account that the role created from one of the same name that was there before.
ACCOUNT_COMMENT = "Jupyter (remote.notebooks)"

#: In the path of all that we keep in folders of our own: settings, scripts, environments.
_OURS = "/remote-notebooks/"

#: The files of the role ``tunnel``: beside the existing ones, in files of its own.
SSH = "/etc/ssh"

#: Marks our rules among those of other owners (the role ``firewall``).
FIREWALL_OWNER = "jupyter"
#: The folder of that role for its own records, for every owner, and its unit.
FIREWALL_FOLDER = "/etc/remote-notebooks/firewall"
FIREWALL_UNIT = "/etc/systemd/system/remote-notebooks-firewall@.service"


def place(thing: Resource, report: Report) -> str:
    """Return where a managed thing needs the place for itself; empty where it takes none from anybody."""
    if thing["kind"] == "directory" and thing["mode"] is None:
        return ""  # an existing one is used as it is, and never becomes ours
    if thing["kind"] == "account":
        return ""  # a foreign home is not moved: it may hold somebody's work
    if thing["kind"] == "mask":
        known = report["accounts"].get(_name(thing))
        return f"/etc/systemd/system/user@{known['uid']}.service" if known else ""
    return str(thing.get("place") or thing.get("path") or "")


def _name(thing: Resource) -> str:
    return str(thing["id"].split(" ", 1)[1])


def is_lost(report: Report) -> bool:
    """Tell whether the host's list is gone: an environment of ours is sealed, and no run of ours seals one before there
    is a list.

    Or that is gone as well, with the whole folder, and of the settings several files are there: one might be
    somebody's, not all of them.
    """
    if report["manifest"]:
        return False
    user = report["system"]["user"]
    files = [
        path
        for path, state in report["paths"].items()
        if state and state["kind"] == "file" and state["owner"] == user and _OURS in path
    ]
    return len(files) > 1 or any(state["sealed"] for state in report["environments"].values())


def find(things: list[Resource], report: Report) -> list[str]:
    """Return the conflicting resources, the outermost first, and nothing below any other returned one."""
    if is_lost(report):
        return []
    listed = {thing["id"] for thing in report["manifest"]} | {thing.get("path") for thing in report["manifest"]}
    found: list[str] = []
    for thing in things:
        path = place(thing, report)
        if path and thing["id"] not in listed and path not in listed and _is_strange(thing, path, report):
            found.append(path)
    found = sorted({*found, *_of_tunnels(report), *_of_firewalls(things, report)})
    return [path for path in found if not any(path.startswith(f"{other}/") for other in found)]


def _is_strange(thing: Resource, path: str, report: Report) -> bool:
    if thing["kind"] == "environment":
        return not report["environments"].get(path, {"sealed": True})["sealed"]
    state = report["paths"].get(path)
    if state is None:
        return False
    if thing["kind"] != "directory" or state["kind"] != "directory" or state["owner"] != thing["owner"]:
        return True
    # A run that was cut off between its first folder and its list has left an empty one.
    return bool(
        state["entries"] > (1 if FIREWALL_FOLDER in report["paths"] and FIREWALL_FOLDER.startswith(f"{path}/") else 0)
    )


def _has_rules(things: list[Resource]) -> bool:
    return any(thing["kind"] == "rule" for thing in things)


def _of_firewalls(things: list[Resource], report: Report) -> list[str]:
    """Return the files that are where a first rule of ours would have its own; which they are, the role ``firewall``
    knows."""
    if not _has_rules(things) or _has_rules(report["manifest"]):
        return []
    found = [path for path in report["paths"] if path.startswith(f"{FIREWALL_FOLDER}/{FIREWALL_OWNER}.")]
    # Other owners of rules share this one.
    return [
        *found,
        *([FIREWALL_UNIT] if report["paths"].get(FIREWALL_UNIT) and not report["paths"].get(FIREWALL_FOLDER) else []),
    ]


def _of_tunnels(report: Report) -> list[str]:
    if report["tunnel"] is None:
        return []
    from ...module_utils._tunnel import server_config

    return server_config.strange_files(report["tunnel"])


def moved(plan: Plan, things: list[Resource], report: Report) -> list[Obstacle]:
    """Return the resources to move aside in this run, and those that earlier runs have moved, while ours is in its
    place.

    Each is ``{"origin", "backup", "due"}``. A resource that an interrupted run did not move yet is still
    due.
    """
    gone = {*report["aside"]}
    found: dict[str, Obstacle] = {}
    for thing in report["manifest"]:
        if thing["kind"] == "stranger" and _is_taken(thing["origin"], plan, things, report):
            due = bool(thing.get("due")) and thing["backup"] not in gone
            found[thing["origin"]] = {"origin": thing["origin"], "backup": thing["backup"], "due": due}
    for path in find(things, report) if plan["replace_existing"] else ():
        found.setdefault(path, {"origin": path, "backup": f"{path}{SUFFIX}{plan['today']}", "due": True})
    return [found[path] for path in sorted(found)]


def _is_taken(origin: str, plan: Plan, things: list[Resource], report: Report) -> bool:
    """Tell whether ours still needs the path of the moved resource."""
    if origin.startswith(f"{SSH}/"):
        return bool(plan["tunnel_forwards"])
    if origin == FIREWALL_UNIT or origin.startswith(f"{FIREWALL_FOLDER}/"):
        return _has_rules(things)
    return any(f"{place(thing, report)}/".startswith(f"{origin}/") for thing in things)


def refusals(plan: Plan, things: list[Resource], report: Report) -> list[str]:
    """Return the tasks for a person before any resource of ours is created here."""
    found = (
        []
        if is_lost(report)
        else [*_homes(things, report), *_units(things, report), *_sessions(things, report), *_tables(things, report)]
    )
    if plan["replace_existing"]:
        return found
    found += _accounts(plan, report)
    paths = find(things, report)
    if paths:
        found.append(
            f"In the way, and created by no run of ours: {', '.join(paths)}. Move {'it' if len(paths) == 1 else 'them'}"
            f" away, or set jupyter_replace_existing: true, which renames {'it' if len(paths) == 1 else 'each'} to"
            f" <name>{SUFFIX}{plan['today']} beside it, and gives the old name back at uninstall."
        )
    return found


def _homes(things: list[Resource], report: Report) -> list[str]:
    return [
        f"There is no account '{_name(thing)}', and a folder with something in it where its home would be:"
        f" {thing['home']}. Move that away, or name another account (jupyter_user)."
        for thing in things
        if thing["kind"] == "account" and not report["accounts"].get(_name(thing)) and not _is_listed(thing, report)
        if (report["paths"].get(thing["home"]) or {}).get("entries", 0)
        or (report["paths"].get(thing["home"]) or {}).get("kind") == "file"
    ]


def _accounts(plan: Plan, report: Report) -> list[str]:
    """Refuse an account of the name that ours would have, unless a server of ours runs as it already: it belongs to
    somebody."""
    taken = {thing.get("user") for thing in report["manifest"] if thing["kind"] == "service"}
    found = report["accounts"].get(SERVICE_ACCOUNT)
    if (
        plan["scope"] != "system"
        or not found
        or found["comment"] == ACCOUNT_COMMENT
        or SERVICE_ACCOUNT in taken
        or is_lost(report)
    ):
        return []
    names = [item["name"] for item in plan["instances"] if item["user"] == SERVICE_ACCOUNT]
    if not names:
        return []
    return [
        f"There is an account '{SERVICE_ACCOUNT}' on this host already, and no run of ours has created it. Name another"
        f" one for {', '.join(names)} (jupyter_user: notebooks, jupyter_create_user: true), or set"
        " jupyter_replace_existing: true: it is then used as it is, and stays at uninstall."
    ]


def _units(things: list[Resource], report: Report) -> list[str]:
    """Refuse a unit of a server's name that is at work, or that systemd starts at boot: a run must not
    end its work."""
    said = []
    for thing in things:
        if thing["kind"] != "service" or thing["manager"] == "tmux" or _is_listed(thing, report):
            continue
        unit, name = report["units"].get(_name(thing), {}), _name(thing)
        if unit.get("ActiveState", "inactive") in ("active", "activating", "reloading") or unit.get(
            "UnitFileState"
        ) in (
            "enabled",
            "enabled-runtime",
        ):
            of, sudo = (" --user", "") if thing["manager"] == "systemd_user" else ("", "sudo ")
            said.append(
                f"instance '{thing['instance']}': systemd has a unit {name} already, and no run of ours has created it."
                f" On the host: {sudo}systemctl{of} disable --now {name} - or give the instance another name."
            )
    return said


def _sessions(things: list[Resource], report: Report) -> list[str]:
    return [
        f"instance '{thing['instance']}': '{thing['user']}' has a tmux of its own called {_name(thing)}. "
        f"As that account: tmux -L {_name(thing)} kill-server - or give the instance another name."
        for thing in things
        if thing["kind"] == "service"
        and thing["manager"] == "tmux"
        and not _is_listed(thing, report)
        and thing["instance"] in report["sessions"]
    ]


def _tables(things: list[Resource], report: Report) -> list[str]:
    if report["firewall"] is None or not _has_rules(things) or _has_rules(report["manifest"]):
        return []
    from ...module_utils._firewall.chains import table

    name = table(FIREWALL_OWNER)
    if all(chain["table"] != name for chain in report["firewall"]["chains"]):
        return []
    return [
        f"nftables has a table {name} already, and no run of ours has created it. On the host: sudo nft delete table"
        f" inet {name}"
    ]


def _is_listed(thing: Resource, report: Report) -> bool:
    return any(each["id"] == thing["id"] for each in report["manifest"])


def without(things: list[Resource], report: Report) -> Report:
    """Return a report without the resources that are about to be moved aside."""
    due = tuple(thing["origin"] for thing in things if thing["kind"] == "stranger" and thing["due"])
    if not due:
        return report
    return {
        **report,
        "paths": {
            path: state
            for path, state in report["paths"].items()
            if not any(f"{path}/".startswith(f"{each}/") for each in due)
        },
    }
