# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail

from ..module_utils._errors import FilesError, LockError, PlanError
from ..plugin_utils import _files
from ..plugin_utils._acme import findings as acme_findings
from ..plugin_utils._action import OwnAction
from ..plugin_utils._check import devices, diagnosis
from ..plugin_utils._environment import environments
from ..plugin_utils._input import answers
from ..plugin_utils._input.url_logins import Logins, scrubbed
from ..plugin_utils._jupyter import endpoints, messages, removal
from ..plugin_utils._jupyter.credentials import Credentials
from ..plugin_utils._jupyter.diff import diff_of
from ..plugin_utils._kernels import store as kernel_store
from ..plugin_utils._network import own_names
from ..plugin_utils._network import rules as network_rules
from ..plugin_utils._remote import bare, contact
from ..plugin_utils._state import compare, layout, manifest, refusals, resources, services
from ..plugin_utils._state import instances as state_instances
from ..plugin_utils._state import probe as state_probe
from ..plugin_utils._state import remarks as state_remarks
from ..plugin_utils._state.run_lock import run_lock
from ..plugin_utils._templates import templates

if TYPE_CHECKING:
    from ..module_utils._certificate.values import Certificate
    from ..plugin_utils._records import Aim, HostInstance, Plan, Resource
    from ..plugin_utils._report_records import Report


FIREWALL = {"provider": {"type": "str", "default": "auto"}, "enable": {"type": "bool", "default": False}}

TUNNEL = {
    "accounts": {"type": "list", "elements": "dict", "default": []},
    "config_file": {"type": "path", "default": ""},
    "override": {"type": "bool", "default": False},
}

#: The parts of a report that grow with the number of resources on the host.
BULKY = ("paths", "environments", "manifest")


class ActionModule(OwnAction):
    """One module run on the host; everything else happens here, on the control node.

    The passwords are kept by it as well, and not by a task before it: each task of each host is a process that copies
    the memory that it touches.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        logins = Logins(self._templar, task_vars or {})
        with logins.hiding():
            return dict(logins.hide(self._compared(logins, result, task_vars or {})))

    def _compared(self, logins: Logins, result: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        self._task_vars = task_vars
        _result, arguments = self.validate_argument_spec(
            {
                "plan": {"type": "dict", "required": True},
                "credentials_dir": {"type": "path", "no_log": False},
                "rotate": {"type": "list", "elements": "str", "default": []},
                "rotate_now": {"type": "bool", "default": False},
                "firewall": {"type": "dict", "options": FIREWALL, "apply_defaults": True},
                "tunnel": {"type": "dict", "options": TUNNEL, "apply_defaults": True},
                "pki": {"type": "dict", "default": {}},
                "handoff": {"type": "path", "default": ""},
                "details": {"type": "bool", "default": False},
                "locks": {"type": "path"},
                "aim": {"type": "dict", "default": {}},
                "look": {"type": "bool", "default": False},
            }
        )
        # To look changes nothing here, either.
        self._looking = arguments["look"]
        aim: Aim = {**environments.KEEP, **arguments["aim"]}
        revealed: Plan = logins.reveal(arguments["plan"])
        plan: Plan = {
            **revealed,
            "firewall": arguments["firewall"],
            "aim": aim,
            "tunnel": arguments["tunnel"],
            "hub_files": kernel_store.files(arguments["credentials_dir"], revealed["host"]),
        }
        plan["today"] = time.strftime("%Y%m%d")
        showing = self._task.check_mode and self._task.diff
        store = self._store(plan, arguments["credentials_dir"], arguments["rotate"])
        report = self._observe(plan, showing or arguments["details"], arguments["details"])
        _refuse(refusals.refusals(plan, report))
        if self._looking and not plan["verb"]:
            return {**result, "changed": False}

        try:
            # Only now: a host that is out of reach or refused would get a password here that it does not have.
            credentials = store.keep() if store else {}
            locks = self._locks(plan, report, arguments["locks"])
            chosen = state_instances.choices(
                plan, report, {slot: digest or "unknown" for slot, (_path, digest) in locks.items()}, aim
            )
            was = state_instances.links(plan, report)
            environments.require_change(chosen, was, locks, aim)
        except (FilesError, LockError, PlanError) as error:
            raise AnsibleActionFail(str(error)) from error
        instances = state_instances.complete(plan, report, chosen)
        things = resources.things(plan, instances, report, credentials, arguments["pki"].get("certificates", {}))
        wheels = _wheels_of(plan, report, locks)
        for thing in things:
            if thing["kind"] == "environment":
                _set_origin(thing, locks, wheels, was, aim)
        kept = manifest.kept(plan, things, report)
        self._manifest = manifest.manifest([*things, *kept])
        try:
            texts = self._fill(things, instances)
        except FilesError as error:
            raise AnsibleActionFail(str(error)) from error
        changes = compare.differences(plan, things, instances, report)
        if self._looking:
            _refuse(removal.beyond(plan["verb"], network_rules.but_waiting_rules(plan, changes, report)))
            return {**result, "changed": False}
        pip = self._pip(report) if refusals.builds(changes) else ""
        _refuse([refusals.pip_refusal(plan, report, changes, pip)])
        orphans = manifest.orphans(plan, things, report)
        diff = scrubbed(diff_of(changes, texts, report)) if showing else []
        rotated = store.rotated if store else []
        steps = services.service_steps(things, changes, report, rotated if arguments["rotate_now"] else [])
        servers, remarks = (
            endpoints.servers(plan, instances, credentials, acme_findings.with_ends(arguments["pki"], plan, report)),
            state_remarks.remarks(plan, report),
        )
        for server in servers:
            server.update(
                checks=devices.tried(diagnosis.known(server["checks"], plan, report), instances, report),
                **own_names.own(plan, server, report["network"]),
            )
        connect = endpoints.connect(servers, instances, arguments["handoff"], arguments["tunnel"]["config_file"])
        overview = {}
        if arguments["details"]:
            from ..plugin_utils._jupyter import report as jupyter_report

            compared = {"changes": changes, "steps": steps, "servers": servers, "texts": texts}
            overview = {
                "overview": jupyter_report.overview(
                    plan, instances, compared, report, _certificates(report["details"]["presented"])
                )
            }
        work = bool(changes or steps or orphans or arguments["details"])
        lists = {
            "things": things,
            "manifest": self._manifest,
            "journal": manifest.journal([*things, *kept, *orphans, *network_rules.listed_rules(things, report)]),
            "standing_rules": network_rules.standing_rules(plan, report),
            "former_rules": network_rules.former_rules(plan, report),
        }
        return {
            **result,
            **(lists if work else {}),
            # The records on the control node have changed. The differences on the host will change, and check mode says
            # so. A report promises nothing.
            "changed": (
                bool((store and store.changed) or (changes and self._task.check_mode)) and not arguments["details"]
            ),
            "rotated": rotated,
            "changes": changes,
            "stages": [stage for stage in layout.STAGES if any(change["stage"] == stage for change in changes)],
            "steps": steps,
            "instances": instances,
            "servers": servers,
            "connect": [*connect, *(messages.note(plan["host"], remark) for remark in remarks)],
            "orphans": orphans,
            "lock": run_lock(plan, report),
            "remarks": remarks,
            "family": layout.family(report["system"]),
            "was": was,
            "pip": pip,
            "report": _reported(report, work),
            **overview,
            # As Ansible's own discovery would have left it, so that the modules of this run need not look for a Python
            # again.
            **({"ansible_facts": {"discovered_interpreter_python": self._python}} if self._python else {}),
            **({"diff": diff} if diff else {}),
        }

    def _store(self, plan: Plan, directory: str | None, rotate: list[str]) -> Credentials | None:
        return Credentials(self, self._task_vars, plan, directory, rotate, predict=self._looking) if directory else None

    def _pip(self, report: Report) -> str:
        if report["system"]["ensurepip"]:
            return ""
        from ..plugin_utils._environment import pip as environment_pip

        return environment_pip.wheel([python["version"] for python in report["pythons"].values() if python["version"]])

    def _observe(self, plan: Plan, texts: bool, details: bool) -> Report:
        probe = state_probe.probe(plan, texts, details)
        # Where the connection cannot carry a bare program, the module of this name does the same in more steps.
        answer = bare.ask(self, self._task_vars, probe)
        if answer is None:
            answer = answers.observe(self, self._task_vars, probe)
        self._python = answer.get("python")
        report = answers.observed_report(answer)
        if report is not None:
            return report
        raise AnsibleActionFail(
            contact.unread(
                plan["host"], [str(answer.get(key, "")) for key in ("msg", "module_stderr", "module_stdout")]
            )
        )

    def _locks(self, plan: Plan, report: Report, directory: str | None) -> dict[str, tuple[str, str | None]]:
        """Return path and digest of the lock file of each slot that has one, brought up to date on this machine."""
        slots = [slot for slot in state_instances.slots(plan, report) if slot["instance"]["lock"]]
        if slots and not directory:
            raise LockError("lock: locks says where the lock files lie, and is not given.")
        if not slots:
            return {}
        from ..plugin_utils._environment import lockfiles

        machine, writing = report["system"]["machine"], not (self._task.check_mode or self._looking)
        return {slot["slot"]: lockfiles.settle(str(directory), slot, machine, plan["aim"], writing) for slot in slots}

    def _fill(self, things: list[Resource], instances: list[HostInstance]) -> dict[str, str]:
        """Give each file its digest, each instance its revision. Return the texts of files that are no secret, by
        path."""
        texts = {}
        files = [thing for thing in things if thing["kind"] == "file"]
        # Stamped files come last: the revision stands in them, and sums up everything else the server is started from.
        for thing in sorted(files, key=lambda thing: bool(thing.get("stamped"))):
            if thing.get("secret"):
                content = self._secret(thing, instances)
                thing["digest"] = None if content is None else hashlib.sha256(content).hexdigest()
                continue
            instance = templates.instance_of(thing, instances)
            if thing.get("stamped"):
                instance["revision"] = manifest.revision(instance, things, self._text(thing, instance))
            texts[thing["path"]] = self._text(thing, instance)
            thing["digest"] = hashlib.sha256(texts[thing["path"]].encode()).hexdigest()
        return texts

    def _secret(self, thing: Resource, instances: list[HostInstance]) -> bytes | None:
        if "template" in thing:
            return self._text(thing, templates.instance_of(thing, instances)).encode()
        return _files.read(thing["control"]) if thing["control"] else None

    def _text(self, thing: Resource, instance: HostInstance) -> str:
        return templates.render(self, self._task_vars, thing, instance, self._manifest)


def _refuse(problems: list[str]) -> None:
    said = "\n".join(filter(None, problems))
    if said:
        raise AnsibleActionFail(said)


def _set_origin(
    thing: Resource, locks: dict[str, tuple[str, str | None]], wheels: dict[str, Any], was: dict[str, str], aim: Aim
) -> None:
    """Set the lock file and the wheels of an environment, and the environment that it replaces."""
    slot = thing["slot"]
    lock, now = locks[slot][0] if slot in locks else "", was.get(slot, "")
    thing["lock"] = lock
    thing["wheelhouse"] = wheels.get(slot, {})
    thing["before"] = now if now != thing["path"] else ""
    thing["renew"] = aim["do"] == "new"
    thing["instead_of"] = now if aim["do"] == "new" and not lock else ""


def _wheels_of(plan: Plan, report: Report, locks: dict[str, tuple[str, str | None]]) -> dict[str, Any]:
    """Return which wheels each slot needs that gets them from the control node."""
    slots = [slot for slot in state_instances.slots(plan, report) if slot["instance"]["wheelhouse"]]
    if not slots:
        return {}
    from ..plugin_utils._environment import wheel_names

    return {
        slot["slot"]: wheel_names.order(
            locks[slot["slot"]][0], slot["python"]["version"] or [], report["system"], slot["instance"]
        )
        for slot in slots
    }


def _reported(report: Report, whole: bool) -> dict[str, Any]:
    """Return the observation without the texts of files. If no task will change the host, the part that grows with the
    resources that are managed is left out.

    Each task of a fleet is a fork with the records of all its hosts.
    """
    for state in report["paths"].values():
        (state or {}).pop("text", None)
    return {key: value for key, value in report.items() if whole or key not in BULKY}


def _certificates(presented: dict[str, str | None]) -> dict[str, Certificate]:
    """Return the certificate that each instance presents."""
    from ..module_utils._certificate.reader import read_pem_bundle

    return {name: read_pem_bundle(pem.encode(), name)[0] for name, pem in presented.items() if pem}
