# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of ufw and firewalld that bring a host's rules to the wanted state. Pure: no I/O, no Ansible.

The differences are known rule by rule already, and each tool adds or removes one rule with one command. So no
collection is needed for it, which a control node may lack: nobody finds out in the middle of a run.
"""

from __future__ import annotations

from .packet_filter import Record
from .zones import rich_rule, ssh_to_open, ssh_zones

SSH = "remote.notebooks/ssh"


def commands(found: list[Record], provider: str, report: Record) -> list[list[str]]:
    """The commands to run, in order: SSH is allowed before a firewall is enabled, and new rules exist before any rule
    goes.

    :param found: the part of :func:`compare.difference` that this provider holds, each with its ``comment``.
    """
    off = any(entry["id"] == provider for entry in found)
    rules = [entry for entry in found if entry["opening"]]
    return _ufw(rules, off, report) if provider == "ufw" else _firewalld(rules, off, report)


def _ufw(rules: list[Record], off: bool, report: Record) -> list[list[str]]:
    result = []
    for port in ssh_to_open(report, "ufw") if off else []:
        everybody = {"protocol": "tcp", "source": "", "port": str(port), "interface": "", "limit": ""}
        result.append(["ufw", *_ufw_rule(everybody), "comment", SSH])
    for entry in _in_order(rules, ("missing", "unwanted")):
        words = _ufw_rule(entry["opening"])
        # With another comment than the rule's own, ufw deletes nothing.
        result.append(
            ["ufw", "delete", *words] if entry["what"] == "unwanted" else ["ufw", *words, "comment", entry["comment"]]
        )
    if off:
        result.append(["ufw", "--force", "enable"])
    elif report["provider"] == "ufw" and any(entry["what"] == "inactive" for entry in rules):
        result.append(["ufw", "reload"])
    return result


def _ufw_rule(opening: Record) -> list[str]:
    """ufw(8), "RULE SYNTAX"."""
    place = ["in", "on", opening["interface"]] if opening["interface"] else []
    port = opening["port"].replace("-", ":")
    words = [*place, "proto", opening["protocol"], "from", opening["source"] or "any", "to", "any", "port", port]
    return ["limit" if opening["limit"] else "allow", *words]


def _firewalld(rules: list[Record], off: bool, report: Record) -> list[list[str]]:
    """firewall-cmd(1), and firewall-offline-cmd(1) where no daemon runs: it writes the same files."""
    runs = report["provider"] == "firewalld"
    ssh = [(port, zone) for port in ssh_to_open(report, "firewalld") for zone in ssh_zones(report)] if off else []
    result = [["firewall-offline-cmd", f"--zone={zone}", f"--add-port={port}/tcp"] for port, zone in ssh]
    if runs and any(entry["what"] == "inactive" for entry in rules):
        result.append(["firewall-cmd", "--reload"])
    for entry in _in_order(rules, ("missing", "inactive", "unwanted")):
        opening = entry["opening"]
        words = [
            f"--zone={opening['zone']}",
            f"--{'remove' if entry['what'] == 'unwanted' else 'add'}-rich-rule={rich_rule(opening)}",
        ]
        result += (
            [["firewall-cmd", "--permanent", *words], ["firewall-cmd", *words]]
            if runs
            else [["firewall-offline-cmd", *words]]
        )
    return result


def _in_order(rules: list[Record], order: tuple[str, ...]) -> list[Record]:
    return [entry for what in order for entry in rules if entry["what"] == what]


__all__ = ["commands"]
