# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide what a host's firewall lacks. Pure: no I/O, no Ansible.

Inside the collection these are public:

- :func:`normalise`: the user's rules, checked and completed;
- :func:`difference`: what differs between the rules and a host's report (:mod:`observe` makes it); empty means "nothing
  to do";
- :func:`remarks`: what a person must be told although nothing is to do, such as "nothing on this host filters";
- :func:`choose`: the provider that applies the rules on that host;
- :func:`admits`: whether the host's own firewall lets a client in.
"""

from __future__ import annotations

import ipaddress

from .._errors import FirewallError
from .netfilter import blocked, packet_filter_difference, strangers
from .packet_filter import Record
from .packet_filter import ports as port_range
from .rules import (
    FOLDER,
    PROVIDERS,
    SAME,
    blocking,
    check_owner,
    comment,
    has_port,
    identity,
    normalise,
    not_judged,
    openings,
    overlap,
    owner_of,
    without,
)

# --- which firewall
# -----------------------------------------------------------------------------------------------------------


_OF_MACHINES = ("docker", "libvirt", "libvirt-routed")  # zones that hold the host's own containers and virtual machines


def choose(requested: str, report: Record, enable: bool = False, limited: bool = False) -> str:
    """The provider that will apply the rules: the one asked for; for ``auto`` the one that is active.

    Where none is and one may be turned on (``enable``), the first that is installed, and nftables where none is.
    Without that, rules for some sources alone (``limited``) go to nftables: a table of ours shuts the port for all
    others, and turns nothing else on.
    """
    if requested not in ("auto", *PROVIDERS):
        raise FirewallError(f"firewall_provider '{requested}' is not one of auto, {', '.join(PROVIDERS)}.")
    if requested != "auto":
        return requested
    if report["provider"] == "none" and enable:
        return next((name for name in ("ufw", "firewalld", "nftables") if name in report["installed"]), "nftables")
    if report["provider"] == "none" and limited:
        return "nftables"
    return str(report["provider"])


def is_limited(rules: list[Record]) -> bool:
    """Whether some of these normalised rules are for some sources alone."""
    return any(opening["source"] for opening in openings(rules))


def refuse(rules: list[Record], owner: str, report: Record, provider: str, enable: bool = False) -> None:
    """Refuse what the provider cannot do, and what would shut out the operator's own SSH connection.

    :raises FirewallError: naming the entry.
    """
    check_owner(owner)
    if provider != "none" and provider not in report["installed"] and not enable and rules:
        raise FirewallError(
            f"firewall_provider is {provider}, which this host does not have. Install it, choose another, or set"
            " firewall_enable: true."
        )
    if (
        provider in ("ufw", "firewalld")
        and provider != report["provider"]
        and not enable
        and rules
        and report["provider"] != "none"
    ):
        other = report["provider"]
        raise FirewallError(
            f"firewall_provider is {provider}, but {other} filters on this host. Set firewall_provider: auto, or"
            " firewall_enable: true."
        )
    for number, rule in enumerate(rules, 1):
        name = f"firewall_rules, entry {number}"
        if rule["state"] != "present":
            continue
        if rule["zone"] and provider not in ("firewalld", "none"):
            raise FirewallError(
                f"{name}: zone '{rule['zone']}' is a word of firewalld, and this host runs {provider}. Use interface"
                " there."
            )
        if provider == "firewalld":
            _refuse_firewalld(rule, name, report)
        sixes = [source for source in rule["sources"] if ":" in source]
        if sixes and provider == "ufw" and not report.get("ufw_ipv6", True):
            raise FirewallError(
                f"{name}: source {sixes[0]} is of IPv6, and ufw on this host lets none in (IPV6=no in"
                " /etc/default/ufw). Set IPV6=yes there and run 'ufw reload', or leave the source out."
            )
        if rule["sources"] and provider == "ufw" and report.get("ufw_accepts"):
            raise FirewallError(
                f"{name}: its sources would not be in force, for ufw on this host lets in whatever no rule speaks of."
                f" There: sudo ufw allow {', '.join(str(port) for port in report['ssh_ports'][:1])}/tcp && sudo ufw"
                " default deny incoming - or leave the sources out."
            )
        if rule["limit"] and provider == "ufw" and rule["limit"] != "12/minute":
            raise FirewallError(
                f"{name}: ufw knows one limit only, 6 connections in 30 seconds: write limit: 12/minute, or use another"
                " provider."
            )
        _refuse_lockout(rule, name, report)
    _refuse_removal(rules, owner, report, provider)


def _refuse_firewalld(rule: Record, name: str, report: Record) -> None:
    zones = report.get("firewalld", {}).get("known", [])
    if rule["zone"] and zones and rule["zone"] not in zones:
        raise FirewallError(
            f"{name}: firewalld has no zone '{rule['zone']}' on this host. Its zones: {', '.join(zones)}."
        )
    if rule["interface"] and not rule["zone"]:
        zone = _zone_of(rule["interface"], report)
        if not zone:
            raise FirewallError(
                f"{name}: firewalld filters by zone, and interface '{rule['interface']}' is in none. Write zone"
                " instead."
            )


def _refuse_lockout(rule: Record, name: str, report: Record) -> None:
    ssh = report.get("ssh") or {}
    if not (
        rule["sources"] and ssh.get("client") and rule["protocol"] == "tcp" and has_port(rule["port"], ssh["port"])
    ):
        return
    if not any(overlap(source, ssh["client"]) for source in rule["sources"]):
        here = f"{ssh['client']}, the address of the SSH connection in use on port {ssh['port']}"
        raise FirewallError(f"{name}: its sources do not contain {here}. Add it, or you lock yourself out.")


def _refuse_removal(rules: list[Record], owner: str, report: Record, provider: str) -> None:
    """Do not take away the one rule of ours that lets the operator in."""
    ssh = report.get("ssh") or {}
    if not ssh.get("client") or report["provider"] == "none":
        return

    def lets_in(opening: Record) -> bool:
        return (
            opening["protocol"] in ("tcp", "any")
            and has_port(opening["port"], ssh["port"])
            and overlap(opening["source"], ssh["client"])
        )

    ours = [opening for opening in existing(owner, report) if lets_in(opening)]
    if not ours or any(lets_in(opening) for opening in openings(rules)):
        return
    if report["provider"] in ("ufw", "firewalld"):
        safe = any(lets_in(rule) for rule in report["rules"] if rule["owner"] != owner)
    else:
        client = {"protocol": "tcp", "port": str(ssh["port"]), "source": ssh["client"], "interface": ""}
        safe = not blocking(client, without(report["chains"], owner), report)
    if not safe:
        here = f"port {ssh['port']} to {ssh['client']}, the SSH connection in use"
        raise FirewallError(
            f"firewall_rules no longer opens {here}, and nothing else does. Keep an entry for it, or allow SSH by hand"
            " first."
        )


def _zone_of(interface: str, report: Record) -> str:
    zones = report.get("firewalld", {}).get("zones", {})
    return next((name for name, zone in sorted(zones.items()) if interface in zone["interfaces"]), "")


def admits(report: Record, protocol: str, port: int, source: str) -> bool | None:
    """Whether the host's own firewall lets a new connection from ``source`` (an address or CIDR) in; ``None``: this
    report cannot tell.

    Where it does, the server listens and a client still runs into a time-out, the packet is lost before the host: a
    cloud's security group, or a router that forwards no port.
    """
    if report["provider"] == "none" or (report["provider"] == "ufw" and report.get("ufw_accepts")):
        return True
    opening = {"protocol": protocol, "port": str(port), "source": source, "interface": "", "zone": "", "limit": ""}
    if report["provider"] in ("nftables", "iptables"):
        stopped = bool(blocking(opening, report["chains"], report))
        return None if not_judged(opening, report["chains"], report, "accept" if stopped else "drop") else not stopped
    found = [
        rule
        for rule in report["rules"]
        if rule["provider"] == report["provider"]
        and rule["protocol"] in (protocol, "any")
        and has_port(rule["port"], port)
    ]
    if any(not rule["source"] or _inside(source, rule["source"]) for rule in found):
        return True
    return None if report["provider"] == "firewalld" else False


def _inside(source: str, whole: str) -> bool:
    one, other = ipaddress.ip_network(source, strict=False), ipaddress.ip_network(whole)
    return one.version == other.version and one.subnet_of(other)  # type: ignore[arg-type]


# --- the comparison
# -----------------------------------------------------------------------------------------------------------


def same(one: Record, other: Record) -> bool:
    """Whether two openings say the same, whatever their comments."""
    protocols = one["protocol"] == other["protocol"] or "any" in (one["protocol"], other["protocol"])
    return protocols and all(one[key] == other[key] for key in SAME if key != "protocol")


def existing(owner: str, report: Record) -> list[Record]:
    """The openings of this owner that the host has, each with its ``provider``."""
    found = [rule for rule in report["rules"] if rule["owner"] == owner]
    for chain in report["chains"]:
        for rule in chain["rules"]:
            said = {field: values[0] for field, operator, values in rule["when"] if operator == "in" and values}
            if owner_of(rule["comment"]) == owner and rule["verdict"] in ("accept", "return") and "port" in said:
                opening = {
                    "protocol": said.get("protocol", ""),
                    "port": said["port"],
                    "source": said.get("source", ""),
                    "interface": said.get("interface", ""),
                }
                found.append(
                    dict(
                        opening,
                        zone="",
                        limit="",
                        comment=rule["comment"],
                        owner=owner,
                        provider=chain.get("managed", "nftables"),
                    )
                )
    return found


def standing(rules: list[Record], owner: str, report: Record) -> list[Record]:
    """The rules of this owner in force on the host for ports that ``rules`` no longer name, as a user would write them.

    A server that is to leave its port listens there until it has restarted: with its rules gone before, a port that
    they close would be open.
    """
    wanted = {(opening["protocol"], opening["port"]) for opening in openings(normalise(rules))}
    sources: dict[tuple[str, str], set[str]] = {}
    for opening in existing(owner, report):
        if opening["provider"] == report["provider"]:
            sources.setdefault((opening["protocol"], opening["port"]), set()).add(opening["source"])
    return [
        {"port": port, "protocol": protocol, "sources": [] if "" in found else sorted(found)}
        for (protocol, port), found in sorted(sources.items())
        if (protocol, port) not in wanted and protocol in ("tcp", "udp")
    ]


def former(rules: list[Record], owner: str, report: Record) -> list[Record]:
    """These rules as far as this owner's were in force when the report was made: what is left of them when all that was
    opened since is closed."""
    there = {
        (one["protocol"], one["port"], one["source"])
        for one in existing(owner, report)
        if one["provider"] == report["provider"]
    }
    kept = []
    for rule, entry in zip(rules, normalise(rules)):
        found = [one["source"] for one in openings([entry]) if (one["protocol"], one["port"], one["source"]) in there]
        if found:  # a rule with an empty list of sources is one for anybody
            kept.append({**rule, "sources": [source for source in found if source]})
    return kept


def difference(
    rules: list[Record],
    owner: str,
    report: Record,
    requested: str = "auto",
    enable: bool = False,
    *,
    apart: bool = True,
) -> list[Record]:
    """What must change on the host, rule by rule. An empty list: nothing to do.

    :param rules: ``firewall_rules`` as the user wrote them, or already normalised.
    :param owner: ``firewall_owner``.
    :param report: what :func:`observe.read` returned for the host.
    :param requested: ``firewall_provider``.
    :param enable: ``firewall_enable``.
    :param apart: refuse where something that is not ours has the place of ours; a caller that moves it away first does
        not want that.
    :returns: entries ``{"id": "tcp/8888 from 192.0.2.0/24", "what": "missing", "provider": "ufw", "opening": {...},
        "detail": ""}``.
        ``what`` is ``missing``; ``unwanted`` (a rule of this owner that nobody asks for any more); ``inactive`` (the
        firewall is to be turned on, or holds the rule without applying it); ``outdated`` (a file of ours differs, or
        does not survive a reboot); ``blocked`` (the rule is there, but something else on the host still stops the
        connection, and ``detail`` says what).
    :raises FirewallError: for a rule that is wrong or must be refused on this host.
    """
    entries = normalise(rules)
    provider = choose(requested, report, enable, is_limited(entries))
    # What is chosen here is there, or may be installed.
    refuse(entries, owner, report, provider, enable or requested == "auto")
    if (
        requested == "auto"
        and report["provider"] == "none"
        and provider == "nftables"
        and not enable
        and not report["systemd"]
    ):
        raise FirewallError(
            "No firewall filters on this host, and without systemd nothing of ours is loaded at boot: the sources"
            f" would not be in force. Say firewall_provider: nftables and have {FOLDER}/{owner}.nft loaded at boot, or"
            " firewall_provider: none where others filter."
        )
    wanted = [] if provider == "none" else resolve(openings(entries), provider, report)
    in_the_way = strangers(owner, report, provider) if wanted and apart else []
    if in_the_way:
        raise FirewallError(" ".join(in_the_way))
    found: list[Record] = []
    if enable and wanted and provider in ("ufw", "firewalld") and report["provider"] != provider:
        found.append(
            {
                "id": provider,
                "what": "inactive",
                "provider": provider,
                "opening": {},
                "detail": f"{provider} is not active",
            }
        )
    for name in ("ufw", "firewalld"):
        found += _rule_difference(wanted if name == provider else [], owner, report, name)
    found += packet_filter_difference(wanted, owner, report, provider)
    return found


def resolve(wanted: list[Record], provider: str, report: Record) -> list[Record]:
    """The openings in the provider's own terms: firewalld knows no interface, and needs each zone in which such a
    connection can arrive."""
    if provider != "firewalld":
        return [dict(opening, zone="") for opening in wanted]
    return [dict(opening, interface="", zone=zone) for opening in wanted for zone in _zones_for(opening, report)]


def _zones_for(opening: Record, report: Record) -> list[str]:
    """The zones of firewalld that decide about an opening.

    A connection belongs to the zone that its source is bound to, else to that of its interface, else to the default
    zone (firewalld.zones(5)). A zone that accepts everything, as Docker's own, needs no rule.
    """
    said = report.get("firewalld", {})
    default, zones = said.get("default", "public"), said.get("zones", {})
    if opening["zone"] or opening["interface"]:
        return [opening["zone"] or _zone_of(opening["interface"], report) or default]
    used = {_zone_of(name, report) or default for name in report.get("interfaces", [])} or {default}
    bound = {
        name
        for name, zone in zones.items()
        for source in zone.get("sources", [])
        if _may_hold(source, opening["source"])
    }
    return sorted(name for name in used | bound if not zones.get(name, {}).get("accepts")) or [default]


def _may_hold(bound: str, source: str) -> bool:
    """Whether a source of a zone (a network; a MAC address or a set says nothing about networks) can hold a client of
    this opening."""
    try:
        ipaddress.ip_network(bound, strict=False)
    except ValueError:
        return True
    return overlap(str(ipaddress.ip_network(bound, strict=False)), source)


def _rule_difference(wanted: list[Record], owner: str, report: Record, provider: str) -> list[Record]:
    """ufw and firewalld: their own rules, compared one by one. A rule by hand that says the same is as good as ours."""
    present = [rule for rule in report["rules"] if rule["provider"] == provider]
    found = []
    for opening in wanted:
        matching = [rule for rule in present if same(rule, opening)]
        if not any(rule["owner"] != owner or rule["comment"] == comment(opening, owner) for rule in matching):
            found.append(_entry(opening, "missing", provider, "its comment differs" if matching else ""))
        elif report["provider"] == provider and not any(rule["live"] for rule in matching):
            found.append(_entry(opening, "inactive", provider, "configured, but not in force"))
        elif not any(rule["saved"] for rule in matching):
            found.append(_entry(opening, "missing", provider, "in force, but lost at the next reboot"))
        # A table beside the firewall's own can drop what the firewall accepts; so can an earlier rule of ufw's, once
        # ours is there.
        own = "iptables" if provider == "ufw" and not any(rule["live"] for rule in matching) else ""
        chains = [
            chain
            for chain in without(report["chains"], owner)
            if chain["table"] != "firewalld" and (not own or chain.get("managed") != own)
        ]
        found += blocked(opening, chains, report, provider)
    for rule in present:
        if rule["owner"] == owner and not any(same(rule, opening) for opening in wanted):
            found.append(_entry(rule, "unwanted", provider, ""))
    return found


def _entry(opening: Record, what: str, provider: str, detail: str) -> Record:
    plain = {key: opening.get(key, "") for key in (*SAME, "comment")}
    return {"id": identity(opening), "what": what, "provider": provider, "opening": plain, "detail": detail}


def rich_rule(opening: Record) -> str:
    """The opening in firewalld's rich language, in the form in which firewalld lists it (firewalld.richlanguage(5))."""
    words = ["rule"]
    if opening["source"]:
        words.append(f'family="{"ipv6" if ":" in opening["source"] else "ipv4"}" source address="{opening["source"]}"')
    words.append(f'port port="{opening["port"]}" protocol="{opening["protocol"]}" accept')
    if opening["limit"]:
        count, per = opening["limit"].split("/")
        words.append(f'limit value="{count}/{per[0]}"')
    return " ".join(words)


def ledger(wanted: list[Record], owner: str, report: Record) -> list[Record]:
    """What of the wanted openings (in firewalld's terms) is ours: all but those that stand there by somebody else's
    hand."""
    others = [rule for rule in report["rules"] if rule["provider"] == "firewalld" and rule["owner"] != owner]
    return [
        dict({key: opening[key] for key in SAME}, comment=comment(opening, owner))
        for opening in wanted
        if not any(same(rule, opening) for rule in others)
    ]


def ssh_to_open(report: Record, provider: str) -> list[int]:
    """The ports of SSH that no rule of this provider opens to everybody yet."""
    rules = [
        rule
        for rule in report["rules"]
        if rule["provider"] == provider and not rule["source"] and not rule["interface"]
    ]
    zones = ssh_zones(report) if provider == "firewalld" else [""]
    return [
        port
        for port in report["ssh_ports"]
        if not all(any(rule["zone"] == zone and has_port(rule["port"], port) for rule in rules) for zone in zones)
    ]


def ssh_zones(report: Record) -> list[str]:
    """The zones of firewalld by which an SSH connection may come."""
    return _zones_for({"zone": "", "interface": "", "source": ""}, report)


def sentence(entry: Record) -> str:
    """An entry of the difference for people: ``missing in ufw: tcp/8888 from 192.0.2.0/24``."""
    return f"{entry['what']} in {entry['provider']}: {entry['id']}" + (
        f" ({entry['detail']})" if entry["detail"] else ""
    )


def _not_judged(opening: Record, owner: str, report: Record, provider: str) -> list[str]:
    """The host's own rules that may stop this opening; firewalld's and ufw's own are theirs to keep in order."""
    if provider == "none":
        return []
    chains = [chain for chain in without(report["chains"], owner) if chain["table"] != "firewalld"]
    return not_judged(dict(opening, zone=""), chains, report)


def remarks(
    rules: list[Record], owner: str, report: Record, requested: str = "auto", enable: bool = False
) -> list[str]:
    """What a person must be told, one sentence each: where a limit to sources is not in force, or where nothing filters
    at all."""
    entries = normalise(rules)
    provider = choose(requested, report, enable, is_limited(entries))
    wanted = openings(entries)
    limited = sorted({f"{one['protocol']}/{one['port']}" for one in wanted if one["source"]})
    if provider == "none" and wanted:
        said = ["No firewall filters on this host: nothing had to be opened."]
        if limited:
            said.append(
                f"The sources of {', '.join(limited)} are NOT in force, as firewall_provider: none says: everybody who"
                " reaches the host reaches the port. Leave it out, and nftables closes these ports for all other"
                " sources and touches nothing else."
            )
        return said
    said = [
        f"Whether {identity(one)} gets through was not judged: this role does not understand {'; '.join(lines)}."
        for one in wanted
        for lines in [_not_judged(one, owner, report, provider)]
        if lines
    ]
    if provider == "nftables" and wanted and not report["systemd"]:
        line = f"nft -f {FOLDER}/{owner}.nft; sh {FOLDER}/{owner}.hooks.sh"
        said.append(
            f"This host does not run systemd: have '{line}' run at boot, after its own rules, and after whatever"
            " flushes all rules (nft -f /etc/nftables.conf does); until then the sources are not in force."
        )
    if provider == "iptables" and wanted and not report["saved"]:
        said.append(
            "iptables keeps nothing over a reboot here: install iptables-persistent (RHEL: iptables-services), or"
            " choose nftables."
        )
    if provider == "firewalld" and limited:
        zones = report["firewalld"].get("zones", {})
        free = sorted(
            name
            for name, zone in zones.items()
            if zone.get("accepts") and zone["interfaces"] and name not in _OF_MACHINES
        )
        said += [
            f"Zone {name} of firewalld accepts everything: the sources of {', '.join(limited)} are NOT in force on "
            f"{', '.join(zones[name]['interfaces'])}. Move the interface to another zone."
            for name in free
        ]
    if provider in ("ufw", "firewalld"):
        if wanted and report["provider"] != provider and not enable:
            said.append(
                f"{provider} is not active: it knows the rules, but they are not in force until somebody turns it on"
                " (firewall_enable: true)."
            )
        hand = [
            rule
            for rule in report["rules"]
            if rule["provider"] == provider and rule["owner"] != owner and not rule["source"]
        ]
        for one in wanted:
            first = port_range(one["port"])[0]
            if one["source"] and any(
                rule["protocol"] in (one["protocol"], "any") and has_port(rule["port"], first) for rule in hand
            ):
                said.append(
                    f"{identity(one)}: a rule that is not ours opens this port to everybody. Remove it by hand, or the"
                    " sources mean nothing."
                )
    return said


__all__ = [
    "admits",
    "choose",
    "difference",
    "existing",
    "former",
    "is_limited",
    "ledger",
    "normalise",
    "refuse",
    "remarks",
    "resolve",
    "rich_rule",
    "sentence",
    "ssh_to_open",
    "ssh_zones",
    "standing",
]
