# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wanted content of nftables and iptables, and the differences. Pure: no I/O, no Ansible.

Two things are needed on a packet filter:

- *our own* table (nftables) or chain (iptables). It accepts the listed sources and, where the host itself would let
  strangers in, drops all others **on these ports only**. A drop is final wherever it stands, so this part always works
  from a place of our own.
- a *hook* in the host's own chain, only where that chain would stop a listed source: an accept in our table cannot
  override a drop elsewhere. It stands directly before the rule that stops the connection (or last, where the chain's
  policy does), so earlier decisions of the operator in the chain, such as a list of blocked addresses, keep their
  effect. It is marked by its comment and taken out by its handle.
"""

from __future__ import annotations

import posixpath
from typing import Callable

from ..chains import blocking, is_foreign, not_judged
from ..packet_filter import Record
from ..rules import FOLDER, identity
from .filter_rules import is_own, rule_of
from .iptables import iptables_difference, iptables_line
from .nftables import nft_difference, nft_match
from .unit import UNIT, unit_links
from .view import View


def strangers(owner: str, report: Record, provider: str) -> list[str]:
    """Foreign resources at the paths of this owner's rules, each with the cure."""
    name, folders = f"{FOLDER}/{owner}", [posixpath.dirname(FOLDER), FOLDER]
    places = {
        "nftables": [*folders, f"{name}.nft", f"{name}.hooks.sh", UNIT, *unit_links(owner)],
        "firewalld": [*folders, f"{name}.firewalld.json"],
    }
    paths = [path for path in places.get(provider, []) if path in report["strange"]]
    said = (
        [
            f"In the way, and created by no run of this role: {', '.join(paths)}. Move"
            f" {'it' if len(paths) == 1 else 'them'} away."
        ]
        if paths
        else []
    )
    for chain in report["chains"]:
        if is_foreign(chain, owner) and is_own(dict(chain, table="filter"), provider):
            tool = "ip6tables" if chain["family"] == "ip6" else "iptables"
            of = (
                f"table {chain['family']} {chain['table']}"
                if provider == "nftables"
                else f"chain {chain['name']} of {tool}"
            )
            cure = (
                f"nft delete {of}"
                if provider == "nftables"
                else f"{tool} -S {chain['name']} shows it; rename it with {tool} -E"
            )
            said.append(
                f"{of} is this role's, and holds rules that are not. On the host: sudo {cure} - or choose another"
                " firewall_owner."
            )
    return list(dict.fromkeys(said))


def packet_filter_difference(seen: View, provider: str) -> list[Record]:
    """The part of :func:`compare.difference` that nftables and iptables hold. Rules that another provider left there
    are unwanted."""
    found = nft_difference(seen if provider == "nftables" else seen.unwanted())
    found += iptables_difference(seen if provider == "iptables" else seen.unwanted())
    if provider not in ("nftables", "iptables"):
        return found
    own = [chain for chain in seen.report["chains"] if is_own(chain, provider)]
    for number, opening in enumerate(seen.wanted):
        found += blocked(seen, number, provider, lambda chain: not is_own(chain, provider))
        if not found and blocking(opening, own, seen.report):
            entry = {"id": identity(opening), "what": "outdated", "provider": provider, "opening": opening}
            found.append({**entry, "detail": "our accept stands behind the rule that drops it"})
    return found


def blocked(seen: View, number: int, provider: str, others: Callable[[Record], bool]) -> list[Record]:
    """Entries for the places that stop the opening of this number in other chains, which this provider may not
    change: the rule that drops it, and the cure."""
    found, opening = [], seen.wanted[number]
    for place in seen.stopped(number, others):
        chain = place["chain"]
        beside = [
            one
            for one in seen.host
            if others(one) and one["family"] == chain["family"] and one["table"] == chain["table"]
        ]
        if not_judged(opening, beside, seen.report, "accept"):
            continue  # a rule before it may let the connection in; remarks() says which
        where = f"chain {chain['name']} of table {chain['family']} {chain['table']}"
        what = f"a rule of {where} drops it" if place["rule"] else f"{where} drops it by its policy"
        detail = f"{what}; {_cure(opening, place)}"
        found.append(
            {"id": identity(opening), "what": "blocked", "provider": provider, "opening": opening, "detail": detail}
        )
    return found


def _cure(opening: Record, place: Record) -> str:
    chain = place["chain"]
    if chain["name"].startswith("ufw"):
        return "see 'ufw status numbered' and delete or move the rule before ours"
    rule = rule_of(opening, "accept", "")
    if chain.get("managed"):
        tool = "ip6tables" if chain["family"] == "ip6" else "iptables"
        line = iptables_line(rule, chain["name"]).replace(' -m comment --comment ""', "").replace("-A ", "-I ", 1)
        where = "" if chain["table"] == "filter" else f"-t {chain['table']} "
        return f"let it through there: {tool} {where}{line}"
    return (
        f"let it through there: nft insert rule {chain['family']} {chain['table']} {chain['name']}"
        f" {nft_match(rule, chain['family'])} accept"
    )
