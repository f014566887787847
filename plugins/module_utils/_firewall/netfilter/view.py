# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall of a host as one owner's rules see it: computed once, then only read. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable

from ..chains import blocking, gates, without
from ..packet_filter import Record
from ..rules import mark
from .filter_rules import nft_table, rule_of


@dataclass(frozen=True)
class View:
    """What rules, files and the comparison read.

    ``host``: its chains without ours. ``stops``: the places of them that stop each wanted opening. ``table``: the rules
    of our own table or chain. ``hooks``: the accepts that the host's own nftables chains need, each with ``chain`` and
    ``before`` (a rule of that chain; None: at its end).
    """

    wanted: tuple[Record, ...]  # openings in the terms of the provider
    owner: str
    report: Record
    host: tuple[Record, ...]
    stops: tuple[tuple[Record, ...], ...] = ()
    table: tuple[Record, ...] = ()
    hooks: tuple[Record, ...] = ()

    def stopped(self, number: int, in_question: Callable[[Record], bool]) -> list[Record]:
        """Return the places that stop the opening of this number, in the chains in question."""
        return [place for place in self.stops[number] if in_question(place["chain"])]

    def unwanted(self) -> View:
        """Return the same host without rules of this owner: the view of a provider that is not chosen."""
        return replace(self, wanted=(), stops=(), table=(), hooks=())


def view(wanted: list[Record], owner: str, report: Record) -> View:
    """Compute the record for these openings."""
    host = without(report["chains"], owner)
    stops = tuple(tuple(blocking(opening, host, report)) for opening in wanted)
    closed = gates(wanted, host, report)
    hooks = tuple(_hook(opening, place, owner) for opening, places in zip(wanted, stops) for place in places)
    return View(
        tuple(wanted),
        owner,
        report,
        tuple(host),
        stops,
        tuple(nft_table(wanted, closed, owner)),
        tuple(hook for hook in hooks if not hook["chain"].get("managed")),
    )


def _hook(opening: Record, place: Record, owner: str) -> Record:
    rule = rule_of(opening, "accept", f"{mark(owner)} hook", tuple(place["families"]))
    if place["chain"]["family"] in ("ip", "ip6"):
        rule["when"] = [condition for condition in rule["when"] if condition[0] != "family" or opening["source"]]
    return dict(rule, chain=place["chain"], before=place["rule"])
