# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read nftables into the model of :mod:`packet_filter`. Pure: text and JSON in, plain data out.

A condition that the model has no field for becomes the field ``unknown``, and a verdict that it cannot know (a
program's, by ``queue``) the verdict ``unknown``: neither may ever be taken for "is met" or "is not met".
"""

from __future__ import annotations

import functools
import json
from typing import Any

from ..packet_filter import HOOKS, Elements, Record
from ..rules import owner_of
from .conditions import NEVER, NO_VERDICT, flags, unknown

_META = {"iif": "interface", "iifname": "interface", "l4proto": "protocol", "nfproto": "family", "protocol": "family"}
_FAMILIES = {"ipv4": "ip", "ipv6": "ip6", "4": "ip", "6": "ip6"}
_TRANSPARENT = {
    "counter",
    "log",
    "comment",
    "mangle",
    "quota",
    "notrack",
    "set",
    "map",
    "meter",
    "last",
    "flow",
    "dup",
    "secmark",
}

_TRANSPARENT |= {"ct helper", "ct timeout", "ct expectation"}
_NO_RESTRICTION = ("host", "unicast")  # meta pkttype and fib type of a packet that was sent to this host alone
_PORTS = {">=": (0, None), ">": (1, None), "<=": (None, 0), "<": (None, -1)}


def parse_nft(text: str) -> list[Record]:
    """Read ``nft -j list ruleset`` (libnftables-json(5)) into chains, of those tables that filter incoming packets."""
    objects = json.loads(text)["nftables"]
    sets = {}
    chains: dict[tuple[str, str, str], Record] = {}
    devices: dict[tuple[str, str, str], list[str]] = {}
    for entry in objects:
        for kind in ("set", "map"):
            if kind in entry:
                item = entry[kind]
                sets[item["family"], item["table"], "@" + item["name"]] = item.get("elem", [])
        chain = entry.get("chain")
        if chain:
            key = (chain["family"], chain["table"], chain["name"])
            hooked = chain.get("type") == "filter" and chain.get("hook") in HOOKS
            named = chain.get("dev", [])
            devices[key] = named if isinstance(named, list) else [named]
            chains[key] = {
                "family": chain["family"],
                "table": chain["table"],
                "name": chain["name"],
                "hook": chain["hook"] if hooked else "",
                "priority": chain.get("prio", 0),
                "policy": chain.get("policy", "accept"),
                "rules": [],
            }
    for entry in objects:
        rule = entry.get("rule")
        if rule:
            place = (rule["family"], rule["table"])
            found = _nft_rules(rule, functools.partial(_elements, sets, place))
            # An accept of ours is compared with the text that put it there, which names no device.
            if devices[(*place, rule["chain"])] and not owner_of(rule.get("comment", "")):
                found = [
                    dict(one, when=[["interface", "in", devices[(*place, rule["chain"])]], *one["when"]])
                    for one in found
                ]
            chains[(*place, rule["chain"])]["rules"] += found
    filtering = {(chain["family"], chain["table"]) for chain in chains.values() if chain["hook"]}
    return [chain for chain in chains.values() if (chain["family"], chain["table"]) in filtering]


def add_texts(chains: list[Record], listing: str) -> None:
    """Give the rules the text that ``nft -a -s list ruleset`` has for them (of a rule that it breaks, the last
    line)."""
    by_name = {(chain["family"], chain["table"], chain["name"]): chain for chain in chains}
    table: list[str] = []
    rules: dict[int, list[Record]] = {}
    for line in listing.splitlines():
        words = line.split()
        if line.startswith("table "):
            table = words[1:3]
        elif line.startswith("\tchain ") and len(table) == 2:
            chain = by_name.get((table[0], table[1], words[1]), {"rules": []})
            rules = {}
            for rule in chain["rules"]:
                rules.setdefault(rule["handle"], []).append(rule)
        elif line.startswith("\t}"):
            rules = {}
        text, _separator, handle = line.strip().rpartition(" # handle ")
        if handle.isdigit() and text.isprintable() and len(text) < 4000:
            for rule in rules.get(int(handle)) or []:
                rule["text"] = text


def _elements(sets: dict[tuple[str, str, str], list[Any]], table: tuple[str, str], name: str) -> list[Any]:
    return sets.get((*table, name), [])


def _nft_rules(rule: Record, elements: Elements) -> list[Record]:
    """One nft rule; several when it ends in a verdict map."""
    found = {
        "when": [],
        "verdict": "continue",
        "target": "",
        "handle": rule["handle"],
        "comment": rule.get("comment", ""),
        "limited": "",
    }
    for expression in rule["expr"]:
        kind, body = next(iter(expression.items()))
        limits = _limits(kind, body)
        if kind == "match":
            found["when"] += _nft_match(body, elements)
        elif kind in ("accept", "drop", "reject", "return"):
            found["verdict"] = "drop" if kind == "reject" else kind
        elif kind in ("jump", "goto"):
            found.update(verdict=kind, target=body["target"])
        elif kind == "vmap":
            return _nft_verdict_map(found, body, elements)
        elif limits:
            found["limited"] = "over" if any(limit.get("inv") for limit in limits) else "up to"
        elif kind == "xt" and (body or {}).get("type") == "target" and body.get("name") in NO_VERDICT:
            continue
        elif kind in ("queue", "tproxy", "synproxy") or (kind == "xt" and (body or {}).get("type") == "target"):
            found.update(verdict="unknown", target=kind)
        elif kind not in _TRANSPARENT:
            found["when"].append(unknown("in", expression))
    return [found]


def _limits(kind: str, body: Any) -> list[Record]:
    if kind in ("limit", "ct count"):
        return [body] if isinstance(body, dict) else []
    if kind in ("set", "meter"):
        inner = body.get("stmt", [])
        statements = inner if isinstance(inner, list) else [inner]
        return [
            limit
            for statement in statements
            for limit in [statement.get("limit", statement.get("ct count"))]
            if isinstance(limit, dict)
        ]
    return []


def _nft_verdict_map(found: Record, body: Record, elements: Elements) -> list[Record]:
    data = body["data"]
    pairs = data["set"] if isinstance(data, dict) else elements(data)
    rules = []
    for key, outcome in pairs:
        kind, target = next(iter(outcome.items()))
        condition = _nft_match({"op": "==", "left": body["key"], "right": key}, elements)
        verdict = "drop" if kind == "reject" else kind
        rules.append(
            dict(found, when=found["when"] + condition, verdict=verdict, target=(target or {}).get("target", ""))
        )
    return rules


def _nft_match(body: Record, elements: Elements) -> list[list[Any]]:
    left, right, sign = body["left"], body["right"], body["op"]
    if isinstance(left, dict) and "payload" in left:
        return _nft_payload(left["payload"].get("protocol"), left["payload"].get("field"), body, elements)
    if isinstance(left, dict) and isinstance(left.get("&"), list):
        return _nft_masked(left["&"], right, sign)
    operator = {"==": "in", "in": "in", "!=": "not in", "!": "not in"}.get(sign)
    if not isinstance(left, dict) or not operator:
        return [unknown("in", body)]
    values = _nft_values(right, elements)
    if "meta" in left:
        key = left["meta"]["key"]
        if key == "pkttype":
            return [] if bool(set(values) & set(_NO_RESTRICTION)) == (operator == "in") else [NEVER]
        if key in _META:
            return [[_META[key], operator, [_FAMILIES.get(value, value) for value in values]]]
    elif left.get("ct", {}).get("key") == "state":
        return [["state", operator, values]]
    elif left.get("ct", {}).get("key") == "direction":
        # the packets that a client sends run in the original direction
        return [] if ("original" in values) == (operator == "in") else [NEVER]
    elif left.get("fib", {}).get("result") == "type" and left["fib"].get("flags", [])[:1] == ["daddr"]:
        return [] if bool(set(values) & {"local", "unicast"}) == (operator == "in") else [NEVER]
    elif (
        left.get("fib", {}).get("result") in ("oif", "oifname")
        and "iif" in left["fib"].get("flags", [])
        and values in (["False"], ["0"], ["True"])
    ):
        # reverse path filtering: a client that gets answers has a route back
        return [] if (values == ["True"]) == (operator == "in") else [NEVER]
    elif "exthdr" in left:
        # no client sends routing headers, fragments or the like of its own accord
        return [NEVER] if (values != ["False"]) == (operator == "in") else []
    elif left.get("tcp option") == {"name": "maxseg", "field": "size"}:
        return [["protocol", "in", ["tcp"]], ["mss", operator, values]]
    return [unknown(operator, body)]


def _nft_payload(protocol: str, name: str, body: Record, elements: Elements) -> list[list[Any]]:
    """The condition of a header field: first that the packet has such a header at all."""
    implied = {"ip": ["family", "in", ["ip"]], "ip6": ["family", "in", ["ip6"]], "th": None, "ether": None, None: None}
    first = implied.get(protocol, ["protocol", "in", [protocol]])
    having = [first] if first else []
    if (protocol, name) == ("tcp", "flags"):
        return having + flags(None, body["right"], body["op"])
    if (protocol, name) == ("ip", "frag-off"):
        return (
            having
            + _nft_masked([{"payload": {"protocol": protocol, "field": name}}, 0xFFFF], body["right"], body["op"])[1:]
        )
    operator = {"==": "in", "in": "in", "!=": "not in"}.get(body["op"])
    values = _nft_values(body["right"], elements)
    if name in ("dport", "sport") and protocol in ("tcp", "udp", "th"):
        if body["op"] in _PORTS and len(values) == 1 and values[0].isdigit():
            low, high = _PORTS[body["op"]]
            ends = (int(values[0]) + low, 65535) if low is not None else (0, int(values[0]) + (high or 0))
            operator, values = "in", [f"{ends[0]}-{ends[1]}"]
        if operator:
            return [*having, ["port" if name == "dport" else "client port", operator, values]]
    if operator and protocol in ("ip", "ip6"):
        field = {"saddr": "source", "daddr": "destination", "protocol": "protocol", "nexthdr": "protocol"}.get(name)
        if field:
            return [*having, [field, operator, values]]
        if name == "version":
            return [*having, ["family", operator, [_FAMILIES.get(value, value) for value in values]]]
    if operator and (protocol, name) == ("ether", "type"):
        return [["family", operator, [_FAMILIES.get(value, value) for value in values]]]
    return [*having, unknown("in", body)]


def _nft_masked(operands: list[Any], right: Any, sign: str) -> list[list[Any]]:
    """``field & mask`` compared with bits."""
    what = operands[0].get("payload") if isinstance(operands[0], dict) else None
    if what == {"protocol": "tcp", "field": "flags"}:
        return [["protocol", "in", ["tcp"]], *flags(operands[1], right, sign)]
    whole = what == {"protocol": "ip", "field": "frag-off"} and isinstance(operands[1], int) and isinstance(right, int)
    # no fragment: neither an offset nor "more follow"; whether "do not fragment" is set is the client's choice
    if whole and sign in ("==", "!=") and not (operands[1] | right) & 0x4000:
        return [["family", "in", ["ip"]], *([] if (right == 0) == (sign == "==") else [NEVER])]
    return [unknown("in", {"op": sign, "left": {"&": operands}, "right": right})]


def _nft_values(right: Any, elements: Elements) -> list[str]:
    if isinstance(right, str) and right.startswith("@"):
        right = elements(right)
    if isinstance(right, dict):
        if "set" in right:
            right = right["set"]
        elif "|" in right:
            right = right["|"]
        elif "prefix" in right:
            return [f"{right['prefix']['addr']}/{right['prefix']['len']}"]
        elif "range" in right:
            return ["-".join(str(end) for end in right["range"])]
        elif "elem" in right:
            return _nft_values(right["elem"]["val"], elements)
        else:
            return [json.dumps(right, sort_keys=True)[:200]]
    if isinstance(right, list):
        return [value for one in right for value in _nft_values(one, elements)]
    return [str(right)]
