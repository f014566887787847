# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One rule of ours, for the kernel and for the comparison. Pure."""

from __future__ import annotations

import json

from ..packet_filter import Record, family, network
from ..rules import comment, identity, mark


def rule_of(
    opening: Record, verdict: str, note: str, families: tuple[str, ...] = ("ip", "ip6"), limited: str = ""
) -> Record:
    """A rule of ours in the model of ``_firewall_filter``."""
    when = [["protocol", "in", [opening["protocol"]]], ["port", "in", [opening["port"]]]]
    if opening["source"]:
        when += [["family", "in", [family(opening["source"])]], ["source", "in", [opening["source"]]]]
    elif len(families) == 1:
        when.append(["family", "in", [families[0]]])
    if opening["interface"]:
        when.append(["interface", "in", [opening["interface"]]])
    if limited:
        when.append(["state", "in", ["new"]])
    return {
        "when": when,
        "verdict": verdict,
        "comment": note,
        "limited": limited,
        "opening": opening,
        "id": identity(opening),
    }


def canonical(rule: Record) -> str:
    """The effect of a rule, as a text that two equal rules share."""
    conditions = []
    for field, operator, values in rule["when"]:
        clean = [str(network(value)) if field == "source" else value for value in values]
        conditions.append([field, operator, sorted(clean)])
    unique = [json.loads(text) for text in sorted({json.dumps(condition) for condition in conditions})]
    return json.dumps([unique, rule["verdict"], rule["comment"], rule["limited"]])


def lookup(rule: Record, field: str) -> str:
    return next((values[0] for name, _operator, values in rule["when"] if name == field), "")


def nft_table(wanted: list[Record], closed: list[tuple[str, str, str, tuple[str, ...]]], owner: str) -> list[Record]:
    """The rules of our own table, in order."""
    rules = []
    for opening in wanted:
        if opening["limit"]:
            each = (family(opening["source"]),) if opening["source"] else ("ip", "ip6")
            rules += [rule_of(opening, "drop", comment(opening, owner), (one,), limited="over") for one in each]
        rules.append(rule_of(opening, "accept", comment(opening, owner)))
    for protocol, port, interface, families in closed:
        everybody = {"protocol": protocol, "port": port, "source": "", "interface": interface, "limit": ""}
        rules.append(rule_of(everybody, "drop", f"{mark(owner)} all others", families))
    return rules


def compare(
    expected: list[Record], present: list[Record], provider: str, detail: str, ordered: bool = False
) -> list[Record]:
    there = [canonical(rule) for rule in present]
    meant = [canonical(rule) for rule in expected]
    found = [
        {
            "id": rule["id"],
            "what": "missing",
            "provider": provider,
            "opening": rule["opening"],
            "detail": _detail(rule, detail),
        }
        for rule, text in zip(expected, meant)
        if text not in there
    ]
    for position, (rule, text) in enumerate(zip(present, there)):
        if text not in meant or text in there[:position]:
            found.append(
                {
                    "id": words_of(rule),
                    "what": "unwanted",
                    "provider": provider,
                    "opening": {},
                    "detail": _detail(rule, detail),
                }
            )
    if ordered and not found and there != meant:
        found.append({"id": "order", "what": "outdated", "provider": provider, "opening": {}, "detail": detail})
    return found


def _detail(rule: Record, detail: str) -> str:
    kind = "rate limit" if rule["limited"] else "closes the port for all others" if rule["verdict"] == "drop" else ""
    return ", ".join(word for word in (kind, detail) if word)


def words_of(rule: Record) -> str:
    port, source = lookup(rule, "port"), lookup(rule, "source")
    return f"{lookup(rule, 'protocol')}/{port} from {source or 'anybody'}" if port else rule["comment"]


def is_own(chain: Record, provider: str) -> bool:
    """Whether this provider may put a rule into the chain; iptables' tables mangle and raw are nobody's place for
    accepts."""
    return (
        not chain.get("managed")
        if provider == "nftables"
        else bool(chain.get("managed")) and chain["table"] == "filter"
    )
