# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about a firewall that need attention although no change is needed. Pure."""

from __future__ import annotations

from .chains import not_judged, without
from .choice import choose, is_limited
from .packet_filter import Record
from .packet_filter import ports as port_range
from .rules import (
    FOLDER,
    has_port,
    identity,
    normalise,
    openings,
)

_OF_MACHINES = ("docker", "libvirt", "libvirt-routed")  # zones that hold the host's own containers and virtual machines


def remarks(
    rules: list[Record], owner: str, report: Record, requested: str = "auto", enable: bool = False
) -> list[str]:
    """Facts that need attention, one sentence each: a limit to sources that is not in force, or a host without a filter
    at all."""
    entries = normalise(rules)
    provider = choose(requested, report, enable, is_limited(entries))
    wanted = openings(entries)
    limited = sorted({f"{one['protocol']}/{one['port']}" for one in wanted if one["source"]})
    if provider == "none" and wanted:
        said = ["No firewall filters on this host: nothing had to be opened."]
        if limited:
            said.append(
                f"WARNING: the sources of {', '.join(limited)} are NOT in force, as firewall_provider: none says:"
                " everybody who reaches the host reaches the port. Leave it out, and nftables closes these ports for"
                " all other sources and touches nothing else."
            )
        return said
    # The chains of firewalld and ufw are theirs to keep in order.
    chains = [] if provider == "none" else without(report["chains"], owner)
    chains = [chain for chain in chains if chain["table"] != "firewalld"]
    said = [
        f"Whether {identity(one)} gets through was not judged: this role does not understand {'; '.join(lines)}."
        for one in wanted
        for lines in [not_judged(dict(one, zone=""), chains, report)]
        if lines
    ]
    if provider == "nftables" and wanted and not report["systemd"]:
        line = f"nft -f {FOLDER}/{owner}.nft; sh {FOLDER}/{owner}.hooks.sh"
        said.append(
            f"WARNING: this host does not run systemd: have '{line}' run at boot, after its own rules, and after"
            " whatever flushes all rules (nft -f /etc/nftables.conf does); until then the sources are not in force."
        )
    if provider == "iptables" and wanted and not report["saved"]:
        said.append(
            "iptables keeps nothing over a reboot here: install iptables-persistent (RHEL: iptables-services), or"
            " choose nftables."
        )
    if provider == "firewalld" and limited:
        zones = report["firewalld"].get("zones", {})
        free = sorted(
            name
            for name, zone in zones.items()
            if zone.get("accepts") and zone["interfaces"] and name not in _OF_MACHINES
        )
        said += [
            f"WARNING: zone {name} of firewalld accepts everything: the sources of {', '.join(limited)} are NOT in"
            f" force on {', '.join(zones[name]['interfaces'])}. Move the interface to another zone."
            for name in free
        ]
    if provider in ("ufw", "firewalld"):
        if wanted and report["provider"] != provider and not enable:
            said.append(
                f"{provider} is not active: it knows the rules, but they are not in force until somebody turns it on"
                " (firewall_enable: true)."
            )
        hand = [
            rule
            for rule in report["rules"]
            if rule["provider"] == provider and rule["owner"] != owner and not rule["source"]
        ]
        for one in wanted:
            first = port_range(one["port"])[0]
            if one["source"] and any(
                rule["protocol"] in (one["protocol"], "any") and has_port(rule["port"], first) for rule in hand
            ):
                said.append(
                    f"{identity(one)}: a rule that is not ours opens this port to everybody. Remove it by hand, or the"
                    " sources mean nothing."
                )
    return said
