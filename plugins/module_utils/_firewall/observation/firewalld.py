# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules and zones of firewalld, from its files and its service. Runs on the host."""

from __future__ import annotations

import json
import os
import re
import shlex
import xml.etree.ElementTree as ET
from typing import Callable

from ..._host.processes import is_here
from ..packet_filter import Record
from ..rules import FOLDER, SAME
from . import files
from .files import RunCommand, names_in

_RICH = re.compile(
    r'rule(?: family="(?P<family>ipv[46])")?(?: source address="(?P<source>[^"]+)")? port port="(?P<port>[0-9-]+)"'
    r' protocol="(?P<protocol>\w+)"'
    r' accept(?: limit value="(?P<count>\d+)/(?P<per>[smh])")?\Z'
)
_PER = {"s": "second", "m": "minute", "h": "hour"}
_FOLDERS = ("/etc/firewalld", "/usr/lib/firewalld")
_BUS = "org.fedoraproject.FirewallD1"


def firewalld_runs() -> bool:
    return any(
        files.text_of(f"/proc/{name}/comm").strip() == "firewalld" and is_here(name)
        for name in names_in("/proc")
        if name.isdigit()
    )


def ledger(path: str) -> list[Record] | None:
    """The content of a file about our rules. ``None`` if it is no such list."""
    try:
        entries = json.loads(files.text_of(path))
    except ValueError:
        return None
    fits = isinstance(entries, list) and all(
        isinstance(one, dict) and {*SAME, "comment"} <= set(one) for one in entries
    )
    return entries if fits else None


def _ledgers() -> dict[str, list[Record]]:
    """Our rules in firewalld, by owner: its rules can carry no comment, so a file of our own tells them from the
    operator's."""
    names = [name for name in names_in(FOLDER) if name.endswith(".firewalld.json")]
    return {name.split(".")[0]: ledger(os.path.join(FOLDER, name)) or [] for name in names}


def parse_rich_rule(text: str, zone: str) -> Record | None:
    """A rich rule (firewalld.richlanguage(5)) that accepts a port, as an opening; ``None`` for any other."""
    match = _RICH.match(text)
    if not match:
        return None
    limit = f"{match['count']}/{_PER[match['per']]}" if match["count"] else ""
    source = match["source"] or ""
    if source and "/" not in source:
        source += "/128" if ":" in source else "/32"
    if match["family"] and not source:
        return None
    return {
        "protocol": match["protocol"],
        "port": match["port"],
        "source": source,
        "interface": "",
        "zone": zone,
        "limit": limit,
    }


def read_firewalld(report: Record, run_command: RunCommand, runs: bool) -> tuple[Record, list[Record]]:
    ledger = _ledgers()
    match = re.search(r"^DefaultZone=(\S+)", files.text_of("/etc/firewalld/firewalld.conf"), re.MULTILINE)
    default = match.group(1) if match else "public"
    known = sorted({name[:-4] for folder in _FOLDERS for name in names_in(f"{folder}/zones") if name.endswith(".xml")})
    zones: dict[str, Record] = {}
    bus = report["paths"].get("busctl")

    def ask(method: str, *arguments: str) -> list[str]:
        interface = _BUS + (".zone" if arguments or method == "getActiveZones" else "")
        words = [str(bus), "--auto-start=no", "call", _BUS, "/org/fedoraproject/FirewallD1", interface, method]
        rc, out, _err = run_command([*words, *(["s", *arguments] if arguments else [])])
        return shlex.split(out)[1:] if rc == 0 else []

    runs = runs and bool(bus)
    if runs:
        default = next(iter(ask("getDefaultZone")), default)
        for name in ask("getActiveZones"):
            if name in known:
                zones[name] = {}
    modified = [name[:-4] for name in names_in(f"{_FOLDERS[0]}/zones") if name.endswith(".xml")]
    for name in {default, *modified, *(entry["zone"] for entries in ledger.values() for entry in entries)} & set(known):
        zones.setdefault(name, {})
    loaded = not report["chains"] or any(
        chain["table"] == "firewalld" or chain.get("managed") for chain in report["chains"]
    )
    rules: list[Record] = []
    for zone in sorted(zones):
        saved = _zone_file(zone)
        live = _live_zone(ask, zone) if runs else []
        zones[zone] = _zone(zone, ask if runs else None)
        for opening in [*saved, *(one for one in live if one not in saved)]:
            owner, said = next(
                (
                    (who, entry["comment"])
                    for who, entries in sorted(ledger.items())
                    for entry in entries
                    if all(entry[key] == opening[key] for key in SAME)
                ),
                ("", ""),
            )
            rules.append(
                dict(
                    opening,
                    provider="firewalld",
                    owner=owner,
                    comment=said,
                    live=runs and loaded and opening in live,
                    saved=opening in saved,
                )
            )
    return {"default": default, "known": known, "zones": zones, "ledger": ledger}, rules


def _zone(zone: str, ask: Callable[..., list[str]] | None) -> Record:
    """The interfaces and sources of a zone, in force or, without a running firewalld, in its file; and whether the zone
    accepts everything."""
    root = xml_of("zones", zone)
    interfaces = [str(one.get("name")) for one in root.findall("interface") if one.get("name")]
    sources = [str(one.get("address") or one.get("mac") or one.get("ipset")) for one in root.findall("source")]
    if ask:
        interfaces, sources = ask("getInterfaces", zone)[1:], ask("getSources", zone)[1:]
    return {"interfaces": interfaces, "sources": sources, "accepts": root.get("target") == "ACCEPT"}


def _live_zone(ask: Callable[..., list[str]], zone: str) -> list[Record]:
    openings = [
        opening for rule in ask("getRichRules", zone)[1:] for opening in [parse_rich_rule(rule, zone)] if opening
    ]
    words = ask("getPorts", zone)[1:]  # aas: a count, then the strings of each entry
    pairs = [(words[place + 1], words[place + 2]) for place in range(0, len(words) - 2, 3)]
    openings += [plain_opening(port, protocol, zone) for port, protocol in pairs]
    return openings + [opening for service in ask("getServices", zone)[1:] for opening in _service(service, zone)]


def plain_opening(port: str, protocol: str, zone: str) -> Record:
    return {"protocol": protocol, "port": port, "source": "", "interface": "", "zone": zone, "limit": ""}


def _ports(root: ET.Element, zone: str) -> list[Record]:
    return [
        plain_opening(port.get("port", ""), port.get("protocol", ""), zone)
        for port in root.findall("port")
        if port.get("port")
    ]


def _service(name: str, zone: str) -> list[Record]:
    return _ports(xml_of("services", name), zone)


def xml_of(kind: str, name: str) -> ET.Element:
    """A zone or a service: the administrator's file before the distribution's (firewalld(1), "Directories")."""
    path = next((path for folder in _FOLDERS for path in [f"{folder}/{kind}/{name}.xml"] if os.path.exists(path)), "")
    try:
        return ET.fromstring(files.text_of(path) or "<none/>")  # noqa: S314  root's own file
    except ET.ParseError:
        return ET.Element("none")


def _zone_file(zone: str) -> list[Record]:
    root = xml_of("zones", zone)
    found = _ports(root, zone) + [
        opening for service in root.findall("service") for opening in _service(service.get("name", ""), zone)
    ]
    for rule in root.findall("rule"):
        source, port, accept = rule.find("source"), rule.find("port"), rule.find("accept")
        others = {child.tag for child in rule} - {"source", "port", "accept"}
        if (
            port is None
            or accept is None
            or others
            or rule.get("priority")
            or (source is not None and (source.get("invert") or not source.get("address")))
        ):
            continue
        limit = accept.find("limit")
        text = f'rule family="{rule.get("family")}"' if rule.get("family") else "rule"
        text += f' source address="{source.get("address")}"' if source is not None else ""
        text += f' port port="{port.get("port")}" protocol="{port.get("protocol")}" accept'
        text += f' limit value="{limit.get("value")}"' if limit is not None else ""
        opening = parse_rich_rule(text, zone)
        found += [opening] if opening else []
    return found
