#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: firewall_state
short_description: Compare a host's firewall with a list of rules (internal)
description:
  - Reads the firewall of a host in one round trip and reports each rule that differs from the list. Changes nothing.
  - Role P(remote.notebooks.firewall#role) runs it first and skips everything else when nothing differs.
author:
  - The remote.notebooks founders (@remote-notebooks)
extends_documentation_fragment:
  - remote.notebooks.attributes.host
  - remote.notebooks.attributes.reads
options:
  rules:
    description: The openings that are wanted, as O(remote.notebooks.firewall#role:main:firewall_rules) describes them.
    type: list
    elements: dict
    default: []
  owner:
    description: Whose rules these are. Rules of another owner, or created by hand, are not compared.
    type: str
    required: true
  provider:
    description: >-
      The firewall that holds the rules. V(auto) takes the one that is active; where none is, nftables for rules with
      sources, in a table of our own.
    type: str
    choices: [auto, ufw, firewalld, nftables, iptables, none]
    default: auto
  enable:
    description: Whether a firewall may be installed and turned on.
    type: bool
    default: false
  prove:
    description:
      - Whether the control node tries the TCP ports of O(rules), from an address of its own that is among the sources
        and from one that is not.
      - Only over SSH without a jump host. RV(untried) lists the tests that were impossible.
    type: bool
    default: false
  clients:
    description: Addresses of the control node. With O(prove) it fills them in itself.
    type: list
    elements: str
    default: []
notes:
  - It needs root, as the tools it asks do.
"""

EXAMPLES = r"""
- name: Ask what is missing
  remote.notebooks.firewall_state:
    owner: jupyter
    rules:
      - {port: 8888, sources: [192.0.2.0/24, "2001:db8::/32"]}
  register: firewall

- name: Say it
  ansible.builtin.debug:
    var: firewall.difference
"""

RETURN = r"""
provider:
  description: The firewall that holds the rules, or is to hold them. V(none) where nothing filters.
  type: str
  returned: always
  sample: ufw
active:
  description: The firewall that filters on the host now.
  type: str
  returned: always
  sample: ufw
installed:
  description: The firewalls whose tool the host has.
  type: list
  elements: str
  returned: always
difference:
  description:
    - The necessary changes, an entry for each rule, with RV(ignore:id), RV(ignore:what), RV(ignore:provider),
      RV(ignore:opening) and RV(ignore:detail).
    - An empty list means that there is nothing to do.
  type: list
  elements: dict
  returned: always
  sample: [{id: tcp/8888 from 192.0.2.0/24, what: missing, provider: ufw, detail: ""}]
remarks:
  description: Facts that need attention although no change is needed, for instance that nothing on this host enforces
    the
    sources.
  type: list
  elements: str
  returned: always
ledger:
  description: The part of RV(wanted) that belongs to this owner in firewalld, whose rules carry no mark of their own.
  type: list
  elements: dict
  returned: always
ledger_before:
  description: The same as the host has it written down now.
  type: list
  elements: dict
  returned: always
sentences:
  description: RV(difference) for people, one sentence each.
  type: list
  elements: str
  returned: always
  sample: ["missing in ufw: tcp/8888 from 192.0.2.0/24"]
blocked:
  description: Those of RV(sentences) where another rule of the host drops the connection; each names the cure.
  type: list
  elements: str
  returned: always
systemd:
  description: Whether systemd is the host's first process.
  type: bool
  returned: always
wanted:
  description: The rules one source at a time, in the terms of RV(provider).
  type: list
  elements: dict
  returned: always
ssh_to_open:
  description: The ports of SSH that must be opened before RV(provider) may be turned on.
  type: list
  elements: int
  returned: always
ssh_zones:
  description: The zones of firewalld in which they must be.
  type: list
  elements: str
  returned: always
seen:
  description: The address by which the host sees the control node; empty where the connection is not SSH.
  type: str
  returned: always
expected:
  description: For each TCP port of O(rules) and each of O(clients), whether it is among the sources, and the
    effect of the rule set on it.
  type: list
  elements: dict
  returned: always
left_out:
  description: The rules that no connection of the control node can prove, and why; with O(prove).
  type: list
  elements: str
  returned: always
tried:
  description: The tests of the control node, one sentence each.
  type: list
  elements: str
  returned: with O(prove)
  sample: ["tcp/8888 from 192.0.2.10, which is not among the sources: is shut out."]
untried:
  description: The tests that were impossible.
  type: list
  elements: str
  returned: with O(prove)
wrong:
  description: Where a connection ended otherwise than the rules say.
  type: list
  elements: str
  returned: with O(prove)
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors import FirewallError
from ..module_utils._firewall.choice import choose, is_limited
from ..module_utils._firewall.compare import difference, sentence
from ..module_utils._firewall.observation.report import listening, read
from ..module_utils._firewall.outcomes import expected, left_out
from ..module_utils._firewall.packet_filter import Record
from ..module_utils._firewall.remarks import remarks
from ..module_utils._firewall.rules import PROVIDERS, comment, normalise, openings
from ..module_utils._firewall.zones import ledger, resolve, rich_rule, ssh_to_open, ssh_zones

ARGUMENTS = {
    "rules": {"type": "list", "elements": "dict", "default": []},
    "owner": {"type": "str", "required": True},
    "provider": {"type": "str", "choices": ["auto", *PROVIDERS], "default": "auto"},
    "enable": {"type": "bool", "default": False},
    "prove": {"type": "bool", "default": False},
    "clients": {"type": "list", "elements": "str", "default": []},
}


def _to_try(rules: list[Record], report: Record, provider: str, given: Record) -> Record:
    """Return the expected results of clients. Empty if the rules are not in force, because the user has allowed
    that."""
    seen = report["ssh"].get("client", "")
    if not given["prove"] or provider != report["provider"]:
        return {"seen": seen, "expected": [], "left_out": []}
    clients = list(dict.fromkeys([*given["clients"], *([seen] if seen and given["clients"] else [])]))
    return {"seen": seen, "expected": expected(rules, report, clients, listening()), "left_out": left_out(rules)}


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    given = module.params
    report = read(module.run_command)
    try:
        asked = {"requested": given["provider"], "enable": given["enable"]}
        rules = normalise(given["rules"])
        provider = choose(report=report, limited=is_limited(rules), **asked)
        result = {
            "provider": provider,
            "active": report["provider"],
            "installed": report["installed"],
            "difference": difference(rules, given["owner"], report, **asked),
            "remarks": remarks(rules, given["owner"], report, **asked),
            "wanted": resolve(openings(rules), provider, report),
            "ssh_to_open": ssh_to_open(report, provider),
            "ssh_zones": ssh_zones(report) if provider == "firewalld" else [],
            "systemd": report["systemd"],
            "ledger_before": report["firewalld"].get("ledger", {}).get(given["owner"], []),
        }
        result.update(_to_try(rules, report, provider, given))
        result["ledger"] = ledger(result["wanted"], given["owner"], report) if provider == "firewalld" else []
        result["sentences"] = [sentence(entry) for entry in result["difference"]]
        result["blocked"] = [sentence(entry) for entry in result["difference"] if entry["what"] == "blocked"]
        for entry in result["difference"]:
            if entry["opening"]:
                entry.update(comment=comment(entry["opening"], given["owner"]), rich_rule=rich_rule(entry["opening"]))
    except FirewallError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
