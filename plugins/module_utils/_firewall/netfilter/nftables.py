# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our nftables table, and its hooks in the host's own chains. Pure."""

from __future__ import annotations

import shlex

from ..chains import is_foreign, table
from ..packet_filter import Record, family
from ..rules import FOLDER, mark, owner_of
from .filter_rules import compare, lookup
from .unit import HOOKS_TEXT, UNIT, UNIT_TEXT, digest, unit_links
from .view import View

_IPV = {"ip": "ipv4", "ip6": "ipv6"}
_EACH = {"ip": "ip saddr", "ip6": "ip6 saddr"}


def nft_match(rule: Record, chain_family: str = "inet") -> str:
    source, interface, of = lookup(rule, "source"), lookup(rule, "interface"), lookup(rule, "family")
    words = [f'iifname "{interface}"'] if interface else []
    if source:
        words.append(f"{_EACH[family(source)]} {source}")
    elif of and chain_family == "inet":
        words.append(f"meta nfproto {_IPV[of]}")
    elif of and chain_family == "netdev":  # nfproto is for tables of the family inet (nft(8), META EXPRESSIONS)
        words.append(f"meta protocol {of}")
    return " ".join([*words, f"{lookup(rule, 'protocol')} dport {lookup(rule, 'port')}"])


def _seen(rule: Record) -> str:
    """Name of the set that counts the connections of each address to a port."""
    return f"seen_{lookup(rule, 'protocol')}_{lookup(rule, 'port').replace('-', '_')}_{lookup(rule, 'family')}"


def nft_table_text(rules: tuple[Record, ...], owner: str) -> str:
    """The file of our own table. Loading it twice leaves one table: it creates it, deletes it and creates it anew in
    one transaction."""
    name = f"inet {table(owner)}"
    body = ['iifname "lo" accept']
    for rule in rules:
        words = nft_match(rule)
        note = f'comment "{rule["comment"]}"'
        if rule["limited"]:
            of = lookup(rule, "family")
            count = rule["opening"]["limit"].split("/")
            rate = f"limit rate over {count[0]}/{count[1]} burst {count[0]} packets"
            body.append(f"ct state new {words} update @{_seen(rule)} {{ {_EACH[of]} {rate} }} drop {note}")
        elif rule["verdict"] == "drop":
            body.append(
                f"ct direction original {words} drop {note}"
            )  # an answer to a connection of the host's own is not for us
        else:
            body.append(f"{words} accept {note}")
    seen = {_seen(rule): _IPV[lookup(rule, "family")] for rule in rules if rule["limited"]}
    sets = [
        f"\tset {name} {{ type {kind}_addr; size 65535; flags dynamic,timeout; timeout 1h; }}"
        for name, kind in seen.items()
    ]
    lines = [
        f"# Managed by Ansible, role remote.notebooks.firewall, firewall_owner {owner}.",
        f"table {name}",
        f"delete table {name}",
        f"table {name} {{",
        *sets,
        "\tchain input {",
        "\t\ttype filter hook input priority -10; policy accept;",
        *(f"\t\t{line}" for line in body),
        "\t}",
        "}",
        "",
    ]
    return "\n".join(lines)


def _place(hook: Record) -> tuple[str, str]:
    """The chain of a hook, and the accept, as nft takes them."""
    chain = hook["chain"]
    what = f'{nft_match(hook, chain["family"])} accept comment "{hook["comment"]}"'
    return f"{chain['family']} {chain['table']} {chain['name']}", what


def _nft_hook(hook: Record) -> str:
    place, what = _place(hook)
    if hook["before"] is None:
        return f"add rule {place} {what}"
    return f"insert rule {place} handle {hook['before']['handle']} {what}"


def nft_hooks_text(hooks: tuple[Record, ...], owner: str, nft: str) -> str:
    """The script of the hooks. A handle does not survive a reboot, and an index means another rule once somebody added
    a line above: the rule that an accept goes before is found again by its text.
    """
    calls = []
    for hook in hooks:
        place, what = _place(hook)
        before = [] if hook["before"] is None else [hook["before"].get("text") or "?"]
        calls.append(" ".join(["put", *(shlex.quote(word) for word in (place, what, *before))]))
    text = "".join(f"    {call}\n" for call in calls)
    return HOOKS_TEXT.format(owner=owner, nft=nft, mark=mark(owner), calls=text, table=table(owner), folder=FOLDER)


def nft_leftovers(seen: View) -> list[str]:
    """Files of ours that are there and no longer wanted: this owner's, and the unit once it serves nobody."""
    report, mine = seen.report, [f"{FOLDER}/{seen.owner}.{kind}" for kind in ("nft", "hooks.sh")]
    served = any(path.endswith(".nft") and path not in mine for path in report["files"])
    ours = {*report["files"]} - {*report["strange"]}
    return [] if seen.wanted else [path for path in [*mine, *([] if served else [UNIT])] if path in ours]


def nft_files(seen: View) -> dict[str, str]:
    """Our files and their text; none where nothing is wanted."""
    if not seen.wanted:
        return {}
    owner, nft = seen.owner, seen.report["paths"].get("nft", "/usr/sbin/nft")
    files = {
        f"{FOLDER}/{owner}.nft": nft_table_text(seen.table, owner),
        f"{FOLDER}/{owner}.hooks.sh": nft_hooks_text(seen.hooks, owner, nft),
    }
    if seen.report["systemd"]:
        files[UNIT] = UNIT_TEXT.format(nft=nft)
    return files


def nft_script(seen: View) -> str:
    """One transaction that takes our rules out of the kernel and puts the wanted ones in."""
    lines, owner, chains = [], seen.owner, seen.report["chains"]
    for chain in chains:
        if chain["table"] != table(owner) and not chain.get("managed"):
            handles = dict.fromkeys(rule["handle"] for rule in chain["rules"] if owner_of(rule["comment"]) == owner)
            lines += [
                f"delete rule {chain['family']} {chain['table']} {chain['name']} handle {handle}" for handle in handles
            ]
    if not seen.wanted:
        found = [chain for chain in chains if chain["table"] == table(owner)]
        if found and not any(is_foreign(chain, owner) for chain in found):
            lines.append(f"delete table inet {table(owner)}")
        return "\n".join([*lines, ""]) if lines else ""
    lines.append(nft_table_text(seen.table, owner))
    lines += [_nft_hook(hook) for hook in seen.hooks]
    return "\n".join([*lines, ""])


def nft_difference(seen: View) -> list[Record]:
    owner, report = seen.owner, seen.report
    ours = [
        rule
        for chain in report["chains"]
        if chain["table"] == table(owner)
        for rule in chain["rules"]
        if owner_of(rule["comment"])
    ]
    found = compare(list(seen.table), ours, "nftables", "", ordered=True)
    for chain in report["chains"]:
        if chain["table"] == table(owner) or chain.get("managed"):
            continue
        key = (chain["family"], chain["table"], chain["name"])
        there = [rule for rule in chain["rules"] if owner_of(rule["comment"]) == owner]
        meant = [
            hook
            for hook in seen.hooks
            if (hook["chain"]["family"], hook["chain"]["table"], hook["chain"]["name"]) == key
        ]
        where = f"in chain {chain['name']} of table {chain['family']} {chain['table']}"
        found += compare(meant, there, "nftables", where)
    files = nft_files(seen)
    for path in sorted({*files, *nft_leftovers(seen)}):
        if report["files"].get(path) != (digest(files[path]) if path in files else None):
            what = "outdated" if path in files else "unwanted"
            found.append({"id": path, "what": what, "provider": "nftables", "opening": {}, "detail": "file"})
    return [*found, *_unit_difference(bool(seen.wanted), owner, report)]


def _unit_difference(wanted: bool, owner: str, report: Record) -> list[Record]:
    """Whether the rules come back after a reboot, and after somebody has flushed all of them."""
    links, there, runs = set(unit_links(owner)), set(report["links"]), owner in report["watched"]
    detail = ""
    if wanted and report["systemd"]:
        detail = "start at boot" if links - there else "" if runs else "it does not run"
    elif not wanted and (links & there - {*report["strange"]} or runs):
        detail = "start at boot"
    what = "outdated" if wanted else "unwanted"
    unit = f"remote-notebooks-firewall@{owner}.service"
    return [{"id": unit, "what": what, "provider": "nftables", "opening": {}, "detail": detail}] if detail else []
