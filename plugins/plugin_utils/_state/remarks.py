# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last lines of a run. Pure."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from .._acme import findings as acme_findings
from .._acme import options as acme
from .._check import devices
from .._jupyter import conflicts, data_folders, leftovers, removal, throttle
from .._jupyter.strangers import FIREWALL_OWNER
from .._network import own_names
from .._network import ports as network_ports
from .._network import rules as network_rules
from . import existing, layout, manifest, probe, refusals

if TYPE_CHECKING:
    from .._records import Plan
    from .._report_records import Report, System


def remarks(plan: Plan, report: Report) -> list[str]:
    """Return the facts that need attention although no change is needed."""
    return [
        *(
            f"instance '{item['name']}': {refusals.unusable(plan, item, report)}"
            for item in plan["instances"]
            if item["name"] in report["astray"]
        ),
        *(
            f"instance '{item['name']}': user: '{item['user']}' cannot read and write in its own home, and its server"
            f" may not start. On the host: sudo chmod u+rwx {shlex.quote(account['home'])}"
            for item in plan["instances"]
            for account in [report["accounts"].get(item["user"])]
            if account and account["home_is"] == "shut"
        ),
        *(
            f"instance '{item['name']}': {text}"
            for item in plan["instances"]
            if network_ports.is_taken_since(item, report)
            for text in network_ports.taken(item, report)
        ),
        *acme_findings.remarks(plan, report),
        *existing.remarks(plan, report),
        *_unkept(plan, report["system"]),
        *_without_ssh(plan, report),
        *_plain(plan),
        *_overheard(plan),
        *_one_account(plan),
        *_unthrottled(plan, report["system"]),
        *_withdrawn(plan, report),
        *manifest.strange(plan, report),
        *removal.remarks(plan, report),
        *conflicts.remarks(plan, report),
        *leftovers.remarks(plan, report),
        *own_names.remarks(plan, report),
        *devices.without_driver(report),
        *data_folders.remarks(plan, report),
        *_about_the_firewall(plan, report),
    ]


def _without_ssh(plan: Plan, report: Report) -> list[str]:
    return [
        f"No SSH server listens on TCP port {port} of this machine, so nobody gets in from another one yet. For that:"
        " sudo apt-get install openssh-server, or what this system has for it. On this machine the address works as"
        " it is."
        for port in probe.ssh_port(plan)
        if str(port) not in report["listeners"]
    ]


def _plain(plan: Plan) -> list[str]:
    return [
        f"Instance '{item['name']}' speaks plain HTTP: whoever is between a client and port {item['port']} reads the"
        " password and every cell. "
        + (f"Only {', '.join(item['allowed_sources'])} may connect. " if plan["firewall"]["provider"] != "none" else "")
        + "Leave plain_http out, and it speaks HTTPS."
        for item in plan["instances"]
        if item["tls"] == "none" and item["networked"]
    ]


def _overheard(plan: Plan) -> list[str]:
    """Name the instances whose settings let kernels listen in clear on the loopback
    (roles/jupyter/files/kernel_channels.py obeys them)."""
    found = []
    for item in plan["instances"]:
        said = {
            name: str(value).lower()
            for section, traits in item["settings"].items()
            if section.endswith("KernelManager") or section == "ConnectionFileMixin"
            for name, value in traits.items()
            if name in ("transport", "transport_encryption")
        }
        if said.get("transport") == "ipc":
            continue
        if said.get("transport_encryption") == "disabled":
            whose, what = "its kernels", "KernelManager.transport_encryption"
        elif said.get("transport") == "tcp":
            whose, what = "those of its kernels that do not encrypt", "KernelManager.transport"
        else:
            continue
        found.append(
            f"Instance '{item['name']}': every account of the host can read what {whose} print, and run code in one"
            f" whose debugger was used, because its settings say so. Leave {what} out, and none can."
        )
    return found


def _one_account(plan: Plan) -> list[str]:
    """Name the instances that share an account and a folder: anybody who means two people is told that they are one."""
    if plan["scope"] != "system":
        return []
    shared: dict[tuple[str, str], list[str]] = {}
    for item in plan["instances"]:
        shared.setdefault((item["user"], item["root_dir"]), []).append(item["name"])
    return [
        f"{' and '.join(names)} run as the same account, '{user}', in the same folder: who uses one reads and changes"
        " what belongs to the other. For people of their own, give each instance a user, and create_user: true; for"
        " one person, give each a root_dir, and this is not said again."
        for (user, _folder), names in shared.items()
        if len(names) > 1
    ]


def _unthrottled(plan: Plan, system: System) -> list[str]:
    """Name the instances that a network reaches and whose guesses nobody counts, though nobody said that either."""
    found: dict[str, list[str]] = {}
    for item in plan["instances"]:
        if item["login_throttle"] is None and not layout.is_throttled(plan["scope"], item, system):
            lack = throttle.hindrance(item, plan["scope"]).capitalize() or throttle.lack(
                layout.service_manager(plan["scope"], item, system)
            )
            found.setdefault(lack, []).append(item["name"])
    return [
        f"{', '.join(names)}: nobody who guesses passwords is shut out. {lack}; with login_throttle: false this is not"
        " said again."
        for lack, names in found.items()
    ]


def _withdrawn(plan: Plan, report: Report) -> list[str]:
    """Name the certificates that leave the host in this run; the authority's books on the control node know nothing of
    that."""
    secured = {item["name"] for item in plan["instances"] if item["tls"] != "none"}
    listed = report["manifest"]
    # The control node never had those that the host got by itself.
    foreign = {thing["instance"] for thing in listed if thing["id"].endswith(f"/{thing['instance']}.{acme.SLOT}")}
    held = {thing["instance"] for thing in listed if thing.get("path", "").endswith("/tls.pem")}
    left = sorted(held - secured - foreign)
    return [
        f"The certificate {plan['host']}/{name} is no longer on the host. It stays on the control node and serves again"
        " when TLS comes back; one of the private authority is valid until it ends, or until: playbooks/revoke.yml -e"
        f" pki_revoke={plan['host']}/{name}"
        for name in left
    ]


def _about_the_firewall(plan: Plan, report: Report) -> list[str]:
    if plan["firewall_rules"] and plan["scope"] == "user":
        ports = ", ".join(str(rule["port"]) for rule in plan["firewall_rules"])
        return [
            "Without root no firewall can be changed. If this host has one, ask its administrator to open TCP port"
            f" {ports}."
        ]
    if report["firewall"] is None:
        return []
    from ...module_utils._firewall import remarks

    wishes, picture = plan["firewall"], network_rules.as_json(report["firewall"])
    return remarks.remarks(plan["firewall_rules"], FIREWALL_OWNER, picture, wishes["provider"], wishes["enable"])


def _unkept(plan: Plan, system: System) -> list[str]:
    """Say it where nothing starts a server at boot, or a logout may end it."""
    names = ", ".join(item["name"] for item in plan["instances"] if not layout.keeper(plan["scope"], item, system))
    if not names or (plan["scope"] == "system" and layout.has_cron(system)):
        return []
    if plan["scope"] == "user":
        return [
            f"{names}: no systemd of '{system['user']}' may stay after logout here, so nothing starts it after a"
            " reboot, and where logind has KillUserProcesses=yes a logout ends it. Ask the administrator for: loginctl"
            f" enable-linger {system['user']}"
        ]
    return [
        f"{names}: neither systemd nor cron runs on this host, so nothing starts it after a reboot. Run this again"
        " then, or install cron."
    ]
