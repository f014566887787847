# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read nftables and iptables into the model of :mod:`packet_filter`. Pure: text and JSON in, plain data out.

A condition that the model has no field for becomes the field ``unknown``, and a verdict that it cannot know (a
program's, by ``queue``) the verdict ``unknown``: neither may ever be taken for "is met" or "is not met".
"""

from __future__ import annotations

import functools
import json
import re
import shlex
from typing import Any

from .packet_filter import HOOKS, Elements, Record

NEVER: list[Any] = ["state", "in", ["other"]]  # what no new connection to this host meets
_FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr")  # in the order of their bits (RFC 9293, RFC 3168)

# --- nftables
# -------------------------------------------------------------------------------------------------------------------

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
            if devices[(*place, rule["chain"])]:
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
        elif kind == "xt" and (body or {}).get("type") == "target" and body.get("name") in _NO_VERDICT:
            continue
        elif kind in ("queue", "tproxy", "synproxy") or (kind == "xt" and (body or {}).get("type") == "target"):
            found.update(verdict="unknown", target=kind)
        elif kind not in _TRANSPARENT:
            found["when"].append(_unknown("in", expression))
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


def _unknown(operator: str, what: Any) -> list[Any]:
    return ["unknown", operator, [json.dumps(what, sort_keys=True)[:200]]]


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
        return [_unknown("in", body)]
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
    return [_unknown(operator, body)]


def _nft_payload(protocol: str, name: str, body: Record, elements: Elements) -> list[list[Any]]:
    """What a field of a header says: first that the packet has such a header at all."""
    implied = {"ip": ["family", "in", ["ip"]], "ip6": ["family", "in", ["ip6"]], "th": None, "ether": None, None: None}
    first = implied.get(protocol, ["protocol", "in", [protocol]])
    having = [first] if first else []
    if (protocol, name) == ("tcp", "flags"):
        return having + _flags(None, body["right"], body["op"])
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
    return [*having, _unknown("in", body)]


def _nft_masked(operands: list[Any], right: Any, sign: str) -> list[list[Any]]:
    """``field & mask`` compared with bits."""
    what = operands[0].get("payload") if isinstance(operands[0], dict) else None
    if what == {"protocol": "tcp", "field": "flags"}:
        return [["protocol", "in", ["tcp"]], *_flags(operands[1], right, sign)]
    whole = what == {"protocol": "ip", "field": "frag-off"} and isinstance(operands[1], int) and isinstance(right, int)
    # no fragment: neither an offset nor "more follow"; whether "do not fragment" is set is the client's choice
    if whole and sign in ("==", "!=") and not (operands[1] | right) & 0x4000:
        return [["family", "in", ["ip"]], *([] if (right == 0) == (sign == "==") else [NEVER])]
    return [_unknown("in", {"op": sign, "left": {"&": operands}, "right": right})]


def _flags(mask: Any, right: Any, sign: str) -> list[list[Any]]:
    """The condition ``flags``: a mask, then the combinations of which one must be left under it."""
    under = set(_FLAGS) if mask is None else _bits(mask)
    options = right["set"] if isinstance(right, dict) and "set" in right else [right]
    wanted = [_bits(option) for option in options]
    if under is None or any(option is None for option in wanted):
        return [_unknown("in", {"op": sign, "mask": mask, "right": right})]
    if sign in ("in", "!"):  # any of these bits, or none of them
        of = set().union(*(option or set() for option in wanted)) & under
        return [["flags", "not in" if sign == "in" else "in", [_joined(of), ""]]]
    if sign not in ("==", "!="):
        return [_unknown("in", {"op": sign, "mask": mask, "right": right})]
    return [
        [
            "flags",
            "in" if sign == "==" else "not in",
            [_joined(under), *(_joined(option or set()) for option in wanted)],
        ]
    ]


def _bits(value: Any) -> set[str] | None:
    """The TCP flags that an expression names: a word, a number, a list or a nest of ``|``; ``None``: it is something
    else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return {name for place, name in enumerate(_FLAGS) if value >> place & 1} if 0 <= value < 256 else None
    if isinstance(value, str):
        return {value} if value in _FLAGS else None
    if isinstance(value, dict):
        value = value.get("|")
    if not isinstance(value, list):
        return None
    parts = [_bits(one) for one in value]
    return None if any(part is None for part in parts) else set().union(*(part or set() for part in parts))


def _joined(flags: set[str]) -> str:
    return "|".join(name for name in _FLAGS if name in flags)


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


# --- iptables
# -------------------------------------------------------------------------------------------------------------------

_VERDICTS = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "drop", "TARPIT": "drop", "RETURN": "return"}
_VERDICTS.update({"QUEUE": "unknown", "NFQUEUE": "unknown", "SYNPROXY": "unknown"})
# iptables-extensions(8): targets after which the next rule has its turn
_NO_VERDICT = {
    "LOG",
    "NFLOG",
    "ULOG",
    "CONNMARK",
    "MARK",
    "AUDIT",
    "SET",
    "CONNSECMARK",
    "SECMARK",
    "TRACE",
    "CT",
    "NOTRACK",
    "TCPMSS",
}
_NO_VERDICT |= {
    "CLASSIFY",
    "DSCP",
    "TOS",
    "TTL",
    "HL",
    "TEE",
    "CHECKSUM",
    "TCPOPTSTRIP",
    "RATEEST",
    "IDLETIMER",
    "LED",
    "ECN",
    "HMARK",
}
_WITH_VALUE = {
    "--reject-with",
    "--log-prefix",
    "--log-level",
    "--icmp-type",
    "--icmpv6-type",
    "--limit-burst",
    "--mask",
    "--name",
}
_WITH_VALUE |= {"--seconds", "--connlimit-mask", "-m", "--match"}
_WITHOUT_VALUE = {
    "--rsource",
    "--log-tcp-options",
    "--log-ip-options",
    "--log-uid",
    "--connlimit-saddr",
    "--validmark",
    "--loose",
}
_WITHOUT_VALUE |= {"--accept-local", "--set", "--update", "--rcheck", "--rttl", "--reap"}
IPTABLES = {("filter", "INPUT"): ("input", 0), ("mangle", "INPUT"): ("input", -150)}
IPTABLES.update({("mangle", "PREROUTING"): ("prerouting", -150), ("raw", "PREROUTING"): ("prerouting", -300)})
TABLES = ("filter", "mangle", "raw")  # of iptables; those in which a packet to this host can be dropped
_COUNTERS = re.compile(r"\[\d+:\d+\] (?=-A )")


def without_counters(line: str) -> str:
    """A line of ``iptables-save -c`` as it is without ``-c``."""
    return _COUNTERS.sub("", line, count=1) if line.startswith("[") else line


def parse_iptables_save(text: str, of: str, tables: tuple[str, ...] = ("filter",)) -> list[Record]:
    """Read ``iptables-save`` (``of="ip"``) or ``ip6tables-save`` (``of="ip6"``), or such a file, into the chains of its
    tables.

    ``handle`` of a rule is its number in the chain, from 1, as ``iptables -I`` and ``-D`` count; ``line`` its line in
    the text, from 0.
    """
    chains: dict[tuple[str, str], Record] = {}
    table = ""
    for number, said in enumerate(text.splitlines()):
        line = without_counters(said)
        if line.startswith("*"):
            table = line[1:].strip()
        elif table in tables and line.startswith(":"):
            name, policy = line[1:].split()[:2]
            hook, priority = IPTABLES.get((table, name), ("", 0))
            chains[table, name] = {
                "family": of,
                "table": table,
                "name": name,
                "hook": hook,
                "priority": priority,
                "policy": policy.lower() if hook else "accept",
                "rules": [],
            }
        elif table in tables and line.startswith("-A "):
            words = shlex.split(line)
            chain = chains.get((table, words[1]))
            if chain:
                chain["rules"].append(dict(_iptables_rule(words[2:], of), handle=len(chain["rules"]) + 1, line=number))
    return list(chains.values())


def _iptables_rule(words: list[str], of: str) -> Record:
    rule: Record = {"when": [["family", "in", [of]]], "verdict": "continue", "target": "", "comment": "", "limited": ""}
    when, operator, position = rule["when"], "in", 0
    while position < len(words):
        word = words[position]
        value = words[position + 1] if position + 1 < len(words) else ""
        position += 2
        if word == "!":
            operator, position = "not in", position - 1
            continue
        if word in _SIMPLE:
            field, make = _SIMPLE[word]
            when.append([field, operator, make(value)])
        elif word == "--comment":
            rule["comment"] = value
        elif word in ("--limit", "--hashlimit-upto", "--connlimit-upto"):
            rule["limited"] = "up to"
        elif word in ("--hashlimit-above", "--connlimit-above", "--hitcount"):
            rule["limited"] = "over"
        elif word in ("-j", "-g", "--jump", "--goto"):
            verdict = _VERDICTS.get(
                value, "continue" if value in _NO_VERDICT else "jump" if word in ("-j", "--jump") else "goto"
            )
            rule.update(verdict=verdict, target=value if verdict in ("jump", "goto", "unknown") else "")
        elif word == "--tcp-flags":
            when += _iptables_flags(value, words[position] if position < len(words) else "", operator)
            position += 1
        elif word == "--syn":
            when += _iptables_flags("FIN,SYN,RST,ACK", "SYN", operator)
            position -= 1
        elif word in ("--dst-type", "--pkt-type"):
            when += [] if (value.lower() in ("local", "unicast")) == (operator == "in") else [NEVER]
        elif word == "--ctdir":
            when += [] if (value.upper() == "ORIGINAL") == (operator == "in") else [NEVER]
        elif word in ("-f", "--fragment", "--rt-type", "--fragid"):  # not what a client sends of its own accord
            when += [NEVER] if operator == "in" else []
            position -= 1 if word in ("-f", "--fragment") else 0
        elif word in ("--invert", "--remove"):  # rpfilter: no route back; recent: an address on the list
            when.append(NEVER if word == "--invert" else ["unknown", operator, [word]])
            position -= 1
        elif word in _WITH_VALUE or word.startswith("--hashlimit"):
            pass
        elif word in _WITHOUT_VALUE:
            position -= 1
        else:
            when.append(["unknown", operator, [word[:200]]])
            position -= 1 if value.startswith("-") or value == "!" else 0
        operator = "in"
    if ("--update" in words or "--rcheck" in words) and not rule["limited"]:
        when.append(["unknown", "in", ["-m recent"]])  # who is on the list is not in the rule
    return rule


def _listed(value: str) -> list[str]:
    return [port.replace(":", "-") for port in value.split(",")]


_SIMPLE: Record = {
    **dict.fromkeys(("-s", "--source", "--src"), ("source", lambda value: [value])),
    **dict.fromkeys(("-d", "--destination", "--dst"), ("destination", lambda value: [value])),
    **dict.fromkeys(("-i", "--in-interface"), ("interface", lambda value: [value.replace("+", "*")])),
    **dict.fromkeys(("-p", "--protocol", "--proto"), ("protocol", lambda value: [value])),
    **dict.fromkeys(("--dport", "--dports", "--destination-port", "--destination-ports"), ("port", _listed)),
    **dict.fromkeys(("--sport", "--sports", "--source-port", "--source-ports"), ("client port", _listed)),
    **dict.fromkeys(("--state", "--ctstate"), ("state", lambda value: value.lower().split(","))),
    "--src-range": ("source", lambda value: [value]),
    "--dst-range": ("destination", lambda value: [value]),
    "--mss": ("mss", lambda value: [value.replace(":", "-")]),
}


def _iptables_flags(mask: str, wanted: str, operator: str) -> list[list[Any]]:
    named = {"ALL": "fin,syn,rst,psh,ack,urg", "NONE": ""}
    flags = [set(filter(None, named.get(text, text.lower()).split(","))) for text in (mask, wanted)]
    if not (flags[0] | flags[1]) <= set(_FLAGS):
        return [["unknown", operator, [f"--tcp-flags {mask} {wanted}"[:200]]]]
    return [["flags", operator, [_joined(flags[0]), _joined(flags[1])]]]


__all__ = ["IPTABLES", "TABLES", "add_texts", "parse_iptables_save", "parse_nft", "without_counters"]
