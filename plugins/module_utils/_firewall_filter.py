# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Would this packet filter let a new connection in? Pure: text and JSON in, plain data out.

One small model serves nftables and iptables, so that one function answers the question for both:

*chain*  ``{"family": "inet", "table": "filter", "name": "input", "hook": "input", "priority": 0, "policy": "drop", "rules": [...]}``;
a chain without a hook is only reached by a jump.

*rule*   ``{"when": [[field, operator, values], ...], "verdict": "accept", "target": "", "handle": 7, "comment": ""}``;
``field`` is one of ``family``, ``protocol``, ``port``, ``source``, ``interface``, ``state`` or ``unknown``, ``operator`` is ``in`` or
``not in``, and ``values`` are strings (ports: ``"8888"`` or ``"80-90"``; sources: CIDR). ``verdict`` is ``accept``, ``drop`` (reject, too),
``jump``, ``goto``, ``return`` or ``continue``; ``limited`` is ``up to`` for a rule that meets connections up to a rate, ``over`` for one that meets
only what exceeds it, and empty for all others.

In nftables an ``accept`` ends only its own base chain: the packet still meets every other base chain of the hook, and one ``drop``
anywhere is final (https://wiki.nftables.org/wiki-nftables/index.php/Configuring_chains). So the port is open only if every base chain agrees.
"""

from __future__ import annotations

import functools
import ipaddress
import json
import shlex
from typing import Any, Callable, Dict, List

Record = Dict[str, Any]  # plain JSON: a chain, a rule, a packet, an opening, a report
Elements = Callable[[str], List[Any]]  # what a named set holds
ANY = {"ip": "0.0.0.0/0", "ip6": "::/0"}
HOOKS = ("prerouting", "input")  # a filter chain on either can stop a connection to this host
_DEPTH = 16  # the kernel's own limit of nested jumps (NFT_JUMP_STACK_SIZE)


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """The network that a CIDR, an address or a range ``a-b`` stands for (a range: the smallest network that covers its first part)."""
    return ipaddress.ip_network(text, strict=False)


def family(source: str) -> str:
    """``ip`` or ``ip6``, as nftables calls them."""
    return "ip6" if ":" in source else "ip"


# --- nftables -------------------------------------------------------------------------------------------------------------------

_FIELDS = {
    ("ip", "saddr"): "source",
    ("ip6", "saddr"): "source",
    ("tcp", "dport"): "port",
    ("udp", "dport"): "port",
    ("th", "dport"): "port",
    ("ip", "protocol"): "protocol",
    ("ip6", "nexthdr"): "protocol",
}
_META = {"iif": "interface", "iifname": "interface", "l4proto": "protocol", "nfproto": "family"}
_NFPROTO = {"ipv4": "ip", "ipv6": "ip6"}
_TRANSPARENT = ("counter", "log", "comment", "mangle", "quota", "notrack")
_NO_RESTRICTION = ("host", "unicast")  # meta pkttype and fib type of a packet that was sent to this host alone


def parse_nft(text: str) -> list[Record]:
    """Read ``nft -j list ruleset`` (libnftables-json(5)) into chains, of those tables that filter incoming packets."""
    objects = json.loads(text)["nftables"]
    sets = {}
    chains: dict[tuple[str, str, str], Record] = {}
    for entry in objects:
        for kind in ("set", "map"):
            if kind in entry:
                item = entry[kind]
                sets[item["family"], item["table"], "@" + item["name"]] = item.get("elem", [])
        chain = entry.get("chain")
        if chain:
            hooked = chain.get("type") == "filter" and chain.get("hook") in HOOKS
            chains[chain["family"], chain["table"], chain["name"]] = {
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
            chains[(*place, rule["chain"])]["rules"] += _nft_rules(rule, functools.partial(_elements, sets, place))
    filtering = {(chain["family"], chain["table"]) for chain in chains.values() if chain["hook"]}
    return [chain for chain in chains.values() if (chain["family"], chain["table"]) in filtering]


def _elements(sets: dict[tuple[str, str, str], list[Any]], table: tuple[str, str], name: str) -> list[Any]:
    return sets.get((*table, name), [])


def _nft_rules(rule: Record, elements: Elements) -> list[Record]:
    """One nft rule; several when it ends in a verdict map."""
    found = {"when": [], "verdict": "continue", "target": "", "handle": rule["handle"], "comment": rule.get("comment", ""), "limited": ""}
    for expression in rule["expr"]:
        kind, body = next(iter(expression.items()))
        if kind == "match":
            found["when"] += _nft_match(body, elements)
        elif kind in ("accept", "drop", "reject", "return"):
            found["verdict"] = "drop" if kind == "reject" else kind
        elif kind in ("jump", "goto"):
            found.update(verdict=kind, target=body["target"])
        elif kind == "vmap":
            return _nft_verdict_map(found, body, elements)
        elif kind == "limit":
            found["limited"] = "over" if body.get("inv") else "up to"
        elif kind == "set" and any("limit" in statement for statement in body.get("stmt", [])):
            found["limited"] = "over" if any(statement.get("limit", {}).get("inv") for statement in body["stmt"]) else "up to"
        elif kind not in _TRANSPARENT:
            found["when"].append(["unknown", "in", [kind]])
    return [found]


def _nft_verdict_map(found: Record, body: Record, elements: Elements) -> list[Record]:
    data = body["data"]
    pairs = data["set"] if isinstance(data, dict) else elements(data)
    rules = []
    for key, outcome in pairs:
        kind, target = next(iter(outcome.items()))
        condition = _nft_match({"op": "==", "left": body["key"], "right": key}, elements)
        verdict = "drop" if kind == "reject" else kind
        rules.append(dict(found, when=found["when"] + condition, verdict=verdict, target=(target or {}).get("target", "")))
    return rules


def _nft_match(body: Record, elements: Elements) -> list[list[Any]]:
    left, operator = body["left"], "not in" if body["op"] == "!=" else "in"
    values = _nft_values(body["right"], elements)
    if not isinstance(left, dict):
        return [["unknown", operator, []]]
    if "payload" in left:
        protocol, key = left["payload"].get("protocol"), left["payload"].get("field")
        field = _FIELDS.get((protocol, key))
        if field == "source":
            return [["family", "in", [protocol]], ["source", operator, values]]
        if field == "port":
            implied = [["protocol", "in", [protocol]]] if protocol != "th" else []
            return [*implied, ["port", operator, values]]
        if field:
            return [[field, operator, values]]
    elif "meta" in left:
        key = left["meta"]["key"]
        if key == "pkttype" and operator == "in":
            return [] if set(values) & set(_NO_RESTRICTION) else [["state", "in", ["other"]]]
        if key in _META:
            return [[_META[key], operator, [_NFPROTO.get(value, value) for value in values]]]
    elif left.get("ct", {}).get("key") == "state":
        return [["state", operator, values]]
    elif left.get("ct", {}).get("key") == "direction":
        original = ("original" in values) == (operator == "in")  # a new connection's packets run in the original direction
        return [] if original else [["state", "in", ["other"]]]
    elif left.get("fib", {}).get("result") == "type" and operator == "in":
        return [] if set(values) & {"local", "unicast"} else [["state", "in", ["other"]]]
    elif left.get("&", [{}])[0] == {"payload": {"protocol": "tcp", "field": "flags"}}:
        return [["protocol", "in", ["tcp"]]] if "syn" in values else [["state", operator, ["other"]]]
    return [["unknown", operator, [json.dumps(left, sort_keys=True)]]]


def _nft_values(right: Any, elements: Elements) -> list[str]:
    if isinstance(right, str) and right.startswith("@"):
        right = elements(right)
    if isinstance(right, dict):
        if "set" in right:
            right = right["set"]
        elif "prefix" in right:
            return [f"{right['prefix']['addr']}/{right['prefix']['len']}"]
        elif "range" in right:
            return ["-".join(str(end) for end in right["range"])]
        elif "elem" in right:
            return _nft_values(right["elem"]["val"], elements)
        else:
            return [json.dumps(right, sort_keys=True)]
    if isinstance(right, list):
        return [value for one in right for value in _nft_values(one, elements)]
    return [str(right)]


# --- iptables -------------------------------------------------------------------------------------------------------------------

_VERDICTS = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "drop", "RETURN": "return"}
_NO_VERDICT = ("LOG", "NFLOG", "CONNMARK", "MARK", "AUDIT")
_IGNORED = ("--reject-with", "--log-prefix", "--log-level", "--icmp-type", "--limit-burst", "--log-tcp-options", "--mask", "--rsource", "--name")


def parse_iptables_save(text: str, of: str) -> list[Record]:
    """Read ``iptables-save`` (``of="ip"``) or ``ip6tables-save`` (``of="ip6"``), or such a file, into the chains of its filter table.

    ``handle`` of a rule is its number in the chain, from 1, as ``iptables -I`` and ``-D`` count; ``line`` its line in the text, from 0.
    """
    chains: dict[str, Record] = {}
    table = ""
    for number, line in enumerate(text.splitlines()):
        if line.startswith("*"):
            table = line[1:].strip()
        elif table == "filter" and line.startswith(":"):
            name, policy = line[1:].split()[:2]
            chains[name] = {
                "family": of,
                "table": "filter",
                "name": name,
                "hook": "input" if name == "INPUT" else "",
                "priority": 0,
                "policy": policy.lower() if name == "INPUT" else "accept",
                "rules": [],
            }
        elif table == "filter" and line.startswith("-A "):
            words = shlex.split(line)
            chain = chains.get(words[1])
            if chain:
                chain["rules"].append(dict(_iptables_rule(words[2:], of), handle=len(chain["rules"]) + 1, line=number))
    return list(chains.values())


def _iptables_rule(words: list[str], of: str) -> Record:
    rule: Record = {"when": [["family", "in", [of]]], "verdict": "continue", "target": "", "comment": "", "limited": ""}
    operator, position = "in", 0
    while position < len(words):
        word = words[position]
        value = words[position + 1] if position + 1 < len(words) else ""
        position += 2
        if word == "!":
            operator, position = "not in", position - 1
            continue
        if word in ("-s", "--source"):
            rule["when"].append(["source", operator, [value]])
        elif word in ("-i", "--in-interface"):
            rule["when"].append(["interface", operator, [value.replace("+", "*")]])
        elif word in ("-p", "--protocol"):
            rule["when"].append(["protocol", operator, [value]])
        elif word in ("--dport", "--dports", "--destination-port"):
            rule["when"].append(["port", operator, [port.replace(":", "-") for port in value.split(",")]])
        elif word in ("--state", "--ctstate"):
            rule["when"].append(["state", operator, value.lower().split(",")])
        elif word == "--comment":
            rule["comment"] = value
        elif word in ("--limit", "--hashlimit-upto"):
            rule["limited"] = "up to"
        elif word in ("--hashlimit-above", "--hitcount"):
            rule["limited"] = "over"
        elif word in ("-j", "-g"):
            verdict = _VERDICTS.get(value, "continue" if value in _NO_VERDICT else "jump" if word == "-j" else "goto")
            rule.update(verdict=verdict, target=value if verdict in ("jump", "goto") else "")
        elif word == "--tcp-flags":
            position += 1  # two values; a new connection carries SYN
            if value and "SYN" not in words[position - 1]:
                rule["when"].append(["state", operator, ["other"]])
        elif word == "--syn":
            position -= 1
        elif word in ("--dst-type", "--pkt-type"):
            if operator == "in" and value.lower() not in ("local", "unicast"):
                rule["when"].append(["state", "in", ["other"]])
        elif word == "-m" or word in _IGNORED or word.startswith("--hashlimit"):
            pass
        elif word in ("--set", "--update", "--rcheck", "--seconds"):
            position -= 1 if word != "--seconds" else 0
        else:
            rule["when"].append(["unknown", operator, [word]])
            position -= 1 if value.startswith("-") or value == "!" else 0
        operator = "in"
    return rule


# --- the question ---------------------------------------------------------------------------------------------------------------


def _covers(values: list[str], source: str) -> bool:
    wanted = network(source)
    for value in values:
        try:
            if "-" in value:
                first, last = (ipaddress.ip_address(end) for end in value.split("-"))
                if first.version == wanted.version and int(first) <= int(wanted[0]) and int(wanted[-1]) <= int(last):
                    return True
            else:
                candidate = network(value)
                if candidate.version == wanted.version and wanted.subnet_of(candidate):  # type: ignore[arg-type]
                    return True
        except ValueError:
            continue
    return False


def ports(text: str) -> tuple[int, int]:
    """``"8888"`` and ``"8000-8010"`` as first and last port."""
    ends = text.split("-")
    return int(ends[0]), int(ends[-1])


def _within(values: list[str], wanted: str) -> bool:
    first, last = ports(wanted)
    for value in values:
        try:
            low, high = ports(value)
        except ValueError:
            continue
        if low <= first and last <= high:
            return True
    return False


def _interface(values: list[str], name: str) -> bool:
    return any(value == name or (value.endswith("*") and name.startswith(value[:-1])) for value in values)


def matches(rule: Record, packet: Record) -> bool:
    """Whether the rule meets the bulk of these new connections.

    A source or a port that the rule knows only a part of counts as not met: an operator who blocks one address of a network, or accepts
    one, has not decided about the network. What this model does not know counts as not met, too, and so does what meets an excess only.
    """
    if rule["limited"] == "over":
        return False
    for field, operator, values in rule["when"]:
        if field == "unknown":
            return False
        if field == "source":
            met = _covers(values, packet["source"])
        elif field == "port":
            met = _within(values, packet["port"])
        elif field == "interface":
            met = _interface(values, packet["interface"])
        elif field == "state":
            met = "new" in values
        elif field == "protocol":
            met = packet["protocol"] in values or {"tcp": "6", "udp": "17"}[packet["protocol"]] in values or "all" in values
        else:
            met = packet["family"] in values
        if met != (operator == "in"):
            return False
    return True


def _walk(chain: Record, packet: Record, others: dict[tuple[str, str, str], Record], depth: int = 0) -> tuple[str, Record | None, Record | None]:
    """Verdict of a chain, with the chain and the rule that gave it; ``""`` is "no verdict here"."""
    if depth > _DEPTH:
        return "", None, None
    for rule in chain["rules"]:
        if rule["verdict"] == "continue" or not matches(rule, packet):
            continue
        if rule["verdict"] in ("accept", "drop"):
            return rule["verdict"], chain, rule
        if rule["verdict"] == "return":
            return "", None, None
        target = others.get((chain["family"], chain["table"], rule["target"]))
        if target:
            answer = _walk(target, packet, others, depth + 1)
            if answer[0] or rule["verdict"] == "goto":
                return answer
    return "", None, None


def interfaces(chains: list[Record], present: list[str]) -> list[str]:
    """The interfaces of the host that can make a difference: each that a rule names, and ``""`` for all the others."""
    named = {
        name
        for name in present
        for chain in chains
        for rule in chain["rules"]
        for field, _op, values in rule["when"]
        if field == "interface" and _interface(values, name)
    }
    return sorted(named) + ([""] if not present or set(present) - named else [])


def obstacles(chains: list[Record], packet: Record) -> list[Record]:
    """The base chains that stop the packet, each as ``{"base": chain, "chain": chain, "rule": rule or None}``; ``None``: by its policy."""
    others = {(chain["family"], chain["table"], chain["name"]): chain for chain in chains}
    found = []
    for chain in sorted((chain for chain in chains if chain["hook"]), key=lambda chain: (HOOKS.index(chain["hook"]), chain["priority"])):
        if chain["family"] not in ("inet", packet["family"]):
            continue
        verdict, where, rule = _walk(chain, packet, others)
        if verdict == "drop":
            found.append({"base": chain, "chain": where, "rule": rule})
        elif not verdict and chain["policy"] == "drop":
            found.append({"base": chain, "chain": chain, "rule": None})
    return found


__all__ = ["ANY", "Record", "family", "interfaces", "matches", "network", "obstacles", "parse_iptables_save", "parse_nft", "ports"]
