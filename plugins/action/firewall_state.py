# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ..module_utils._firewall import outcomes as firewall_outcomes
from ..plugin_utils._action import HostAction
from ..plugin_utils._firewall import knock
from ..plugin_utils._input import firewall_answers
from ..plugin_utils._input.shapes import Shape
from ..plugin_utils._remote import contact as remote_contact


class ActionModule(HostAction):
    """Run the module and validate its answer. With ``prove``, also test connections from this machine."""

    def shape(self) -> Shape:
        return firewall_answers.FIREWALL_STATE

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        if not boolean(self._task.args.get("prove", False), strict=False):
            return super().run(tmp, task_vars)
        contact = remote_contact.contact(task_vars or {}, self._templar)
        way = knock.resolve(contact["address"], contact["address_port"]) if _is_direct(contact) else None
        clients = [way[1], *knock.others(way[1])] if way else []
        self._task.args["clients"] = clients
        result = super().run(tmp, task_vars)
        if result.get("failed"):
            return result
        # The host's answer extends the test only as far as the task asked for it.
        ports, sent = firewall_outcomes.ports(self._task.args.get("rules") or []), {*clients, result["seen"]}
        result["expected"] = [
            entry for entry in result["expected"] if entry["port"] in ports and entry["client"] in sent
        ]
        if not result["expected"] + result["left_out"]:
            return {**result, "tried": [], "untried": [], "wrong": []}
        if way is None:
            how = contact["connection"] if not contact["proxy"] else contact["proxy"]
            untried = f"No client tried the ports: this machine has no connection of its own to this host ({how})."
            return {**result, "tried": [], "untried": [untried], "wrong": []}
        return {**result, **_tries(result, *way, contact["address_port"])}


def _is_direct(contact: dict[str, Any]) -> bool:
    """Tell whether Ansible's own connection is one from this machine to the host: then others from here have the same
    way."""
    words = " ".join(contact["ssh_args"]).lower()
    return (
        contact["connection"] in remote_contact.SSH
        and not contact["proxy"]
        and "-j" not in words.split()
        and "proxy" not in words
    )


def _tries(result: dict[str, Any], address: str, own: str, ssh: int) -> dict[str, list[str]]:
    """Try the ports, from addresses from which SSH answers: from others nothing can be learnt."""
    entries = result["expected"]
    clients = list(dict.fromkeys(entry["client"] for entry in entries))
    seen = result["seen"] or own
    sources = (
        {seen: own} if seen != own else {client: client for client in clients}
    )  # behind NAT, one address is all that a host sees
    answers = knock.all_at_once([(address, ssh, source) for source in sources.values()])
    there = {client for client, answer in zip(sources, answers) if answer == "connected"}
    entries = [entry for entry in entries if entry["client"] in there]
    if not entries and result["expected"]:
        untried = [
            f"No client tried the ports: SSH on port {ssh} of {address} does not answer this machine either, but"
            " through another way."
        ]
        return {"tried": [], "untried": untried, "wrong": []}
    chosen = firewall_outcomes.worth_trying(entries, seen)
    outcomes = knock.all_at_once([(address, entry["port"], sources[entry["client"]]) for entry in chosen])
    said = [firewall_outcomes.conclude(entry, outcome) for entry, outcome in zip(chosen, outcomes)]
    return {
        "tried": [text for right, text in said if right],
        "wrong": [text for right, text in said if not right],
        "untried": [*firewall_outcomes.missing(entries, chosen), *result["left_out"]],
    }
