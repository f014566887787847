# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our iptables lines, in the kernel and in the file that is loaded at boot. Pure."""

from __future__ import annotations

import re

from ..chains import blocking, gate
from ..observation.parse_iptables import parse_iptables_save, without_counters
from ..packet_filter import Record, network
from ..rules import mark, owner_of
from .filter_rules import canonical, compare, is_own, lookup, rule_of, words_of
from .view import View


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


def _lines(
    seen: View, chains: list[Record], places: list[list[tuple[str, int]]], of: str
) -> list[tuple[str, int, str]]:
    """Our lines for one family: ``(chain, number of the host's rule it stands before or 0 for the end, line)``, in
    order.

    :param chains: that family's filter table without ours: the kernel's, or the one of the file that is loaded at boot.
    :param places: for each wanted opening, the chain and the number of the rule that stops it there.
    """
    owner, lines = seen.owner, []
    inside = [rule for rule in seen.table if lookup(rule, "family") in ("", of)]
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
    for opening, found in zip(seen.wanted, places):
        hook = rule_of(opening, "accept", f"{mark(owner)} hook")
        lines += [(chain, before, iptables_line(hook, chain)) for chain, before in found]
    return lines


def _kernel_lines(seen: View, of: str) -> list[tuple[str, int, str]]:
    """Our lines for the rule set that the kernel has: where they go is in the view."""
    chains = [chain for chain in seen.host if chain["family"] == of and is_own(chain, "iptables")]
    places = [
        [
            (place["chain"]["name"], _number(place))
            for place in seen.stopped(number, lambda chain: chain["family"] == of and is_own(chain, "iptables"))
            if of in place["families"]
        ]
        for number in range(len(seen.wanted))
    ]
    return _lines(seen, chains, places, of)


def _number(place: Record) -> int:
    """The number of a rule in its chain once ours are out; 0: the end."""
    numbers = [number for number, rule in enumerate(place["chain"]["rules"], 1) if rule is place["rule"]]
    return numbers[0] if numbers else 0


def _file_lines(seen: View, chains: list[Record], of: str) -> list[tuple[str, int, str]]:
    """Our lines for the rule set of a file, which may be another one than the kernel's."""
    places = [
        [
            (place["chain"]["name"], place["rule"]["handle"] if place["rule"] else 0)
            for place in blocking(opening, chains, seen.report)
            if of in place["families"]
        ]
        for opening in seen.wanted
    ]
    return _lines(seen, chains, places, of)


def iptables_saved(text: str, seen: View, of: str) -> str:
    """The text of ``rules.v4`` or ``rules.v6`` with our lines in it, and nothing else changed."""
    owner = seen.owner
    kept = [line for line in text.splitlines(keepends=True) if not _is_ours(line, owner)]
    clean = "".join(kept)
    chains = parse_iptables_save(clean, of)
    if not any(chain["hook"] for chain in chains):
        return clean
    inserts: dict[int, list[str]] = {}
    declared = [number for number, line in enumerate(kept) if line.startswith(":")]
    commit = _commit(kept)
    by_name = {chain["name"]: chain for chain in chains}
    for name, before, line in _file_lines(seen, chains, of):
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


def iptables_restore(seen: View, of: str) -> str:
    """Input of ``iptables-restore --noflush``: one transaction that replaces our rules in the kernel; empty: nothing is
    there or wanted."""
    owner, chains = seen.owner, _written(seen.report, of)
    had_gate = any(chain["name"] == gate(owner) for chain in chains)
    lines = _kernel_lines(seen, of)
    commands = []
    for chain in (chain for chain in chains if chain["name"] != gate(owner)):
        ours = [rule["handle"] for rule in chain["rules"] if owner_of(rule["comment"]) == owner]
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


def iptables_difference(seen: View) -> list[Record]:
    owner, report, found = seen.owner, seen.report, []
    for of in ("ip", "ip6"):
        chains = _written(report, of)
        present = [rule for chain in chains for rule in chain["rules"] if owner_of(rule["comment"]) == owner]
        lines = _kernel_lines(seen, of)
        names = dict.fromkeys(name for name, _before, _line in lines)
        text = "\n".join(["*filter", *(f":{name} -" for name in names), *(line for _name, _before, line in lines)])
        meant = [
            dict(rule, id=words_of(rule), opening={})
            for chain in parse_iptables_save(text, of)
            for rule in chain["rules"]
        ]
        found += compare(sorted(meant, key=canonical), sorted(present, key=canonical), "iptables", f"{of}tables")
        saved = report["saved"].get(of)
        if saved and iptables_saved(saved["text"], seen, of) != saved["text"]:
            found.append(
                {"id": saved["path"], "what": "outdated", "provider": "iptables", "opening": {}, "detail": "file"}
            )
    return found
