# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a host about the certificates that it gets by itself: reasons to stop, and remarks. Pure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .._network.ports import holder, stopping
from .._state import interpreters, layout
from . import options as acme
from .resources import challenge_ports

if TYPE_CHECKING:
    from .._records import Instance, Plan
    from .._report_records import AcmeStatus, Report

#: Our own program has the port while the authority asks.
_OWN = "certbot"


def refusals(plan: Plan, item: Instance, report: Report) -> list[str]:
    """Return the reasons for which the host cannot get the certificate of an instance."""
    if item["tls"] != "acme":
        return []
    problems = []
    version = interpreters.find(plan, item, item["python"], report)["version"]
    if version is not None and tuple(version) < acme.OLDEST_PYTHON:
        found, oldest = (".".join(map(str, each)) for each in (version, acme.OLDEST_PYTHON))
        problems.append(
            f"tls: 'acme' needs Python {oldest} for its client, and this host has {found}. Name a newer one in python,"
            ' or have uv install one (python: "3.12", python_downloads: true).'
        )
    if item["acme_dns_hook"] == acme.NSUPDATE and not report["system"]["commands"].get("nsupdate"):
        problems.append("acme_dns_hook: nsupdate is not installed here. On Debian: apt-get install bind9-dnsutils")
    listener = report["listeners"].get(str(acme.HTTP_PORT)) if acme.HTTP_PORT in challenge_ports(plan) else None
    # A host that renews at this moment has the port itself.
    if listener and not (listener["uid"] == 0 and (listener["command"] or "").startswith(_OWN)):
        problems.append(
            f"acme_challenge: the authority asks at port {acme.HTTP_PORT}, which is used by {holder(listener)}. Write"
            f" the folder that it serves as acme_webroot. Or: {stopping(listener)}."
        )
    return problems


def remarks(plan: Plan, report: Report) -> list[str]:
    """Say what a person should know about the certificates that this host renews by itself."""
    asked = [item for item in plan["instances"] if item["tls"] == "acme"]
    lines = [_next(asked, report)] if plan["verb"] == "report" else []
    for item in asked:
        found = report["acme"].get(item["name"])
        if found:
            lines += [f"instance '{item['name']}': {text}" for text in (_unseen(item, found), _refused(found)) if text]
    return [line for line in lines if line]


def _next(asked: list[Instance], report: Report) -> str:
    later = report["units"].get(layout.ACME_TIMER, {}).get("NextElapseUSecRealtime")
    names = ", ".join(item["name"] for item in asked)
    return f"The host renews the certificate of {names} by itself. It asks again at {later}." if later else ""


def _unseen(item: Instance, found: AcmeStatus) -> str:
    if found["served"] is not False:
        return ""
    return (
        f"port {item['port']} shows another certificate than the one that was issued. Restart the server, or look at"
        " the program there."
    )


def _refused(found: AcmeStatus) -> str:
    """Tell of refused renewals: the certificate in use ends some day."""
    if not found["failures"]:
        return ""
    ends = f" It ends {time.strftime('%Y-%m-%d', time.gmtime(found['not_after']))}." if found["not_after"] else ""
    count = found["failures"]
    what = (
        "the last renewal of its certificate was"
        if count == 1
        else f"the last {count} renewals of its certificate were"
    )
    return f"{what} refused: {found['error'].rstrip('.')}.{ends}"


def with_ends(pki: dict[str, Any], plan: Plan, report: Report) -> dict[str, Any]:
    """Return the result of the role ``pki`` with the ends of the certificates that the host got by itself."""
    found = {
        f"{plan['host']}/{name}": {"not_after": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(status["not_after"]))}
        for name, status in report["acme"].items()
        if status["not_after"]
    }
    return {**pki, "certificates": {**pki.get("certificates", {}), **found}} if found else pki
