# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail, AnsibleError

from ..module_utils._certificate.reader import read_pem_bundle
from ..module_utils._errors import CheckError, FilesError, PlanError, TunnelError
from ..module_utils._tunnel import accounts as tunnel_accounts
from ..module_utils._tunnel import names as tunnel_names
from ..plugin_utils import _files
from ..plugin_utils._action import OwnAction
from ..plugin_utils._check import diagnosis
from ..plugin_utils._handoff import pages
from ..plugin_utils._input import answers
from ..plugin_utils._jupyter import endpoints
from ..plugin_utils._jupyter import secrets as jupyter_secrets
from ..plugin_utils._pki import paths
from ..plugin_utils._plan.interfaces import classic_path
from ..plugin_utils._remote import bare
from ..plugin_utils._safe_place import require_closed_place

if TYPE_CHECKING:
    from ..plugin_utils._records import Instance, Plan
    from ..plugin_utils._report_records import Report


class ActionModule(OwnAction):
    """Find the ways in which the control node can try each server of one host. Reads names of files, and no secret.

    Where no certificate proves who is at the other end, the host is asked whose process has the port: before a password
    is sent, and not after.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        self._task_vars = task_vars or {}
        _result, arguments = self.validate_argument_spec(
            {
                "plan": {"type": "dict", "required": True},
                "targets": {"type": "list", "elements": "dict"},
                "ask": {"type": "bool", "default": False},
                "credentials_directory": {"type": "path"},
                "pki_directory": {"type": "path"},
                "tunnel_directory": {"type": "path"},
                "handoff_directory": {"type": "path"},
            }
        )
        plan: Plan = arguments["plan"]
        if arguments["targets"] is not None:
            return {**result, "changed": False, "targets": self._again(arguments["targets"], plan, arguments["ask"])}
        _require_closed(arguments)
        plan = {**plan, "tunnel": {"accounts": self._accounts(plan, arguments["tunnel_directory"])}}
        targets = []
        for item in plan["instances"]:
            ca_file = endpoints.authority_file(plan["host"], item, arguments["pki_directory"])
            missing = ca_file is not None and not os.path.exists(ca_file)
            credential = self._credential(plan["host"], item["name"], arguments["credentials_directory"])
            for target in endpoints.targets(plan, item, ca_file, credential):
                ours = target["way"] != "proxy"
                sha256 = _fingerprint(plan["host"], item, arguments["pki_directory"]) if ours else None
                more = {"sha256": sha256, "ca_missing": missing}
                targets.append({**target, **more, "possible": target["possible"] and not missing})
        found = [
            {**target, "classic": _classic(arguments["handoff_directory"], target)}
            for target in diagnosis.known(targets, plan, self._asked(targets, plan))
        ]
        return {**result, "changed": False, "targets": found}

    def _again(self, targets: list[dict[str, Any]], plan: Plan, ask: bool) -> list[dict[str, Any]]:
        """Return the targets after the servers started."""
        report = self._asked(targets, plan, ask)
        items = {item["name"]: item for item in plan["instances"]}
        return [
            {**target, "classic": classic_path(items[target["instance"]], report) if report else target["classic"]}
            for target in diagnosis.known(targets, plan, report)
        ]

    def _asked(self, targets: list[dict[str, Any]], plan: Plan, ask: bool = False) -> Report | None:
        """Return the host's answer about its ports, where it is needed."""
        items = {item["name"]: item for item in plan["instances"]}
        asking = ask or any(
            target["possible"] and not diagnosis.by_certificate(target, items[target["instance"]]) for target in targets
        )
        return self._report(plan) if asking else None

    def _report(self, plan: Plan) -> Report | None:
        """Return the host's answer about its ports. None means that it cannot be asked, which the check itself then
        shows."""
        probe = {**diagnosis.probe(plan), "manifest": "", "firewall": False}
        try:
            answer = bare.ask(self, self._task_vars, probe)
            if answer is None:
                answer = answers.observe(self, self._task_vars, probe)
        except AnsibleActionFail:
            raise  # an answer that is none
        except AnsibleError:  # out of reach, or no become
            return None
        return answers.observed_report(answer)

    def _accounts(self, plan: Plan, directory: str | None) -> list[dict[str, Any]]:
        """Return the tunnel accounts whose keys are kept here, as the module tunnel_keys left them."""
        given = self._templar.template(self._task_vars.get("tunnel_accounts")) or []
        try:
            accounts = tunnel_accounts.resolve("jupyter", given, plan["tunnel_forwards"]) if directory else []
        except TunnelError as error:
            raise AnsibleActionFail(str(error)) from error
        locked = {entry.get("name") for entry in given if entry.get("passphrase")}
        found = []
        for account in accounts:
            path = tunnel_names.key_file(str(directory), plan["host"], account)
            if not account["public_keys"] and os.path.exists(path):
                found.append(
                    {**account, "identity_file": account["identity_file"] or path, "locked": account["name"] in locked}
                )
        return found

    def _credential(self, host: str, name: str, directory: str) -> dict[str, Any]:
        """Choose the login: the inventory's own password or token, or the password that was generated for the
        server."""
        secrets = jupyter_secrets.given(self._templar, self._task_vars, name)
        generated = os.path.join(directory, host, f"{name}.password")
        if not secrets["password"] and not secrets["password_hash"] and os.path.exists(generated):
            return {"password_file": generated, "given": ""}
        return {"password_file": None, "given": next((key for key in ("password", "token") if secrets[key]), "")}


def _require_closed(arguments: dict[str, Any]) -> None:
    """Refuse folders that another account of the control node can change: a file there is sent to a server as its
    password, or decides whom to believe."""
    for name in ("credentials", "pki", "tunnel", "handoff"):
        directory = arguments[f"{name}_directory"]
        try:
            if directory:
                require_closed_place(directory)
        except FilesError as error:
            raise AnsibleActionFail(str(error)) from error


def _fingerprint(host: str, item: Instance, pki_directory: str) -> str | None:
    """Return the SHA-256 of the certificate that was issued last, as this control node knows it."""
    pem = (
        _files.read(paths.certificate_path(pki_directory, f"{host}/{item['name']}")) if item["tls"] != "none" else None
    )
    try:
        return read_pem_bundle(pem, "")[0].sha256 if pem else None
    except CheckError:
        return None  # damaged: the site playbook says so and mends it; here it is only nothing to compare with


def _classic(directory: str | None, target: dict[str, Any]) -> str:
    """Return the path of the classic pages that the hand-off page of a server names; empty where there is no page."""
    path = os.path.join(directory or "", target["host"], f"{target['instance']}.json")
    data = _files.read(path) if directory else None
    try:
        return str(pages.from_json(data, path)["classic"]) if data else ""
    except PlanError as error:
        raise AnsibleActionFail(str(error)) from error
