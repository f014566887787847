# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chains of a host without ours, and where they stop a connection. Pure."""

from __future__ import annotations

from .packet_filter import ANY, Record, doubts, family, interfaces, may_pass, obstacles
from .rules import owner_of


def table(owner: str) -> str:
    """Name of our own nftables table."""
    return f"remote_notebooks_{owner}"


def gate(owner: str) -> str:
    """Name of our own iptables chain (at most 28 characters, XT_EXTENSION_MAXNAMELEN)."""
    return f"rn_{owner}"


def is_foreign(chain: Record, owner: str) -> bool:
    """Whether a chain has the place of ours, and holds rules that we have not put there."""
    if chain["table"] != table(owner) and chain["name"] != gate(owner):
        return False
    own = [["interface", "in", ["lo"]]]
    return any(
        owner_of(rule["comment"]) != owner and not (rule["when"] == own and rule["verdict"] == "accept")
        for rule in chain["rules"]
    )


def without(chains: list[Record], owner: str) -> list[Record]:
    """The rule set as it would be without this owner's rules, table and chain."""
    kept = [chain for chain in chains if chain["table"] != table(owner) and chain["name"] != gate(owner)]
    return [
        dict(chain, rules=[rule for rule in chain["rules"] if owner_of(rule["comment"]) != owner]) for chain in kept
    ]


def packets(opening: Record, chains: list[Record], report: Record) -> list[Record]:
    """New connections that stand for an opening: each family it means, each interface that could make a difference."""
    sources = [opening["source"]] if opening["source"] else [ANY["ip"], ANY["ip6"]]
    names = [opening["interface"]] if opening["interface"] else interfaces(chains, report.get("interfaces", []))
    return [
        {
            "family": family(source),
            "protocol": opening["protocol"],
            "port": opening["port"],
            "source": source,
            "interface": name,
        }
        for source in sources
        for name in names
    ]


def blocking(opening: Record, chains: list[Record], report: Record) -> list[Record]:
    """Where this opening is stopped: ``[{"chain": chain, "rule": rule or None, "families": ["ip", "ip6"]}]``."""
    places: dict[tuple[str, str, str, int], Record] = {}
    for packet in packets(opening, chains, report):
        for obstacle in obstacles(chains, packet):
            chain, rule = obstacle["chain"], obstacle["rule"]
            key = (chain["family"], chain["table"], chain["name"], rule["handle"] if rule else 0)
            place = places.setdefault(key, {"chain": chain, "rule": rule, "families": []})
            if packet["family"] not in place["families"]:
                place["families"].append(packet["family"])
    return list(places.values())


def not_judged(opening: Record, chains: list[Record], report: Record, verdict: str = "drop") -> list[str]:
    """The rules, in words, because of which nobody can say from the rule set whether this opening ends with the
    verdict."""
    found = [_where(place) for packet in packets(opening, chains, report) for place in doubts(chains, packet, verdict)]
    return list(dict.fromkeys(found))


def _where(place: Record) -> str:
    chain, rule = place["chain"], place["rule"]
    reasons = [
        value
        for field, _operator, values in rule["when"]
        if field not in ("family", "protocol", "port", "source")
        for value in values
    ]
    unknown = [value for field, _operator, values in rule["when"] if field == "unknown" for value in values]
    why = rule.get("text") or ", ".join(unknown or reasons or [rule["target"]])
    if chain.get("managed"):
        tool = "ip6tables" if chain["family"] == "ip6" else "iptables"
        return f"rule {rule['handle']} of {tool} -t {chain['table']} -S {chain['name']} ({why})"
    return (
        f"the rule with handle {rule['handle']} of nft -a list chain {chain['family']} {chain['table']} {chain['name']}"
        f" ({why})"
    )


def open_to_others(opening: Record, chains: list[Record], report: Record) -> list[str]:
    """The families in which a stranger reaches the port of this opening, or may: where a rule is not understood, the
    port is closed, too."""
    stranger = dict(opening, source="")
    reached = {packet["family"] for packet in packets(stranger, chains, report) if may_pass(chains, packet)}
    return sorted(reached)


def gates(wanted: list[Record], chains: list[Record], report: Record) -> list[tuple[str, str, str, tuple[str, ...]]]:
    """The (protocol, port, interface, families) that must be closed for all but the listed sources, because the host
    does not filter them.

    Where the host does, its own rules decide about the others, such as an address that somebody let in by hand.
    """
    limited = [opening for opening in wanted if opening["source"]]
    found = {
        (one["protocol"], one["port"], one["interface"], tuple(open_to_others(one, chains, report))) for one in limited
    }
    return sorted(gate for gate in found if gate[3])
