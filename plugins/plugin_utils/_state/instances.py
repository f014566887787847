# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an instance of the plan to the complete record of a server on its host. Pure."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Literal

from .._acme import options as acme
from .._environment import environments
from .._plan.interfaces import INTERFACES, classic_path
from . import interpreters, layout

if TYPE_CHECKING:
    from .._records import Aim, HostInstance, Instance, Kernel, Plan, Sandbox
    from .._report_records import Report, Slot, System


def slots(plan: Plan, report: Report) -> list[Slot]:
    """Return the users of an environment: each instance, and each Python kernel of it, as ``{"slot", "instance",
    "python", "packages", "key"}``."""
    found: list[Slot] = []
    for item in plan["instances"]:
        wishes = [(item["name"], item["python"], item["packages"])]
        wishes += [
            (f"{item['name']}.{kernel['name']}", kernel["python"], kernel["packages"])
            for kernel in item["kernels"]
            if kernel["python"]
        ]
        if item["tls"] == "acme":
            wishes.append((f"{item['name']}.{acme.SLOT}", item["python"], [acme.CLIENT]))
        for slot, name, packages in wishes:
            python = interpreters.find(plan, item, name, report)
            found.append(
                {
                    "slot": slot,
                    "instance": item,
                    "python": python,
                    "packages": packages,
                    "key": environments.key(python, packages),
                }
            )
    return found


def choices(plan: Plan, report: Report, locks: dict[str, str | None], aim: Aim) -> dict[str, str]:
    """Return the environment that each slot is to run in.

    :param locks: the digest of the lock file of each slot that has one.
    :raises PlanError: where a rollback has nothing to go back to.
    """
    prefix, folder = layout.install_prefix(plan, report), f"{layout.install_prefix(plan, report)}/envs"
    chosen = {}
    for slot in slots(plan, report):
        link = (report["paths"].get(f"{prefix}/current/{slot['slot']}") or {}).get("target")
        slot["link"], slot["lock"] = link, locks.get(slot["slot"])
        chosen[slot["slot"]] = environments.choose(slot, folder, report["environments"], aim)
    return chosen


def links(plan: Plan, report: Report) -> dict[str, str]:
    """Return the environment that each slot ran in before this run, where its link leads to a sealed one."""
    prefix = f"{layout.install_prefix(plan, report)}/current/"
    found = {
        path[len(prefix) :]: state["target"]
        for path, state in report["paths"].items()
        if path.startswith(prefix) and state and state.get("target")
    }
    return {slot: target for slot, target in found.items() if report["environments"].get(target, {}).get("sealed")}


def complete(plan: Plan, report: Report, chosen: dict[str, str] | None = None) -> list[HostInstance]:
    """Return the instances with the facts of the host. Every path is absolute.

    :param chosen: the environment of each slot. Default is the result of :func:`choices` for a run that asks for
        nothing new.
    """
    if chosen is None:
        chosen = choices(plan, report, {}, environments.KEEP)
    system = report["system"]
    prefix, config, units = (
        layout.home_path(path, system["home"])
        for path in (plan["prefix"], plan["config_dir"], layout.unit_dir(plan["scope"]))
    )
    completed: list[HostInstance] = []
    for item in plan["instances"]:
        name = item["name"]
        account = report["accounts"].get(item["user"]) or {}
        user = item["user"] or system["user"]
        home = account.get("home") or (f"/home/{user}" if item["user"] else system["home"])
        python = interpreters.find(plan, item, item["python"], report)
        environment, root = chosen[name], layout.home_path(item["root_dir"] or "~/notebooks", home)
        completed.append(
            {
                **item,
                "classic": classic_path(item, report),
                "kernels": _kernels(plan, item, home, report, chosen),
                "scope": plan["scope"],
                "timeout": plan["timeout"],
                "user": user,
                "group": account.get("group") or (item["user"] or system["group"]),
                "shares_group": bool(account.get("shares_group")),
                "home": home,
                "root_dir": root,
                **_sandbox(home, root, item["data_dirs"], account.get("home_is") == "private"),
                "service_manager": layout.service_manager(plan["scope"], item, system),
                "login_throttle": layout.is_throttled(plan["scope"], item, system),
                "keeper": layout.keeper(plan["scope"], item, system),
                "prefix": prefix,
                "libexec": f"{prefix}/libexec",
                "current": f"{prefix}/current/{name}",
                "environment": environment,
                "acme_environment": chosen.get(f"{name}.{acme.SLOT}", ""),
                "python_path": python["path"],
                "python_download": python["download"],
                "config_dir": f"{config}/{name}",
                "config_file": f"{config}/{name}/{INTERFACES[item['interface']]['config']}",
                "command": f"{environment}/bin/{INTERFACES[item['interface']]['command']}",
                "unit": layout.UNIT.format(name=name),
                "unit_dir": units,
                "session": layout.TMUX_SESSION.format(name=name),
                "tmux": _tmux(plan["scope"], name, user, home),
                "attach": _attach(plan["scope"], item, system, user),
                "variables": _variables(item, environment, home, f"{config}/{name}/jupyter"),
                "shut_variables": _shut_variables(item),
                "revision": "",
                "allowed_devices": _allowed(item, report, "allow") if item["devices"] == "auto" else [],
                "device_groups": _allowed(item, report, "groups"),
                "hub_file": plan.get("hub_files", {}).get(name, {}).get("hub", ""),
                "hub_keys_file": plan.get("hub_files", {}).get(name, {}).get("hubs", ""),
            }
        )
    return completed


def _kernels(plan: Plan, item: Instance, home: str, report: Report, chosen: dict[str, str]) -> list[Kernel]:
    """Return the kernels of an instance, each with the environment that it runs in."""
    found: list[Kernel] = []
    for kernel in item["kernels"]:
        slot = f"{item['name']}.{kernel['name']}"
        if kernel["existing"]:
            state = report["existing"].get(slot)
            path = layout.home_path(kernel["existing"], home)
            found.append({**kernel, "environment": path, "conda": bool(state and state["conda"])})
        elif kernel["python"]:
            python = interpreters.find(plan, item, kernel["python"], report)
            found.append(
                {
                    **kernel,
                    "environment": chosen.get(slot),
                    "python_path": python["path"],
                    "python_download": python["download"],
                }
            )
        else:
            found.append({**kernel, "environment": None, "python_path": None})
    return found


def _allowed(item: Instance, report: Report, key: Literal["allow", "groups"]) -> list[str]:
    """Return the entries, or the groups, of the devices that kernels use."""
    classes = report["devices"]["classes"].values() if item["devices"] != "none" else ()
    return list(dict.fromkeys(text for each in classes for text in each[key]))


#: Folders that hold more than homes, though one may lie there: they cannot be hidden.
SYSTEM_FOLDERS = (
    "/",
    "/mnt",
    "/opt",
    "/srv",
    "/usr",
    "/usr/local",
    "/usr/share",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/local",
    "/var/opt",
)


def _sandbox(home: str, root: str, data: list[str], private: bool) -> Sandbox:
    """Return an account's folders for a unit of its own: ``writable`` under a read-only system, ``hidden``
    beside ``/home`` if other people's homes are hidden, and those that are ``bound`` back into a hidden folder.

    :param private: root may not enter the home. Nothing below it can be named then: systemd prepares the sandbox as
        root. It stays writable with the folder that it lies in, which is ``/home`` or the home itself.
    """

    def below(path: str, folders: list[str]) -> bool:
        return any(path.startswith(f"{folder}/") for folder in folders)

    near = posixpath.dirname(home)
    # TemporaryFileSystem= cannot say a path with a colon.
    hidden = [] if below(home, list(layout.HOMES)) or near in SYSTEM_FOLDERS or ":" in near else [near]
    shut = [*layout.HOMES, *hidden]
    return {
        "writable": [
            *([] if private and below(root, [home]) else [root]),
            *([] if below(home, list(layout.HOMES)) else [home]),
            # A disk that is not mounted yet lets the server start.
            *(f"-{path}" for path in data if not below(path, [root, home])),
        ],
        "hidden": hidden,
        "bound": [
            *([home] if below(home, shut) else []),
            *([root] if below(root, shut) and not below(root, [home]) else []),
            *(f"-{path}" for path in data if below(path, shut) and not below(path, [root, home])),
        ],
    }


def _tmux(scope: str, name: str, user: str, home: str) -> list[str]:
    """Return the command that reaches the tmux server of an instance that no systemd keeps."""
    own = ["tmux", "-L", layout.TMUX_SESSION.format(name=name), "-f", "/dev/null"]
    if scope == "user":
        return own
    # Neither root's HOME nor root's PATH may reach the server.
    clean = [
        "env",
        "-i",
        f"HOME={home}",
        f"USER={user}",
        f"LOGNAME={user}",
        "SHELL=/bin/bash",
        "LANG=C.UTF-8",
        "PATH=/usr/local/bin:/usr/bin:/bin",
    ]
    return ["runuser", "-u", user, "--", *clean, *own]


def _attach(scope: str, item: Instance, system: System, user: str) -> str:
    """Return the command that shows a server in tmux on the host. Empty for a server that is not in tmux."""
    if layout.service_manager(scope, item, system) != "tmux":
        return ""
    session = layout.TMUX_SESSION.format(name=item["name"])
    runtime = "/run" if scope == "system" else f"/run/user/{system['uid']}"
    socket = f"-S {runtime}/{session}/tmux" if layout.keeper(scope, item, system) else f"-L {session}"
    return f"{f'sudo -u {user} ' if scope == 'system' else ''}tmux {socket} attach"


def _variables(item: Instance, environment: str, home: str, data: str) -> dict[str, str]:
    """Return the environment of a server, which its kernels and terminals inherit."""
    variables = {
        # A configuration file that does not load ends the server; by default it would run on without it.
        "TRAITLETS_APPLICATION_RAISE_CONFIG_FILE_ERROR": "1",
        # Packages of `pip install --user` are found, but never override those of the environment.
        "PATH": f"{environment}/bin:{home}/.local/bin:/usr/local/bin:/usr/bin:/bin",
        # Where the instance's own kernels are listed; Jupyter looks there at each request, so a new kernel needs no
        # restart.
        "JUPYTER_PATH": data,
        # Then comes the content of the environment, kernels, settings of extensions and pages alike: Jupyter prefers a
        # home to an environment that is not its account's, and a python3 there would stand in for ours, a `jupyter
        # server extension disable` of some day shut off our pages.
        "JUPYTER_PREFER_ENV_PATH": "1",
        # The service account's own is nologin; a terminal needs a real one.
        "SHELL": "/bin/bash",
    }
    if item["ca_bundle"]:
        variables.update(dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT"), item["ca_bundle"]))
    return variables


def _shut_variables(item: Instance) -> dict[str, str]:
    """Return the variables that a server takes from a file of its own: every account can read the text of a unit
    (``systemctl show``)."""
    if not item["http_proxy"]:
        return {}
    variables = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), item["http_proxy"])
    return {**variables, **dict.fromkeys(("no_proxy", "NO_PROXY"), "localhost,127.0.0.1,::1")}
