# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read iptables into the model of :mod:`packet_filter`, as :mod:`parse_nftables` does. Pure."""

from __future__ import annotations

import re
import shlex
from typing import Any

from ..packet_filter import Record
from .conditions import FLAGS, NEVER, NO_VERDICT, joined

_VERDICTS = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "drop", "TARPIT": "drop", "RETURN": "return"}

_VERDICTS.update({"QUEUE": "unknown", "NFQUEUE": "unknown", "SYNPROXY": "unknown"})
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
                value, "continue" if value in NO_VERDICT else "jump" if word in ("-j", "--jump") else "goto"
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
        elif word in ("-f", "--fragment", "--rt-type", "--fragid"):  # no client sends this of its own accord
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
    if not (flags[0] | flags[1]) <= set(FLAGS):
        return [["unknown", operator, [f"--tcp-flags {mask} {wanted}"[:200]]]]
    return [["flags", operator, [joined(flags[0]), joined(flags[1])]]]
