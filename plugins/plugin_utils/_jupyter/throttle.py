# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throttling of wrong passwords: the configuration of fail2ban for our servers. Pure: no I/O, no Ansible.

Jupyter answers any number of wrong passwords at once. fail2ban reads the unit's log (jail.conf(5), backend ``systemd``)
and blocks the server's port, and no other, for an address that guesses. It counts a line of the server's own
(``login_log.py.j2``). Where fail2ban came with us, its own jail for SSH stays off: nobody asked for that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...module_utils._errors import PlanError

if TYPE_CHECKING:
    from .._records import HostInstance, Instance
    from .._report_records import Report, System

DAEMON = "fail2ban.service"
#: The file that proves that the package is installed.
COMMAND = "fail2ban-client"
FOLDER = "/etc/fail2ban"
FILTER = f"{FOLDER}/filter.d/remote-notebooks.conf"
ACTION = f"{FOLDER}/action.d/remote-notebooks.conf"
#: Read behind ``defaults-debian.conf``, which turns the jail for SSH on.
JAIL = f"{FOLDER}/jail.d/remote-notebooks.conf"
FILES = (FILTER, ACTION, JAIL)


def settle(instance: Instance, own: bool, scope: str) -> bool | None:
    """Return whether logins to ``instance`` are throttled; None where nobody said so, and the host decides
    (:func:`is_possible`).

    :param own: the instance says it itself, and not the host for all of them.
    :raises PlanError: where it was asked for and cannot be.
    """
    asked: bool | None = instance["login_throttle"]
    if asked is False or (instance["access"] in ("tunnel", "proxied") and not (asked and own)):
        return False
    problem = hindrance(instance, scope)
    if problem and asked:
        raise PlanError(f"{problem}. Leave it out.")
    return asked


def hindrance(instance: Instance, scope: str) -> str:
    """Say why no host could throttle the logins to ``instance``; empty where one can."""
    if scope == "user":
        return "only root can shut a port, and scope 'user' has none"
    if instance["access"] == "tunnel":
        return "with access 'tunnel' every login comes from the host itself, through SSH"
    if instance["access"] == "proxied":
        return "with access 'proxied' every packet has the proxy's address; the server itself refuses who guesses"
    if any(isinstance(traits, dict) and traits.get("trust_xheaders") for traits in instance["settings"].values()):
        return "with trust_xheaders every client has the proxy's address, and would be shut out with it"
    return ""


def is_possible(manager: str, system: System, family: str | None) -> bool:
    """Tell whether this host can have it without being asked for: only some systems have fail2ban among their own
    packages. RHEL's is in EPEL, that of SLES in PackageHub, and those are the owner's to add.
    """
    comes = family == "debian" or system["id"].startswith("opensuse")
    return manager == "systemd" and (comes or bool(system["commands"].get(COMMAND)))


def lack(manager: str) -> str:
    """Return the reason why a host cannot throttle, if the user did not ask for it."""
    if manager == "systemd":
        return "Install fail2ban (RHEL: of EPEL, SLES: of PackageHub), and the next run uses it"
    return f"fail2ban reads the log that systemd keeps, and this runs under {manager}"


def refusal(manager: str) -> str:
    """Say why logins cannot be throttled on this host; empty where they can. ``manager`` is the service manager in
    use."""
    return (
        ""
        if manager == "systemd"
        else f"login_throttle: it reads the log that systemd keeps, and this server runs under {manager}. Leave it out."
    )


def is_alone(report: Report) -> bool:
    """Tell whether fail2ban is here for us alone; a run that was cut off has noted it in the manifest before it
    installed anything."""
    ours = any(
        thing.get("alone") or (thing["id"] == "package fail2ban" and thing.get("ours")) for thing in report["manifest"]
    )
    return ours or not report["system"]["commands"].get(COMMAND)


def jails(instances: list[HostInstance]) -> list[dict[str, Any]]:
    """Return ``{"name", "unit", "port"}`` of each server whose logins are throttled."""
    return [
        {"name": item["name"], "unit": item["unit"], "port": item["port"]}
        for item in instances
        if item["login_throttle"]
    ]


def difference(report: Report) -> list[tuple[str, Any, Any]]:
    """Return (kind, found, wanted) for each difference of fail2ban itself."""
    unit = report["units"].get(DAEMON, {})
    found = [
        ("service", unit.get("ActiveState") or "absent", "active"),
        ("start at boot", unit.get("UnitFileState") or "off", "enabled"),
    ]
    return [entry for entry in found if entry[1] != entry[2]]
