# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Would this packet filter let a new connection in? Pure: text and JSON in, plain data out.

One small model serves nftables and iptables, so that one function answers the question for both:

*chain*  ``{"family": "inet", "table": "filter", "name": "input", "hook": "input", "priority": 0, "policy": "drop",
"rules": [...]}``; a chain without a hook is only reached by a jump.

*rule*   ``{"when": [[field, operator, values], ...], "verdict": "accept", "target": "", "handle": 7, "comment": ""}``;
``field`` is one of ``family``, ``protocol``, ``port``, ``client port``, ``source``, ``destination``, ``interface``,
``state``, ``flags``, ``mss`` or
``unknown``, ``operator`` is ``in`` or ``not in``, and ``values`` are strings (ports: ``"8888"`` or ``"80-90"``;
sources: CIDR; flags: a mask, then the flags that may be left under it: ``["fin|syn", "syn"]``). ``verdict`` is
  ``accept``,
``drop`` (reject, too), ``jump``, ``goto``, ``return``, ``continue`` or
``unknown`` (a program decides); ``limited`` is ``up to`` for a rule that meets connections up to a rate, ``over`` for
one that matches only an excess over the limit, and empty for all others.

A TCP connection is two packets to a firewall: the SYN, which is new, and the ACK, which is established. Where a rule is
not understood, the packet has several possible ends; an answer that is not the same for all of them is no answer
(:func:`doubts` names the rules).

In nftables an ``accept`` ends only its own base chain: the packet still meets every other base chain of the hook, and
one ``drop`` anywhere is final (https://wiki.nftables.org/wiki-nftables/index.php/Configuring_chains). So the port is
open only if every base chain agrees.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Callable, Dict, List

Record = Dict[str, Any]  # plain JSON: a chain, a rule, a packet, an opening, a report
Elements = Callable[[str], List[Any]]  # the content of a named set
ANY = {"ip": "0.0.0.0/0", "ip6": "::/0"}
HOOKS = ("ingress", "prerouting", "input")  # a filter chain on any of them can stop a connection to this host
_STEPS = {"tcp": (("new", "syn"), ("established", "ack"))}  # state and flags of the packets by which a client connects
_CLIENT_PORTS, _CLIENT_MSS = ("32768", "65535"), ("536", "65535")
_DEPTH = 16  # the kernel's own limit of nested jumps (NFT_JUMP_STACK_SIZE)


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """The network that a CIDR, an address or a range ``a-b`` stands for (a range: the smallest network that covers its
    first part)."""
    return ipaddress.ip_network(text, strict=False)


def family(source: str) -> str:
    """``ip`` or ``ip6``, as nftables calls them."""
    return "ip6" if ":" in source else "ip"


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


def _range(values: list[str], least: str, most: str, low: str) -> bool | None:
    """Whether a number that the client chooses between ``least`` and ``most`` (and hardly ever from ``low`` on) is
    among the values."""
    if _within(values, f"{least}-{most}"):
        return True
    spans = [ports(value) for value in values if value.replace("-", "", 1).isdigit()]
    apart = len(spans) == len(values) and all(last < int(low) or first > int(most) for first, last in spans)
    return False if apart else None


def _to_this_host(values: list[str], of: str) -> bool | None:
    """Which of its addresses a client takes is the client's choice; a group's or nobody's address is none of them."""
    if _covers(values, ANY[of]):
        return True
    try:
        networks = [network(value) for value in values]
    except ValueError:
        return None
    return (
        False
        if all(
            one.is_multicast or one.is_loopback or (one.is_unspecified and one.num_addresses == 1) for one in networks
        )
        else None
    )


def _met(field: str, values: list[str], packet: Record, state: str, flags: str) -> bool | None:
    if field == "source":
        return _covers(values, packet["source"])
    if field == "port":
        return _within(values, packet["port"])
    if field == "interface":
        return _interface(values, packet["interface"])
    if field == "state":
        return state in values
    if field == "protocol":
        return (
            packet["protocol"] in values or {"tcp": "6", "udp": "17"}[packet["protocol"]] in values or "all" in values
        )
    if field == "family":
        return packet["family"] in values
    if field == "flags":
        return packet["protocol"] == "tcp" and (flags if flags in values[0].split("|") else "") in values[1:]
    if field == "client port":
        return _range(values, *_CLIENT_PORTS, low="1024")
    if field == "mss":
        return _range(values, *_CLIENT_MSS, low="536")
    if field == "destination":
        return _to_this_host(values, packet["family"])
    return None


def matches(rule: Record, packet: Record, state: str = "new", flags: str = "syn") -> bool | None:
    """Whether the rule matches the bulk of these connections. ``None``: that depends on a part that is not understood.

    A source or a port that the rule knows only a part of counts as not met: an operator who blocks one address of a
    network, or accepts one, has not decided about the network. The same holds for a rule that matches an excess only.
    """
    if rule["limited"] == "over":
        return False
    answer: bool | None = True
    for field, operator, values in rule["when"]:
        met = _met(field, values, packet, state, flags)
        if met is None:
            answer = None
        elif met != (operator == "in"):
            return False
    return answer


def _ends(
    chain: Record, step: tuple[Record, str, str], others: dict[tuple[str, str, str], Record], depth: int = 0
) -> tuple[list[Record], bool]:
    """The ends that the packet may find in a chain, and whether it may leave the chain without one.

    An end is ``{"verdict", "chain", "rule", "doubt"}``; ``doubt`` is the place of the rule that may or may not lead
    there, ``None`` where the end is certain once the packet gets so far: then it is the last.
    """
    found: list[Record] = []
    leaves = False
    for rule in chain["rules"] if depth <= _DEPTH else []:
        met = False if rule["verdict"] == "continue" else matches(rule, *step)
        if met is False:
            continue
        place = {"chain": chain, "rule": rule}
        doubt = None if met else place
        target = others.get((chain["family"], chain["table"], rule["target"]))
        if rule["verdict"] in ("accept", "drop"):
            found.append({"verdict": rule["verdict"], **place, "doubt": doubt})
            if met:
                return found, leaves
        elif rule["verdict"] == "return":
            leaves = True
            if met:
                return found, True
        elif rule["verdict"] in ("jump", "goto") and target:
            inside, through = _ends(target, step, others, depth + 1)
            found += [dict(end, doubt=doubt or end["doubt"]) for end in inside]
            if met and not through:
                return found, leaves
            if rule["verdict"] == "goto":
                leaves = leaves or through
                if met:
                    return found, leaves
        else:
            found += [{"verdict": verdict, **place, "doubt": place} for verdict in ("accept", "drop")]
    return found, True


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


def _ways(chains: list[Record], packet: Record) -> list[list[Record]]:
    """For each base chain on the way, and each packet of the connection: the ends that it may find there, the last of
    them the policy's."""
    others = {(chain["family"], chain["table"], chain["name"]): chain for chain in chains}
    found = []
    for base in sorted(
        (chain for chain in chains if chain["hook"]), key=lambda chain: (HOOKS.index(chain["hook"]), chain["priority"])
    ):
        if base["family"] not in ("inet", "netdev", packet["family"]):
            continue
        for state, flags in _STEPS.get(packet["protocol"], (("new", ""),)):
            ends, leaves = _ends(base, (packet, state, flags), others)
            policy = [{"verdict": base["policy"], "chain": base, "rule": None, "doubt": None}] if leaves else []
            found.append([dict(end, base=base) for end in [*ends, *policy]])
    return found


def obstacles(chains: list[Record], packet: Record) -> list[Record]:
    """Where the connection is stopped if no rule that is not understood decides about it.

    At most one place for each base chain, as ``{"base": chain, "chain": chain, "rule": rule or None}``; ``None``: by
    its policy.
    """
    found: list[Record] = []
    for ends in _ways(chains, packet):
        end = next(end for end in ends if not end["doubt"])
        place = {key: end[key] for key in ("base", "chain", "rule")}
        if end["verdict"] != "drop":
            continue
        if not found or found[-1]["base"] is not place["base"]:
            found.append(place)
        elif (
            place["rule"]
            and place["chain"] is found[-1]["chain"]
            and _before(place["chain"], place["rule"], found[-1]["rule"])
        ):
            found[-1] = place  # the ACK is stopped before the place where the SYN is: one accept in front of both
    return found


def _before(chain: Record, one: Record, other: Record | None) -> bool:
    return other is None or next(rule for rule in chain["rules"] if rule is one or rule is other) is one


def doubts(chains: list[Record], packet: Record, verdict: str = "drop") -> list[Record]:
    """The rules because of which the model cannot say whether the connection ends with this verdict, as ``{"chain":
    chain, "rule": rule}``.

    Asked for ``drop``: the rules that may stop otherwise accepted connections; for ``accept``: those that may accept
    connections that otherwise is stopped.
    """
    found: list[Record] = []
    for ends in _ways(chains, packet):
        for end in ends:
            if end["doubt"] and end["verdict"] == verdict and end["doubt"] not in found:
                found.append(end["doubt"])
    return found


def may_pass(chains: list[Record], packet: Record) -> bool:
    """Whether the connection gets in, or may: a rule that is not understood counts as one that lets it in."""
    return all(any(end["verdict"] == "accept" for end in ends) for ends in _ways(chains, packet))


__all__ = ["ANY", "Record", "doubts", "family", "interfaces", "matches", "may_pass", "network", "obstacles", "ports"]
