# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources that a run lists as its own, those left of earlier runs, and those that stay. Pure."""

from __future__ import annotations

import hashlib
import posixpath
from typing import TYPE_CHECKING, cast

from .._environment import environments
from .._jupyter import conflicts, removal, throttle
from . import interpreters, layout

if TYPE_CHECKING:
    from .._records import HostInstance, Plan, Resource
    from .._report_records import Report


def manifest(wanted: list[Resource]) -> list[Resource]:
    """Return the manifest's entry of each resource: enough to find it again and to remove it, without fields that
    change without need."""
    keys = (
        "id",
        "kind",
        "instance",
        "path",
        "owner",
        "shared",
        "keep",
        "manager",
        "user",
        "port",
        "tmux",
        "alone",
        "origin",
        "backup",
        "mover",
    )
    listed = [{key: fields[key] for key in (*keys, "account") if key in fields} for fields in map(dict, wanted)]
    return cast("list[Resource]", listed)


def journal(wanted: list[Resource]) -> list[Resource]:
    """Return the manifest for the time of a run: a resource that is about to be moved aside may still be in its old
    place."""
    due = {thing["id"] for thing in wanted if thing["kind"] == "stranger" and thing.get("due")}
    return [{**thing, "due": True} if thing["id"] in due else thing for thing in manifest(wanted)]


def revision(instance: HostInstance, wanted: list[Resource], unstamped: str) -> str:
    """Fingerprint the inputs of a server's start: its environment, the files it reads at the start, and its
    command.

    The certificate is left out: it is read anew at each connection, so a new one is no reason to restart.

    :param unstamped: the text that starts the server, rendered without its revision.
    """
    parts = [instance["environment"], unstamped]
    for thing in wanted:
        if (
            thing["kind"] == "file"
            and (thing["stage"] in ("configure", "service") or thing.get("runs"))
            and thing["instance"] in (instance["name"], "")
            and "digest" in thing
            and not thing.get("live")
        ):
            parts.append(f"{thing['path']} {thing['digest']}")
        # It may have been read, so a server from before the move differs from the wanted one, however long its restart
        # has to wait.
        if (
            thing["kind"] == "shadow"
            and thing["account"] in ("", instance["user"])
            and conflicts.is_read(thing["origin"])
        ):
            parts.append(f"{thing['origin']} moved aside")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def orphans(plan: Plan, wanted: list[Resource], report: Report) -> list[Resource]:
    """Return the resources that the manifest lists and the plan no longer has.

    Packages that came with us go with our last server; any other is none of ours. Rules and tunnel accounts have
    comparisons of their own.
    """
    if removal.unnamed(plan, report) and not plan["prune"]:
        return []
    staying = {thing["id"] for thing in [*wanted, *kept(plan, wanted, report)]}
    left = [
        thing
        for thing in report["manifest"]
        if thing["id"] not in staying and thing["kind"] not in ("rule", "tunnel", "environment")
    ]
    left = [thing for thing in left if _is_likely(plan, thing, report)]
    left = [thing for thing in left if thing["kind"] != "package" or (thing.get("ours") and not plan["instances"])]
    old = _old_environments(plan, wanted, report)
    # The last of this list goes first: an interpreter outlives the environments on it.
    return [*left, *interpreters.unneeded(plan, report, [thing["path"] for thing in old]), *old]


def _is_likely(plan: Plan, thing: Resource, report: Report) -> bool:
    """Tell whether a run of ours could have created a path of the manifest. A manifest may be damaged, and a resource
    it names is deleted.

    Resources in other places on purpose, notebooks and traces, are removed with the rights of their account, and
    folders of others only when they are empty.
    """
    path = thing.get("path")
    if path is None or thing.get("keep") or thing.get("shared"):
        return True
    home = report["system"]["home"]
    folders = [layout.home_path(plan["prefix"], home), layout.home_path(plan["config_dir"], home)]
    return (
        any(f"{path}/".startswith(f"{folder}/") for folder in folders)
        or path.startswith(f"{layout.home_path(layout.unit_dir(plan['scope']), home)}/jupyter@")
        or path in throttle.FILES
        or path in [f"/etc/systemd/system/{unit}" for unit in layout.ACME_UNITS]
        or (
            posixpath.dirname(path) == posixpath.dirname(layout.CRON)
            and posixpath.basename(path).startswith("remote-notebooks-")
        )
    )


def strange(plan: Plan, report: Report) -> list[str]:
    """Name the entries of the list that no run of ours can have created: nothing is done with them."""
    names = [thing["path"] for thing in report["manifest"] if not _is_likely(plan, thing, report)]
    manifest_file = layout.home_path(f"{plan['prefix']}/manifest.json", report["system"]["home"])
    return [f"{manifest_file} names {name}, which is none of ours. It stays as it is." for name in names]


def _old_environments(plan: Plan, wanted: list[Resource], report: Report) -> list[Resource]:
    """Return the environments that may go. The folder itself is asked, not the manifest: those that are kept for a
    rollback stand in none."""
    if not plan["instances"]:
        paths = sorted(report["environments"])
    else:
        needed = [thing["path"] for thing in wanted if thing["kind"] == "environment"]
        missing = [
            thing for thing in wanted if thing["kind"] == "environment" and thing["path"] not in report["environments"]
        ]
        replaced = [thing.get("before", "") for thing in missing]
        keep, aim = plan.get("keep_environments", 1), plan.get("aim", environments.KEEP)
        paths = environments.unneeded(
            needed, report["environments"], report.get("used", []), keep, aim, replaced=replaced
        )
    return [{"id": f"environment {path}", "kind": "environment", "instance": "", "path": path} for path in paths]


def kept(plan: Plan, wanted: list[Resource], report: Report) -> list[Resource]:
    """Return the resources that stay although the plan no longer has them: those without a request for removal, and
    foreign (:mod:`removal`).

    With that stay the folders above it, and the account that owns it.
    """
    identities = {thing["id"] for thing in wanted}
    left = [thing for thing in report["manifest"] if thing["id"] not in identities]
    staying = removal.staying(plan, report, left)
    below = [
        *(thing["path"] for thing in staying if "path" in thing),
        layout.home_path(f"{plan['prefix']}/manifest.json", report["system"]["home"]),
    ]

    def stays(thing: Resource) -> bool:
        above = staying and thing.get("shared") and any(path.startswith(f"{thing['path']}/") for path in below)
        return bool(thing in staying or above)

    return [thing for thing in left if stays(thing)]
