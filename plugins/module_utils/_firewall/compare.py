# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The difference between the rules of an owner and the firewall of a host. Pure: no I/O, no Ansible.

:mod:`choice` says which firewall applies the rules, and which rules it refuses; :mod:`netfilter.difference` compares
nftables and iptables; :mod:`zones` has the terms of firewalld; :mod:`remarks` the further messages to the user.
"""

from __future__ import annotations

from .._errors import FirewallError
from .choice import choose, is_limited, refuse
from .netfilter.difference import blocked, packet_filter_difference, strangers
from .netfilter.view import View, view
from .openings import same
from .packet_filter import Record
from .rules import (
    FOLDER,
    SAME,
    comment,
    identity,
    normalise,
    openings,
)
from .zones import resolve


def difference(
    rules: list[Record],
    owner: str,
    report: Record,
    requested: str = "auto",
    enable: bool = False,
    *,
    apart: bool = True,
) -> list[Record]:
    """Return the necessary changes on the host, rule by rule, as :func:`compared` describes them."""
    return compared(rules, owner, report, requested, enable, apart=apart)[1]


def compared(
    rules: list[Record],
    owner: str,
    report: Record,
    requested: str = "auto",
    enable: bool = False,
    *,
    apart: bool = True,
) -> tuple[View, list[Record]]:
    """Return the firewall of the host as these rules see it, and the necessary changes, rule by rule. An empty list:
    nothing to do.

    :param rules: ``firewall_rules`` as the user wrote them, or already normalised.
    :param owner: ``firewall_owner``.
    :param report: the result of :func:`observe.read` for the host.
    :param requested: ``firewall_provider``.
    :param enable: ``firewall_enable``.
    :param apart: refuse where something that is not ours has the place of ours; a caller that moves it away first does
        not want that.
    :returns: entries ``{"id": "tcp/8888 from 192.0.2.0/24", "what": "missing", "provider": "ufw", "opening": {...},
        "detail": ""}``.
        ``what`` is ``missing``; ``unwanted`` (a rule of this owner that is no longer in the list); ``inactive`` (the
        firewall is to be turned on, or holds the rule without applying it); ``outdated`` (a file of ours differs, or
        does not survive a reboot); ``blocked`` (the rule is there, but something else on the host still stops the
        connection, and ``detail`` has the reason).
    :raises FirewallError: for a rule that is wrong or must be refused on this host.
    """
    entries = normalise(rules)
    provider = choose(requested, report, enable, is_limited(entries))
    # The chosen provider is there, or may be installed.
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
    seen = view(wanted, owner, report)
    for name in ("ufw", "firewalld"):
        found += _rule_difference(seen if name == provider else seen.unwanted(), name)
    return seen, found + packet_filter_difference(seen, provider)


def _rule_difference(seen: View, provider: str) -> list[Record]:
    """ufw and firewalld: their own rules, compared one by one. A rule by hand that says the same is as good as ours."""
    owner, report, wanted = seen.owner, seen.report, seen.wanted
    present = [rule for rule in report["rules"] if rule["provider"] == provider]
    found = []
    for number, opening in enumerate(wanted):
        matching = [rule for rule in present if same(rule, opening)]
        if not any(rule["owner"] != owner or rule["comment"] == comment(opening, owner) for rule in matching):
            found.append(_entry(opening, "missing", provider, "its comment differs" if matching else ""))
        elif report["provider"] == provider and not any(rule["live"] for rule in matching):
            found.append(_entry(opening, "inactive", provider, "configured, but not in force"))
        elif not any(rule["saved"] for rule in matching):
            found.append(_entry(opening, "missing", provider, "in force, but lost at the next reboot"))
        # A table beside the firewall's own can drop connections that the firewall accepts; so can an earlier rule of
        # ufw's, once ours is there.
        own = "iptables" if provider == "ufw" and not any(rule["live"] for rule in matching) else ""

        def others(chain: Record, own: str = own) -> bool:
            return chain["table"] != "firewalld" and (not own or chain.get("managed") != own)

        found += blocked(seen, number, provider, others)
    for rule in present:
        if rule["owner"] == owner and not any(same(rule, opening) for opening in wanted):
            found.append(_entry(rule, "unwanted", provider, ""))
    return found


def _entry(opening: Record, what: str, provider: str, detail: str) -> Record:
    plain = {key: opening.get(key, "") for key in (*SAME, "comment")}
    return {"id": identity(opening), "what": what, "provider": provider, "opening": plain, "detail": detail}


def sentence(entry: Record) -> str:
    """An entry of the difference for people: ``missing in ufw: tcp/8888 from 192.0.2.0/24``."""
    return f"{entry['what']} in {entry['provider']}: {entry['id']}" + (
        f" ({entry['detail']})" if entry["detail"] else ""
    )
