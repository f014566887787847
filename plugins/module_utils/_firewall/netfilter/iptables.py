# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our iptables lines, in the kernel and in the file that is loaded at boot. Pure."""

from __future__ import annotations

import re

from ..chains import blocking, gate, gates, without
from ..observation.parse_iptables import parse_iptables_save, without_counters
from ..packet_filter import Record, family, network
from ..rules import mark, owner_of
from .filter_rules import canonical, compare, is_own, lookup, nft_table, rule_of, words_of


def iptables_line(rule: Record, chain: str) -> str:
    """A rule as ``iptables-save`` writes it, so that a line can be found again."""
    source, interface = lookup(rule, "source"), lookup(rule, "interface")
    protocol, port = lookup(rule, "protocol"), lookup(rule, "port").replace("-", ":")
    words = [f"-A {chain}"]
    words += [f"-s {network(source)}"] if source else []
    words += [f"-i {interface}"] if interface else []
    words += [f"-p {protocol} -m {protocol} --dport {port}"]
    if rule["limited"]:
        count, per = rule["opening"]["limit"].split("/")
        name = f"{rule['opening']['protocol']}{rule['opening']['port']}"[:15]
        bucket = f"--hashlimit-mode srcip --hashlimit-name {name}"
        words.append(
            f"-m conntrack --ctstate NEW -m hashlimit --hashlimit-above {count}/{per[:3]} --hashlimit-burst {count}"
            f" {bucket}"
        )
    elif rule["verdict"] == "drop":
        words.append("-m conntrack --ctdir ORIGINAL")
    words.append(f'-m comment --comment "{rule["comment"]}"')
    return " ".join([*words, "-j " + {"accept": "ACCEPT", "drop": "DROP", "return": "RETURN"}[rule["verdict"]]])


def iptables_lines(
    wanted: list[Record], owner: str, report: Record, chains: list[Record], of: str
) -> list[tuple[str, int, str]]:
    """Our lines for one family: ``(chain, number of the host's rule it stands before or 0 for the end, line)``, in
    order.

    ``chains`` is that family's filter table without ours: the kernel's, or the one of the file that is loaded at boot.
    """
    mine = [opening for opening in wanted if not opening["source"] or family(opening["source"]) == of]
    closed = gates(wanted, without(report["chains"], owner), report)
    inside = [rule for rule in nft_table(mine, closed, owner) if lookup(rule, "family") in ("", of)]
    lines = []
    if any(rule["verdict"] == "drop" for rule in inside):
        name = gate(owner)
        first = 1 if any(chain["name"] == "INPUT" and chain["rules"] for chain in chains) else 0
        lines.append(("INPUT", first, f'-A INPUT -m comment --comment "{mark(owner)} gate" -j {name}'))
        lines.append((name, 0, f'-A {name} -i lo -m comment --comment "{mark(owner)}" -j RETURN'))
        # an accept would end the host's own chain, too
        lines += [
            (name, 0, iptables_line(dict(rule, verdict="return" if rule["verdict"] == "accept" else "drop"), name))
            for rule in inside
        ]
    for opening in mine:
        for place in blocking(opening, chains, report):
            if of in place["families"]:
                chain, before = place["chain"]["name"], place["rule"]["handle"] if place["rule"] else 0
                lines.append((chain, before, iptables_line(rule_of(opening, "accept", f"{mark(owner)} hook"), chain)))
    return lines


def iptables_saved(text: str, wanted: list[Record], owner: str, report: Record, of: str) -> str:
    """The text of ``rules.v4`` or ``rules.v6`` with our lines in it, and nothing else changed."""
    kept = [line for line in text.splitlines(keepends=True) if not _is_ours(line, owner)]
    clean = "".join(kept)
    chains = parse_iptables_save(clean, of)
    if not any(chain["hook"] for chain in chains):
        return clean
    inserts: dict[int, list[str]] = {}
    declared = [number for number, line in enumerate(kept) if line.startswith(":")]
    commit = _commit(kept)
    by_name = {chain["name"]: chain for chain in chains}
    for name, before, line in iptables_lines(wanted, owner, report, chains, of):
        if name == gate(owner):
            heading = f":{name} - [0:0]\n"
            last = max(number for number in declared if number < commit) + 1
            if heading not in inserts.get(last, []):
                inserts.setdefault(last, []).insert(0, heading)
        number = by_name[name]["rules"][before - 1]["line"] if before else commit
        inserts.setdefault(number, []).append(line + "\n")
    result = []
    for number, line in enumerate(kept):
        result += inserts.get(number, [])
        result.append(line)
    changed = "".join(result)
    # saved with counters (iptables-save -c), our lines have them, too: that is no difference
    return text if _uncounted(changed) == _uncounted(text) else changed


def _uncounted(text: str) -> list[str]:
    return [
        re.sub(r" \[\d+:\d+\]$", "", line) if line.startswith(":") else without_counters(line)
        for line in text.splitlines()
    ]


def _commit(lines: list[str]) -> int:
    table_name = ""
    for number, line in enumerate(lines):
        table_name = line[1:].strip() if line.startswith("*") else table_name
        if table_name == "filter" and line.strip() == "COMMIT":
            return number
    return len(lines)


def _is_ours(line: str, owner: str) -> bool:
    line = without_counters(line)
    return line.startswith(f":{gate(owner)} ") or (
        line.startswith("-A ")
        and (f'"{mark(owner)}"' in line or f'"{mark(owner)} ' in line or f" {mark(owner)} " in line)
    )


def iptables_restore(wanted: list[Record], owner: str, report: Record, of: str) -> str:
    """Input of ``iptables-restore --noflush``: one transaction that replaces our rules in the kernel; empty: nothing is
    there or wanted."""
    chains = _written(report, of)
    clean = _clean(chains, owner)
    had_gate = any(chain["name"] == gate(owner) for chain in chains)
    lines = iptables_lines(wanted, owner, report, clean, of)
    commands = []
    for chain in clean:
        original = next(one for one in chains if one["name"] == chain["name"])
        ours = [rule["handle"] for rule in original["rules"] if owner_of(rule["comment"]) == owner]
        commands += [f"-D {chain['name']} {number}" for number in sorted(ours, reverse=True)]
    shifted: dict[tuple[str, int], int] = {}
    for name, before, line in lines:
        if not before:
            commands.append(line)
            continue
        number = before + sum(
            count for (chain_name, at), count in shifted.items() if chain_name == name and at <= before
        )
        shifted[name, before] = shifted.get((name, before), 0) + 1
        commands.append(line.replace(f"-A {name} ", f"-I {name} {number} ", 1))
    needs_gate = any(name == gate(owner) for name, _before, _line in lines)
    if not commands and not had_gate:
        return ""
    heading = [f":{gate(owner)} - [0:0]"] if had_gate or needs_gate else []
    return "\n".join(
        ["*filter", *heading, *commands, *([f"-X {gate(owner)}"] if had_gate and not needs_gate else []), "COMMIT", ""]
    )


def _written(report: Record, of: str) -> list[Record]:
    """The chains of one family's filter table."""
    return [chain for chain in report["chains"] if chain["family"] == of and is_own(chain, "iptables")]


def _clean(chains: list[Record], owner: str) -> list[Record]:
    """The chains without ours, their rules numbered anew."""
    return [
        dict(chain, rules=[dict(rule, handle=number) for number, rule in enumerate(chain["rules"], 1)])
        for chain in without(chains, owner)
    ]


def iptables_difference(wanted: list[Record], owner: str, report: Record) -> list[Record]:
    found = []
    for of in ("ip", "ip6"):
        chains = _written(report, of)
        present = [rule for chain in chains for rule in chain["rules"] if owner_of(rule["comment"]) == owner]
        lines = iptables_lines(wanted, owner, report, _clean(chains, owner), of)
        names = dict.fromkeys(name for name, _before, _line in lines)
        text = "\n".join(["*filter", *(f":{name} -" for name in names), *(line for _name, _before, line in lines)])
        meant = [
            dict(rule, id=words_of(rule), opening={})
            for chain in parse_iptables_save(text, of)
            for rule in chain["rules"]
        ]
        found += compare(sorted(meant, key=canonical), sorted(present, key=canonical), "iptables", f"{of}tables")
        saved = report["saved"].get(of)
        if saved and iptables_saved(saved["text"], wanted, owner, report, of) != saved["text"]:
            found.append(
                {"id": saved["path"], "what": "outdated", "provider": "iptables", "opening": {}, "detail": "file"}
            )
    return found
