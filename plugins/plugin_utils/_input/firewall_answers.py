# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of what a host says of its firewall."""

from __future__ import annotations

from typing import Any

from ...module_utils._errors import AnswerError
from .shapes import among, block, choice, flag, line, many, maybe, number, record, table
from .words import DIGEST, MOST, MOST_RULES, PATH, WORDS

#: The words of :mod:`_firewall.rules` and :mod:`packet_filter`, which a run that finds nothing to do can go without.
PROVIDERS = ("ufw", "firewalld", "nftables", "iptables", "none")
HOOKS = ("ingress", "prerouting", "input")

OPENING = {
    "protocol": line(20),
    "port": line(200),
    "source": line(200),
    "interface": line(100),
    "zone": line(100),
    "limit": line(100, r"(?:[0-9]+/[a-z]+)?"),
}


def _condition(value: Any, place: str) -> list[Any]:
    """A condition of a rule: the field, ``in`` or ``not in``, and the values."""
    if not isinstance(value, list) or len(value) != 3:
        raise AnswerError(f"{place}: is no condition")
    field, operator, values = value
    return [
        line(100)(field, place),
        choice("in", "not in")(operator, place),
        many(line(500), MOST_RULES)(values, place),
    ]


FILTER = record(
    {
        "when": many(_condition, 1000),
        "verdict": line(),
        "target": line(),
        "handle": number(),
        "comment": line(5000),
        "limited": choice("", "over", "up to"),
    },
    {"line": number(), "text": line(4000)},
)
CHAIN = record(
    {
        "family": line(20),
        "table": line(),
        "name": line(),
        "hook": choice("", *HOOKS),
        "priority": number(-(2**31), 2**31),
        "policy": line(),
        "rules": many(FILTER, MOST_RULES),
    },
    {"managed": choice("iptables")},
)
FIREWALL = record(
    {
        "provider": choice(*PROVIDERS),
        "installed": many(choice(*PROVIDERS), len(PROVIDERS)),
        "paths": table(line(), PATH),
        "systemd": flag,
        "interfaces": many(line(), 100_000),  # each container has one
        "ssh": record({}, {"client": line(100, r"[0-9A-Fa-f.:]+"), "port": number(0, 65535)}),
        "ssh_ports": many(number(0, 65535), 100),
        "rules": many(
            record(
                {
                    **OPENING,
                    "provider": choice(*PROVIDERS),
                    "owner": line(),
                    "comment": line(5000),
                    "live": flag,
                    "saved": flag,
                }
            ),
            MOST_RULES,
        ),
        "chains": many(CHAIN, MOST_RULES),
        "firewalld": record(
            {},
            {
                "default": line(),
                "known": WORDS,
                "zones": table(line(), record({"interfaces": WORDS, "sources": WORDS, "accepts": flag})),
                "ledger": table(line(), many(record({**OPENING, "comment": line(5000)}), 10_000)),
            },
        ),
        "saved": among(("ip", "ip6"), record({"path": PATH, "text": block(MOST)})),
        "files": table(PATH, DIGEST),
        "links": many(PATH),
        "watched": many(line(20), 10_000),
        "strange": many(PATH),
    },
    {"ufw_ipv6": flag, "ufw_accepts": flag},
)


_ENTRY = record(
    {
        "id": line(5000),
        "what": choice("missing", "unwanted", "inactive", "outdated", "blocked"),
        # It is part of the name of a file of tasks.
        "provider": choice(*PROVIDERS),
        "opening": record({}, {**OPENING, "comment": line(5000)}),
        "detail": line(20_000),
    },
    {"comment": line(5000), "rich_rule": line(5000)},
)
_LEDGER = many(record({**OPENING, "comment": line(5000)}), 10_000)
_EXPECTED = record(
    {
        "port": number(1, 65535),
        "client": line(100, r"[0-9A-Fa-f.:]+"),
        **dict.fromkeys(("anybody", "listed", "silent", "listens"), flag),
        "admitted": maybe(flag),
        "lines": many(line(20_000), 1000),
    }
)
FIREWALL_STATE = record(
    {
        **dict.fromkeys(("provider", "active"), choice(*PROVIDERS)),
        "installed": many(choice(*PROVIDERS), len(PROVIDERS)),
        "difference": many(_ENTRY, 50_000),
        "wanted": many(record({**OPENING}, {"comment": line(5000)}, others=True), 50_000),
        "ssh_to_open": many(number(0, 65535), 100),
        "ssh_zones": WORDS,
        "systemd": flag,
        **dict.fromkeys(("ledger", "ledger_before"), _LEDGER),
        **dict.fromkeys(("remarks", "sentences", "blocked", "left_out"), many(line(20_000), 50_000)),
        "expected": many(_EXPECTED, 50_000),
        "seen": line(100, r"[0-9A-Fa-f.:]*"),
    }
)
FIREWALL_CHANGE = record({"difference": many(_ENTRY, 50_000), "transactions": many(block(4_000_000), 100_000)})
