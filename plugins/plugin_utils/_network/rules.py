# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firewall rules and tunnel accounts as differences. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from .._jupyter.strangers import FIREWALL_OWNER
from .._state import layout

if TYPE_CHECKING:
    from .._records import Change, Plan, Resource
    from .._report_records import FirewallPicture, Report


def as_json(picture: FirewallPicture) -> dict[str, Any]:
    """Return the picture as the host side takes it: plain JSON."""
    return cast("dict[str, Any]", picture)


def firewall_provider(plan: Plan, picture: FirewallPicture) -> str:
    from ...module_utils._firewall import choice

    limited = any(rule["sources"] for rule in plan["firewall_rules"])
    return choice.choose(plan["firewall"]["provider"], as_json(picture), plan["firewall"]["enable"], limited)


def rule_changes(plan: Plan, report: Report) -> list[Change]:
    """Return the differences of the host's firewall. The role ``firewall`` decides about the consequences.

    :raises FirewallError: for rules that must not be applied here.
    """
    if report["firewall"] is None:
        return []
    from ...module_utils._firewall import compare

    wishes = plan["firewall"]
    entries = compare.difference(
        plan["firewall_rules"],
        FIREWALL_OWNER,
        as_json(report["firewall"]),
        requested=wishes["provider"],
        enable=wishes["enable"],
        apart=False,
    )
    return [
        {
            "id": f"rule {entry['id']}",
            "kind": "rule",
            "stage": "firewall",
            "instance": "",
            "what": entry["what"],
            "found": entry["what"],
            "wanted": "present" if entry["what"] != "unwanted" else "absent",
            "text": f"rule {compare.sentence(entry)}",
        }
        for entry in entries
    ]


def standing_rules(plan: Plan, report: Report) -> list[dict[str, Any]]:
    """Return the rules of ours in the host's firewall for ports that the plan no longer names, while servers may still
    have to leave them."""
    if report["firewall"] is None or not plan["instances"]:
        return []
    from ...module_utils._firewall import openings

    return openings.standing(plan["firewall_rules"], FIREWALL_OWNER, as_json(report["firewall"]))


def former_rules(plan: Plan, report: Report) -> list[dict[str, Any]]:
    """Return the plan's rules as far as they are in force already: those that stay where this run fails once it has
    opened the others."""
    if report["firewall"] is None:
        return []
    from ...module_utils._firewall import openings

    return openings.former(plan["firewall_rules"], FIREWALL_OWNER, as_json(report["firewall"]))


def listed_rules(wanted: list[Resource], report: Report) -> list[Resource]:
    """Return the rules that the list names and the plan no longer has. Where none is listed, no run reads the
    firewall: the one of a port that a server has still to leave would stay for ever.
    """
    staying = {thing["id"] for thing in wanted}
    return [thing for thing in report["manifest"] if thing["kind"] == "rule" and thing["id"] not in staying]


def but_waiting_rules(plan: Plan, changes: list[Change], report: Report) -> list[Change]:
    """Return the changes without those of the firewall that wait, as a restart does: a rule stays until its server has
    left the port."""
    if not any(change["kind"] == "service" for change in changes):
        return changes
    rules = [*plan["firewall_rules"], *standing_rules(plan, report)]
    return [
        *(change for change in changes if change["kind"] != "rule"),
        *rule_changes({**plan, "firewall_rules": rules}, report),
    ]


def tunnel_changes(plan: Plan, report: Report) -> list[Change]:
    """Return the differences of the tunnel accounts. The role ``tunnel`` decides about the consequences."""
    if report["tunnel"] is None:
        return []
    from ...module_utils._tunnel import difference as tunnel_difference

    entries = tunnel_difference.difference(plan["tunnel"]["accounts"], report["tunnel"], layout.TUNNEL_OWNER)
    return [
        {
            "id": f"tunnel {entry['id']}",
            "kind": "tunnel",
            "stage": "tunnel",
            "instance": "",
            "what": entry["kind"],
            "found": entry["kind"],
            "wanted": "absent" if entry["kind"] == "unwanted" else "present",
            "text": entry["text"],
        }
        for entry in entries
    ]
