# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleActionFail

from ..module_utils._errors import PlanError, RemoteNotebooksError
from ..module_utils._host import other_account
from ..module_utils._plain import printable
from ..plugin_utils import _files
from ..plugin_utils._action import OwnAction
from ..plugin_utils._input import answers, literal_yaml
from ..plugin_utils._migration import convert as migration_convert

SECRETS = ("jupyter_password_hash", "jupyter_token")
#: The limit of time, in seconds, for reading the files of an account. They are read in a process of their own, whose
#: memory has a limit.
SECONDS = 60


class ActionModule(OwnAction):
    """Read the configuration of an account on a host, and keep the resulting variables on the control node."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        self._task_vars = task_vars or {}
        _result, arguments = self.validate_argument_spec(
            {"folder": {"type": "str", "required": True}, "variables_file": {"type": "path", "required": True}}
        )
        kept = arguments["variables_file"]
        answer = self._ask(arguments)
        files = {f"{arguments['folder']}/{name}": text for name, text in answer["texts"].items()}
        # Without root there is one account, the one that logs in, and nothing to name.
        scope = self._templar.template(self._task_vars.get("jupyter_scope", "system"))
        try:
            found = _converted(files, answer["account"] if scope == "system" else "")
            changed = self._keep(kept, found["variables"]) if files else False
        except RemoteNotebooksError as error:
            raise AnsibleActionFail(str(error)) from error
        shown = {name: "(in the file)" if name in SECRETS else value for name, value in found["variables"].items()}
        remarks = [printable(remark) for remark in found["remarks"]]
        return {
            **result,
            "changed": changed,
            "files": sorted(files),
            "variables": shown,
            "remarks": remarks,
            "variables_file": kept,
        }

    def _ask(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Fetch the existing files, and their owners. They may hold a hash: nothing of them may reach a log."""
        with answers.unlogged(self):
            answer = answers.module(self, self._task_vars, answers.CONFIGURATION, arguments=arguments)
        if answer.get("unreachable"):
            raise AnsibleActionFail(answer.get("msg", "The host cannot be reached."))
        if answer.get("failed"):
            raise AnsibleActionFail(str(answer.get("msg")))
        return dict(answer)

    def _keep(self, path: str, variables: dict[str, Any]) -> bool:
        data = ("---\n" + literal_yaml.dump(variables)).encode()
        if self._task.check_mode:
            return _files.read(path) != data
        _files.private_directory(os.path.dirname(path))
        return _files.write(path, data, 0o600)


def _converted(files: dict[str, str], account: str) -> dict[str, Any]:
    """Convert the files, which come from a host, in a process that can use up nothing."""

    def convert() -> dict[str, Any]:
        try:
            return {"found": migration_convert.convert(files, account)}
        except PlanError as error:
            return {"refused": str(error)}

    try:
        answer = other_account.call("", convert, seconds=SECONDS, memory=other_account.MEMORY)
    except OSError as error:
        where = next(iter(files)).rpartition("/")[0]
        raise PlanError(
            f"What is in {where} takes too much to be read ({error.strerror}). Make it simpler, or leave it out."
        ) from error
    if "refused" in answer:
        raise PlanError(answer["refused"])
    return dict(answer["found"])
