# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hub has a key to the kernels of which server: from the plans of a run and the files of earlier ones. Pure.

A *hub* is an instance with ``remote_kernels``. Its file has an *entry* for each server: the name of its kernels, host
and instance, the address, the certificates to trust and the key. A server's file has the SHA-256 of each hub's key. It
follows from the hubs' files, so these are the only record.

A key goes to nobody but its server. Where all servers of a host run as one account, the authority and the name of the
host prove it. Where there are several accounts, each has a certificate with that name, and may take the port of another
one that is down. There a hub trusts the one certificate of its server (``pinned``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from .._jupyter import endpoints
from .._plan.plan import DAY2

if TYPE_CHECKING:
    from .._records import Instance, Plan, RemoteKernel

Entry = dict[str, str]
#: The entries of each hub, by host and instance.
Hubs = dict[tuple[str, str], list[Entry]]
#: Settings that would stand in for the keys.
LOGIN = ("identity_provider_class", "authorizer_class")


def pair(
    plans: dict[str, Plan],
    stored: Hubs,
    make_key: Callable[[], str],
    trusted: Callable[[str, Instance, bool], str | None],
) -> tuple[Hubs, list[str], list[str]]:
    """Return the entries of every hub, the reasons to refuse the run, and remarks.

    :param plans: of the hosts of this run, by host. The others keep their entries. So do those of a day-2 run, which
        changes what it is about and nothing else: it renews an entry, and neither makes nor withdraws one.
    :param stored: the entries of earlier runs.
    :param trusted: returns the authorities of a server, or its own certificate, as PEM; empty for those of the system,
        None if they are not there yet.
    """
    hubs: Hubs = {}
    problems: list[str] = []
    remarks: list[str] = []
    settled = {host for host, plan in plans.items() if plan["verb"] not in DAY2}
    for (host, name), entries in stored.items():
        if host not in settled:
            hub = f"{host}, instance '{name}'"
            kept = []
            for entry in entries:
                made, remark = _renewed(entry, plans, make_key, trusted)
                if made is None and entry["host"] not in settled:
                    made, remark = entry, ""
                kept += [made] if made else []
                told = remark and host not in plans
                remarks += [f"{hub}: {entry['host']} {remark} Run site.yml for {host}."] if told else []
            if kept:
                hubs[host, name] = kept
    for plan in plans.values():
        for item in plan["instances"] if plan["host"] in settled else ():
            known = {
                (entry["host"], entry["instance"]): entry for entry in stored.get((plan["host"], item["name"]), [])
            }
            entries = []
            for wish in item["remote_kernels"]:
                before = known.get((wish["host"], wish["instance"]))
                label = f"{plan['host']}, instance '{item['name']}': remote_kernels: {wish['host']}"
                if wish["host"] in plans:
                    problem = _unfit(plans[wish["host"]], wish["instance"])
                    problems += [f"{label}: {problem}"] if problem else []
                    made = None if problem else _entry(wish, plans, trusted, before, make_key)
                    if made is None and not problem:
                        remarks.append(f"{label} has no certificate yet. Run site.yml for {wish['host']}.")
                        made = before and {**before, "name": wish["name"]}
                    entries += [made] if made else []
                elif before:
                    entries.append({**before, "name": wish["name"]})
                else:
                    remarks.append(f"{label} is not in this run, and has no key of this hub yet. Run both hosts once.")
            if entries:
                hubs[plan["host"], item["name"]] = entries
    return hubs, problems, remarks


def digests(hubs: Hubs) -> dict[tuple[str, str], dict[str, str]]:
    """Return the digest of the key of each hub, by the server that it opens."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for (host, name), entries in sorted(hubs.items()):
        for entry in entries:
            digest = hashlib.sha256(entry["key"].encode()).hexdigest()
            found.setdefault((entry["host"], entry["instance"]), {})[f"{host}/{name}"] = digest
    return found


def _unfit(plan: Plan, name: str) -> str:
    """Return why no hub can start kernels in a server; empty if one can."""
    item = next((each for each in plan["instances"] if each["name"] == name), None)
    if item is None:
        there = ", ".join(each["name"] for each in plan["instances"]) or "none"
        return f"it has no instance '{name}' (there: {there}). Write {plan['host']}/<instance>."
    if item["interface"] == "notebook6":
        return f"instance '{name}' is a Notebook 6, which knows no keys of hubs. Set interface: lab there."
    if not item["networked"] and item["access"] != "proxied":
        return (
            f"instance '{name}' listens on the loopback, where no other host reaches it. Set jupyter_access: both"
            " there."
        )
    if item["scheme"] == "http" and not item["public_url"].startswith("https:"):
        return f"instance '{name}' has no TLS, and the key would cross the network in clear. Set jupyter_tls there."
    own = [trait for trait in LOGIN if trait in item["settings"].get("ServerApp", {})]
    if own:
        return f"instance '{name}' has settings ServerApp.{own[0]}, which would stand in for the keys of hubs."
    if is_shared(plan) and not _tells_apart(item):
        return (
            f"instance '{name}' shares its host with other accounts, and its certificate does not tell them apart. Set"
            " jupyter_tls: private_ca there."
        )
    return ""


def _tells_apart(item: Instance) -> bool:
    """Tell whether a server shows a certificate of its own, by which a hub knows it from others of its host."""
    return item["access"] != "proxied" and item["tls"] not in endpoints.FOREIGN


def is_shared(plan: Plan) -> bool:
    """Tell whether servers of several accounts run on a host."""
    return len({item["user"] for item in plan["instances"]}) > 1


def _entry(
    wish: RemoteKernel,
    plans: dict[str, Plan],
    trusted: Callable[[str, Instance, bool], str | None],
    before: Entry | None,
    make_key: Callable[[], str],
) -> Entry | None:
    plan = plans[wish["host"]]
    item = next(each for each in plan["instances"] if each["name"] == wish["instance"])
    # Once pinned, always: an account that has no server any more may still have its certificate.
    pinned = is_shared(plan) or (before is not None and bool(before["pinned"]) and _tells_apart(item))
    ca = trusted(wish["host"], item, pinned)
    if ca is None:
        return None
    # A hub that did not know the one certificate may have given its key to the server of another account.
    is_kept = before is not None and (bool(before["pinned"]) or not pinned)
    return {
        "name": wish["name"],
        "host": wish["host"],
        "instance": wish["instance"],
        "url": endpoints.ways(plan, item)[0]["url"],
        "ca": ca,
        "pinned": "yes" if pinned else "",
        "key": before["key"] if before is not None and is_kept else make_key(),
    }


def _renewed(
    entry: Entry,
    plans: dict[str, Plan],
    make_key: Callable[[], str],
    trusted: Callable[[str, Instance, bool], str | None],
) -> tuple[Entry | None, str]:
    """Return the entry of a hub that is not in this run, with what the run says of its server, and a remark on what
    changed. None: the server takes no hub any more."""
    host, name = entry["host"], entry["instance"]
    if host not in plans:
        return entry, ""
    problem = _unfit(plans[host], name)
    if problem:
        return None, f"runs no kernels for it any more: {problem}"
    made = _entry({"name": entry["name"], "host": host, "instance": name}, plans, trusted, entry, make_key)
    if made is None:
        return entry, "has no certificate any more, and keeps the key of before."
    return made, "has another address, certificate or key." if made != entry else ""


def strangers(hubs: Hubs, known: set[str], directory: str) -> list[str]:
    """Return a remark for each hub whose host the inventory does not have: its keys still open kernels."""
    return [
        f"{host}, instance '{name}' is a hub that is not in the inventory, and its keys still open kernels of"
        f" {', '.join(sorted({entry['host'] for entry in entries}))}. To withdraw them, remove"
        f" {directory}/{host}/{name}.hub.json and run site.yml for those hosts."
        for (host, name), entries in sorted(hubs.items())
        if host not in known
    ]
