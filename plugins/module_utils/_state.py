# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host should hold, what it holds, and the difference. Pure: no I/O, no Ansible.

``plan`` is :func:`_plan.resolve`'s, ``report`` is what the module ``jupyter_state`` read. A *thing* is one managed object of the host::

    {"id": "file /etc/remote-notebooks/lab/tls.pem", "kind": "file", "stage": "configure", "instance": "lab", "path": ..., ...}

The list of things is the one list behind the comparison, check mode, ``--diff``, the drift report and the manifest by which
everything is removed again. A stage acts on the things that carry its name.
"""

from __future__ import annotations

import glob
import hashlib
import posixpath
import shlex
from typing import Any, Callable, Dict

from . import _environments, _kernels, _leftovers, _removal, _shadows, _strangers, _throttle, _tunnel_names
from ._errors import FirewallError
from ._plan import INTERFACES, SERVICE_ACCOUNT, loopback
from ._strangers import ACCOUNT_COMMENT, FIREWALL_OWNER, FIREWALL_UNIT

Thing = Dict[str, Any]
Change = Dict[str, Any]
Report = Dict[str, Any]

#: In the order in which they act.
STAGES = ("account", "install", "configure", "service", "firewall", "throttle", "tunnel", "remove", "manifest")

#: Families of systems whose packages the role knows by name: roles/jupyter/vars/<family>.yml.
FAMILIES = {"debian": "debian", "ubuntu": "debian", "rhel": "redhat", "fedora": "redhat", "suse": "suse", "opensuse": "suse", "sles": "suse"}

#: Marks our tunnel accounts among those of other owners (the role ``tunnel``).
TUNNEL_OWNER = "jupyter"

SCRIPTS = (
    "busy_kernels.py",
    "check_config.py",
    "compile_environment.py",
    "kernel_channels.py",
    "probe_environment.py",
    "run_jupyter.py",
    "seal_environment.py",
    "system_packages.sh",
    "wait_ready.py",
)
#: Those that a server runs in: it is the old one until it restarts.
RUNNERS = ("kernel_channels.py", "run_jupyter.py")

#: What servers and kernels write below a home folder beside the notebooks (https://docs.jupyter.org/en/latest/use/jupyter-directories.html).
TRACES = (".ipython", ".jupyter", ".local/share/jupyter")

#: Where the systems' packages put the R side of an R kernel.
R_FILES = tuple(
    f"/usr/{place}/IRkernel/DESCRIPTION" for place in ("lib/R/site-library", "lib/R/library", "lib64/R/library", "local/lib/R/site-library")
)
UNIT = "jupyter@{name}.service"
#: Who tries an environment. Several accounts may use it, and none of them has a hand in that: whose rights a process has can read it and end it.
TRIER = "nobody"
#: Its tmux socket has the same name: each server has a tmux of its own, and none shares the account's.
TMUX_SESSION = "jupyter-{name}"
#: What starts a tmux session after a reboot where systemd does not run (crontab(5)).
CRON = "/etc/cron.d/remote-notebooks-{name}"


#: The systemd of an account: it would run what lies in its home, outside of the units of its servers.
USER_MANAGER = "/etc/systemd/system/user@{uid}.service"

#: Where a run says that it is at work: gone after a reboot, as the run is.
LOCK = {"system": "/run/remote-notebooks.lock", "user": "~/.remote-notebooks.lock"}
#: No run takes that long: a lock this old, in seconds, is nobody's.
LOCK_AGE = 7200


def stale_lock(found: dict[str, Any] | None, mine: str, now: float, alive: Callable[[int], bool]) -> str:
    """Return what an abandoned lock holds, or the empty text where there is none, or its run may still be at work.

    A lock is a link to ``user@control-node:process``: made in one step, and readable by whoever finds it.

    :param found: what is at the lock's path, as the report describes it.
    :param mine: what this run's own lock would hold.
    :param now: the time, in seconds since the epoch; how far the clocks of two machines differ does not matter here.
    :param alive: tells whether a process of this control node lives.
    """
    if found is None or found["kind"] != "link":
        return ""
    where, _colon, pid = found["target"].rpartition(":")
    dead = where == mine.rpartition(":")[0] and pid.isdigit() and not alive(int(pid))
    return str(found["target"]) if dead or now - found["modified"] > LOCK_AGE else ""


def family(system: dict[str, Any]) -> str | None:
    """Return the family that the packages are named by, or None for a system the role does not know."""
    return next((FAMILIES[name] for name in (system["id"], *system["id_like"]) if name in FAMILIES), None)


def probe(plan: dict[str, Any], texts: bool, details: bool = False) -> dict[str, Any]:
    """Say what the module should look at.

    :param texts: ask for the content of files that are no secret, for ``--diff``.
    :param details: ask for what a report tells beyond the comparison.
    """
    prefix, config, units = plan["prefix"], plan["config_dir"], _unit_dir(plan["scope"])
    instances = plan["instances"]
    roots = [_home_path(item["root_dir"] or "~/notebooks", f"~{item['user']}") for item in instances]
    return {
        "manifest": f"{prefix}/manifest.json",
        "paths": [
            *(config, f"{config}/*", f"{config}/*/*", f"{config}/*/jupyter/*", f"{config}/*/jupyter/kernels/*", f"{config}/*/jupyter/kernels/*/*"),
            *(
                prefix,
                f"{prefix}/manifest.json",
                f"{prefix}/libexec",
                f"{prefix}/libexec/*",
                f"{prefix}/current",
                f"{prefix}/current/*",
                f"{prefix}/envs",
                f"{prefix}/installer",
            ),
            *(f"{units}/jupyter@*", f"{units}/jupyter@*/*"),
            *(glob.escape(folder) for path in (prefix, config, units, *roots) for folder in (path, *_above(path))),
            *(f"~{item['user']}/{folder}" for item in instances for folder in (*TRACES, *_shadows.HOME_FOLDERS)),
            *(f"/home/{item['user']}" for item in instances if plan["scope"] == "system" and _is_made(item)),
            "/var/lib/systemd/linger/*",
            *([FIREWALL_UNIT] if plan["scope"] == "system" and plan["firewall_rules"] else []),
            *([USER_MANAGER.format(uid="*")] if plan["scope"] == "system" else []),
            *(R_FILES if _uses_r(instances) else ()),
            *((_throttle.FOLDER, f"{_throttle.FOLDER}/*.d", *_throttle.FILES) if _throttles(plan) else ()),
            CRON.format(name="*"),
            LOCK[plan["scope"]],
        ],
        "secret": ["hashed_password", "tls.pem", "token"],
        "texts": texts,
        "details": {
            "script": f"{prefix}/libexec/busy_kernels.py",
            "ports": {item["name"]: [loopback(item["bind_address"]), item["port"]] for item in instances if item["tls"] != "none"},
        }
        if details
        else None,
        "environments": f"{prefix}/envs/*",
        "site": f"{prefix}/envs",
        "roots": {item["name"]: [item["user"], root] for item, root in zip(instances, roots)},
        "traces": list(TRACES),
        "sessions": {item["name"]: TMUX_SESSION.format(name=item["name"]) for item in instances},
        "owners": {item["name"]: item["user"] for item in instances},
        "shadows": [*_shadows.places(plan), *_leftovers.places(plan)],
        "aside": _shadows.backups(plan),
        "accounts": sorted({item["user"] for item in instances} - {""}),
        "pythons": sorted({item["python"] for item in instances} | {kernel["python"] for _item, kernel in _python_kernels(instances)}),
        "ports": sorted({*(item["port"] for item in instances), *_ssh_port(plan)}),
        "units": [*(UNIT.format(name=item["name"]) for item in instances), *([_throttle.DAEMON] if _throttles(plan) else [])],
        "user_units": plan["scope"] == "user",
        # Only root can read it; and it costs a process, so it is read where a rule is wanted, or was made by an earlier run.
        "firewall": plan["scope"] == "system" and bool(plan["firewall_rules"]),
        "tunnel": {"owner": TUNNEL_OWNER, "accounts": plan["tunnel"]["accounts"], "mark": _tunnel_names.mark(TUNNEL_OWNER)},
    }


def _ssh_port(plan: dict[str, Any]) -> list[int]:
    """Return where an SSH server has to listen for the servers of this plan, where Ansible itself has not come through one."""
    contact = plan.get("contact", {})
    tunnelled = any(item["access"] != "direct" for item in plan["instances"])
    return [contact["port"] or 22] if tunnelled and contact.get("connection") in ("local", "ansible.builtin.local") else []


def _python_kernels(instances: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(item, kernel) for item in instances for kernel in item["kernels"] if kernel["python"]]


def _uses_r(instances: list[dict[str, Any]]) -> bool:
    return any(kernel["language"] == "R" and kernel["argv"] == list(_kernels.R_COMMAND) for item in instances for kernel in item["kernels"])


def _throttles(plan: dict[str, Any]) -> bool:
    """Tell whether logins to some instance are throttled, or would be where the host can."""
    said = [(item["login_throttle"], item) for item in plan["instances"]]
    return any(asked or (asked is None and not _throttle.hindrance(item, plan["scope"])) for asked, item in said)


def _unit_dir(scope: str) -> str:
    return "/etc/systemd/system" if scope == "system" else "~/.config/systemd/user"


def _home_path(path: str, home: str) -> str:
    return home + path[1:] if path.startswith("~") else path


def _above(path: str) -> list[str]:
    """Return the folders above ``path``, the outermost first, the root and the home folder it begins at left out."""
    above: list[str] = []
    while (path := posixpath.dirname(path)) not in ("", "/") and "/" in path:
        above.insert(0, path)
    return above


def pip_refusal(plan: dict[str, Any], report: Report, changes: list[Change], pip: str) -> str:
    """Say it where an environment cannot be built: the host's Python has no pip, the control node lends none, and nobody here may install it."""
    if plan["scope"] != "user" or report["system"]["ensurepip"] or pip or not builds(changes):
        return ""
    return "This host's Python cannot make virtual environments. Ask its administrator for: apt-get install python3-venv"


def builds(changes: list[Change]) -> bool:
    """Tell whether an environment is to be built."""
    return any(change["kind"] == "environment" for change in changes)


def _python_text(version: list[int] | None) -> str:
    return ".".join(str(part) for part in version or [])


def refusals(plan: dict[str, Any], report: Report) -> list[str]:
    """Return what only the host could tell to be impossible: one message each, naming the instance, the key and the cure."""
    system, problems = report["system"], []
    if family(system) is None:
        known = "Debian and its relatives, the RHEL family, SUSE"
        return [f"{system['name']} is not supported. remote.notebooks knows {known}; take this host out of the play."]
    if plan["scope"] == "system" and system["uid"] != 0:
        problems.append(f"The account '{system['user']}' is not root here. Let Ansible become root (become: true), or set jupyter_scope: user.")
    if plan["scope"] == "user" and system["uid"] == 0:
        problems.append("jupyter_scope: user would run Jupyter as root here. Log in as an ordinary account, or set jupyter_scope: system.")
    # Before all that an inventory which means other servers would stumble over.
    disagreement = _removal.refusals(plan, report)
    if disagreement:
        return [*problems, *disagreement]
    try:
        blocked = [f"{change['text']}." for change in rule_changes(plan, report) if change["what"] == "blocked"]
        problems += blocked if plan["verb"] != "report" else []  # that one shows it
    except FirewallError as error:
        problems.append(str(error))
    if report["tunnel"] is not None:
        from . import _tunnel

        problems += _tunnel.refusals(plan["tunnel"]["accounts"], report["tunnel"], TUNNEL_OWNER, plan["tunnel"]["override"], strangers=False)
    if plan["scope"] == "user" and plan["firewall"]["provider"] != "none":
        problems += [
            f"instance '{item['name']}': allowed_sources: without root nothing keeps others out of port {item['port']}. Say access: tunnel, or leave "
            "allowed_sources out (HTTPS and a password stay), or say firewall_provider: none where something in front of this host keeps them out."
            for item in plan["instances"]
            if item["access"] != "tunnel" and item["allowed_sources"]
        ]
    for item in plan["instances"]:
        problems += [f"instance '{item['name']}': {problem}" for problem in _instance_refusals(plan, item, report)]
    if plan["instances"] and not problems:
        problems += _strangers.refusals(plan, things(plan, complete(plan, report), report, {}, {}), report)
    return problems


def _instance_refusals(plan: dict[str, Any], item: dict[str, Any], report: Report) -> list[str]:
    system, problems = report["system"], []
    if item["user"] and not _is_made(item) and report["accounts"].get(item["user"]) is None:
        problems.append(
            f"user: there is no account '{item['user']}' on this host. Create it, correct the name, say create_user: true to have it made, "
            "or leave user out for a service account."
        )
    for kernel in item["kernels"]:
        if kernel["python"] and report["pythons"][kernel["python"]]["version"] is None:
            problems.append(f"kernels: kernel '{kernel['name']}': there is no '{kernel['python']}' on this host. Install it, or leave python out.")
    if _uses_r([item]) and plan["scope"] == "user" and _r_is_missing(report):
        problems.append("kernels: R is not installed here, and scope 'user' cannot install it. Ask for: apt-get install r-base-core r-cran-irkernel")
    python = report["pythons"][item["python"]]
    if python["version"] is None:
        problems.append(f"python: there is no '{item['python']}' on this host. Install it, or leave python out for the system's own.")
    elif tuple(python["version"]) < INTERFACES[item["interface"]]["python"]:
        oldest, found = _python_text(INTERFACES[item["interface"]]["python"]), _python_text(python["version"])
        problems.append(
            f"python: {python['path']} is Python {found}, and Jupyter needs {oldest}. Install a newer one and name it in python"
            + (", or say interface: notebook6." if tuple(python["version"]) >= INTERFACES["notebook6"]["python"] else ".")
        )
    elif item["user"] and not python["open"]:
        problems.append(
            f"python: {python['path']} lies where only root can reach it, and Jupyter does not run as root. Name another, or leave python out."
        )
    if item["service_manager"] in ("systemd", "systemd_user") and not system["systemd"]:
        problems.append(
            f"service_manager: '{item['service_manager']}', but systemd does not run here (process 1 is {system['pid1']}). Say tmux or auto."
        )
    if item["service_manager"] == "systemd_user" and system["systemd"] and not system["user_manager"]:
        problems.append(
            f"service_manager: no systemd user manager runs for '{system['user']}'. Log in once through PAM (libpam-systemd), or say tmux."
        )
    elif item["service_manager"] == "systemd_user" and not (system["lingers"] or system["polkit"]):
        problems.append(
            f"service_manager: '{system['user']}' may not stay after logout. Say tmux, or ask for: loginctl enable-linger {system['user']}"
        )
    # Where the account itself may have made it so, that stops nobody but a first run.
    known = any(thing["kind"] == "service" and thing["instance"] == item["name"] for thing in report["manifest"])
    if item["name"] in report["unusable"] or (item["name"] in report["astray"] and not known):
        problems.append(_unusable(plan, item, report))
    problems += _homeless(item, report)
    home = (report["accounts"].get(item["user"]) or {}).get("home") or (f"/home/{item['user']}" if item["user"] else system["home"])
    root = _home_path(item["root_dir"] or "~/notebooks", home)
    if any(thing["id"] == f"found {root}" for thing in report["manifest"]) and report["paths"].get(root) is None:
        problems.append(f"root_dir: {root} was there before the first run, and is gone. Mount it or make it again, or choose another folder.")
    if item["login_throttle"]:
        problems += filter(None, [_throttle.refusal(_manager(plan["scope"], item, system))])
    if _manager(plan["scope"], item, system) == "tmux" and plan["scope"] == "user" and not system["commands"]["tmux"]:
        problems.append("service_manager: tmux is not installed here, and scope 'user' cannot install it. Ask for: apt-get install tmux")
    if not _is_taken_since(item, report):
        problems += _taken(item, report)
    return problems


def in_the_way(item: dict[str, Any], report: Report) -> list[dict[str, Any]]:
    """Return who listens on the port of an instance, as far as a server there, or who wants to reach it, has to do with that."""
    listener = report["listeners"].get(str(item["port"]))
    found = [listener, *listener.get("also", [])] if listener else []
    return [each for each in found if item["access"] != "tunnel" or each["loopback"] or each["everywhere"]]


def _taken(item: dict[str, Any], report: Report) -> list[str]:
    """Say who has the port of an instance."""
    listener = next((each for each in in_the_way(item, report) if not _is_ours(each, item, report)), None)
    if listener is None:
        return []
    return [f"port: {item['port']} is used by {_holder(listener)}. {stopping(listener)}, or choose another port."]


def _holder(listener: dict[str, Any]) -> str:
    unit = listener.get("unit", "")
    if listener["pid"]:
        return f"{listener['command']} (process {listener['pid']}{f' of {unit}' if unit else ''})"
    return f"a process of the account '{listener['account']}'{f', {unit} by the look of it' if unit else ''}"


def stopping(listener: dict[str, Any]) -> str:
    """Say how to stop who has a port: what systemd keeps is there again after a while, or after a boot."""
    unit = listener.get("unit")
    if not unit:
        return "Stop that"
    how = f"as '{listener['account']}': systemctl --user" if listener["users"] else "sudo systemctl"
    return f"Stop that for good, else it has the port again after a boot ({how} disable --now {shlex.quote(unit)})"


def _is_taken_since(item: dict[str, Any], report: Report) -> bool:
    """Tell whether an account has taken the port of a server that an earlier run has made.

    Any account can: that must be in nobody else's way.
    """
    ours = [thing for thing in report["manifest"] if thing.get("kind") == "service" and thing["instance"] == item["name"]]
    known = any(thing.get("port") == item["port"] for thing in ours)
    return known and report["system"]["uid"] == 0 and all(each["uid"] for each in in_the_way(item, report))


def _unusable(plan: dict[str, Any], item: dict[str, Any], report: Report) -> str:
    """Refuse a folder of notebooks that is there, and that the account cannot use: whose it is, is not ours to change."""
    account = report["accounts"].get(item["user"]) or {"home": f"/home/{item['user']}" if item["user"] else report["system"]["home"]}
    root, user = _home_path(item["root_dir"] or "~/notebooks", account["home"]), item["user"] or report["system"]["user"]
    found = report["paths"].get(root) or {"owner": "root"}
    if posixpath.dirname(root) == "/":
        cure = "It is the system's: name a folder below it, which is made for the account,"
    elif plan["scope"] != "system":
        cure = "Correct its owner and mode -"
    elif report["accounts"].get(item["user"]) is None:
        cure = "That account is not there yet: leave root_dir out in a first run. Then, on the host: " + _opening(user, root, found["owner"]) + " -"
    else:
        cure = f"On the host: {_opening(user, root, found['owner'])} -"
    return f"root_dir: {root} is there, and '{user}' cannot read and write in it. {cure} or choose another folder."


def _opening(user: str, root: str, owner: str) -> str:
    """Return what root types to open a folder to an account. From another person it is not taken away."""
    if owner == "root":
        return f"sudo chown {shlex.quote(user + ':')} {shlex.quote(root)}"
    return f"sudo setfacl -m {shlex.quote(f'u:{user}:rwx')} {shlex.quote(root)}"


def _homeless(item: dict[str, Any], report: Report) -> list[str]:
    """Refuse an account whose home is not there, or is another's: Jupyter keeps there what it runs with, and so do kernels."""
    account, user = report["accounts"].get(item["user"]) or {"home_is": "usable"}, item["user"]
    if account["home_is"] not in ("missing", "another's"):
        return []
    # Only a folder of its own can be made for it; of the others nobody knows what they are for.
    home = account["home"] if account["home_is"] == "missing" and account["home"].count("/") > 1 else f"/home/{user}"
    named = shlex.quote(user)
    make = f"sudo install -d -o {named} -g {shlex.quote(account['group'])} -m 0700 {shlex.quote(home)}"
    move = "" if home == account["home"] else f" && sudo usermod --home {shlex.quote(home)} {named}"
    what = "is not there" if account["home_is"] == "missing" else "belongs to another account"
    return [
        f"user: the home of '{user}', {account['home'] or 'none'}, {what}, and Jupyter works in it. On the host: {make}{move} - or name another user."
    ]


def _r_is_missing(report: Report) -> bool:
    return not report["system"]["commands"].get("R") or not any(report["paths"].get(path) for path in R_FILES)


def _is_made(item: dict[str, Any]) -> bool:
    """Tell whether the role makes the account of an instance where there is none."""
    return bool(item["user"] == SERVICE_ACCOUNT or item["create_user"])


def _is_ours(listener: dict[str, Any], item: dict[str, Any], report: Report) -> bool:
    """Tell whether a server of ours holds the port of an instance: its own, one of the same account, or one that an earlier run gave this port.

    Any other server of ours is another person's, who may have made it listen there. Where the process cannot be told, the account has to do.
    """
    before = {thing["instance"] for thing in report["manifest"] if thing["kind"] == "service" and thing.get("port") == item["port"]}
    own = {server["uid"] for server in report["servers"] if server["instance"] == item["name"]}
    own.add((report["accounts"].get(item["user"]) or report["system"])["uid"])
    near = [server for server in report["servers"] if server["instance"] in before or server["uid"] in own]
    key = "pid" if listener["pid"] else "uid"
    return listener[key] in {server[key] for server in near}


def _manager(scope: str, item: dict[str, Any], system: dict[str, Any]) -> str:
    """Settle ``service_manager: auto``."""
    if item["service_manager"] != "auto":
        return str(item["service_manager"])
    if scope == "system":
        return "systemd" if system["systemd"] else "tmux"
    return "systemd_user" if system["user_manager"] and (system["lingers"] or system["polkit"]) else "tmux"


def _is_throttled(scope: str, item: dict[str, Any], system: dict[str, Any]) -> bool:
    """Settle whether guesses are counted, where nobody said so."""
    if item["login_throttle"] is not None:
        return bool(item["login_throttle"])
    return not _throttle.hindrance(item, scope) and _throttle.is_possible(_manager(scope, item, system), system, family(system))


def _keeper(scope: str, item: dict[str, Any], system: dict[str, Any]) -> str:
    """Name the systemd that keeps a server running, also one in tmux: nothing else starts it at boot and outlives a login. Empty without one."""
    manager = _manager(scope, item, system)
    if manager != "tmux":
        return manager
    if scope == "system":
        return "systemd" if system["systemd"] else ""
    return "systemd_user" if system["user_manager"] and (system["lingers"] or system["polkit"]) else ""


def slots(plan: dict[str, Any], report: Report) -> list[dict[str, Any]]:
    """Return what needs an environment: each instance, and each Python kernel of it, as ``{"slot", "instance", "python", "packages", "key"}``."""
    found = []
    for item in plan["instances"]:
        wishes = [(item["name"], item["python"], item["packages"])]
        wishes += [(f"{item['name']}.{kernel['name']}", kernel["python"], kernel["packages"]) for kernel in item["kernels"] if kernel["python"]]
        for slot, name, packages in wishes:
            python = report["pythons"][name]
            found.append({"slot": slot, "instance": item, "python": python, "packages": packages, "key": _environments.key(python, packages)})
    return found


def choices(plan: dict[str, Any], report: Report, locks: dict[str, str | None], aim: dict[str, Any]) -> dict[str, str]:
    """Return the environment that each slot is to run in.

    :param locks: the digest of the lock file of each slot that has one.
    :raises PlanError: where a rollback has nothing to go back to.
    """
    prefix, folder = _prefix(plan, report), f"{_prefix(plan, report)}/envs"
    chosen = {}
    for slot in slots(plan, report):
        link = (report["paths"].get(f"{prefix}/current/{slot['slot']}") or {}).get("target")
        slot.update(link=link, lock=locks.get(slot["slot"]))
        chosen[slot["slot"]] = _environments.choose(slot, folder, report["environments"], aim)
    return chosen


def links(plan: dict[str, Any], report: Report) -> dict[str, str]:
    """Return the environment that each slot ran in before this run, where its link leads to a sealed one."""
    prefix = f"{_prefix(plan, report)}/current/"
    found = {
        path[len(prefix) :]: state["target"] for path, state in report["paths"].items() if path.startswith(prefix) and (state or {}).get("target")
    }
    return {slot: target for slot, target in found.items() if report["environments"].get(target, {}).get("sealed")}


def _prefix(plan: dict[str, Any], report: Report) -> str:
    return _home_path(plan["prefix"], report["system"]["home"])


def complete(plan: dict[str, Any], report: Report, chosen: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Return the instances with what only the host could tell; every path is absolute.

    :param chosen: the environment of each slot; without it, what :func:`choices` says of a run that wants nothing new.
    """
    if chosen is None:
        chosen = choices(plan, report, {}, _environments.KEEP)
    system = report["system"]
    prefix, config, units = (_home_path(path, system["home"]) for path in (plan["prefix"], plan["config_dir"], _unit_dir(plan["scope"])))
    completed = []
    for item in plan["instances"]:
        name = item["name"]
        account = report["accounts"].get(item["user"]) or {}
        user = item["user"] or system["user"]
        home = account.get("home") or (f"/home/{user}" if item["user"] else system["home"])
        python = report["pythons"][item["python"]]
        environment, root = chosen[name], _home_path(item["root_dir"] or "~/notebooks", home)
        completed.append(
            {
                **item,
                "kernels": [
                    {
                        **kernel,
                        "environment": chosen.get(f"{name}.{kernel['name']}"),
                        "python_path": (report["pythons"].get(kernel["python"]) or {}).get("path"),
                    }
                    for kernel in item["kernels"]
                ],
                "scope": plan["scope"],
                "timeout": plan["timeout"],
                "user": user,
                "group": account.get("group") or (item["user"] or system["group"]),
                "shares_group": bool(account.get("shares_group")),
                "home": home,
                "root_dir": root,
                **_sandbox(home, root),
                "service_manager": _manager(plan["scope"], item, system),
                "login_throttle": _is_throttled(plan["scope"], item, system),
                "keeper": _keeper(plan["scope"], item, system),
                "prefix": prefix,
                "libexec": f"{prefix}/libexec",
                "current": f"{prefix}/current/{name}",
                "environment": environment,
                "python_path": python["path"],
                "config_dir": f"{config}/{name}",
                "config_file": f"{config}/{name}/{INTERFACES[item['interface']]['config']}",
                "command": f"{environment}/bin/{INTERFACES[item['interface']]['command']}",
                "unit": UNIT.format(name=name),
                "unit_dir": units,
                "session": TMUX_SESSION.format(name=name),
                "tmux": _tmux(plan["scope"], name, user, home),
                "attach": _attach(plan["scope"], item, system, user),
                "variables": _variables(item, environment, home, f"{config}/{name}/jupyter"),
                "shut_variables": _shut_variables(item),
                "revision": "",
            }
        )
    return completed


#: What systemd leaves writable beside a read-only system, and hides as a whole when it hides homes (systemd.exec(5), ProtectHome=).
HOMES = ("/home", "/root", "/run/user")
#: Folders that hold more than homes, though one may lie there: they cannot be hidden.
SYSTEM_FOLDERS = ("/", "/mnt", "/opt", "/srv", "/usr", "/usr/local", "/usr/share", "/var", "/var/cache", "/var/lib", "/var/local", "/var/opt")


def _sandbox(home: str, root: str) -> dict[str, list[str]]:
    """Return what a unit of its own names of an account's folders: ``writable`` under a read-only system, ``hidden`` beside ``/home`` where other
    people's homes are not to be seen, and what is ``bound`` back into what is hidden."""

    def below(path: str, folders: list[str]) -> bool:
        return any(path.startswith(f"{folder}/") for folder in folders)

    near = posixpath.dirname(home)
    # TemporaryFileSystem= cannot say a path with a colon.
    hidden = [] if below(home, list(HOMES)) or near in SYSTEM_FOLDERS or ":" in near else [near]
    shut = [*HOMES, *hidden]
    return {
        "writable": [root, *([] if below(home, list(HOMES)) else [home])],
        "hidden": hidden,
        "bound": [*([home] if below(home, shut) else []), *([root] if below(root, shut) and not below(root, [home]) else [])],
    }


def _tmux(scope: str, name: str, user: str, home: str) -> list[str]:
    """Return the command that reaches the tmux server of an instance that no systemd keeps."""
    own = ["tmux", "-L", TMUX_SESSION.format(name=name), "-f", "/dev/null"]
    if scope == "user":
        return own
    # Neither root's HOME nor root's PATH may reach the server.
    clean = ["env", "-i", f"HOME={home}", f"USER={user}", f"LOGNAME={user}", "SHELL=/bin/bash", "LANG=C.UTF-8", "PATH=/usr/local/bin:/usr/bin:/bin"]
    return ["runuser", "-u", user, "--", *clean, *own]


def _attach(scope: str, item: dict[str, Any], system: dict[str, Any], user: str) -> str:
    """Return what a person types on the host to see a server in tmux; empty for one that is not in tmux."""
    if _manager(scope, item, system) != "tmux":
        return ""
    session = TMUX_SESSION.format(name=item["name"])
    runtime = "/run" if scope == "system" else f"/run/user/{system['uid']}"
    socket = f"-S {runtime}/{session}/tmux" if _keeper(scope, item, system) else f"-L {session}"
    return f"{f'sudo -u {user} ' if scope == 'system' else ''}tmux {socket} attach"


def _variables(item: dict[str, Any], environment: str, home: str, data: str) -> dict[str, str]:
    """Return the environment of a server, which its kernels and terminals inherit."""
    variables = {
        # A configuration file that does not load ends the server; by default it would run on without it.
        "TRAITLETS_APPLICATION_RAISE_CONFIG_FILE_ERROR": "1",
        # What `pip install --user` brings is found, and never in place of what the environment holds.
        "PATH": f"{environment}/bin:{home}/.local/bin:/usr/local/bin:/usr/bin:/bin",
        # Where the instance's own kernels are listed; Jupyter looks there at each request, so a new kernel needs no restart.
        "JUPYTER_PATH": data,
        # Then comes what the environment holds, kernels, settings of extensions and pages alike: Jupyter prefers a home to an environment that is
        # not its account's, and a python3 there would stand in for ours, a `jupyter server extension disable` of some day shut off our pages.
        "JUPYTER_PREFER_ENV_PATH": "1",
        # The service account's own is nologin; a terminal needs a real one.
        "SHELL": "/bin/bash",
    }
    if item["ca_bundle"]:
        variables.update(dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT"), item["ca_bundle"]))
    return variables


def _shut_variables(item: dict[str, Any]) -> dict[str, str]:
    """Return what a server takes from a file of its own: whatever stands in a unit is every account's to read (``systemctl show``)."""
    if not item["http_proxy"]:
        return {}
    variables = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), item["http_proxy"])
    return {**variables, **dict.fromkeys(("no_proxy", "NO_PROXY"), "localhost,127.0.0.1,::1")}


def _has_cron(system: dict[str, Any]) -> bool:
    return any(system["commands"].get(name) for name in ("cron", "crond"))


class _List:
    """The list of things while it grows. What several instances share is listed once."""

    def __init__(self, owner: str, group: str, report: Report) -> None:
        self.made: dict[str, Thing] = {}
        self.report = report
        self.owner = owner
        self.group = group

    def add(self, kind: str, stage: str, name: str, **more: Any) -> None:
        thing = {"id": f"{kind} {name}", "kind": kind, "stage": stage, "instance": "", **more}
        self.made.setdefault(thing["id"], thing)

    def directory(self, stage: str, path: str, mode: str | None, **more: Any) -> None:
        self.add("directory", stage, path, **{"path": path, "mode": mode, "owner": self.owner, "group": self.group, **more})

    def parents(self, stage: str, path: str, home: str, **more: Any) -> None:
        """List the folders above ``path`` that were not there before us. Others may come to use them: they go only when they are empty."""
        for folder in _above(path):
            if self.is_new(folder) and not f"{home}/".startswith(f"{folder}/"):
                self.directory(stage, folder, None, shared=True, **(more if folder.startswith(f"{home}/") else {}))

    def is_new(self, path: str) -> bool:
        """Tell whether ``path`` was not there before our first run."""
        if any(thing["id"] == f"found {path}" for thing in self.report["manifest"]):
            return False
        return self.report["paths"].get(path) is None or any(thing.get("path") == path for thing in self.report["manifest"])

    def file(self, stage: str, path: str, mode: str, **more: Any) -> None:
        self.add("file", stage, path, **{"path": path, "mode": mode, "owner": self.owner, "group": self.group, **more})


def things(
    plan: dict[str, Any], instances: list[dict[str, Any]], report: Report, credentials: dict[str, Any], certificates: dict[str, Any]
) -> list[Thing]:
    """List everything the host should hold.

    Content comes as ``template`` or ``source``, files of the role, or as ``control``, a file of the control node.
    That of a ``secret`` is shown nowhere.
    """
    system = report["system"]
    owner, group = ("root", "root") if plan["scope"] == "system" else (system["user"], system["group"])
    made = _List(owner, group, report)
    if not instances:
        if kept(plan, [], report):
            # The list of what stays has to stay as well: some day somebody wants that removed, too.
            made.directory("manifest", _home_path(plan["prefix"], system["home"]), "0755")
            made.file("manifest", _home_path(f"{plan['prefix']}/manifest.json", system["home"]), "0644", template="manifest.json.j2")
            _add_strangers(made, plan)
        return list(made.made.values())
    _shared_things(made, plan, instances, report)
    for item in instances:
        pem = certificates.get(f"{plan['host']}/{item['name']}", {}).get("pem")
        _instance_things(made, item, credentials.get(item["name"], {}), pem)
        # An account that lingered before we came goes on to linger when we are gone.
        ours = any(thing["kind"] == "linger" for thing in report["manifest"])
        _service_things(made, item, lingers=system["lingers"] and not ours, cron=plan["scope"] == "system" and _has_cron(system))
    if plan["scope"] == "system":
        _mask_things(made, instances, system)
        _firewall_things(made, plan, report)
        if any(item["login_throttle"] for item in instances):
            _throttle_things(made, instances, report)
        for account in plan["tunnel_forwards"]:
            made.add("tunnel", "tunnel", account)
    made.file("manifest", f"{instances[0]['prefix']}/manifest.json", "0644", template="manifest.json.j2")
    _add_strangers(made, plan)
    return list(made.made.values())


def _add_strangers(made: _List, plan: dict[str, Any]) -> None:
    for each in _strangers.moved(plan, list(made.made.values()), made.report):
        made.add("stranger", "manifest", each["origin"], **each)


def _shared_things(made: _List, plan: dict[str, Any], instances: list[dict[str, Any]], report: Report) -> None:
    prefix = instances[0]["prefix"]
    for item in instances:
        known = report["accounts"].get(item["user"])
        # By its comment, not by the manifest: that may be lost, and an account that is not ours must never be removed.
        if plan["scope"] == "system" and (_is_made(item) if known is None else known["comment"] == ACCOUNT_COMMENT):
            made.add("account", "account", item["user"], home=item["home"], comment=ACCOUNT_COMMENT)
    made.parents("install", prefix, report["system"]["home"])
    made.directory("install", prefix, "0755")
    for folder in ("libexec", "envs", "current"):
        made.directory("install", f"{prefix}/{folder}", "0755")
    # Whoever can open a file can lock it, and the installer would wait.
    made.directory("install", f"{prefix}/installer", "0700")
    if any(item["service_manager"] == "tmux" for item in instances):
        made.add("package", "install", "tmux")
    if _uses_r(instances):
        made.add("package", "install", "R")
    for script in SCRIPTS:
        made.file("install", f"{prefix}/libexec/{script}", "0755", source=script, runs=script in RUNNERS)
    for due, files in ((True, _shadows.movable(plan, report)), (False, _shadows.moved(plan, report))):
        for file in files:
            # No ``path``: what has one is deleted when it is no longer wanted, and this gets its name back.
            made.add("shadow", "configure", file["origin"], backup=file["origin"] + _shadows.SUFFIX, due=due, **file)
    config = posixpath.dirname(instances[0]["config_dir"])
    made.parents("configure", config, report["system"]["home"])
    made.directory("configure", config, "0755")


def _instance_things(made: _List, item: dict[str, Any], credential: dict[str, Any], pem: str | None) -> None:
    folder = item["config_dir"]
    own = {"instance": item["name"], "group": item["group"]}
    # Where accounts share a group, as on SUSE, the group must not read keys and hashes: they belong to the account itself then. Their folder does
    # not: its owner could put links where root writes.
    shut = {**own, "owner": item["user"]} if item["shares_group"] else own
    secret = "0400" if item["shares_group"] else "0640"
    _environment_things(made, item, item["name"], item)
    mine = {"owner": item["user"], "group": item["group"]}
    # An account of ours goes with its home.
    for trace in TRACES if f"account {item['user']}" not in made.made else ():
        path = f"{item['home']}/{trace}"
        if made.is_new(path):
            made.parents("configure", path, item["home"], **mine)
            made.add("trace", "configure", path, path=path, owner=item["user"], keep=True)
    made.parents("configure", item["root_dir"], item["home"], **mine)
    # The notebooks belong to their owner: only that the folder exists is ours to see to, and it outlives everything. One that was there before is
    # none of ours, and remembered as that: it may be a disk that is not mounted the next time. What is in the home of an account of ours, is.
    if made.is_new(item["root_dir"]) or (f"account {item['user']}" in made.made and item["root_dir"].startswith(f"{item['home']}/")):
        made.directory("configure", item["root_dir"], None, **own, owner=item["user"], keep=True)
    else:
        made.add("found", "configure", item["root_dir"])
    made.directory("configure", folder, "0750", **own)
    made.file("configure", f"{folder}/hashed_password", secret, **shut, secret=True, control=credential.get("hash_file"))
    if item["has_token"]:
        made.file("configure", f"{folder}/token", secret, **shut, secret=True, control=credential.get("token_file"))
    if item["shut_variables"]:
        made.file("configure", f"{folder}/environment", secret, **shut, secret=True, template="environment.json.j2")
    if item["tls"] != "none":
        made.file("configure", f"{folder}/tls.pem", secret, **shut, secret=True, live=True, control=pem)
    made.file("configure", item["config_file"], secret, **shut, checked=True, template=f"{posixpath.basename(item['config_file'])}.j2")
    _kernel_things(made, item)
    # Last of all: until Jupyter has accepted the new configuration, the old environment is the one in use.
    made.add("link", "configure", item["current"], instance=item["name"], path=item["current"], target=item["environment"])


def _environment_things(made: _List, item: dict[str, Any], slot: str, what: dict[str, Any]) -> None:
    made.add(
        "environment",
        "install",
        what["environment"],
        path=what["environment"],
        python=what["python_path"],
        packages=what["packages"],
        slot=slot,
        account=TRIER if item["scope"] == "system" else "",
    )


def _kernel_things(made: _List, item: dict[str, Any]) -> None:
    """List the kernels beside the one that every server's own environment brings."""
    own = {"instance": item["name"], "group": item["group"]}
    shut = {**own, "owner": item["user"]} if item["shares_group"] else own
    file = "0400" if item["shares_group"] else "0640"
    for kernel in item["kernels"]:
        folder = f"{item['config_dir']}/jupyter/kernels/{kernel['name']}"
        if kernel["python"]:
            _environment_things(made, item, f"{item['name']}.{kernel['name']}", kernel)
            link = f"{item['current']}.{kernel['name']}"
            made.add("link", "configure", link, instance=item["name"], path=link, target=kernel["environment"])
        for path in (f"{item['config_dir']}/jupyter", f"{item['config_dir']}/jupyter/kernels", folder):
            made.directory("configure", path, "0750", **own)
        made.file("configure", f"{folder}/kernel.json", file, **shut, live=True, template="kernel.json.j2", spec=_kernels.spec(kernel))


def _service_things(made: _List, item: dict[str, Any], lingers: bool, cron: bool) -> None:
    manager, units = item["keeper"] or "tmux", item["unit_dir"]
    service = {key: item[key] for key in ("user", "environment", "restart", "port")} | {"instance": item["name"], "manager": manager}
    if manager == "tmux":
        made.file("service", f"{item['config_dir']}/start", "0755", instance=item["name"], template="start.sh.j2", stamped=True)
        if cron:
            made.file("service", CRON.format(name=item["name"]), "0644", instance=item["name"], template="cron.j2")
        made.add("service", "service", item["session"], **service, tmux=item["tmux"])
        return
    if manager == "systemd_user":
        made.parents("service", f"{units}/{item['unit']}", item["home"])
        if not lingers:
            made.add("linger", "service", item["user"])
    made.file("service", f"{units}/jupyter@.service", "0644", template="jupyter@.service.j2")
    made.directory("service", f"{units}/{item['unit']}.d", "0755", instance=item["name"])
    made.file("service", f"{units}/{item['unit']}.d/instance.conf", "0640", instance=item["name"], template="instance.conf.j2", stamped=True)
    # systemd applies these to a running unit at a reload: no reason to restart.
    made.file("service", f"{units}/{item['unit']}.d/limits.conf", "0644", instance=item["name"], template="limits.conf.j2", live=True)
    made.add("service", "service", item["unit"], **service, place=f"{units}/{item['unit']}")


def _mask_things(made: _List, instances: list[dict[str, Any]], system: dict[str, Any]) -> None:
    """Shut the way out of its unit that an account has by a systemd of its own, where the account is ours, and nothing it runs is to be open."""
    open_to_all = {item["user"] for item in instances if item["hardening"] in ("none", "sudo")}
    for item in instances:
        if system["systemd"] and f"account {item['user']}" in made.made and item["user"] not in open_to_all and not _is_masked(item, made.report):
            made.add("mask", "service", item["user"])


def _is_masked(item: dict[str, Any], report: Report) -> bool:
    """Tell whether somebody else has masked the systemd of an account: that stays at uninstall."""
    path = USER_MANAGER.format(uid=(report["accounts"].get(item["user"]) or {"uid": ""})["uid"])
    listed = any(thing["id"] == f"mask {item['user']}" for thing in report["manifest"]) or _strangers.is_lost(report)
    return (report["paths"].get(path) or {}).get("target") == "/dev/null" and not listed


def _firewall_provider(plan: dict[str, Any], report: Report) -> str:
    from . import _firewall

    limited = any(rule["sources"] for rule in plan["firewall_rules"])
    return _firewall.choose(plan["firewall"]["provider"], report["firewall"], plan["firewall"]["enable"], limited)


def _firewall_things(made: _List, plan: dict[str, Any], report: Report) -> None:
    if plan["firewall_rules"]:
        from . import _firewall_rules

        for opening in _firewall_rules.openings(_firewall_rules.normalise(plan["firewall_rules"])):
            made.add("rule", "firewall", _firewall_rules.identity(opening))
        if report["firewall"] and _firewall_provider(plan, report) == "nftables":
            made.add("package", "firewall", "nftables")


def _throttle_things(made: _List, instances: list[dict[str, Any]], report: Report) -> None:
    alone = _throttle.is_alone(report)
    for path in _throttle.FILES:
        made.parents("throttle", path, "/root")
    made.file("throttle", _throttle.FILTER, "0644", source="fail2ban_filter.conf")
    made.file("throttle", _throttle.ACTION, "0644", source="fail2ban_action.conf")
    made.file("throttle", _throttle.JAIL, "0644", template="fail2ban_jail.conf.j2", jails=_throttle.jails(instances), alone=alone)
    made.add("package", "throttle", "fail2ban")
    made.add("daemon", "throttle", _throttle.DAEMON, alone=alone)


def manifest(wanted: list[Thing]) -> list[Thing]:
    """Return what the manifest keeps of each thing: enough to find it again and to remove it, and nothing that changes without need."""
    keys = ("id", "kind", "instance", "path", "owner", "shared", "keep", "manager", "user", "port", "tmux", "alone", "origin", "backup", "mover")
    return [{key: thing[key] for key in (*keys, "account") if key in thing} for thing in wanted]


def journal(wanted: list[Thing]) -> list[Thing]:
    """Return what the manifest says while a run is at work: what it is about to move aside may still be in its old place."""
    due = {thing["id"] for thing in wanted if thing["kind"] == "stranger" and thing.get("due")}
    return [{**thing, "due": True} if thing["id"] in due else thing for thing in manifest(wanted)]


def revision(instance: dict[str, Any], wanted: list[Thing], unstamped: str) -> str:
    """Fingerprint what a server is started from: its environment, the files it reads at the start, and how it is started.

    The certificate is left out: it is read anew at each connection, so a new one is no reason to restart.

    :param unstamped: the text that starts the server, rendered without its revision.
    """
    parts = [instance["environment"], unstamped]
    for thing in wanted:
        if (
            thing["kind"] == "file"
            and (thing["stage"] in ("configure", "service") or thing.get("runs"))
            and thing["instance"] in (instance["name"], "")
            and "digest" in thing
            and not thing.get("live")
        ):
            parts.append(f"{thing['path']} {thing['digest']}")
        # It may have been read, so a server from before the move is not what is wanted, however long its restart has to wait.
        if thing["kind"] == "shadow" and thing["account"] in ("", instance["user"]) and _shadows.is_read(thing["origin"]):
            parts.append(f"{thing['origin']} moved aside")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def rule_changes(plan: dict[str, Any], report: Report) -> list[Change]:
    """Return what differs in the host's firewall; the role ``firewall`` decides what that means.

    :raises FirewallError: for rules that must not be applied here.
    """
    if report["firewall"] is None:
        return []
    from . import _firewall

    wishes = plan["firewall"]
    entries = _firewall.difference(
        plan["firewall_rules"], FIREWALL_OWNER, report["firewall"], requested=wishes["provider"], enable=wishes["enable"], apart=False
    )
    return [
        {
            "id": f"rule {entry['id']}",
            "kind": "rule",
            "stage": "firewall",
            "instance": "",
            "what": entry["what"],
            "found": entry["what"],
            "wanted": "present" if entry["what"] != "unwanted" else "absent",
            "text": f"rule {_firewall.sentence(entry)}",
        }
        for entry in entries
    ]


def standing_rules(plan: dict[str, Any], report: Report) -> list[dict[str, Any]]:
    """Return the rules of ours in the host's firewall for ports that the plan no longer names, while servers may still have to leave them."""
    if report["firewall"] is None or not plan["instances"]:
        return []
    from . import _firewall

    return _firewall.standing(plan["firewall_rules"], FIREWALL_OWNER, report["firewall"])


def former_rules(plan: dict[str, Any], report: Report) -> list[dict[str, Any]]:
    """Return the plan's rules as far as they are in force already: those that stay where this run fails once it has opened the others."""
    if report["firewall"] is None:
        return []
    from . import _firewall

    return _firewall.former(plan["firewall_rules"], FIREWALL_OWNER, report["firewall"])


def listed_rules(wanted: list[Thing], report: Report) -> list[Thing]:
    """Return the rules that the list names and the plan no longer wants. Where none is listed, no run reads the firewall: the one of a port that a
    server has still to leave would stay for ever.
    """
    staying = {thing["id"] for thing in wanted}
    return [thing for thing in report["manifest"] if thing["kind"] == "rule" and thing["id"] not in staying]


def but_waiting_rules(plan: dict[str, Any], changes: list[Change], report: Report) -> list[Change]:
    """Return the changes without those of the firewall that wait, as a restart does: a rule stays until its server has left the port."""
    if not any(change["kind"] == "service" for change in changes):
        return changes
    rules = [*plan["firewall_rules"], *standing_rules(plan, report)]
    return [*(change for change in changes if change["kind"] != "rule"), *rule_changes({**plan, "firewall_rules": rules}, report)]


def tunnel_changes(plan: dict[str, Any], report: Report) -> list[Change]:
    """Return what differs in the accounts that may only forward; the role ``tunnel`` decides what that means."""
    if report["tunnel"] is None:
        return []
    from . import _tunnel

    entries = _tunnel.difference(plan["tunnel"]["accounts"], report["tunnel"], TUNNEL_OWNER)
    return [
        {
            "id": f"tunnel {entry['id']}",
            "kind": "tunnel",
            "stage": "tunnel",
            "instance": "",
            "what": entry["kind"],
            "found": entry["kind"],
            "wanted": "absent" if entry["kind"] == "unwanted" else "present",
            "text": entry["text"],
        }
        for entry in entries
    ]


def remarks(plan: dict[str, Any], report: Report) -> list[str]:
    """Return what a person must be told although there is nothing to do."""
    return [
        *(f"instance '{item['name']}': {_unusable(plan, item, report)}" for item in plan["instances"] if item["name"] in report["astray"]),
        *(
            f"instance '{item['name']}': user: '{item['user']}' cannot read and write in its own home, and its server may not start. "
            f"On the host: sudo chmod u+rwx {shlex.quote(report['accounts'][item['user']]['home'])}"
            for item in plan["instances"]
            if (report["accounts"].get(item["user"]) or {}).get("home_is") == "shut"
        ),
        *(f"instance '{item['name']}': {text}" for item in plan["instances"] if _is_taken_since(item, report) for text in _taken(item, report)),
        *_unkept(plan, report["system"]),
        *_without_ssh(plan, report),
        *_plain(plan),
        *_overheard(plan),
        *_one_account(plan),
        *_unthrottled(plan, report["system"]),
        *_withdrawn(plan, report),
        *_strange(plan, report),
        *_removal.remarks(plan, report),
        *_shadows.remarks(plan, report),
        *_leftovers.remarks(plan, report),
        *_about_the_firewall(plan, report),
    ]


def _without_ssh(plan: dict[str, Any], report: Report) -> list[str]:
    return [
        f"No SSH server listens on TCP port {port} of this machine, so nobody gets in from another one yet. For that: sudo apt-get install "
        "openssh-server, or what this system has for it. On this machine the address works as it is."
        for port in _ssh_port(plan)
        if str(port) not in report["listeners"]
    ]


def _plain(plan: dict[str, Any]) -> list[str]:
    return [
        f"Instance '{item['name']}' speaks plain HTTP: whoever is between a client and port {item['port']} reads the password and every cell. "
        + (f"Only {', '.join(item['allowed_sources'])} may connect. " if plan["firewall"]["provider"] != "none" else "")
        + "Leave plain_http out, and it speaks HTTPS."
        for item in plan["instances"]
        if item["tls"] == "none" and item["access"] != "tunnel"
    ]


def _overheard(plan: dict[str, Any]) -> list[str]:
    """Name the instances whose settings let kernels listen in clear on the loopback (roles/jupyter/files/kernel_channels.py obeys them)."""
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
            f"Instance '{item['name']}': every account of the host can read what {whose} print, and run code in one whose debugger was used, "
            f"because its settings say so. Leave {what} out, and none can."
        )
    return found


def _one_account(plan: dict[str, Any]) -> list[str]:
    """Name the instances that share an account and a folder: whoever means two people is told that they are one."""
    if plan["scope"] != "system":
        return []
    shared: dict[tuple[str, str], list[str]] = {}
    for item in plan["instances"]:
        shared.setdefault((item["user"], item["root_dir"]), []).append(item["name"])
    return [
        f"{' and '.join(names)} run as the same account, '{user}', in the same folder: who uses one reads and changes what belongs to the other. "
        "For people of their own, give each instance a user, and create_user: true; for one person, give each a root_dir, and this is not said again."
        for (user, _folder), names in shared.items()
        if len(names) > 1
    ]


def _unthrottled(plan: dict[str, Any], system: dict[str, Any]) -> list[str]:
    """Name the instances that a network reaches and whose guesses nobody counts, though nobody said that either."""
    found: dict[str, list[str]] = {}
    for item in plan["instances"]:
        if item["login_throttle"] is None and not _is_throttled(plan["scope"], item, system):
            lack = _throttle.hindrance(item, plan["scope"]).capitalize() or _throttle.lack(_manager(plan["scope"], item, system))
            found.setdefault(lack, []).append(item["name"])
    return [
        f"{', '.join(names)}: nobody who guesses passwords is shut out. {lack}; with login_throttle: false this is not said again."
        for lack, names in found.items()
    ]


def _withdrawn(plan: dict[str, Any], report: Report) -> list[str]:
    """Name the certificates that leave the host in this run; the authority's books on the control node know nothing of that."""
    secured = {item["name"] for item in plan["instances"] if item["tls"] != "none"}
    left = sorted({thing["instance"] for thing in report["manifest"] if thing.get("path", "").endswith("/tls.pem")} - secured)
    return [
        f"The certificate {plan['host']}/{name} is no longer on the host. It stays on the control node and serves again when TLS comes back; "
        f"one of the private authority is valid until it ends, or until: playbooks/revoke.yml -e pki_revoke={plan['host']}/{name}"
        for name in left
    ]


def _about_the_firewall(plan: dict[str, Any], report: Report) -> list[str]:
    if plan["firewall_rules"] and plan["scope"] == "user":
        ports = ", ".join(str(rule["port"]) for rule in plan["firewall_rules"])
        return [f"Without root no firewall can be changed. If this host has one, ask its administrator to open TCP port {ports}."]
    if report["firewall"] is None:
        return []
    from . import _firewall

    wishes = plan["firewall"]
    return _firewall.remarks(plan["firewall_rules"], FIREWALL_OWNER, report["firewall"], wishes["provider"], wishes["enable"])


def _unkept(plan: dict[str, Any], system: dict[str, Any]) -> list[str]:
    """Say it where nothing starts a server at boot, or a logout may end it."""
    names = ", ".join(item["name"] for item in plan["instances"] if not _keeper(plan["scope"], item, system))
    if not names or (plan["scope"] == "system" and _has_cron(system)):
        return []
    if plan["scope"] == "user":
        return [
            f"{names}: no systemd of '{system['user']}' may stay after logout here, so nothing starts it after a reboot, and where logind has "
            f"KillUserProcesses=yes a logout ends it. Ask the administrator for: loginctl enable-linger {system['user']}"
        ]
    return [f"{names}: neither systemd nor cron runs on this host, so nothing starts it after a reboot. Run this again then, or install cron."]


def differences(plan: dict[str, Any], wanted: list[Thing], instances: list[dict[str, Any]], report: Report) -> list[Change]:
    """Compare. The result is in the order of ``wanted``, then what is left over; empty means: nothing to do.

    Each file in ``wanted`` carries its ``digest`` (SHA-256 in hex), or None where the content is not known yet (a
    certificate that check mode has not issued): it then differs.
    """
    changes: list[Change] = []
    report = _strangers.without(wanted, report)
    revisions = {item["name"]: item["revision"] for item in instances}
    for thing in wanted:
        for what, found, wish in _compare(thing, wanted, revisions, report):
            changes.append(_change(thing, what, found, wish))
    changes += rule_changes(plan, report)
    changes += tunnel_changes(plan, report)
    unnamed = [] if plan["prune"] else _removal.unnamed(plan, report)
    if unnamed:  # only a report gets here, and no run would remove anything
        changes = [change for change in changes if change["what"] != "unwanted"]
    for name in unnamed:
        thing = {"id": f"instance {name}", "kind": "instance", "stage": "remove", "instance": name}
        changes.append(
            {**thing, "what": "unnamed", "found": "present", "wanted": "named", "text": f"instance {name}: the inventory says nothing of it"}
        )
    for thing in orphans(plan, wanted, report):
        changes.append(_change({**thing, "stage": "remove"}, "unwanted", "present", "absent"))
    return changes


def orphans(plan: dict[str, Any], wanted: list[Thing], report: Report) -> list[Thing]:
    """Return what the manifest says earlier runs made, and the plan no longer wants.

    Packages that came with us go with our last server; any other is none of ours. Rules and tunnel accounts have comparisons of their own.
    """
    if _removal.unnamed(plan, report) and not plan["prune"]:
        return []
    staying = {thing["id"] for thing in [*wanted, *kept(plan, wanted, report)]}
    left = [thing for thing in report["manifest"] if thing["id"] not in staying and thing["kind"] not in ("rule", "tunnel", "environment")]
    left = [thing for thing in left if _is_likely(plan, thing, report)]
    left = [thing for thing in left if thing["kind"] != "package" or (thing.get("ours") and not plan["instances"])]
    return [*left, *_old_environments(plan, wanted, report)]


def _is_likely(plan: dict[str, Any], thing: Thing, report: Report) -> bool:
    """Tell whether a path of the list is one that a run of ours could have made there. A list may be damaged, and what it names is deleted.

    What lies anywhere else on purpose, notebooks and traces, goes with the rights of its account, and folders of others only when they are empty.
    """
    path = thing.get("path")
    if path is None or thing.get("keep") or thing.get("shared"):
        return True
    home = report["system"]["home"]
    folders = [_home_path(plan["prefix"], home), _home_path(plan["config_dir"], home)]
    return (
        any(f"{path}/".startswith(f"{folder}/") for folder in folders)
        or path.startswith(f"{_home_path(_unit_dir(plan['scope']), home)}/jupyter@")
        or path in _throttle.FILES
        or (posixpath.dirname(path) == posixpath.dirname(CRON) and posixpath.basename(path).startswith("remote-notebooks-"))
    )


def _strange(plan: dict[str, Any], report: Report) -> list[str]:
    """Name the entries of the list that no run of ours can have made: nothing is done with them."""
    names = [thing["path"] for thing in report["manifest"] if not _is_likely(plan, thing, report)]
    manifest_file = _home_path(f"{plan['prefix']}/manifest.json", report["system"]["home"])
    return [f"{manifest_file} names {name}, which is none of ours. It stays as it is." for name in names]


def _old_environments(plan: dict[str, Any], wanted: list[Thing], report: Report) -> list[Thing]:
    """Return the environments that may go. The folder itself is asked, not the manifest: those that are kept for a rollback stand in none."""
    if not plan["instances"]:
        paths = sorted(report["environments"])
    else:
        needed = [thing["path"] for thing in wanted if thing["kind"] == "environment"]
        missing = [thing for thing in wanted if thing["kind"] == "environment" and thing["path"] not in report["environments"]]
        replaced = [thing.get("before", "") for thing in missing]
        keep, aim = plan.get("keep_environments", 1), plan.get("aim", _environments.KEEP)
        paths = _environments.unneeded(needed, report["environments"], report.get("used", []), keep, aim, replaced=replaced)
    return [{"id": f"environment {path}", "kind": "environment", "instance": "", "path": path} for path in paths]


def kept(plan: dict[str, Any], wanted: list[Thing], report: Report) -> list[Thing]:
    """Return what stays although the plan no longer wants it: what nobody said is to go, and what is not ours (:mod:`_removal`).

    With that stay the folders above it, and the account that owns it.
    """
    identities = {thing["id"] for thing in wanted}
    left = [thing for thing in report["manifest"] if thing["id"] not in identities]
    staying = _removal.staying(plan, report, left)
    below = [*(thing["path"] for thing in staying if "path" in thing), _home_path(f"{plan['prefix']}/manifest.json", report["system"]["home"])]

    def stays(thing: Thing) -> bool:
        above = staying and thing.get("shared") and any(path.startswith(f"{thing['path']}/") for path in below)
        return bool(thing in staying or above)

    return [thing for thing in left if stays(thing)]


def _change(thing: Thing, what: str, found: Any, wish: Any) -> Change:
    text = f"{thing['id']}: {what} is {found}, wanted {wish}" if found != "absent" else f"{thing['id']}: absent, wanted"
    if what == "unwanted":
        text = f"{thing['id']}: left by an earlier run, no longer wanted"
        if thing["kind"] == "shadow":
            text = f"{thing['id']}: moved aside by an earlier run, gets its name back"
        elif thing["kind"] == "stranger":
            text = f"{thing['origin']}: replaced by an earlier run, comes back from {thing['backup']}"
        elif thing["kind"] == "found":
            text = f"{thing['id'].split(' ', 1)[1]}: served until now, was there before, and stays as it is"
    return {key: thing[key] for key in ("id", "kind", "stage", "instance")} | {"what": what, "found": found, "wanted": wish, "text": text}


def _compare(thing: Thing, wanted: list[Thing], revisions: dict[str, str], report: Report) -> list[tuple[str, Any, Any]]:
    """Return (what, found, wanted) for each way in which one thing differs."""
    kind, name = thing["kind"], thing["id"].split(" ", 1)[1]
    if kind == "account":
        return [] if report["accounts"].get(name) else [("account", "absent", "present")]
    if kind in ("rule", "trace", "tunnel", "found"):
        return []  # rule_changes and tunnel_changes compare them all at once; traces are others' to make, and so is what was there before
    if kind == "package":
        if name == "nftables":
            return [] if name in report["firewall"]["installed"] else [("package", "absent", "present")]
        command = {"fail2ban": _throttle.COMMAND}.get(name, name)
        missing = _r_is_missing(report) if name == "R" else not report["system"]["commands"].get(command)
        return [("package", "absent", "present")] if missing else []
    if kind == "mask":
        path = USER_MANAGER.format(uid=(report["accounts"].get(name) or {"uid": ""})["uid"])
        return [] if (report["paths"].get(path) or {}).get("target") == "/dev/null" else [("user manager", "startable", "masked")]
    if kind == "linger":
        return [] if f"/var/lib/systemd/linger/{name}" in report["paths"] else [("linger", "absent", "present")]
    if kind == "daemon":
        return _throttle.difference(report)
    if kind == "environment":
        state = report["environments"].get(thing["path"])
        if state is None or not state["sealed"]:
            return [("environment", "absent" if state is None else "unfinished", "present")]
        return [("environment", f"without {', '.join(state['missing'][:3])}", "whole")] if state["missing"] else []
    if kind in ("shadow", "stranger"):
        return [("name", posixpath.basename(thing["origin"]), posixpath.basename(thing["backup"]))] if thing["due"] else []
    if kind == "service":
        return _compare_service(thing, wanted, revisions[thing["instance"]], report)
    return _compare_path(thing, report["paths"].get(thing["path"]))


def _compare_path(thing: Thing, found: dict[str, Any] | None) -> list[tuple[str, Any, Any]]:
    kind = thing["kind"]
    if found is None:
        return [(kind, "absent", "present")]
    if kind == "directory" and thing["mode"] is None and (found["kind"] == "directory" or found.get("directory")):
        return []  # it is there, be it by a link of its owner: it keeps its owner and its mode
    if found["kind"] != kind:
        return [("kind", found["kind"], kind)]
    if kind == "link":
        return [("target", found["target"], thing["target"])] if found["target"] != thing["target"] else []
    differing = []
    if kind == "file" and found["digest"] != thing["digest"]:
        differing.append(("content", "another", "its own"))
    if thing["mode"] is not None and found["mode"] != thing["mode"]:
        differing.append(("mode", found["mode"], thing["mode"]))
    for key in ("owner", "group"):
        if found[key] != thing[key]:
            differing.append((key, found[key], thing[key]))
    return differing


def _compare_service(thing: Thing, wanted: list[Thing], revision_wanted: str, report: Report) -> list[tuple[str, Any, Any]]:
    differing: list[tuple[str, Any, Any]] = []
    server = running(thing, report)
    if server is None:
        differing.append(("service", "stopped", "running"))
    elif server["revision"] != revision_wanted:
        differing.append(("revision", server["revision"] or "none", revision_wanted))
    elif any(other["kind"] == "environment" and other["path"] == thing["environment"] and _compare(other, wanted, {}, report) for other in wanted):
        differing.append(("environment", "damaged under it", "whole"))
    elif _has_read_another(thing["instance"], server, wanted, report):
        differing.append(("configuration", "loaded after it was changed by hand", "the plan's"))
    if thing["manager"] != "tmux":
        unit = report["units"].get(thing["id"].split(" ", 1)[1], {})
        if unit.get("UnitFileState") != "enabled":
            differing.append(("start at boot", unit.get("UnitFileState") or "off", "enabled"))
        if unit.get("NeedDaemonReload") == "yes":
            differing.append(("unit", "not reloaded", "reloaded"))
    return differing


def running(thing: Thing, report: Report) -> dict[str, Any] | None:
    """Return the server process behind a service, or None where none runs under its own manager."""
    unit = report["units"].get(thing["id"].split(" ", 1)[1], {})
    for server in report["servers"]:
        if server["instance"] != thing["instance"]:
            continue
        if server["tmux"] if thing["manager"] == "tmux" else str(server["pid"]) == unit.get("MainPID"):
            return dict(server)
    return None


def _has_read_another(instance: str, server: dict[str, Any], wanted: list[Thing], report: Report) -> bool:
    """Tell whether a file that is read at start was already changed when this server started: mending the file is then not enough."""
    for thing in wanted:
        if thing["kind"] != "file" or thing["instance"] not in (instance, "") or thing.get("live") or thing["stage"] not in ("configure", "service"):
            continue
        found = report["paths"].get(thing["path"])
        if found and found["kind"] == "file" and found["digest"] != thing["digest"] and found["modified"] <= server["started"]:
            return True
    return False


#: Why a service gets a step that ends its kernels, by what differs.
REASONS = {
    "service": "it moves to another service manager",
    "revision": "what it was started from has changed",
    "configuration": "it has read a file that was changed by hand",
    "environment": "its environment was damaged",
}


def service_steps(wanted: list[Thing], changes: list[Change], report: Report, urgent: list[str] | None = None) -> list[dict[str, Any]]:
    """Return what each service needs. Those of the instances in ``urgent`` restart now, whatever their policy.

    Each is ``{"id", "name", "manager", "user", "instance", "step": "restart" | "start" | "enable", "pid", "uid", "when", "why"}``. ``pid`` is the
    server that would end, 0 where none runs, and ``uid`` the number of its account. ``when`` is ``now``; ``idle``: when nothing is busy in that
    server; or ``later``: not in this run.
    """
    steps = []
    for thing in wanted:
        if thing["kind"] != "service":
            continue
        mine = {change["what"] for change in changes if change["id"] == thing["id"] and change["stage"] == "service"}
        # What is written for systemd has to be read by systemd.
        written = thing["manager"] != "tmux" and any(
            change["kind"] == "file" and change["stage"] == "service" and change["instance"] in (thing["instance"], "") for change in changes
        )
        if not mine and not written:
            continue
        step = "start" if "service" in mine else "restart" if mine & {"revision", "configuration", "environment"} else "enable"
        # Wherever it runs: a server that moves to another manager ends just as one that restarts.
        server = next((server for server in report["servers"] if server["instance"] == thing["instance"]), {"pid": 0, "uid": 0})
        pid = server["pid"]
        when = "now"
        if pid and step != "enable":
            # In a damaged environment kernels fail by themselves: nothing to wait for.
            when = {"when_idle": "now" if "environment" in mine else "idle", "never": "later"}.get(thing["restart"], "now")
        if thing["instance"] in (urgent or []):
            when = "now"
        steps.append(
            {
                **{key: thing[key] for key in ("id", "manager", "user", "instance")},
                "name": thing["id"].split(" ", 1)[1],
                "step": step,
                "pid": pid,
                "uid": server["uid"],
                "when": when,
                "why": next((text for what, text in REASONS.items() if what in mine), ""),
            }
        )
    return steps
