# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources by which a host gets certificates and renews them: client, orders, timer."""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING, Any

from .._plan.access import loopback
from .._state import layout
from . import options as acme

if TYPE_CHECKING:
    from .._records import HostInstance, Plan
    from .._report_records import Report
    from .._state.resource_list import ResourceList

SCRIPTS = SCRIPT, _HOOKS = ("acme_renew.py", "acme_hooks.py")
#: Files of the control node that a host needs, by the end of their name there.
FILES = {"eab": "acme_eab_file", "ca.pem": "acme_ca_file", "dns-key": "acme_dns_key_file"}
_MODULE_UTILS = os.path.join(os.path.dirname(__file__), "..", "..", "module_utils")


def ordered(instances: list[HostInstance]) -> list[HostInstance]:
    return [item for item in instances if item["tls"] == "acme"]


def is_asked(plan: Plan) -> bool:
    return any(item["tls"] == "acme" for item in plan["instances"])


def challenge_ports(plan: Plan) -> list[int]:
    """Return the port that a program of ours needs for an authority's question, where none of the host serves it."""
    asked = any(
        item["tls"] == "acme" and item["acme_challenge"] == "http-01" and not item["acme_webroot"]
        for item in plan["instances"]
    )
    return [acme.HTTP_PORT] if asked else []


def paths(plan: Plan) -> list[str]:
    """Return the patterns of our files. Those of the client, keys among them, are none of the comparison's."""
    if not is_asked(plan):
        return []
    own = folder(plan["prefix"])
    return [
        own,
        f"{own}/lib",
        *(f"{own}/lib{'/*' * depth}" for depth in range(1, 5)),
        *secrets(plan),
        *(f"{layout.unit_dir(plan['scope'])}/{unit}" for unit in layout.ACME_UNITS),
    ]


def secrets(plan: Plan) -> list[str]:
    """Return the files whose text is for root alone."""
    own = folder(plan["prefix"])
    given = [f"{own}/{item['name']}.{ending}" for item in plan["instances"] for ending in FILES]
    return [f"{own}/orders.json", *given] if is_asked(plan) else []


def slot(item: Any) -> str:
    """Name the place of the client's environment."""
    return f"{item['name']}.{acme.SLOT}"


def current(asked: list[HostInstance]) -> str:
    """Return the link to the environment of the client: it stays the same over upgrades."""
    return f"{asked[0]['prefix']}/current/{slot(asked[0])}"


def folder(prefix: str) -> str:
    return f"{prefix}/acme"


def add_acme(made: ResourceList, plan: Plan, instances: list[HostInstance], report: Report) -> None:
    """List what all certificates of the host share."""
    asked = ordered(instances)
    if not asked:
        return
    own, prefix, cron = folder(asked[0]["prefix"]), asked[0]["prefix"], not report["system"]["systemd"]
    for item in asked:
        made.environment(
            item["acme_environment"],
            slot=slot(item),
            python=item["python_path"],
            download=item["python_download"],
            packages=[acme.CLIENT],
            account=layout.trier(item["scope"]),
        )
        link = f"{prefix}/current/{slot(item)}"
        made.add("link", "configure", link, instance=item["name"], path=link, target=item["acme_environment"])
    made.directory("certificate", own, "0700")
    for script in SCRIPTS:
        made.file("certificate", f"{prefix}/libexec/{script}", "0755", source=script)
    for path in library():
        for parent in layout.above(f"{own}/lib/notebooks/{path}"):
            if parent.startswith(f"{own}/"):
                made.directory("certificate", parent, "0755")
        made.file("certificate", f"{own}/lib/notebooks/{path}", "0644", source=os.path.join(_MODULE_UTILS, path))
    for item in asked:
        for ending, key in FILES.items():
            if item[key]:  # type: ignore[literal-required]
                path = f"{own}/{item['name']}.{ending}"
                made.file(
                    "certificate",
                    path,
                    "0600",
                    instance=item["name"],
                    secret=True,
                    control=item[key],  # type: ignore[literal-required]
                )
    orders = {
        "environment": current(asked),
        "firewall": plan["firewall"]["provider"] != "none",
        "orders": [_order(made, item) for item in asked],
    }
    made.file("certificate", f"{own}/orders.json", "0600", template="acme_orders.json.j2", spec=orders)
    if cron:
        # cron reads no name with another sign than these (cron(8)), and no instance has capital letters.
        minute = {"minute": zlib.crc32(plan["host"].encode()) % 60}
        made.file("certificate", layout.CRON.format(name="ACME"), "0644", template="acme_cron.j2", spec=minute)
        return
    units = layout.unit_dir(plan["scope"])
    made.file("certificate", f"{units}/{layout.ACME_SERVICE}", "0644", template="acme.service.j2")
    made.file("certificate", f"{units}/{layout.ACME_TIMER}", "0644", template="acme.timer.j2")
    made.add("timer", "certificate", layout.ACME_TIMER)


def _order(made: ResourceList, item: HostInstance) -> dict[str, Any]:
    """Return the order for the certificate of an instance, and where it goes."""
    path = f"{item['config_dir']}/tls.pem"
    thing = made.made[f"file {path}"]
    bind = item["bind_address"]
    return {
        **acme.order(item),
        "file": path,
        "user": thing["owner"],
        "group": thing["group"],
        "mode": thing["mode"],
        "served": [loopback(bind), item["port"]],
        "eab_file": bool(item["acme_eab_file"]),
        "ca_file": bool(item["acme_ca_file"]),
        "ca_bundle": item["ca_bundle"],
        "variables": f"{item['config_dir']}/environment" if item["shut_variables"] else "",
    }


def library() -> list[str]:
    """Name the files of the firewall's view, which opens the port of a challenge, below ``module_utils``."""
    found = ["_errors.py", os.path.join("_host", "processes.py")]
    for where, _folders, names in os.walk(os.path.join(_MODULE_UTILS, "_firewall")):
        found += [os.path.relpath(os.path.join(where, name), _MODULE_UTILS) for name in names if name.endswith(".py")]
    return sorted(found)


def difference(thing: Any, report: Report) -> list[tuple[str, Any, Any]]:
    """Compare the certificate that a host got by itself with its order."""
    found = report["acme"].get(thing["instance"])
    if found is None or found["id"] != thing["order"]:
        return [("certificate", "of no order" if found is None else "of another order", "issued")]
    if found["failures"]:
        return [("renewal", f"refused {found['failures']} times", "successful")]
    return []


def timer_difference(report: Report) -> list[tuple[str, Any, Any]]:
    unit = report["units"].get(layout.ACME_TIMER, {})
    if unit.get("ActiveState") != "active":
        return [("timer", unit.get("ActiveState") or "off", "active")]
    if unit.get("UnitFileState") != "enabled":
        return [("start at boot", unit.get("UnitFileState") or "off", "enabled")]
    return []
