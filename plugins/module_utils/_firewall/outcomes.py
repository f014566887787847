# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The expected result of a client that tries a port, and the meaning of another result. Pure: no I/O, no Ansible.

A rule that is there is no client that gets through: a second firewall, a line that the model does not know, a cloud's
security group may decide otherwise. So after each change the control node tries, from the addresses that it has.
"""

from __future__ import annotations

from .chains import blocking, not_judged
from .openings import admits
from .packet_filter import Record
from .packet_filter import ports as port_range
from .rules import identity, normalise, openings, overlap, owner_of

#: How a connection ends: answered; refused by the host (RST, or ICMP "port unreachable"); refused on the way (other
#: ICMP); not at all.
OUTCOMES = ("connected", "refused", "prohibited", "silence")


def ports(rules: list[Record]) -> set[int]:
    """The ports of these rules, as a user wrote them, that are tried: of a range the first."""
    return {port_range(rule["port"])[0] for rule in normalise(rules) if rule["protocol"] == "tcp"}


def expected(rules: list[Record], report: Record, clients: list[str], listening: set[int]) -> list[Record]:
    """For each TCP port of these normalised rules, and each client: whether it is listed, and the effect of the rule
    set with it.

    ``{"port": 8888, "client": "192.0.2.10", "anybody": false, "listed": true, "admitted": true, "silent": false,
    "listens": true, "lines": []}``:
    ``anybody`` where the port is for all, ``admitted`` as :func:`compare.admits` has it, ``silent`` where a drop of
    ours or of a policy stops it,
    ``lines`` the lines that the model does not understand.
    """
    sources: dict[str, list[str]] = {}
    for opening in openings(rules):
        if opening["protocol"] == "tcp" and not opening["interface"] and not opening["zone"]:
            sources.setdefault(opening["port"], []).append(opening["source"])
    return [
        {
            **_expected(port, client, report, listening),
            "anybody": "" in found,
            "listed": any(overlap(source, client) for source in found),
        }
        for port, found in sorted(sources.items())
        for client in clients
    ]


def _expected(port: str, client: str, report: Record, listening: set[int]) -> Record:
    number = port_range(port)[0]
    opening = {"protocol": "tcp", "port": str(number), "source": client, "interface": "", "zone": "", "limit": ""}
    stops = blocking(opening, report["chains"], report) if report["provider"] in ("nftables", "iptables") else []
    return {
        "port": number,
        "client": client,
        "admitted": admits(report, "tcp", number, client),
        "silent": any(place["rule"] is None or bool(owner_of(place["rule"]["comment"])) for place in stops),
        "listens": number in listening,
        "lines": [] if report["provider"] == "firewalld" else not_judged(opening, report["chains"], report),
    }


def left_out(rules: list[Record]) -> list[str]:
    """The openings of which no client here can say anything."""
    why = [
        (one, "UDP gives no answer" if one["protocol"] == "udp" else "it is for one way into the host only")
        for one in openings(rules)
        if one["protocol"] == "udp" or one["interface"] or one["zone"]
    ]
    return [f"{identity(one)}: not tried, for {reason}." for one, reason in why]


def conclude(entry: Record, outcome: str) -> tuple[bool, str]:
    """Whether the result is the expected one, and a sentence about the test and its result."""
    tried = f"tcp/{entry['port']} from {entry['client']}, which is {'' if entry['listed'] else 'not '}among the sources"
    lines = f" This role does not understand {'; '.join(entry['lines'])}." if entry["lines"] else ""
    if outcome == "refused" and not entry["listens"]:
        return _nobody_listens(entry, tried, lines)
    came = outcome == "connected"
    if came == entry["listed"]:
        return True, f"{tried}: {'gets in' if came else 'is shut out'}."
    if came and entry["admitted"]:
        return True, f"{tried}: gets in, by a rule that is not ours."
    if came:
        return (
            False,
            (
                f"{tried}: gets in all the same, so the sources are NOT in"
                f" force.{lines or ' Another rule of the host lets it in.'}"
            ),
        )
    word = {"refused": "is refused", "prohibited": "is refused"}.get(outcome, "gets no answer")
    cure = (
        lines
        or " The rules of this host let it in: see what filters before the host (a cloud's security group, a router),"
        " or beside its firewall."
    )
    return False, f"{tried}: {word}.{cure}"


def _nobody_listens(entry: Record, tried: str, lines: str) -> tuple[bool, str]:
    """A refusal is the host's answer where nobody listens, or a rule's that rejects."""
    if entry["listed"] and entry["admitted"] is False:
        return False, f"{tried}: is refused, and a rule of the host does that.{lines}"
    if entry["listed"]:
        return True, f"{tried}: gets in; nobody listens there yet."
    if entry["silent"]:
        return False, f"{tried}: reaches the host all the same, so the sources are NOT in force.{lines}"
    if entry["admitted"]:
        return True, f"{tried}: gets in, by a rule that is not ours; nobody listens there yet."
    return (
        True,
        f"{tried}: is refused, which proves nothing: nobody listens there, and a rule that rejects answers alike.",
    )


def worth_trying(entries: list[Record], own: str) -> list[Record]:
    """Of each port, one client that is listed and one that is not, this machine's own address before others."""
    found: dict[tuple[int, bool], Record] = {}
    for entry in sorted(entries, key=lambda one: one["client"] != own):
        found.setdefault((entry["port"], entry["listed"]), entry)
    return list(found.values())


def missing(entries: list[Record], tried: list[Record]) -> list[str]:
    """The tests that were impossible, a sentence each: for addresses of a kind that this machine does not have."""
    had = {(entry["port"], entry["listed"]) for entry in tried}
    wanted = {
        (entry["port"], listed) for entry in entries for listed in (True, False) if listed or not entry["anybody"]
    }
    return [
        f"tcp/{port}: not tried from an address that is {'' if listed else 'not '}among the sources, for this machine"
        " has none."
        for port, listed in sorted(wanted - had, key=lambda one: (one[0], not one[1]))
    ]


__all__ = ["OUTCOMES", "conclude", "expected", "left_out", "missing", "ports", "worth_trying"]
