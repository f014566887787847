# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's rules, and their meaning for a packet filter. Pure: no I/O, no Ansible.

A *rule* is an entry of ``firewall_rules``. An *opening* is one source of one rule:
``{"protocol": "tcp", "port": "8888", "source": "192.0.2.0/24", "interface": "", "zone": "", "limit": "", "comment":
""}``, where source ``""`` is anybody. Firewalls are compared opening by opening.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from .._errors import FirewallError
from .packet_filter import Record
from .packet_filter import ports as port_range

PROVIDERS = ("ufw", "firewalld", "nftables", "iptables", "none")
TOOLS = {"ufw": "ufw", "firewalld": "firewall-cmd", "nftables": "nft", "iptables": "iptables"}
# data that firewalls cannot hold themselves: files of our own, named by owner
FOLDER = "/etc/remote-notebooks/firewall"
SAME = ("protocol", "port", "source", "interface", "zone", "limit")  # two openings that agree in these say the same
_KEYS = {"port", "protocol", "sources", "state", "comment", "interface", "zone", "limit"}
_PER = {"second": "s", "minute": "m", "hour": "h"}
# Narrow on purpose: the text travels through four tools' own quoting (interfaces: IFNAMSIZ is 16,
# https://man7.org/linux/man-pages/man7/netdevice.7.html)
_COMMENT = re.compile(r"[\w .,:/@+()-]{0,60}\Z", re.ASCII)
_OWNER = re.compile(r"[a-z][a-z0-9_]{0,19}\Z")
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,14}\Z")
_ZONE = re.compile(r"[A-Za-z0-9_-]{1,17}\Z")
_LIMIT = re.compile(r"([1-9][0-9]{0,4})/(second|minute|hour)\Z")


def normalise(rules: list[Record]) -> list[Record]:
    """Check ``firewall_rules`` and return them complete: every key a string, ``sources`` a sorted list of CIDR.

    :raises FirewallError: naming the entry, its key and the cure.
    """
    result = []
    for number, rule in enumerate(rules, 1):
        name = f"firewall_rules, entry {number}"
        unknown = sorted(set(rule) - _KEYS)
        if unknown:
            raise FirewallError(f"{name}: there is no key '{unknown[0]}'. Known keys: {', '.join(sorted(_KEYS))}.")
        entry: Record = {
            "port": _port(rule.get("port"), name),
            "protocol": str(rule.get("protocol") or "tcp"),
            "state": str(rule.get("state") or "present"),
            "comment": _text(rule, "comment", _COMMENT, name, "up to 60 letters, digits, blanks and .,:/@+()-"),
            "interface": _text(rule, "interface", _INTERFACE, name, "the name of a network interface such as eth0"),
            "zone": _text(rule, "zone", _ZONE, name, "the name of a firewalld zone such as public"),
            "limit": _text(
                rule,
                "limit",
                _LIMIT,
                name,
                "a number of new connections of one address per time, such as 12/minute (second, minute, hour)",
            ),
        }
        if entry["protocol"] not in ("tcp", "udp"):
            raise FirewallError(f"{name}: protocol '{entry['protocol']}' is not one of tcp, udp.")
        if entry["state"] not in ("present", "absent"):
            raise FirewallError(f"{name}: state '{entry['state']}' is not one of present, absent.")
        entry["sources"] = _sources(rule.get("sources") or [], name)
        result.append(entry)
    _refuse_overlaps(result)
    return result


def check_owner(owner: str) -> str:
    """Return the owner, or refuse a name that the tools would not take (nft tables, iptables chains, unit
    instances)."""
    if not _OWNER.match(owner):
        raise FirewallError(
            f"firewall_owner '{owner}': write a small letter, then at most 19 small letters, digits or underscores."
        )
    return owner


def _port(value: object, name: str) -> str:
    match = re.match(r"(\d{1,5})(?:-(\d{1,5}))?\Z", str(value).strip())
    first, last = (int(match.group(1)), int(match.group(2) or match.group(1))) if match else (0, 0)
    if not 1 <= first <= last <= 65535:
        raise FirewallError(f"{name}: port '{value}' is neither a port from 1 to 65535 nor a range such as 8888-8898.")
    return str(first) if first == last else f"{first}-{last}"


def _text(rule: Record, key: str, pattern: re.Pattern[str], name: str, wanted: str) -> str:
    value = str(rule.get(key) or "")
    if value and not pattern.match(value):
        raise FirewallError(f"{name}: {key} '{value}' is not {wanted}.")
    return value


def _sources(values: list[object], name: str) -> list[str]:
    if not isinstance(values, (list, tuple)):
        raise FirewallError(f"{name}: sources is a list of networks, such as [192.0.2.0/24, '2001:db8::/32'].")
    networks: list[Any] = []
    for value in values:
        try:
            networks.append(ipaddress.ip_network(str(value)))
        except ValueError:
            try:
                meant = ipaddress.ip_network(str(value), strict=False)
            except ValueError:
                raise FirewallError(
                    f"{name}: source '{value}' is not a network in CIDR notation such as 192.0.2.0/24 or 2001:db8::/32."
                ) from None
            address = str(value).split("/", maxsplit=1)[0]
            message = (
                f"source '{value}' has host bits set. For the whole network write {meant}, for the one address"
                f" {address}."
            )
            raise FirewallError(f"{name}: {message}") from None
    for position, one in enumerate(networks):
        for other in networks[position + 1 :]:
            if one.version == other.version and one.overlaps(other):
                raise FirewallError(f"{name}: sources {one} and {other} overlap. Keep the one that is meant.")
    return [str(one) for one in sorted(networks, key=lambda one: (one.version, one))]


def _refuse_overlaps(rules: list[Record]) -> None:
    """Two entries that decide about the same packets would make their order matter."""
    present = list(enumerate(rules, 1))
    for position, (number, rule) in enumerate(present):
        for other_number, other in present[position + 1 :]:
            (first, last), (low, high) = port_range(rule["port"]), port_range(other["port"])
            same_place = all(
                rule[key] == other[key] or not rule[key] or not other[key] for key in ("interface", "zone")
            )
            if rule["protocol"] != other["protocol"] or last < low or high < first or not same_place:
                continue
            if rule["state"] != other["state"] and (rule["port"], rule["sources"]) != (other["port"], other["sources"]):
                continue  # an absent entry names exactly the rule to remove
            clash = next(
                (
                    (a or "anybody", b or "anybody")
                    for a in rule["sources"] or [""]
                    for b in other["sources"] or [""]
                    if overlap(a, b)
                ),
                None,
            )
            if clash:
                what = f"{rule['protocol']} port {other['port']}"
                raise FirewallError(
                    f"firewall_rules, entry {other_number}: {what} from {clash[1]} overlaps with entry {number} (from"
                    f" {clash[0]}). Keep one of them."
                )


def overlap(one: str, other: str) -> bool:
    if not one or not other:
        return True
    left, right = ipaddress.ip_network(one), ipaddress.ip_network(other)
    return left.version == right.version and left.overlaps(right)


def openings(rules: list[Record]) -> list[Record]:
    """The openings that normalised rules ask for."""
    kept = [rule for rule in rules if rule["state"] == "present"]
    return [
        {
            "protocol": rule["protocol"],
            "port": rule["port"],
            "source": source,
            **{key: rule[key] for key in ("interface", "zone", "limit", "comment")},
        }
        for rule in kept
        for source in rule["sources"] or [""]
    ]


def identity(opening: Record) -> str:
    """An opening in words: ``tcp/8888 from 192.0.2.0/24 on eth0``."""
    words = f"{opening['protocol']}/{opening['port']} from {opening['source'] or 'anybody'}"
    words += f" on {opening['interface']}" if opening.get("interface") else ""
    words += f" in zone {opening['zone']}" if opening.get("zone") else ""
    return words + (f" at most {opening['limit']}" if opening.get("limit") else "")


def mark(owner: str) -> str:
    """The beginning of the comment of each rule that belongs to this owner."""
    return f"remote.notebooks/{owner}"


def comment(opening: Record, owner: str) -> str:
    """The whole comment of a rule."""
    return mark(owner) + (f" {opening['comment']}" if opening.get("comment") else "")


def owner_of(text: str) -> str:
    """The owner in a comment, ``""`` for a rule that is not ours."""
    match = re.match(r"remote\.notebooks/([a-z][a-z0-9_]*)", text or "")
    return match.group(1) if match else ""


def has_port(text: str, port: int) -> bool:
    if not re.match(r"\d+(-\d+)?\Z", text):
        return False
    first, last = port_range(text)
    return first <= port <= last
