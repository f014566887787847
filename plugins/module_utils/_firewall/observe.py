# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what firewall a host has. Runs on the host, inside any module: files first, a process only where a file promises
an answer.

:func:`read` returns a report that is plain JSON, for :func:`compare.difference` on either side of the connection::

    {
      "provider": "ufw",                  what filters now: ufw, firewalld, nftables, iptables or none
      "installed": ["ufw", "nftables"],   providers whose tool is there
      "paths": {"nft": "/usr/sbin/nft"},
      "systemd": true,                    systemd is PID 1
      "interfaces": ["eth0"],             without the loopback
      "ssh": {"port": 22, "client": "192.0.2.10"},    the connection this module came by; {} where it is not SSH
      "ssh_ports": [22],                  where sshd listens
      "rules": [...],                     ufw's and firewalld's rules: an opening (see _firewall_rules) with provider,
      owner ("": not ours),
                                          comment, live (in force), saved (survives a reboot)
      "chains": [...],                    nftables' and iptables' chains on the way in (see _firewall_filter); managed:
      owned by another tool "ufw_ipv6": true,                   where ufw is: whether it lets IPv6 in "ufw_accepts":
      false,               and whether it lets in what no rule speaks of "firewalld": {"default": "public", "known":
      [...], "zones": {"public": {"interfaces": ["eth0"], "sources": [], "accepts": false}},
                    "ledger": {...}},
      "saved": {"ip": {"path": "/etc/iptables/rules.v4", "text": "..."}},     what iptables loads at boot
      "files": {"/etc/remote-notebooks/firewall/jupyter.nft": "<sha256>"},    our own
      "links": ["/etc/systemd/system/sysinit.target.wants/..."],              our own units that start at boot
      "strange": ["/etc/remote-notebooks/firewall"],                          what is in a place of ours, and not ours
      "watched": ["jupyter"],                                                 owners whose nftables rules come back when
      somebody flushes all rules
    }

A host without any firewall tool costs a few look-ups in the file system and no process.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import shlex
import xml.etree.ElementTree as ET
from typing import Any, Callable

from .._host.processes import is_here
from .netfilter import UNIT
from .packet_filter import Record
from .parse import IPTABLES, TABLES, add_texts, parse_iptables_save, parse_nft
from .rules import FOLDER, SAME, TOOLS, blocking, owner_of

RunCommand = Callable[[Any], Any]
_PATH = ("/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin")
_BINARIES = (
    *TOOLS.values(),
    "iptables-save",
    "ip6tables-save",
    "iptables-legacy-save",
    "ip6tables-legacy-save",
    "busctl",
)
# Debian and Ubuntu (netfilter-persistent), then RHEL and Fedora (iptables-services)
_SAVED = {
    "ip": ("/etc/iptables/rules.v4", "/etc/sysconfig/iptables"),
    "ip6": ("/etc/iptables/rules.v6", "/etc/sysconfig/ip6tables"),
}
_UNITS = "/etc/systemd/system"


def read(run_command: RunCommand) -> Record:
    """Return the report of this host.

    :param run_command: ``AnsibleModule.run_command`` or what behaves like it: a list of arguments in, ``(rc, stdout,
        stderr)`` out.
    """
    paths = {name: path for name in _BINARIES for path in [_which(name)] if path}
    report: Record = {
        "provider": "none",
        "installed": [name for name, tool in TOOLS.items() if tool in paths],
        "paths": paths,
        "systemd": os.path.isdir("/run/systemd/system"),
        "interfaces": _interfaces(),
        "ssh": _ssh(),
        "ssh_ports": _ssh_ports(),
        "rules": [],
        "chains": [],
        "firewalld": {},
        "saved": {},
        "files": _own_files(),
        "links": _own_links(),
        "watched": _watched(),
        "strange": _strange(),
    }
    if not report["installed"]:
        return report
    report["chains"] = _chains(paths, run_command)
    report["saved"] = {
        of: {"path": path, "text": _text(path)}
        for of, names in _SAVED.items()
        for path in names
        if os.path.exists(path)
    }
    ufw, firewalld = "ufw" in paths, "firewall-cmd" in paths
    if ufw:
        report["ufw_ipv6"], report["ufw_accepts"] = _ufw_ipv6(), _ufw_accepts()
        report["rules"] += _ufw_rules(report["chains"])
    runs = firewalld and _firewalld_runs()
    if firewalld:
        report["firewalld"], rules = _firewalld(report, run_command, runs)
        report["rules"] += rules
    report["provider"] = _provider(report, ufw and _ufw_enabled(), runs)
    return report


def _which(name: str) -> str:
    return next((path for folder in _PATH for path in [os.path.join(folder, name)] if os.access(path, os.X_OK)), "")


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _interfaces() -> list[str]:
    return [name for name in _names("/sys/class/net") if name != "lo" and os.path.isdir(f"/sys/class/net/{name}")]


def _ssh() -> Record:
    """The SSH connection this process descends from. sudo drops SSH_CONNECTION from the environment, so the parents are
    asked, too."""
    pid = os.getpid()
    while pid > 1:
        for item in _text(f"/proc/{pid}/environ").split("\0"):
            if item.startswith("SSH_CONNECTION="):
                words = item.split("=", 1)[1].split()
                if len(words) == 4 and re.fullmatch(
                    r"[0-9A-Fa-f.:]+", words[0].split("%")[0]
                ):  # else "UNKNOWN": no network, but vsock or a pipe
                    return {
                        "client": words[0].replace("::ffff:", "") if "." in words[0] else words[0].split("%")[0],
                        "port": int(words[3]),
                    }
        match = re.search(r"^PPid:\s*(\d+)", _text(f"/proc/{pid}/status"), re.MULTILINE)
        pid = int(match.group(1)) if match else 0
    return {}


def _ssh_ports() -> list[int]:
    """The ports of the SSH server as its configuration names them (sshd_config(5): 22 where it names none)."""
    folder = "/etc/ssh/sshd_config.d"
    texts = [
        _text("/etc/ssh/sshd_config"),
        *(_text(os.path.join(folder, name)) for name in _names(folder) if name.endswith(".conf")),
    ]
    found = {
        int(port) for text in texts for port in re.findall(r"^\s*Port\s+(\d+)", text, re.MULTILINE | re.IGNORECASE)
    }
    return sorted(found | {_ssh().get("port", 0)} - {0}) or [22]


def listening() -> set[int]:
    """The TCP ports on which somebody listens for others than this host (proc(5), /proc/net/tcp: 0A is LISTEN)."""
    entries = [line.split() for name in ("tcp", "tcp6") for line in _text(f"/proc/net/{name}").splitlines()[1:]]
    near = ("7F", "00000000000000000000000001000000")  # 127.0.0.0/8 and ::1, in the byte order of most machines
    places = [words[1].split(":") for words in entries if len(words) > 3 and words[3] == "0A"]
    return {
        int(port, 16)
        for address, port in places
        if not (address == near[1] or (len(address) == 8 and address.endswith(near[0])))
    }


def _own_places() -> list[str]:
    return [os.path.dirname(FOLDER), FOLDER, *(os.path.join(FOLDER, name) for name in _names(FOLDER)), UNIT]


def _own_files() -> dict[str, str]:
    found = {}
    for path in _own_places():
        if os.path.isfile(path):
            with open(path, "rb") as file:
                found[path] = hashlib.sha256(file.read()).hexdigest()
    return found


def _strange() -> list[str]:
    """What is in a place of ours and made by nobody of ours: no file or folder, or one without our first line."""
    links = [f"{_UNITS}/{target}.wants/{name}" for target, name in _own_wants()]
    astray = [
        path
        for path in links
        if not os.path.islink(path) or os.path.basename(os.readlink(path)) != os.path.basename(UNIT)
    ]
    return sorted([path for path in _own_places() if os.path.lexists(path) and not _is_ours(path)] + astray)


def _is_ours(path: str) -> bool:
    if FOLDER.startswith(path):
        return os.path.isdir(path) and not os.path.islink(path)
    if not os.path.isfile(path) or os.path.islink(path):
        return False
    if path.endswith(".firewalld.json"):
        return _ledger(path) is not None
    # Only what this role writes is its own; beside that, anybody may keep files.
    return not path.endswith((".nft", ".hooks.sh", ".service")) or "role remote.notebooks.firewall" in _text(path)[:300]


def _own_wants() -> list[tuple[str, str]]:
    targets = ("nftables.service", "sysinit.target")
    return [
        (one, name)
        for one in targets
        for name in _names(f"{_UNITS}/{one}.wants")
        if name.startswith("remote-notebooks-firewall@")
    ]


def _own_links() -> list[str]:
    return [f"{_UNITS}/{target}.wants/{name}" for target, name in _own_wants()]


def _watched() -> list[str]:
    scripts = {path: os.path.basename(path).split(".")[0] for path in glob.glob(f"{FOLDER}/*.hooks.sh")}
    running = (
        _text(f"/proc/{name}/cmdline").split("\0")[1:3] for name in _names("/proc") if scripts and name.isdigit()
    )
    return sorted(
        {scripts[words[0]] for words in running if len(words) == 2 and words[0] in scripts and words[1] == "watch"}
    )


# --- what the kernel filters
# ----------------------------------------------------------------------------------------------------


def _chains(paths: Record, run_command: RunCommand) -> list[Record]:
    chains: list[Record] = []
    if "nft" in paths:
        rc, out, _err = run_command([paths["nft"], "-j", "list", "ruleset"])
        # fail2ban shuts out who guesses, for a while: that is no firewall in charge, nor does anybody want to undo it.
        chains = [
            chain
            for chain in (parse_nft(out) if rc == 0 and out.strip() else [])
            if not chain["table"].startswith("f2b-")
        ]
        if any(chain["hook"] and not chain["table"].startswith("remote_notebooks_") for chain in chains):
            _rc, listed, _err = run_command([paths["nft"], "-a", "-s", "list", "ruleset"])
            add_texts(chains, listed)
    legacy = bool(
        set(TABLES) & {*_text("/proc/net/ip_tables_names").split(), *_text("/proc/net/ip6_tables_names").split()}
    )
    theirs = [
        chain for chain in chains if chain["family"] in ("ip", "ip6") and (chain["table"], chain["name"]) in IPTABLES
    ]
    if not (theirs or legacy or "nft" not in paths):
        return chains
    # iptables' own listing says more about its rules than nft's translation of them
    saved: list[Record] = []
    for of, prefix in (("ip", "iptables"), ("ip6", "ip6tables")):
        name = f"{prefix}-legacy-save" if legacy and f"{prefix}-legacy-save" in paths else f"{prefix}-save"
        if name in paths:
            rc, out, _err = run_command([paths[name]])
            saved += [
                dict(chain, managed="iptables") for chain in parse_iptables_save(out if rc == 0 else "", of, TABLES)
            ]
    known = {(chain["family"], chain["table"]) for chain in saved}
    return [chain for chain in chains if (chain["family"], chain["table"]) not in known] + saved


def _provider(report: Record, ufw: bool, firewalld: bool) -> str:
    """Which firewall is in charge. Of two packet filters it is the one that stops a stranger at a port that no rule
    speaks of."""
    if ufw:
        return "ufw"
    if firewalld:
        return "firewalld"
    managed = [chain for chain in report["chains"] if chain.get("managed")]
    native = [
        chain
        for chain in report["chains"]
        if not chain.get("managed") and not chain["table"].startswith("remote_notebooks_")
    ]
    if _stops(managed, report) and not _stops(native, report):
        return "iptables"
    links = (f"{_UNITS}/{target}.wants/nftables.service" for target in ("sysinit.target", "multi-user.target"))
    if any(chain["hook"] == "input" for chain in native) or any(os.path.lexists(link) for link in links):
        return "nftables"
    if any(chain["hook"] for chain in managed) and report["saved"]:
        return "iptables"
    return "nftables" if any(chain["table"].startswith("remote_notebooks_") for chain in report["chains"]) else "none"


def _stops(chains: list[Record], report: Record) -> bool:
    nobody = {"protocol": "tcp", "port": "1", "source": "", "interface": "", "zone": "", "limit": ""}
    return bool(blocking(nobody, chains, report))


# --- ufw
# ----------------------------------------------------------------------------------------------------------------------


def _ufw_enabled() -> bool:
    return bool(re.search(r"^ENABLED=yes\s*$", _text("/etc/ufw/ufw.conf"), re.MULTILINE | re.IGNORECASE))


def _ufw_ipv6() -> bool:
    """Whether ufw lets IPv6 in at all; else it is dropped, but for the loopback."""
    return bool(re.search(r"^\s*IPV6=[\"']?yes", _text("/etc/default/ufw"), re.MULTILINE | re.IGNORECASE))


def _ufw_accepts() -> bool:
    return bool(
        re.search(r"^\s*DEFAULT_INPUT_POLICY=[\"']?ACCEPT", _text("/etc/default/ufw"), re.MULTILINE | re.IGNORECASE)
    )


def _ufw_rules(chains: list[Record]) -> list[Record]:
    """The allow rules for incoming connections, from the two files that ufw keeps them in."""
    found: dict[tuple[str, ...], Record] = {}
    families = ("ip", "ip6") if _ufw_ipv6() else ("ip",)
    for of, path in (("ip", "/etc/ufw/user.rules"), ("ip6", "/etc/ufw/user6.rules")):
        name = "ufw-user-input" if of == "ip" else "ufw6-user-input"
        loaded = next((chain for chain in chains if chain["name"] == name), None)
        for line in re.findall(r"^### tuple ### (.+)$", _text(path), re.MULTILINE):
            rule = parse_ufw_tuple(line)
            if rule:
                live = loaded is not None and any(_same_ports(one, rule) for one in loaded["rules"])
                key = tuple(rule[field] for field in SAME)
                known = found.setdefault(key, dict(rule, families=[], live=True))
                known["families"].append(of)
                known["live"] = known["live"] and live
    # a rule for anybody that only one of the two files holds is not a rule for anybody
    return [rule for rule in found.values() if set(rule.pop("families")) >= set(families) or rule["source"]]


def _same_ports(filtered: Record, rule: Record) -> bool:
    conditions = {field: values for field, _operator, values in filtered["when"]}
    return rule["port"] in conditions.get("port", []) and (
        not rule["source"] or [rule["source"]] == conditions.get("source")
    )


def parse_ufw_tuple(text: str) -> Record | None:
    """A ``### tuple ###`` line of ufw's files, as an opening; ``None`` for what opens no port of this host.

    The fields are action, protocol, destination port and address, source port and address, applications if any,
    direction and interface, and the comment in hexadecimal (ufw's own ``common.py``).
    """
    note = re.search(r"\bcomment=([0-9a-f]+)", text)
    said = bytes.fromhex(note.group(1)).decode("utf-8", "replace") if note else ""
    words = re.sub(r"\s*comment=\S*", "", text).split()
    if (
        len(words) < 7
        or words[0].split("_")[0] not in ("allow", "limit")
        or words[3] not in ("0.0.0.0/0", "::/0")
        or words[4] != "any"
    ):
        return None
    direction, interface = [*words[-1].split("_", 1), ""][:2]
    if direction != "in":
        return None
    return {
        "protocol": words[1],
        "port": words[2].replace(":", "-"),
        "source": (
            ""
            if words[5] in ("0.0.0.0/0", "::/0")
            else words[5]
            if "/" in words[5]
            else words[5] + ("/128" if ":" in words[5] else "/32")
        ),
        "interface": interface,
        "zone": "",
        "limit": "12/minute" if words[0].startswith("limit") else "",
        "comment": said,
        "owner": owner_of(said),
        "provider": "ufw",
        "saved": True,
    }


# --- firewalld
# ------------------------------------------------------------------------------------------------------------------

_RICH = re.compile(
    r'rule(?: family="(?P<family>ipv[46])")?(?: source address="(?P<source>[^"]+)")? port port="(?P<port>[0-9-]+)"'
    r' protocol="(?P<protocol>\w+)"'
    r' accept(?: limit value="(?P<count>\d+)/(?P<per>[smh])")?\Z'
)
_PER = {"s": "second", "m": "minute", "h": "hour"}
_FOLDERS = ("/etc/firewalld", "/usr/lib/firewalld")
_BUS = "org.fedoraproject.FirewallD1"


def _firewalld_runs() -> bool:
    return any(
        _text(f"/proc/{name}/comm").strip() == "firewalld" and is_here(name)
        for name in _names("/proc")
        if name.isdigit()
    )


def _ledger(path: str) -> list[Record] | None:
    """What a file says of our rules; ``None`` where it is no such list."""
    try:
        entries = json.loads(_text(path))
    except ValueError:
        return None
    fits = isinstance(entries, list) and all(
        isinstance(one, dict) and {*SAME, "comment"} <= set(one) for one in entries
    )
    return entries if fits else None


def _ledgers() -> dict[str, list[Record]]:
    """What we put into firewalld, by owner: its rules can carry no comment, so a file of our own tells them from the
    operator's."""
    names = [name for name in _names(FOLDER) if name.endswith(".firewalld.json")]
    return {name.split(".")[0]: _ledger(os.path.join(FOLDER, name)) or [] for name in names}


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


def _firewalld(report: Record, run_command: RunCommand, runs: bool) -> tuple[Record, list[Record]]:
    ledger = _ledgers()
    match = re.search(r"^DefaultZone=(\S+)", _text("/etc/firewalld/firewalld.conf"), re.MULTILINE)
    default = match.group(1) if match else "public"
    known = sorted({name[:-4] for folder in _FOLDERS for name in _names(f"{folder}/zones") if name.endswith(".xml")})
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
    modified = [name[:-4] for name in _names(f"{_FOLDERS[0]}/zones") if name.endswith(".xml")]
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
    """What is bound to a zone, in force or, where firewalld does not run, as its file says; and whether the zone
    accepts everything."""
    root = _xml("zones", zone)
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
    openings += [_plain(port, protocol, zone) for port, protocol in pairs]
    return openings + [opening for service in ask("getServices", zone)[1:] for opening in _service(service, zone)]


def _plain(port: str, protocol: str, zone: str) -> Record:
    return {"protocol": protocol, "port": port, "source": "", "interface": "", "zone": zone, "limit": ""}


def _ports(root: ET.Element, zone: str) -> list[Record]:
    return [
        _plain(port.get("port", ""), port.get("protocol", ""), zone)
        for port in root.findall("port")
        if port.get("port")
    ]


def _service(name: str, zone: str) -> list[Record]:
    return _ports(_xml("services", name), zone)


def _xml(kind: str, name: str) -> ET.Element:
    """A zone or a service: the administrator's file before the distribution's (firewalld(1), "Directories")."""
    path = next((path for folder in _FOLDERS for path in [f"{folder}/{kind}/{name}.xml"] if os.path.exists(path)), "")
    try:
        return ET.fromstring(_text(path) or "<none/>")  # noqa: S314  root's own file
    except ET.ParseError:
        return ET.Element("none")


def _zone_file(zone: str) -> list[Record]:
    root = _xml("zones", zone)
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


__all__ = ["listening", "parse_rich_rule", "parse_ufw_tuple", "read"]
