# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Openings in the terms of firewalld: zones, rich rules, our own record of them. Pure."""

from __future__ import annotations

import ipaddress

from .choice import zone_of
from .openings import same
from .packet_filter import Record
from .rules import (
    SAME,
    comment,
    has_port,
    overlap,
)


def resolve(wanted: list[Record], provider: str, report: Record) -> list[Record]:
    """The openings in the provider's own terms: firewalld knows no interface, and needs each zone in which such a
    connection can arrive."""
    if provider != "firewalld":
        return [dict(opening, zone="") for opening in wanted]
    return [dict(opening, interface="", zone=zone) for opening in wanted for zone in _zones_for(opening, report)]


def _zones_for(opening: Record, report: Record) -> list[str]:
    """The zones of firewalld that decide about an opening.

    A connection belongs to the zone that its source is bound to, else to that of its interface, else to the default
    zone (firewalld.zones(5)). A zone that accepts everything, as Docker's own, needs no rule.
    """
    said = report.get("firewalld", {})
    default, zones = said.get("default", "public"), said.get("zones", {})
    if opening["zone"] or opening["interface"]:
        return [opening["zone"] or zone_of(opening["interface"], report) or default]
    used = {zone_of(name, report) or default for name in report.get("interfaces", [])} or {default}
    bound = {
        name
        for name, zone in zones.items()
        for source in zone.get("sources", [])
        if _may_hold(source, opening["source"])
    }
    return sorted(name for name in used | bound if not zones.get(name, {}).get("accepts")) or [default]


def _may_hold(bound: str, source: str) -> bool:
    """Whether a source of a zone (a network; a MAC address or a set says nothing about networks) can hold a client of
    this opening."""
    try:
        ipaddress.ip_network(bound, strict=False)
    except ValueError:
        return True
    return overlap(str(ipaddress.ip_network(bound, strict=False)), source)


def rich_rule(opening: Record) -> str:
    """The opening in firewalld's rich language, in the form in which firewalld lists it (firewalld.richlanguage(5))."""
    words = ["rule"]
    if opening["source"]:
        words.append(f'family="{"ipv6" if ":" in opening["source"] else "ipv4"}" source address="{opening["source"]}"')
    words.append(f'port port="{opening["port"]}" protocol="{opening["protocol"]}" accept')
    if opening["limit"]:
        count, per = opening["limit"].split("/")
        words.append(f'limit value="{count}/{per[0]}"')
    return " ".join(words)


def ledger(wanted: list[Record], owner: str, report: Record) -> list[Record]:
    """The wanted openings (in firewalld's terms) that are ours: all but those that exist there by somebody else's
    hand."""
    others = [rule for rule in report["rules"] if rule["provider"] == "firewalld" and rule["owner"] != owner]
    return [
        dict({key: opening[key] for key in SAME}, comment=comment(opening, owner))
        for opening in wanted
        if not any(same(rule, opening) for rule in others)
    ]


def ssh_to_open(report: Record, provider: str) -> list[int]:
    """The ports of SSH that no rule of this provider opens to everybody yet."""
    rules = [
        rule
        for rule in report["rules"]
        if rule["provider"] == provider and not rule["source"] and not rule["interface"]
    ]
    zones = ssh_zones(report) if provider == "firewalld" else [""]
    return [
        port
        for port in report["ssh_ports"]
        if not all(any(rule["zone"] == zone and has_port(rule["port"], port) for rule in rules) for zone in zones)
    ]


def ssh_zones(report: Record) -> list[str]:
    """The zones of firewalld by which an SSH connection may come."""
    return _zones_for({"zone": "", "interface": "", "source": ""}, report)
