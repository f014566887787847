# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The openings of a host: those that are there, those that let a client in. Pure."""

from __future__ import annotations

import ipaddress

from .chains import blocking, not_judged
from .packet_filter import Record
from .rules import (
    SAME,
    has_port,
    normalise,
    openings,
    owner_of,
)


def admits(report: Record, protocol: str, port: int, source: str) -> bool | None:
    """Whether the host's own firewall lets a new connection from ``source`` (an address or CIDR) in; ``None``: this
    report cannot tell.

    Where it does, the server listens and a client still runs into a time-out, the packet is lost before the host: a
    cloud's security group, or a router that forwards no port.
    """
    if report["provider"] == "none" or (report["provider"] == "ufw" and report.get("ufw_accepts")):
        return True
    opening = {"protocol": protocol, "port": str(port), "source": source, "interface": "", "zone": "", "limit": ""}
    if report["provider"] in ("nftables", "iptables"):
        stopped = bool(blocking(opening, report["chains"], report))
        return None if not_judged(opening, report["chains"], report, "accept" if stopped else "drop") else not stopped
    found = [
        rule
        for rule in report["rules"]
        if rule["provider"] == report["provider"]
        and rule["protocol"] in (protocol, "any")
        and has_port(rule["port"], port)
    ]
    if any(not rule["source"] or _inside(source, rule["source"]) for rule in found):
        return True
    return None if report["provider"] == "firewalld" else False


def _inside(source: str, whole: str) -> bool:
    one, other = ipaddress.ip_network(source, strict=False), ipaddress.ip_network(whole)
    return one.version == other.version and one.subnet_of(other)  # type: ignore[arg-type]


def same(one: Record, other: Record) -> bool:
    """Whether two openings are equal, apart from their comments."""
    protocols = one["protocol"] == other["protocol"] or "any" in (one["protocol"], other["protocol"])
    return protocols and all(one[key] == other[key] for key in SAME if key != "protocol")


def existing(owner: str, report: Record) -> list[Record]:
    """The openings of this owner that the host has, each with its ``provider``."""
    found = [rule for rule in report["rules"] if rule["owner"] == owner]
    for chain in report["chains"]:
        for rule in chain["rules"]:
            said = {field: values[0] for field, operator, values in rule["when"] if operator == "in" and values}
            if owner_of(rule["comment"]) == owner and rule["verdict"] in ("accept", "return") and "port" in said:
                opening = {
                    "protocol": said.get("protocol", ""),
                    "port": said["port"],
                    "source": said.get("source", ""),
                    "interface": said.get("interface", ""),
                }
                found.append(
                    dict(
                        opening,
                        zone="",
                        limit="",
                        comment=rule["comment"],
                        owner=owner,
                        provider=chain.get("managed", "nftables"),
                    )
                )
    return found


def standing(rules: list[Record], owner: str, report: Record) -> list[Record]:
    """The rules of this owner in force on the host for ports that ``rules`` no longer name, as a user would write them.

    A server that is to leave its port listens there until it has restarted: with its rules gone before, a port that
    they close would be open.
    """
    wanted = {(opening["protocol"], opening["port"]) for opening in openings(normalise(rules))}
    sources: dict[tuple[str, str], set[str]] = {}
    for opening in existing(owner, report):
        if opening["provider"] == report["provider"]:
            sources.setdefault((opening["protocol"], opening["port"]), set()).add(opening["source"])
    return [
        {"port": port, "protocol": protocol, "sources": [] if "" in found else sorted(found)}
        for (protocol, port), found in sorted(sources.items())
        if (protocol, port) not in wanted and protocol in ("tcp", "udp")
    ]


def former(rules: list[Record], owner: str, report: Record) -> list[Record]:
    """These rules as far as this owner's were in force at the time of the report: the part that is left when all that
    was opened since is closed."""
    there = {
        (one["protocol"], one["port"], one["source"])
        for one in existing(owner, report)
        if one["provider"] == report["provider"]
    }
    kept = []
    for rule, entry in zip(rules, normalise(rules)):
        found = [one["source"] for one in openings([entry]) if (one["protocol"], one["port"], one["source"]) in there]
        if found:  # a rule with an empty list of sources is one for anybody
            kept.append({**rule, "sources": [source for source in found if source]})
    return kept
