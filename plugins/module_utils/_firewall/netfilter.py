# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nftables and iptables should hold, and the text that brings them there. Pure: no I/O, no Ansible.

Two things are needed on a packet filter:

- *our own* table (nftables) or chain (iptables). It accepts the listed sources and, where the host itself would let
  strangers in, drops all others **on these ports only**. A drop is final wherever it stands, so this part always works
  from a place of our own.
- a *hook* in the host's own chain, only where that chain would stop a listed source: an accept in our table cannot
  override a drop elsewhere. It stands directly before the rule that stops the connection (or last, where the chain's
  policy does), so what the operator decided earlier in the chain, such as a list of blocked addresses, keeps its say.
  It is marked by its comment and taken out by its handle.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import shlex

from .packet_filter import Record, family, network
from .parse import parse_iptables_save, without_counters
from .rules import (
    FOLDER,
    blocking,
    comment,
    gate,
    gates,
    identity,
    is_foreign,
    mark,
    not_judged,
    owner_of,
    table,
    without,
)

UNIT = "/etc/systemd/system/remote-notebooks-firewall@.service"
UNIT_TEXT = f"""\
# Managed by Ansible, role remote.notebooks.firewall: keeps the rules of one owner loaded.
[Unit]
Description=Firewall rules of %i
Documentation=man:nft(8)
DefaultDependencies=no
Conflicts=shutdown.target
After=nftables.service
Before=network-pre.target shutdown.target
Wants=network-pre.target
ReloadPropagatedFrom=nftables.service

[Service]
Type=exec
# The table replaces itself; a hook is added only where it is gone, so that a second start changes nothing.
ExecStartPre={{nft}} -f {FOLDER}/%i.nft
ExecStartPre=/bin/sh {FOLDER}/%i.hooks.sh
# A flush of all rules (nft -f /etc/nftables.conf, or nftables.service when it stops) removes these as well:
# they are added again at once.
ExecStart=/bin/sh {FOLDER}/%i.hooks.sh watch
ExecReload={{nft}} -f {FOLDER}/%i.nft
ExecReload=/bin/sh {FOLDER}/%i.hooks.sh
Restart=always
RestartSec=1

[Install]
WantedBy=sysinit.target nftables.service
"""
HOOKS_TEXT = """\
# Managed by Ansible, role remote.notebooks.firewall, firewall_owner {owner}.
# Accepts that this host's own chains need. Run by sh.
# Each goes directly before the rule that would stop the connection, found by its text,
# or to the end of a chain whose policy would.
# Where that rule is not there any more, none goes in: the port stays closed until the playbook runs again.
put() {{ # chain, accept, the rule that it goes before
    if [ "$#" -eq 2 ]; then {nft} "add rule $1 $2"; return; fi
    handle=$({nft} -a -s list chain $1 | BEFORE="$3" awk '
        match($0, / # handle [0-9]+$/) {{
            text = substr($0, 1, RSTART - 1); sub(/^[ \\t]+/, "", text)
            if (text == ENVIRON["BEFORE"]) handle = substr($0, RSTART + 10)
        }}
        END {{ print handle }}')
    if [ -n "$handle" ]; then {nft} "insert rule $1 handle $handle $2"; return; fi
    echo "chain $1 has no rule '$3' any more: not added: $2. Run the playbook again." >&2
}}
hooks() {{
    if {nft} list ruleset | grep -qF '{mark} hook'; then return; fi
{calls}    true
}}
if [ "$1" != watch ]; then hooks; exit; fi
# An added table may be the host's own, with none of our accepts; a deleted one may be ours.
# After lost events, look as well.
{nft} monitor tables | while read -r event; do
    case $event in "add table "* | "delete table "* | "# ERROR"*) ;; *) continue ;; esac
    {nft} list table inet {table} >/dev/null 2>&1 || {nft} -f {folder}/{owner}.nft
    hooks
done
exit 1 # systemd starts it again
"""
_IPV = {"ip": "ipv4", "ip6": "ipv6"}
_EACH = {"ip": "ip saddr", "ip6": "ip6 saddr"}


def unit_links(owner: str) -> list[str]:
    """The links by which systemd starts the unit of this owner."""
    name = f"remote-notebooks-firewall@{owner}.service"
    return [f"/etc/systemd/system/{target}.wants/{name}" for target in ("nftables.service", "sysinit.target")]


def digest(text: str) -> str:
    """SHA-256 of a file's text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


# --- one rule, for the kernel and for the comparison
# ----------------------------------------------------------------------------


def _rule(
    opening: Record, verdict: str, note: str, families: tuple[str, ...] = ("ip", "ip6"), limited: str = ""
) -> Record:
    """A rule of ours in the model of ``_firewall_filter``."""
    when = [["protocol", "in", [opening["protocol"]]], ["port", "in", [opening["port"]]]]
    if opening["source"]:
        when += [["family", "in", [family(opening["source"])]], ["source", "in", [opening["source"]]]]
    elif len(families) == 1:
        when.append(["family", "in", [families[0]]])
    if opening["interface"]:
        when.append(["interface", "in", [opening["interface"]]])
    if limited:
        when.append(["state", "in", ["new"]])
    return {
        "when": when,
        "verdict": verdict,
        "comment": note,
        "limited": limited,
        "opening": opening,
        "id": identity(opening),
    }


def canonical(rule: Record) -> str:
    """What a rule does, as a text that two equal rules share."""
    conditions = []
    for field, operator, values in rule["when"]:
        clean = [str(network(value)) if field == "source" else value for value in values]
        conditions.append([field, operator, sorted(clean)])
    unique = [json.loads(text) for text in sorted({json.dumps(condition) for condition in conditions})]
    return json.dumps([unique, rule["verdict"], rule["comment"], rule["limited"]])


def _lookup(rule: Record, field: str) -> str:
    return next((values[0] for name, _operator, values in rule["when"] if name == field), "")


# --- nftables
# -------------------------------------------------------------------------------------------------------------------


def nft_table(wanted: list[Record], closed: list[tuple[str, str, str, tuple[str, ...]]], owner: str) -> list[Record]:
    """The rules of our own table, in order."""
    rules = []
    for opening in wanted:
        if opening["limit"]:
            each = (family(opening["source"]),) if opening["source"] else ("ip", "ip6")
            rules += [_rule(opening, "drop", comment(opening, owner), (one,), limited="over") for one in each]
        rules.append(_rule(opening, "accept", comment(opening, owner)))
    for protocol, port, interface, families in closed:
        everybody = {"protocol": protocol, "port": port, "source": "", "interface": interface, "limit": ""}
        rules.append(_rule(everybody, "drop", f"{mark(owner)} all others", families))
    return rules


def _nft_match(rule: Record, chain_family: str = "inet") -> str:
    source, interface, of = _lookup(rule, "source"), _lookup(rule, "interface"), _lookup(rule, "family")
    words = [f'iifname "{interface}"'] if interface else []
    if source:
        words.append(f"{_EACH[family(source)]} {source}")
    elif of and chain_family == "inet":
        words.append(f"meta nfproto {_IPV[of]}")
    return " ".join([*words, f"{_lookup(rule, 'protocol')} dport {_lookup(rule, 'port')}"])


def _seen(rule: Record) -> str:
    """Name of the set that counts the connections of each address to a port."""
    return f"seen_{_lookup(rule, 'protocol')}_{_lookup(rule, 'port').replace('-', '_')}_{_lookup(rule, 'family')}"


def nft_table_text(rules: list[Record], owner: str) -> str:
    """The file of our own table. Loading it twice leaves one table: it makes it, deletes it and makes it anew in one
    transaction."""
    name = f"inet {table(owner)}"
    body = ['iifname "lo" accept']
    for rule in rules:
        words = _nft_match(rule)
        note = f'comment "{rule["comment"]}"'
        if rule["limited"]:
            of = _lookup(rule, "family")
            count = rule["opening"]["limit"].split("/")
            rate = f"limit rate over {count[0]}/{count[1]} burst {count[0]} packets"
            body.append(f"ct state new {words} update @{_seen(rule)} {{ {_EACH[of]} {rate} }} drop {note}")
        elif rule["verdict"] == "drop":
            body.append(
                f"ct direction original {words} drop {note}"
            )  # an answer to a connection of the host's own is not for us
        else:
            body.append(f"{words} accept {note}")
    seen = {_seen(rule): _IPV[_lookup(rule, "family")] for rule in rules if rule["limited"]}
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


def nft_hooks(wanted: list[Record], owner: str, report: Record) -> list[Record]:
    """The accepts that the host's own chains need: rules with ``chain`` and ``before`` (a rule of that chain, or
    ``None``: at its end)."""
    host = without(report["chains"], owner)
    hooks = []
    for opening in wanted:
        for place in blocking(opening, host, report):
            if place["chain"].get("managed"):
                continue
            rule = _rule(opening, "accept", f"{mark(owner)} hook", tuple(place["families"]))
            if place["chain"]["family"] in ("ip", "ip6"):
                rule["when"] = [
                    condition for condition in rule["when"] if condition[0] != "family" or opening["source"]
                ]
            hooks.append(dict(rule, chain=place["chain"], before=place["rule"]))
    return hooks


def _place(hook: Record) -> tuple[str, str]:
    """The chain of a hook, and the accept, as nft takes them."""
    chain = hook["chain"]
    what = f'{_nft_match(hook, chain["family"])} accept comment "{hook["comment"]}"'
    return f"{chain['family']} {chain['table']} {chain['name']}", what


def _nft_hook(hook: Record) -> str:
    place, what = _place(hook)
    if hook["before"] is None:
        return f"add rule {place} {what}"
    return f"insert rule {place} handle {hook['before']['handle']} {what}"


def nft_hooks_text(hooks: list[Record], owner: str, nft: str) -> str:
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


def nft_leftovers(wanted: list[Record], owner: str, report: Record) -> list[str]:
    """Files of ours that are there and no longer wanted: this owner's, and the unit once it serves nobody."""
    mine = [f"{FOLDER}/{owner}.{kind}" for kind in ("nft", "hooks.sh")]
    served = any(path.endswith(".nft") and path not in mine for path in report["files"])
    ours = {*report["files"]} - {*report["strange"]}
    return [] if wanted else [path for path in [*mine, *([] if served else [UNIT])] if path in ours]


def nft_files(wanted: list[Record], owner: str, report: Record) -> dict[str, str]:
    """Our files and their text; none where nothing is wanted."""
    if not wanted:
        return {}
    host, nft = without(report["chains"], owner), report["paths"].get("nft", "/usr/sbin/nft")
    files = {
        f"{FOLDER}/{owner}.nft": nft_table_text(nft_table(wanted, gates(wanted, host, report), owner), owner),
        f"{FOLDER}/{owner}.hooks.sh": nft_hooks_text(nft_hooks(wanted, owner, report), owner, nft),
    }
    if report["systemd"]:
        files[UNIT] = UNIT_TEXT.format(nft=nft)
    return files


def nft_script(wanted: list[Record], owner: str, report: Record) -> str:
    """One transaction that takes our rules out of the kernel and puts the wanted ones in."""
    lines = []
    for chain in report["chains"]:
        if chain["table"] != table(owner) and not chain.get("managed"):
            handles = dict.fromkeys(rule["handle"] for rule in chain["rules"] if owner_of(rule["comment"]) == owner)
            lines += [
                f"delete rule {chain['family']} {chain['table']} {chain['name']} handle {handle}" for handle in handles
            ]
    if not wanted:
        found = [chain for chain in report["chains"] if chain["table"] == table(owner)]
        if found and not any(is_foreign(chain, owner) for chain in found):
            lines.append(f"delete table inet {table(owner)}")
        return "\n".join([*lines, ""]) if lines else ""
    host = without(report["chains"], owner)
    lines.append(nft_table_text(nft_table(wanted, gates(wanted, host, report), owner), owner))
    lines += [_nft_hook(hook) for hook in nft_hooks(wanted, owner, report)]
    return "\n".join([*lines, ""])


def _nft_difference(wanted: list[Record], owner: str, report: Record) -> list[Record]:
    host = without(report["chains"], owner)
    expected = nft_table(wanted, gates(wanted, host, report), owner) if wanted else []
    hooks = nft_hooks(wanted, owner, report)
    ours = [
        rule
        for chain in report["chains"]
        if chain["table"] == table(owner)
        for rule in chain["rules"]
        if owner_of(rule["comment"])
    ]
    found = _compare(expected, ours, "nftables", "", ordered=True)
    for chain in report["chains"]:
        if chain["table"] == table(owner) or chain.get("managed"):
            continue
        key = (chain["family"], chain["table"], chain["name"])
        there = [rule for rule in chain["rules"] if owner_of(rule["comment"]) == owner]
        meant = [
            hook for hook in hooks if (hook["chain"]["family"], hook["chain"]["table"], hook["chain"]["name"]) == key
        ]
        found += _compare(
            meant, there, "nftables", f"in chain {chain['name']} of table {chain['family']} {chain['table']}"
        )
    files = nft_files(wanted, owner, report)
    for path in sorted({*files, *nft_leftovers(wanted, owner, report)}):
        if report["files"].get(path) != (digest(files[path]) if path in files else None):
            found.append(
                {
                    "id": path,
                    "what": "outdated" if path in files else "unwanted",
                    "provider": "nftables",
                    "opening": {},
                    "detail": "file",
                }
            )
    return [*found, *_unit_difference(wanted, owner, report)]


def _unit_difference(wanted: list[Record], owner: str, report: Record) -> list[Record]:
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


def _compare(
    expected: list[Record], present: list[Record], provider: str, detail: str, ordered: bool = False
) -> list[Record]:
    there = [canonical(rule) for rule in present]
    meant = [canonical(rule) for rule in expected]
    found = [
        {
            "id": rule["id"],
            "what": "missing",
            "provider": provider,
            "opening": rule["opening"],
            "detail": _detail(rule, detail),
        }
        for rule, text in zip(expected, meant)
        if text not in there
    ]
    for position, (rule, text) in enumerate(zip(present, there)):
        if text not in meant or text in there[:position]:
            found.append(
                {
                    "id": _words(rule),
                    "what": "unwanted",
                    "provider": provider,
                    "opening": {},
                    "detail": _detail(rule, detail),
                }
            )
    if ordered and not found and there != meant:
        found.append({"id": "order", "what": "outdated", "provider": provider, "opening": {}, "detail": detail})
    return found


def _detail(rule: Record, detail: str) -> str:
    kind = "rate limit" if rule["limited"] else "closes the port for all others" if rule["verdict"] == "drop" else ""
    return ", ".join(word for word in (kind, detail) if word)


# --- iptables
# -------------------------------------------------------------------------------------------------------------------


def _iptables_line(rule: Record, chain: str) -> str:
    """A rule as ``iptables-save`` writes it, so that a line can be found again."""
    source, interface = _lookup(rule, "source"), _lookup(rule, "interface")
    protocol, port = _lookup(rule, "protocol"), _lookup(rule, "port").replace("-", ":")
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
    inside = [rule for rule in nft_table(mine, closed, owner) if _lookup(rule, "family") in ("", of)]
    lines = []
    if any(rule["verdict"] == "drop" for rule in inside):
        name = gate(owner)
        first = 1 if any(chain["name"] == "INPUT" and chain["rules"] for chain in chains) else 0
        lines.append(("INPUT", first, f'-A INPUT -m comment --comment "{mark(owner)} gate" -j {name}'))
        lines.append((name, 0, f'-A {name} -i lo -m comment --comment "{mark(owner)}" -j RETURN'))
        # an accept would end the host's own chain, too
        lines += [
            (name, 0, _iptables_line(dict(rule, verdict="return" if rule["verdict"] == "accept" else "drop"), name))
            for rule in inside
        ]
    for opening in mine:
        for place in blocking(opening, chains, report):
            if of in place["families"]:
                chain, before = place["chain"]["name"], place["rule"]["handle"] if place["rule"] else 0
                lines.append((chain, before, _iptables_line(_rule(opening, "accept", f"{mark(owner)} hook"), chain)))
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
    return [chain for chain in report["chains"] if chain["family"] == of and _is_own(chain, "iptables")]


def _clean(chains: list[Record], owner: str) -> list[Record]:
    """The chains without ours, their rules numbered anew."""
    return [
        dict(chain, rules=[dict(rule, handle=number) for number, rule in enumerate(chain["rules"], 1)])
        for chain in without(chains, owner)
    ]


def _iptables_difference(wanted: list[Record], owner: str, report: Record) -> list[Record]:
    found = []
    for of in ("ip", "ip6"):
        chains = _written(report, of)
        present = [rule for chain in chains for rule in chain["rules"] if owner_of(rule["comment"]) == owner]
        lines = iptables_lines(wanted, owner, report, _clean(chains, owner), of)
        names = dict.fromkeys(name for name, _before, _line in lines)
        text = "\n".join(["*filter", *(f":{name} -" for name in names), *(line for _name, _before, line in lines)])
        meant = [
            dict(rule, id=_words(rule), opening={})
            for chain in parse_iptables_save(text, of)
            for rule in chain["rules"]
        ]
        found += _compare(sorted(meant, key=canonical), sorted(present, key=canonical), "iptables", f"{of}tables")
        saved = report["saved"].get(of)
        if saved and iptables_saved(saved["text"], wanted, owner, report, of) != saved["text"]:
            found.append(
                {"id": saved["path"], "what": "outdated", "provider": "iptables", "opening": {}, "detail": "file"}
            )
    return found


def _words(rule: Record) -> str:
    port, source = _lookup(rule, "port"), _lookup(rule, "source")
    return f"{_lookup(rule, 'protocol')}/{port} from {source or 'anybody'}" if port else rule["comment"]


def strangers(owner: str, report: Record, provider: str) -> list[str]:
    """What is in the way of this owner's rules, and made by no run of this role; each with what to do."""
    name, folders = f"{FOLDER}/{owner}", [posixpath.dirname(FOLDER), FOLDER]
    places = {
        "nftables": [*folders, f"{name}.nft", f"{name}.hooks.sh", UNIT, *unit_links(owner)],
        "firewalld": [*folders, f"{name}.firewalld.json"],
    }
    paths = [path for path in places.get(provider, []) if path in report["strange"]]
    said = (
        [
            f"In the way, and made by no run of this role: {', '.join(paths)}. Move"
            f" {'it' if len(paths) == 1 else 'them'} away."
        ]
        if paths
        else []
    )
    for chain in report["chains"]:
        if is_foreign(chain, owner) and _is_own(dict(chain, table="filter"), provider):
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


# --- both
# ----------------------------------------------------------------------------------------------------------------------


def packet_filter_difference(wanted: list[Record], owner: str, report: Record, provider: str) -> list[Record]:
    """The part of :func:`compare.difference` that nftables and iptables hold; what another provider left there is
    unwanted."""
    found = _nft_difference(wanted if provider == "nftables" else [], owner, report)
    found += _iptables_difference(wanted if provider == "iptables" else [], owner, report)
    if provider not in ("nftables", "iptables"):
        return found
    own = [chain for chain in report["chains"] if _is_own(chain, provider)]
    others = [chain for chain in without(report["chains"], owner) if not _is_own(chain, provider)]
    for opening in wanted:
        found += blocked(opening, others, report, provider)
        if not found and blocking(opening, own, report):
            detail = "our accept stands behind the rule that drops it"
            found.append(
                {
                    "id": identity(opening),
                    "what": "outdated",
                    "provider": provider,
                    "opening": opening,
                    "detail": detail,
                }
            )
    return found


def _is_own(chain: Record, provider: str) -> bool:
    """Whether this provider may put a rule into the chain; iptables' tables mangle and raw are nobody's place for
    accepts."""
    return (
        not chain.get("managed")
        if provider == "nftables"
        else bool(chain.get("managed")) and chain["table"] == "filter"
    )


def blocked(opening: Record, chains: list[Record], report: Record, provider: str) -> list[Record]:
    """Entries for the places of these chains that drop the opening, where this provider may not put anything: what
    drops it, and the cure."""
    found = []
    for place in blocking(opening, chains, report):
        chain = place["chain"]
        if not_judged(
            opening,
            [one for one in chains if one["family"] == chain["family"] and one["table"] == chain["table"]],
            report,
            "accept",
        ):
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
    rule = _rule(opening, "accept", "")
    if chain.get("managed"):
        tool = "ip6tables" if chain["family"] == "ip6" else "iptables"
        line = _iptables_line(rule, chain["name"]).replace(' -m comment --comment ""', "").replace("-A ", "-I ", 1)
        where = "" if chain["table"] == "filter" else f"-t {chain['table']} "
        return f"let it through there: {tool} {where}{line}"
    return (
        f"let it through there: nft insert rule {chain['family']} {chain['table']} {chain['name']}"
        f" {_nft_match(rule, chain['family'])} accept"
    )


__all__ = [
    "UNIT",
    "UNIT_TEXT",
    "blocked",
    "digest",
    "iptables_restore",
    "iptables_saved",
    "nft_files",
    "nft_leftovers",
    "nft_script",
    "packet_filter_difference",
    "strangers",
    "unit_links",
]
