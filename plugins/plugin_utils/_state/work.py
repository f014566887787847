# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The work of each stage of the role ``jupyter``, from the result of ``jupyter_state``. Pure: no I/O."""

from __future__ import annotations

import urllib.parse
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, cast

from ...module_utils._errors import AnswerError
from .._acme import options as acme
from .._acme import resources as acme_resources
from .._input import answers
from .._jupyter.strangers import ACCOUNT_COMMENT
from . import layout

if TYPE_CHECKING:
    from .._records import HostInstance, Plan, Resource, Step
    from .._report_records import PathState, System

#: Tags that a run may skip and still be a whole run.
_LATE_TAGS = {"jupyter_verify", "jupyter_handoff"}
#: Counts as busy if no answer was possible: to restart might end somebody's work.
UNKNOWN = "what could not be asked"


def work(
    state: dict[str, Any],
    plan: Plan,
    *,
    busy: str = "",
    failed: Collection[str] = (),
    tags: Iterable[str] = ("all",),
    skip_tags: Iterable[str] = (),
) -> dict[str, Any]:
    """Return the work of each stage on one host.

    :param state: the result of ``jupyter_state``.
    :param plan: the plan of the host.
    :param busy: the answer of ``busy_kernels.py``; its last line is JSON, process id to the work in it.
    :param failed: the instances whose server did not start in this run.
    :param tags: those of the run, and ``skip_tags``. Without any, files of several stages go to the host in one call.
    """
    prefix = layout.home_path(plan["prefix"], state["report"]["system"]["home"])
    listed = (prefix, f"{prefix}/manifest.json")
    changed = {change["id"] for change in state["changes"]}
    due = [thing for thing in state.get("things", []) if thing["id"] in changed]
    waiting = _postponed(state, busy)
    postponed = [step["instance"] for step in waiting]
    early = list(tags) == ["all"] and set(skip_tags) <= _LATE_TAGS
    install, service = _files(due, "install"), _files(due, "service")
    # One call to the host takes as long for ten files as for one.
    early_install = early and {"install", "manifest"} <= set(state["stages"])
    early_service = early and {"configure", "service"} <= set(state["stages"])
    gone = orphans(state["orphans"], postponed)
    return {
        "accounts": _of_stage(due, "account"),
        "journal": _journal(due, listed, state["report"]["system"]) + (install if early_install else []),
        "install": [] if early_install else install,
        "packages": _packages(due, state),
        "environments": [_build(thing, state["instances"], prefix) for thing in _of_kind(due, "environment")],
        "configure": _configuration(_of_stage(due, "configure")) + (service if early_service else []),
        "certificate": _certificate(due, state, prefix),
        "service": [] if early_service else service,
        "lingers": _names(_of_kind(due, "linger")),
        "masks": _names(_of_kind(due, "mask")),
        "idle": _idle(state, prefix),
        "postponed": postponed,
        "waits": [line for step in waiting for line in _wait(step, _busy(state, busy))],
        "reload": any(step["manager"] != "tmux" for step in waiting),
        "steps": [_step(step, state["instances"]) for step in state["steps"] if step["instance"] not in postponed],
        "throttle": _throttle(due, state.get("things", [])),
        "jails": [thing for thing in _of_stage(state.get("things", []), "throttle") if "template" in thing],
        "stop": _stop(gone, state, plan["scope"]),
        "remove": _remove(gone, listed, state["instances"]),
        # A restart that waits leaves the server with the resources that its old revision was started from.
        "manifest": state.get("journal", []) if postponed else state.get("manifest", []),
        "manifest_paths": list(listed),
        "manifest_before": _file_state(state["report"].get("paths", {}).get(listed[1])),
        "manifest_files": [
            thing for thing in _of_stage(state.get("things", []), "manifest") if thing["kind"] != "stranger"
        ],
        "open_after_failure": _open_after_failure(state, plan, failed),
    }


def _of_kind(things: Iterable[Resource], kind: str) -> list[Resource]:
    return [thing for thing in things if thing["kind"] == kind]


def _of_stage(things: Iterable[Resource], stage: str) -> list[Resource]:
    return [thing for thing in things if thing["stage"] == stage]


def _name(thing: Resource) -> str:
    return str(thing["id"]).rsplit(" ", 1)[-1]


def _names(things: Iterable[Resource]) -> list[str]:
    return [_name(thing) for thing in things]


def _files(due: list[Resource], stage: str) -> list[Resource]:
    return [thing for thing in _of_stage(due, stage) if thing["kind"] in ("directory", "file")]


def _instance(instances: list[HostInstance], name: str) -> HostInstance:
    return next(item for item in instances if item["name"] == name)


def _journal(due: list[Resource], listed: tuple[str, str], system: System) -> list[Resource]:
    """Return the manifest and its folder, and the strangers to move aside: one in the manifest's place goes first."""
    strangers = [thing for thing in _of_kind(due, "stranger") if thing["due"]]
    own = {"owner": system["user"], "group": system["group"], "stage": "manifest", "instance": ""}
    folder = {"kind": "directory", "path": listed[0], "mode": "0755", **own}
    manifest = {"kind": "file", "path": listed[1], "mode": "0644", "template": "manifest.json.j2", **own}
    return [
        *(thing for thing in strangers if thing["origin"] in listed),
        cast("Resource", folder),
        cast("Resource", manifest),
        *(thing for thing in strangers if thing["origin"] not in listed),
    ]


def _packages(due: list[Resource], state: dict[str, Any]) -> dict[str, list[str]]:
    """Return the packages that each stage installs, by the keys of ``vars/<family>.yml``."""
    missing = {thing["id"] for thing in _of_kind(due, "package")}
    venv = [] if state["report"]["system"]["ensurepip"] or state["pip"] else ["venv"]
    return {
        "install": [*venv, *(key for key in ("tmux", "R") if f"package {key}" in missing)],
        "firewall": ["nftables"] if "package nftables" in missing else [],
        "throttle": ["fail2ban"] if "package fail2ban" in missing else [],
    }


def _build(thing: Resource, instances: list[HostInstance], prefix: str) -> dict[str, Any]:
    """Return an environment with the words that name it in a message, and the arguments of its installer."""
    name, _dot, kernel = thing["slot"].partition(".")
    item = _instance(instances, name)
    part = "the client of ACME" if kernel == acme.SLOT else f"kernel {kernel}"
    return {
        **thing,
        "label": f"instance '{name}'" + (f", {part}" if kernel else ""),
        "installer": item["installer"],
        "variables": _installer_variables(item, prefix),
    }


def _installer_variables(item: HostInstance, prefix: str) -> dict[str, str]:
    """Return the variables that have a value: uv and pip take an empty one for a wish."""
    index, bundle, proxy = item["index_url"], item["ca_bundle"], item["http_proxy"]
    variables = {
        # Not below a home folder, where they would outlive an uninstall.
        "UV_CACHE_DIR": f"{prefix}/installer/cache",
        "PIP_CACHE_DIR": f"{prefix}/installer/pip",
        # Only where a run asks for one by name.
        "UV_PYTHON_DOWNLOADS": "manual" if item["python_downloads"] else "never",
        "UV_PYTHON_INSTALL_MIRROR": item["python_mirror"],
        # uv's default is hard links: a damaged file of an environment would damage the cache as well.
        "UV_LINK_MODE": "copy",
        "UV_DEFAULT_INDEX": index,
        "PIP_INDEX_URL": index,
        # uv accepts http:// as it is, pip needs a confirmation.
        "PIP_TRUSTED_HOST": (urllib.parse.urlsplit(index).hostname or "") if index.startswith("http:") else "",
        "SSL_CERT_FILE": bundle,
        "PIP_CERT": bundle,
        "HTTPS_PROXY": proxy,
        "HTTP_PROXY": proxy,
    }
    return {name: str(value) for name, value in variables.items() if value}


def _certificate(due: list[Resource], state: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Return the files by which the host gets its certificates, and the command that gets them."""
    asked = acme_resources.ordered(state["instances"])
    if not asked or not _of_stage(due, "certificate"):
        return {"files": [], "command": [], "timer": []}
    files = [thing for thing in _files(due, "certificate") if "order" not in thing]
    script = [f"{prefix}/libexec/{acme_resources.SCRIPT}", "obtain", acme_resources.folder(prefix)]
    return {
        "files": [*_of_kind(files, "directory"), *_of_kind(files, "file")],
        "command": [f"{acme_resources.current(asked)}/bin/python", "-I", *script],
        "timer": _names(_of_kind(_of_stage(state.get("things", []), "certificate"), "timer")),
    }


def _configuration(mine: list[Resource]) -> list[Resource]:
    """Return the resources of the stage in their order: kernels and secrets before the settings that name them, links
    after all settings, since a refused setting must leave every server as it is."""
    return [
        *_of_kind(mine, "directory"),
        *(thing for thing in mine if "spec" in thing),
        *_of_kind(mine, "shadow"),
        *(thing for thing in mine if "secret" in thing),
        *(thing for thing in mine if "checked" in thing),
        *_of_kind(mine, "link"),
    ]


def _idle(state: dict[str, Any], prefix: str) -> dict[str, list[str]]:
    """Return the program that waits for busy kernels, and the servers to ask, as ``PID:UID``: by the time one is asked,
    its process id may belong to another account."""
    asked = [step for step in state["steps"] if step["when"] == "idle"]
    if not asked:
        return {"program": [], "servers": []}
    environment = _instance(state["instances"], asked[0]["instance"])["environment"]
    return {
        "program": [f"{environment}/bin/python", "-I", f"{prefix}/libexec/busy_kernels.py"],
        "servers": [f"{step['pid']}:{step['uid']}" for step in asked],
    }


def _busy(state: dict[str, Any], answer: str) -> dict[str, list[str]]:
    """Return the work in each server, by its process id. Without a valid answer, every server that was asked counts as
    busy."""
    lines = answer.splitlines()
    try:
        return dict(answers.BUSY(answers.parse(lines[-1]), "busy")) if lines else {}
    except AnswerError:
        return {str(step["pid"]): [UNKNOWN] for step in state["steps"] if step["when"] == "idle"}


def _postponed(state: dict[str, Any], busy: str) -> list[Step]:
    """Return the steps that wait for another run: their policy is never, or something is busy in their server."""
    computing = _busy(state, busy)
    return [
        step
        for step in state["steps"]
        if step["when"] == "later" or (step["when"] == "idle" and computing.get(str(step["pid"])))
    ]


def _wait(step: Step, busy: dict[str, list[str]]) -> list[str]:
    reason = (
        "Its restart policy is never: set it to always to have it restarted now."
        if step["when"] == "later"
        else f"Busy: {', '.join(busy[str(step['pid'])])}. The next run asks again;"
        " set restart to always to have it restarted now."
    )
    return [
        f"note: {step['instance']}: a restart is due, because {step['why']}."
        " It goes on as it was started, with the settings of that time.",
        f"  {reason}",
    ]


def _step(step: Step, instances: list[HostInstance]) -> dict[str, Any]:
    """Return a step with the record of its server, and the command that waits until the server answers."""
    item = _instance(instances, step["instance"])
    ready = [f"{item['environment']}/bin/python", f"{item['libexec']}/wait_ready.py", f"{item['local_url']}api"]
    return {**step, "server": item, "ready": ready, "seconds": [str(item["timeout"])] if item["timeout"] else []}


def _file_state(found: PathState | None) -> list[str]:
    return [str((found or {}).get(key) or "") for key in ("digest", "mode", "owner", "group")]


def _throttle(due: list[Resource], things: list[Resource]) -> list[Resource]:
    """Return folders and files of fail2ban. The file of the ports gets its mode once it is loaded: the next run then
    goes on where this one is cut off."""
    files = _of_kind(_of_stage(things, "throttle"), "file")
    return [
        *_of_kind(_of_stage(due, "throttle"), "directory"),
        *(thing for thing in files if "source" in thing),
        *(cast("Resource", {**thing, "mode": "0600"}) for thing in files if "template" in thing),
    ]


def orphans(left: list[Resource], postponed: list[str]) -> list[Resource]:
    """Return the resources to remove now. A server that goes on for now keeps those it was started from, and they may
    be shared. An environment among the orphans has no process in it, so it goes in any case: else each upgrade would
    leave one while something computes for weeks.
    """
    free = [thing for thing in left if not postponed or thing["instance"] not in (*postponed, "")]
    return [*free, *(thing for thing in _of_kind(left, "environment") if thing not in free)]


def last(gone: list[Resource], listed: tuple[str, str]) -> list[Resource]:
    """Return the resources to remove last: the manifest, its folder, and folders that others may use. Without the
    manifest, a removal that is cut off could not be continued."""
    return [
        *(thing for thing in gone if "shared" in thing),
        *(thing for thing in gone if thing.get("path") in listed and "shared" not in thing),
    ]


def _stop(gone: list[Resource], state: dict[str, Any], scope: str) -> dict[str, list[dict[str, Any]]]:
    """Return the units and the tmux sessions to stop."""
    services = _of_kind(gone, "service")
    units = state["report"].get("units", {})
    servers = {server["instance"]: server for server in reversed(state["report"]["servers"])}
    sessions = []
    for thing in (thing for thing in services if thing["manager"] == "tmux"):
        server = servers.get(thing["instance"], {"pid": 0, "uid": ""})
        sessions.append(
            {
                "name": _name(thing),
                "tmux": thing["tmux"],
                "pid": server["pid"],
                "uid": server["uid"] if scope == "system" else "",
                "account": thing["user"] if scope == "system" else "",
            }
        )
    return {
        "units": [
            {"name": _name(thing), "scope": "user" if thing["manager"] == "systemd_user" else "system"}
            for thing in services
            if thing["manager"] != "tmux" and units.get(_name(thing), {}).get("LoadState") == "loaded"
        ],
        "sessions": sessions,
    }


def _remove(gone: list[Resource], listed: tuple[str, str], instances: list[HostInstance]) -> dict[str, Any]:
    """Return the resources to remove, in two calls to the host, and the programs that have to be told."""
    ending, services, daemons = last(gone, listed), _of_kind(gone, "service"), _of_kind(gone, "daemon")
    strangers, staying = _of_kind(gone, "stranger"), {item["name"] for item in instances}
    return {
        "daemons": _names(thing for thing in daemons if thing["alone"]),
        "packages": bool(_of_kind(gone, "package")),
        # The newest goes first. A stranger gets its name back when our resource in its place is gone.
        "files": [
            *_of_kind(gone, "shadow"),
            *reversed([thing for thing in gone if "path" in thing and thing not in ending]),
            *(thing for thing in strangers if thing["origin"] not in listed),
        ],
        "traces": list(layout.TRACES),
        "reload_fail2ban": any(not thing["alone"] for thing in daemons),
        "timers": [unit for _timer in _of_kind(gone, "timer") for unit in layout.ACME_UNITS],
        "masks": _names(_of_kind(gone, "mask")),
        "reload_systemd": any(thing["manager"] != "tmux" for thing in services) or bool(_of_kind(gone, "timer")),
        "lingers": _names(_of_kind(gone, "linger")),
        "last": [
            *_of_kind(gone, "account"),
            *reversed(ending),
            *(thing for thing in strangers if thing["origin"] in listed),
        ],
        "comment": ACCOUNT_COMMENT,
        "passwords": [name for name in dict.fromkeys(thing["instance"] for thing in services) if name not in staying],
    }


def _open_after_failure(state: dict[str, Any], plan: Plan, failed: Collection[str]) -> list[dict[str, Any]]:
    """Return the firewall's rules after a failure: those from before this run, and those of servers that did start."""
    started = {item["port"] for item in state["instances"] if item["name"] not in failed} if failed else set()
    return [
        *state.get("standing_rules", []),
        *(rule for rule in state.get("former_rules", []) if rule["port"] not in started),
        *(rule for rule in plan["firewall_rules"] if rule["port"] in started),
    ]
