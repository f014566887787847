# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses and names that a host has itself, compared with those of the inventory.

A certificate names what the inventory names. The word of a host alone adds nothing: a host could name another machine,
whose visitors trust the same authority.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .._handoff.addresses import is_multicast

if TYPE_CHECKING:
    from .._records import Plan
    from .._report_records import Network, Report


def places(server: dict[str, Any]) -> list[str]:
    """The addresses and names of a hand-off record, without scheme and port."""
    found = [urlsplit(url).hostname or "" for url in server["urls"]]
    return [*found, server["ssh"]["host"]] if server["ssh"] and server["access"] != "direct" else found


def own(plan: Plan, server: dict[str, Any], network: Network) -> dict[str, Any]:
    """Return ``own``, the addresses of a record that the host has itself, and ``now``, its addresses of today with the
    variables that name one; None where the host does not say them."""
    has = network["addresses"]
    guessed = server["urls"] and any(
        item["name"] == server["instance"] and item["addresses"] == plan.get("guessed") for item in plan["instances"]
    )
    said = "ansible_host" if guessed else "jupyter_addresses"
    return {
        "own": [place for place in dict.fromkeys(places(server)) if place in has],
        "now": {"addresses": network["senders"] or has[:2], "variable": said} if has else None,
    }


def lost(server: dict[str, Any], now: dict[str, Any] | None, before: dict[str, Any] | None) -> list[str]:
    """Say which addresses of a record the host had in an earlier run and has no more, and the line to change. Update
    ``own`` of the record: it keeps a lost address until the inventory names it no more."""
    earlier = [address for address in (before or {}).get("own") or [] if address in places(server)]
    gone = [address for address in earlier if address not in server["own"]]
    server["own"] = [*server["own"], *gone]
    if now is None or not gone:
        return []
    named = {urlsplit(url).hostname for url in server["urls"]}
    return [
        f"{server['host']} no longer has the address {address}. It has {' and '.join(now['addresses'])} now. "
        + _cure(address, [each for each in now["addresses"] if each not in named], now["variable"], address in named)
        for address in gone
    ]


def _cure(address: str, fresh: list[str], variable: str, is_named: bool) -> str:
    where = variable if is_named else "tunnel_address or ansible_host"
    same = [each for each in fresh if ipaddress.ip_address(each).version == ipaddress.ip_address(address).version]
    if not same:
        return f"Take {address} out of {where}."
    return f"Write {same[0]} instead of {address} in {where}, and run again."


def remarks(plan: Plan, report: Report) -> list[str]:
    """Say where names of multicast DNS differ from those in the inventory, and which one the host has."""
    network = report["network"]
    published, found = network["published"], []
    direct = [item for item in plan["instances"] if item["access"] in ("direct", "both")]
    named = [name for item in direct for name in item["addresses"] if is_multicast(name)]
    for name in dict.fromkeys(named):
        if published and published != name:
            found.append(
                f"The inventory names the address {name}, and avahi on this host answers to {published}. If another"
                f" machine of its network is called {name}, rename one of the two. If not, write {published}."
            )
        elif not network["answers"]:
            found.append(
                f"The inventory names the address {name}, and no program on this host answers to such a name. On the"
                " host: sudo apt-get install avahi-daemon"
            )
    guessed = plan.get("guessed") or []
    if published and not named and any(item["addresses"] == guessed for item in direct) and not _has_name(guessed):
        found.append(
            f"avahi on this host answers to {published} in its network, also after the address has changed. For a"
            f" certificate and a page with that name: jupyter_addresses: [{', '.join([*guessed, published])}]"
        )
    return found


def _has_name(addresses: list[str]) -> bool:
    """Tell whether one of these is a name that other machines know."""
    return any("." in address and not address.replace(".", "").isdigit() for address in addresses)


def shared(given: list[dict[str, Any]], stored: list[dict[str, Any]]) -> list[str]:
    """Say which addresses two hosts have: one of them is out of reach there."""
    users: dict[str, dict[str, None]] = {}
    for record in [*given, *stored]:
        for url in record["urls"]:
            name = urlsplit(url).hostname or ""
            users.setdefault(name if is_multicast(name) else url, {})[record["host"]] = None
    fresh = {record["host"] for record in given}
    return [
        f"{address} is the address of {' and '.join(sorted(hosts))}, and only one machine can answer there. Correct"
        " jupyter_addresses."
        for address, hosts in users.items()
        if len(hosts) > 1 and fresh & set(hosts)
    ]
