# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels in environments that somebody else created: the questions to a host, and the meaning of its answers. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...module_utils._jupyter.observation.existing import SECONDS
from ...module_utils._plain import plain
from . import layout

if TYPE_CHECKING:
    from .._records import Change, HostInstance, Instance, Kernel, Plan
    from .._report_records import ExistingEnvironment, Report

#: The folders that every profile but none hides. The unit has its own in their place (systemd.exec(5), PrivateTmp=).
PRIVATE = ("/tmp", "/var/tmp")  # noqa: S108


def asked(plan: Plan) -> dict[str, list[str]]:
    """Return by kernel the account that runs it, and the path of its environment."""
    return {
        f"{item['name']}.{kernel['name']}": [item["user"], layout.home_path(kernel["existing"], f"~{item['user']}")]
        for item in plan["instances"]
        for kernel in item["kernels"]
        if kernel["existing"]
    }


def refusals(plan: Plan, item: Instance, report: Report) -> list[str]:
    """Refuse the environments in which no kernel of an instance can start."""
    return [text for kernel, text in _problems(item, report) if not _is_later(plan, item, kernel, report)]


def remarks(plan: Plan, report: Report) -> list[str]:
    """Name the environments that work no more, where that is no reason to stop a run."""
    return [
        f"instance '{item['name']}': {text}"
        for item in plan["instances"]
        for kernel, text in _problems(item, report)
        if _is_later(plan, item, kernel, report)
    ]


def changes(plan: Plan, report: Report) -> list[Change]:
    """Return the environments that work no more as differences of a report. Any other run refuses them, or goes on with
    a remark: it cannot correct them."""
    if plan["verb"] != "report":
        return []
    return [
        {
            "id": f"kernel {item['name']}.{kernel['name']}",
            "kind": "kernel",
            "stage": "configure",
            "instance": item["name"],
            "what": "environment",
            "found": "broken",
            "wanted": "with ipykernel",
            "text": f"instance '{item['name']}': {text}".replace("\n ", ""),
        }
        for item in plan["instances"]
        for kernel, text in _problems(item, report)
    ]


def _is_later(plan: Plan, item: Instance, kernel: Kernel, report: Report) -> bool:
    """Tell whether a run goes on: a report shows everything, and an account that breaks an environment of its own
    stops nobody but a first run."""
    path = f"/{item['name']}/jupyter/kernels/{kernel['name']}/kernel.json"
    known = any(thing.get("path", "").endswith(path) for thing in report["manifest"])
    return plan["verb"] == "report" or (known and report["existing"][f"{item['name']}.{kernel['name']}"]["astray"])


def _problems(item: Instance, report: Report) -> list[tuple[Kernel, str]]:
    found = []
    for kernel in item["kernels"]:
        state = report["existing"].get(f"{item['name']}.{kernel['name']}") if kernel["existing"] else None
        if state and state["problem"]:
            user = item["user"] or report["system"]["user"]
            found.append((kernel, _label(kernel) + _text(kernel["existing"], user, state)))
    return found


def _label(kernel: Kernel) -> str:
    return f"kernels: kernel '{kernel['name']}': environment: "


def _text(path: str, user: str, state: ExistingEnvironment) -> str:
    """Say what is wrong with an environment, and the cure."""
    python, said, problem = shlex.quote(f"{path}/bin/python"), plain(state["said"]), state["problem"]
    if problem == "missing":
        return f"there is no folder {path} on this host. Correct the path, or create the environment."
    if problem == "no_python":
        return f"{path} has no bin/python that can be run. Name the folder of an environment, the one above its bin."
    if problem == "shut":
        return (
            f"'{user}', the account of the server, cannot read {said}. Open it to that account, create the environment"
            " where every account can read it, for example in /opt, or name its owner as user."
        )
    if problem == "no_ipykernel":
        conda = f", or: conda install --prefix {shlex.quote(path)} ipykernel" if state["conda"] else ""
        return f"{path} is without ipykernel. On the host: {python} -m pip install ipykernel{conda}"
    attempt = f'{python} -c "import ipykernel.kernelapp"'
    if problem == "silent":
        return f"the Python of {path} gives no answer within {SECONDS} s. Try as '{user}' on the host: {attempt}"
    return (
        f"the Python of {path} cannot import ipykernel as '{user}'. Correct the environment. To try it on the host:"
        f" {attempt}\n  {said}"
    )


def unseen(instances: list[HostInstance], report: Report) -> list[str]:
    """Refuse the environments that the unit of their server hides."""
    found = []
    for item in instances:
        for kernel in item["kernels"]:
            state = report["existing"].get(f"{item['name']}.{kernel['name']}") if kernel["existing"] else None
            hidden = [(path, _hidden(item, path)) for path in (state["real"] if state else [])]
            for path, why in [each for each in hidden if each[1]][:1]:
                found.append(f"instance '{item['name']}': {_label(kernel)}{plain(path)} {why}")
    return found


def _hidden(item: HostInstance, path: str) -> str:
    """Return why a server cannot see a path, and the cure. Empty if it can."""
    if item["keeper"] != "systemd" or item["hardening"] == "none":
        return ""
    if _is_below(path, PRIVATE):
        return "is hidden from the server: its unit has a /tmp and a /var/tmp of its own. Create it in another folder."
    homes, bound = [*layout.HOMES, *item["hidden"]], [folder.lstrip("-") for folder in item["bound"]]
    if item["hardening"] == "strict" and _is_below(path, homes) and not _is_below(path, bound):
        return (
            "is hidden from the server: hardening 'strict' hides the homes of other accounts. Create the environment"
            " elsewhere, for example in /opt, or write hardening: standard."
        )
    return ""


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(f"{path}/".startswith(f"{folder}/") for folder in folders)
