# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions that nftables and iptables write alike: TCP flags, impossible ones, unknown ones. Pure."""

from __future__ import annotations

import json
from typing import Any

NEVER: list[Any] = ["state", "in", ["other"]]  # matches no new connection to this host
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr")  # in the order of their bits (RFC 9293, RFC 3168)


def unknown(operator: str, what: Any) -> list[Any]:
    return ["unknown", operator, [json.dumps(what, sort_keys=True)[:200]]]


def flags(mask: Any, right: Any, sign: str) -> list[list[Any]]:
    """The condition ``flags``: a mask, then the combinations of which one must be left under it."""
    under = set(FLAGS) if mask is None else _bits(mask)
    options = right["set"] if isinstance(right, dict) and "set" in right else [right]
    wanted = [_bits(option) for option in options]
    if under is None or any(option is None for option in wanted):
        return [unknown("in", {"op": sign, "mask": mask, "right": right})]
    if sign in ("in", "!"):  # any of these bits, or none of them
        of = set().union(*(option or set() for option in wanted)) & under
        return [["flags", "not in" if sign == "in" else "in", [joined(of), ""]]]
    if sign not in ("==", "!="):
        return [unknown("in", {"op": sign, "mask": mask, "right": right})]
    return [
        [
            "flags",
            "in" if sign == "==" else "not in",
            [joined(under), *(joined(option or set()) for option in wanted)],
        ]
    ]


def _bits(value: Any) -> set[str] | None:
    """The TCP flags that an expression names: a word, a number, a list or a nest of ``|``; ``None``: it is something
    else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return {name for place, name in enumerate(FLAGS) if value >> place & 1} if 0 <= value < 256 else None
    if isinstance(value, str):
        return {value} if value in FLAGS else None
    if isinstance(value, dict):
        value = value.get("|")
    if not isinstance(value, list):
        return None
    parts = [_bits(one) for one in value]
    return None if any(part is None for part in parts) else set().union(*(part or set() for part in parts))


def joined(flags: set[str]) -> str:
    return "|".join(name for name in FLAGS if name in flags)


# iptables-extensions(8): targets after which the next rule has its turn
NO_VERDICT = {
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

NO_VERDICT |= {
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
