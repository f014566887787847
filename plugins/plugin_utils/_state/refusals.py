# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reasons that stop a run before its first change, with the cure. Pure."""

from __future__ import annotations

import posixpath
import shlex
from typing import TYPE_CHECKING

from ...module_utils._errors import FirewallError
from .._acme import findings as acme_findings
from .._jupyter import removal, throttle
from .._jupyter import strangers as jupyter_strangers
from .._network import rules as network_rules
from .._network.ports import is_taken_since, taken
from .._plan.interfaces import INTERFACES
from .._plan.plan import PRIVILEGED
from . import existing, instances, interpreters, layout, resources

if TYPE_CHECKING:
    from .._records import Change, HostInstance, Instance, Plan
    from .._report_records import Report


def pip_refusal(plan: Plan, report: Report, changes: list[Change], pip: str) -> str:
    """Say it where an environment cannot be built: the host's Python has no pip, the control node lends none, and
    nobody here may install it."""
    if plan["scope"] != "user" or report["system"]["ensurepip"] or pip or not builds(changes):
        return ""
    return (
        "This host's Python cannot make virtual environments. Ask its administrator for: apt-get install python3-venv"
    )


def builds(changes: list[Change]) -> bool:
    """Tell whether an environment is to be built."""
    return any(change["kind"] == "environment" for change in changes)


def _python_text(version: list[int] | None) -> str:
    return ".".join(str(part) for part in version or [])


def refusals(plan: Plan, report: Report) -> list[str]:
    """Return the faults that only the host's state shows: one message each, naming the instance, the key and the
    cure."""
    system, problems = report["system"], []
    if layout.family(system) is None:
        known = "Debian and its relatives, the RHEL family, SUSE"
        return [f"{system['name']} is not supported. remote.notebooks knows {known}; take this host out of the play."]
    if plan["scope"] == "system" and system["uid"] != 0:
        problems.append(
            f"The account '{system['user']}' is not root here. Let Ansible become root (become: true), or set"
            " jupyter_scope: user."
        )
    if plan["scope"] == "user" and system["uid"] == 0:
        problems.append(
            "jupyter_scope: user would run Jupyter as root here. Log in as an ordinary account, or set jupyter_scope:"
            " system."
        )
    # Before all that an inventory which means other servers would stumble over.
    disagreement = removal.refusals(plan, report)
    if disagreement:
        return [*problems, *disagreement]
    try:
        blocked = [
            f"{change['text']}." for change in network_rules.rule_changes(plan, report) if change["what"] == "blocked"
        ]
        problems += blocked if plan["verb"] != "report" else []  # that one shows it
    except FirewallError as error:
        problems.append(str(error))
    if report["tunnel"] is not None:
        from ...module_utils._tunnel import refusals as tunnel_refusals

        problems += tunnel_refusals.refusals(
            plan["tunnel"]["accounts"],
            report["tunnel"],
            layout.TUNNEL_OWNER,
            plan["tunnel"]["override"],
            strangers=False,
        )
    if plan["scope"] == "user" and plan["firewall"]["provider"] != "none":
        problems += [
            f"instance '{item['name']}': allowed_sources: without root nothing keeps others out of port {item['port']}."
            " Say access: tunnel, or leave allowed_sources out (HTTPS and a password stay), or say firewall_provider:"
            " none where something in front of this host keeps them out."
            for item in plan["instances"]
            if item["networked"] and item["allowed_sources"]
        ]
    for item in plan["instances"]:
        problems += [f"instance '{item['name']}': {problem}" for problem in _instance_refusals(plan, item, report)]
    if plan["instances"] and not problems:
        completed = instances.complete(plan, report)
        problems += existing.unseen(completed, report)
        problems += [f"instance '{item['name']}': {problem}" for item in completed for problem in _loose(item, report)]
        problems += jupyter_strangers.refusals(plan, resources.things(plan, completed, report, {}, {}), report)
    return problems


def _instance_refusals(plan: Plan, item: Instance, report: Report) -> list[str]:
    system, problems = report["system"], []
    if item["user"] and not layout.is_made(item) and report["accounts"].get(item["user"]) is None:
        problems.append(
            f"user: there is no account '{item['user']}' on this host. Create it, correct the name, say create_user:"
            " true to have it made, or leave user out for a service account."
        )
    for kernel in item["kernels"]:
        name = kernel["python"]
        if name and interpreters.find(plan, item, name, report)["version"] is None:
            problems.append(
                f"kernels: kernel '{kernel['name']}': there is no '{name}' on this host. Install it,"
                f"{interpreters.hint(item, name)} or leave python out."
            )
    problems += existing.refusals(plan, item, report)
    if layout.uses_r([item]) and plan["scope"] == "user" and layout.r_is_missing(report):
        problems.append(
            "kernels: R is not installed here, and scope 'user' cannot install it. Ask for: apt-get install r-base-core"
            " r-cran-irkernel"
        )
    python = interpreters.find(plan, item, item["python"], report)
    if python["version"] is None:
        problems.append(
            f"python: there is no '{item['python']}' on this host. Install it,"
            f"{interpreters.hint(item, item['python'])} or leave python out for the system's own."
        )
    elif tuple(python["version"]) < INTERFACES[item["interface"]]["python"]:
        oldest, found = _python_text(INTERFACES[item["interface"]]["python"]), _python_text(python["version"])
        problems.append(
            f"python: {python['path']} is Python {found}, and Jupyter needs {oldest}. Install a newer one and name it"
            ' in python, or have uv install one (python: "3.12", python_downloads: true)'
            + (
                ", or say interface: notebook6."
                if tuple(python["version"]) >= INTERFACES["notebook6"]["python"]
                else "."
            )
        )
    elif item["user"] and not python["open"]:
        problems.append(
            f"python: {python['path']} lies where only root can reach it, and Jupyter does not run as root. Name"
            " another, or leave python out."
        )
    if item["port"] < PRIVILEGED and layout.service_manager(plan["scope"], item, system) != "systemd":
        problems.append(
            f"port: {item['port']} is reserved for root, and only systemd can give it to a server. It does not run here"
            f" (process 1 is {system['pid1']}). Choose a port from 1024 to 65535."
        )
    if item["service_manager"] in ("systemd", "systemd_user") and not system["systemd"]:
        problems.append(
            f"service_manager: '{item['service_manager']}', but systemd does not run here (process 1 is"
            f" {system['pid1']}). Say tmux or auto."
        )
    if item["service_manager"] == "systemd_user" and system["systemd"] and not system["user_manager"]:
        problems.append(
            f"service_manager: no systemd user manager runs for '{system['user']}'. Log in once through PAM"
            " (libpam-systemd), or say tmux."
        )
    elif item["service_manager"] == "systemd_user" and not (system["lingers"] or system["polkit"]):
        problems.append(
            f"service_manager: '{system['user']}' may not stay after logout. Say tmux, or ask for: loginctl"
            f" enable-linger {system['user']}"
        )
    # Where the account itself may have made it so, that stops nobody but a first run.
    known = any(thing["kind"] == "service" and thing["instance"] == item["name"] for thing in report["manifest"])
    if item["name"] in report["unusable"] or (item["name"] in report["astray"] and not known):
        problems.append(unusable(plan, item, report))
    problems += [*_homeless(item, report), *_unbound(plan, item, report)]
    home = (report["accounts"].get(item["user"]) or {}).get("home") or (
        f"/home/{item['user']}" if item["user"] else system["home"]
    )
    root = layout.home_path(item["root_dir"] or "~/notebooks", home)
    if any(thing["id"] == f"found {root}" for thing in report["manifest"]) and report["paths"].get(root) is None:
        problems.append(
            f"root_dir: {root} was there before the first run, and is gone. Mount it or create it again, or choose"
            " another folder."
        )
    if item["login_throttle"]:
        problems += filter(None, [throttle.refusal(layout.service_manager(plan["scope"], item, system))])
    if (
        layout.service_manager(plan["scope"], item, system) == "tmux"
        and plan["scope"] == "user"
        and not system["commands"]["tmux"]
    ):
        problems.append(
            "service_manager: tmux is not installed here, and scope 'user' cannot install it. Ask for: apt-get install"
            " tmux"
        )
    problems += acme_findings.refusals(plan, item, report)
    if not is_taken_since(item, report):
        problems += taken(item, report)
    return problems


def unusable(plan: Plan, item: Instance, report: Report) -> str:
    """Refuse a folder of notebooks that is there, and that the account cannot use: whose it is, is not ours to
    change."""
    account = report["accounts"].get(item["user"]) or {
        "home": f"/home/{item['user']}" if item["user"] else report["system"]["home"]
    }
    root, user = (
        layout.home_path(item["root_dir"] or "~/notebooks", account["home"]),
        item["user"] or report["system"]["user"],
    )
    found = report["paths"].get(root) or {"owner": "root"}
    if posixpath.dirname(root) == "/":
        cure = "It is the system's: name a folder below it, which is created for the account,"
    elif plan["scope"] != "system":
        cure = "Correct its owner and mode -"
    elif report["accounts"].get(item["user"]) is None:
        cure = (
            "That account is not there yet: leave root_dir out in a first run. Then, on the host: "
            + _opening(user, root, found["owner"])
            + " -"
        )
    else:
        cure = f"On the host: {_opening(user, root, found['owner'])} -"
    return f"root_dir: {root} is there, and '{user}' cannot read and write in it. {cure} or choose another folder."


def _opening(user: str, root: str, owner: str) -> str:
    """Return the command with which root opens a folder to an account. Another person keeps it."""
    if owner == "root":
        return f"sudo chown {shlex.quote(user + ':')} {shlex.quote(root)}"
    return f"sudo setfacl -m {shlex.quote(f'u:{user}:rwx')} {shlex.quote(root)}"


def _unbound(plan: Plan, item: Instance, report: Report) -> list[str]:
    """Refuse the profile that binds a home into the sandbox where root may not enter that home."""
    account = report["accounts"].get(item["user"]) or {}
    if plan["scope"] != "system" or item["hardening"] != "strict" or account.get("home_is") != "private":
        return []
    return [
        f"hardening: strict: root of this host may not enter {account['home']} (NFS with root_squash, or FUSE), "
        "and systemd, which is root, cannot bind it into the server's sandbox. Write hardening: standard."
    ]


def _loose(item: HostInstance, report: Report) -> list[str]:
    """Refuse the profile that binds a folder into the sandbox in whose place somebody else can put a link, to the
    system bus for instance."""
    return [
        f"hardening: strict: {path} is in a folder that an account can change, and systemd, which is root, follows"
        " links there. Choose a folder in one that only root can change, or write hardening: standard."
        for path in (each.lstrip("-") for each in item["bound"])
        if path in report["loose"] and item["hardening"] == "strict"
    ]


def _homeless(item: Instance, report: Report) -> list[str]:
    """Refuse an account whose home is missing, or belongs to another: Jupyter keeps its runtime files there, and so do
    kernels."""
    account, user = report["accounts"].get(item["user"]) or {"home_is": "usable"}, item["user"]
    if account["home_is"] not in ("missing", "another's"):
        return []
    # Only a folder of its own can be created for it. The purpose of other folders is unknown.
    home = account["home"] if account["home_is"] == "missing" and account["home"].count("/") > 1 else f"/home/{user}"
    named = shlex.quote(user)
    make = f"sudo install -d -o {named} -g {shlex.quote(account['group'])} -m 0700 {shlex.quote(home)}"
    move = "" if home == account["home"] else f" && sudo usermod --home {shlex.quote(home)} {named}"
    what = "is not there" if account["home_is"] == "missing" else "belongs to another account"
    return [
        f"user: the home of '{user}', {account['home'] or 'none'}, {what}, and Jupyter works in it. On the host:"
        f" {make}{move} - or name another user."
    ]
