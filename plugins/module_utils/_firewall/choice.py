# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall that applies the rules on a host, and the rules that it cannot take. Pure."""

from __future__ import annotations

from .._errors import FirewallError
from .chains import blocking, without
from .openings import existing
from .packet_filter import Record
from .rules import (
    PROVIDERS,
    check_owner,
    has_port,
    openings,
    overlap,
)


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
    """Refuse rules that the provider cannot express, and rules that would block the operator's own SSH connection.

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
        zone = zone_of(rule["interface"], report)
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


def zone_of(interface: str, report: Record) -> str:
    zones = report.get("firewalld", {}).get("zones", {})
    return next((name for name, zone in sorted(zones.items()) if interface in zone["interfaces"]), "")
