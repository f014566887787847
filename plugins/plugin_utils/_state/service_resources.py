# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources by which a server is started, and kept running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._jupyter import strangers as jupyter_strangers
from . import layout
from .resource_list import ResourceList

if TYPE_CHECKING:
    from .._records import HostInstance, Keywords
    from .._report_records import Report, System


def add_services(made: ResourceList, item: HostInstance, lingers: bool, cron: bool) -> None:
    manager, units = item["keeper"] or "tmux", item["unit_dir"]
    service: Keywords = {
        "user": item["user"],
        "environment": item["environment"],
        "restart": item["restart"],
        "port": item["port"],
        "instance": item["name"],
        "manager": manager,
    }
    if manager == "tmux":
        made.file(
            "service",
            f"{item['config_dir']}/start",
            "0755",
            instance=item["name"],
            template="start.sh.j2",
            stamped=True,
        )
        if cron:
            made.file(
                "service", layout.CRON.format(name=item["name"]), "0644", instance=item["name"], template="cron.j2"
            )
        service["tmux"] = item["tmux"]
        made.add("service", "service", item["session"], **service)
        return
    if manager == "systemd_user":
        made.parents("service", f"{units}/{item['unit']}", item["home"])
        if not lingers:
            made.add("linger", "service", item["user"])
    made.file("service", f"{units}/jupyter@.service", "0644", template="jupyter@.service.j2")
    made.directory("service", f"{units}/{item['unit']}.d", "0755", instance=item["name"])
    made.file(
        "service",
        f"{units}/{item['unit']}.d/instance.conf",
        "0640",
        instance=item["name"],
        template="instance.conf.j2",
        stamped=True,
    )
    # systemd applies these to a running unit at a reload: no reason to restart.
    made.file(
        "service",
        f"{units}/{item['unit']}.d/limits.conf",
        "0644",
        instance=item["name"],
        template="limits.conf.j2",
        live=True,
    )
    service["place"] = f"{units}/{item['unit']}"
    made.add("service", "service", item["unit"], **service)


def add_masks(made: ResourceList, instances: list[HostInstance], system: System) -> None:
    """Shut the way out of its unit that an account has by a systemd of its own, where the account is ours, and nothing
    it runs is to be open."""
    open_to_all = {item["user"] for item in instances if item["hardening"] in ("none", "sudo")}
    for item in instances:
        if (
            system["systemd"]
            and f"account {item['user']}" in made.made
            and item["user"] not in open_to_all
            and not _is_masked(item, made.report)
        ):
            made.add("mask", "service", item["user"])


def _is_masked(item: HostInstance, report: Report) -> bool:
    """Tell whether somebody else has masked the systemd of an account: that stays at uninstall."""
    path = layout.USER_MANAGER.format(uid=(report["accounts"].get(item["user"]) or {"uid": ""})["uid"])
    listed = any(thing["id"] == f"mask {item['user']}" for thing in report["manifest"]) or jupyter_strangers.is_lost(
        report
    )
    return (report["paths"].get(path) or {}).get("target") == "/dev/null" and not listed
