# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removal of resources, and the scope of each verb: a resource is removed only on request. Pure: no I/O, no Ansible.

It is said by ``state: absent``, by ``uninstall``, or by a run that is told to prune. A server of ours of which the
inventory says nothing ends a run before its first change: another inventory, or the ``vars`` of a play, may be where it
is named. docs/operations.md has the rules as a table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .._plan.plan import DAY2

if TYPE_CHECKING:
    from .._records import Change, Plan, Resource
    from .._report_records import Report

#: The subject of each verb, for its refusals.
SUBJECTS = {
    "rotate_password": "passwords",
    "upgrade": "the environments of servers",
    "rollback": "the environments of servers",
    "renew": "certificates",
}
#: Files that each run renews, and that it does not know before: certificates, and keys between hubs and servers.
LIVE = ("/tls.pem", "/remote_kernels.json", "/kernel_keys.json")
#: So many differences are told.
TOLD = 5


def found(report: Report) -> dict[str, Resource]:
    """Return the servers that the host's own list names: the service of each, by the instance's name."""
    return {
        thing["instance"]: thing for thing in report["manifest"] if thing["kind"] == "service" and thing["instance"]
    }


def unnamed(plan: Plan, report: Report) -> list[str]:
    """Return the servers on the host of which the inventory says nothing."""
    return sorted(set(found(report)) - {item["name"] for item in plan["instances"]} - set(plan["absent"]))


def _going(plan: Plan, report: Report) -> set[str]:
    return set(plan["absent"]) | (set(unnamed(plan, report)) if plan["prune"] else set())


def is_said(plan: Plan, report: Report, thing: Resource) -> bool:
    """Tell whether the user requested the removal of a notebook folder, files of servers in a home, or an account.

    Each goes with the servers it was created for. One that is left over because the inventory has another ``user`` or
    ``root_dir`` now stays.
    """
    if plan["prune"]:
        return True
    going = _going(plan, report)
    if thing["instance"]:
        return thing["instance"] in going
    account = thing["id"].split(" ", 1)[1] if thing["kind"] == "account" else thing.get("owner")
    users = {
        other["instance"]
        for other in report["manifest"]
        if account == other.get("user" if other["kind"] == "service" else "owner")
    }
    return users - {""} != set() and users - {""} <= going


def refusals(plan: Plan, report: Report) -> list[str]:
    """Name the servers about which the inventory and the host do not agree, where this run must not decide that."""
    verb, here = plan["verb"], found(report)
    strange = unnamed(plan, report)
    if verb in ("report", "uninstall"):
        return []  # the one only says it, and the other was asked for all of them
    if not verb:
        return [_unnamed(strange, here)] if strange and not plan["prune"] else []
    leaving = [name for name in plan["absent"] if name in here]
    missing = [item["name"] for item in plan["instances"] if item["name"] not in here]
    problems = [
        *([f"{_listed(strange, here)}: here, and the inventory says nothing of them."] if strange else []),
        *(
            [f"{_listed(leaving, here)}: here, and the inventory says state: absent. site.yml removes them."]
            if leaving
            else []
        ),
        *(
            [f"{', '.join(missing)}: not here, though the inventory names them. site.yml creates them."]
            if missing
            else []
        ),
    ]
    if not problems:
        return []
    return [
        f"{verb}.yml creates no server and removes none, so the inventory has to name those that are here, and no"
        " others.\n"
        + "".join(f"  {problem}\n" for problem in problems)
        + "Use the inventory that describes this host; where a play does so in its vars, put them into it, or give them"
        " with -e @file.yml. Nothing was changed."
    ]


def _unnamed(names: list[str], here: dict[str, Resource]) -> str:
    return (
        f"There are servers here of which the inventory says nothing: {_listed(names, here)}. Nothing was changed. Name"
        " each in jupyter_instances - with state: absent where it is to go - or, if another inventory or the vars of a"
        " play name them, use that. To remove all that is not named: -e jupyter_prune=true"
    )


def _listed(names: list[str], here: dict[str, Resource]) -> str:
    return ", ".join(
        f"{name} (port {here[name].get('port', '?')}, account {here[name].get('user') or 'of the login'})"
        for name in names
    )


def beyond(verb: str, changes: list[Change]) -> list[str]:
    """Refuse a verb on a host that differs from the inventory in more than the verb is about: it would mend, add or
    remove that as well.

    :param changes: the changes of the main job, without the verb.
    """
    if verb not in DAY2:
        return []
    own = _own(verb, changes)
    other = [change["text"] for change in changes if not own(change)]
    if not other:
        return []
    more = f"  and {len(other) - TOLD} more\n" if len(other) > TOLD else ""
    return [
        f"{verb}.yml changes {SUBJECTS[verb]} and nothing else, and this host differs from the inventory in more than"
        " that:\n"
        + "".join(f"  {text}\n" for text in other[:TOLD])
        + more
        + "Use the inventory that describes these servers; if this is the one, run site.yml first, which mends that."
        " Nothing was changed."
    ]


def _own(verb: str, changes: list[Change]) -> Callable[[Change], bool]:
    """Return a function that tells whether a change is none of the inventory's: a verb's own, or one that waits from an
    earlier run."""
    passwords = verb == "rotate_password" and any(_is_password(change) for change in changes)
    # The manifest is the last file that a run writes. If it differs, a run was interrupted.
    unfinished = any(change["stage"] == "manifest" for change in changes)

    def own(change: Change) -> bool:
        if change["stage"] == "manifest" or change["kind"] == "service":
            return True  # a restart that is due, and the list that waits for it
        if change["kind"] == "environment":
            return bool(change["what"] == "unwanted" or change["found"] != "absent")
        if change["what"] == "content" and change["id"].endswith(LIVE):
            return True
        if (
            change["what"] == "content"
            and change["instance"]
            and (change["stage"] == "service" or change["id"].endswith("/kernel.json"))
        ):
            # The start of a server, or a kernel, depends on its environment, and the hash of its password is a part of
            # that.
            return passwords or (unfinished and verb in ("upgrade", "rollback"))
        return passwords and _is_password(change)

    return own


def _is_password(change: Change) -> bool:
    return bool(change["what"] == "content" and change["id"].endswith("/hashed_password"))


def remarks(plan: Plan, report: Report) -> list[str]:
    """Name the accounts that stay although no server of the inventory uses them, and why."""
    # Those whose notebooks stay are no surprise.
    owners = {f"account {thing.get('owner')}" for thing in report["manifest"] if _is_full(plan, report, thing)}
    told = []
    for name, home in report["homes"].items():
        thing: Resource = {"id": f"account {name}", "kind": "account", "instance": ""}
        if thing["id"] in owners:
            continue
        if home["strangers"]:
            told.append(
                f"The account '{name}' stays, for its home {home['path']} holds what no run of ours put there:"
                f" {', '.join(home['strangers'])}. To remove both, on the host: sudo userdel --remove {name}"
            )
        elif not is_said(plan, report, thing):
            told.append(
                f"The account '{name}' stays, though no server uses it any more. To remove it with its home: -e"
                " jupyter_prune=true"
            )
    return told


def _is_full(plan: Plan, report: Report, thing: Resource) -> bool:
    """Tell whether a folder of notebooks has something in it that stays."""
    entries = (report["paths"].get(thing.get("path", "")) or {}).get("entries")
    return bool(thing.get("keep") and entries and (plan["keep_notebooks"] or not is_said(plan, report, thing)))


def staying(plan: Plan, report: Report, left: list[Resource]) -> list[Resource]:
    """Return the resources that stay although the plan no longer has them: notebooks, accounts that own them, and
    homes with something of somebody's."""
    owners = {f"account {thing.get('owner')}" for thing in left if _is_full(plan, report, thing)}

    def stays(thing: Resource) -> bool:
        if thing["kind"] != "account":
            return _is_full(plan, report, thing)
        home = report["homes"].get(thing["id"].split(" ", 1)[1])
        return thing["id"] in owners or bool(home and (home["strangers"] or not is_said(plan, report, thing)))

    return [thing for thing in left if stays(thing)]
