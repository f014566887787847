# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import secrets
from typing import Any

from ansible.errors import AnsibleActionFail

from ..module_utils._errors import FilesError, LockError
from ..module_utils._jupyter import build, build_progress
from ..module_utils._jupyter.uv_wheels import VERSION
from ..module_utils._plain import plain_lines
from ..plugin_utils._action import OwnAction
from ..plugin_utils._environment import wheelhouse
from ..plugin_utils._input import answers
from ..plugin_utils._input.url_logins import Logins
from ..plugin_utils._remote import build_watch


class ActionModule(OwnAction):
    """Run the module of this name. First bring the files that the host gets from here: its wheels, or a pip to fetch
    uv with."""

    # By hand, and only where there is something to bring: for all others this would be a round trip for nothing.
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        logins = Logins(self._templar, task_vars or {})
        with logins.hiding():
            return dict(logins.hide(self._built(logins, result, task_vars or {})))

    def _built(self, logins: Logins, result: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        _result, arguments = self.validate_argument_spec(build.ARGUMENTS)
        arguments["variables"] = self._installer_variables(logins)
        arguments["wheelhouse"] = logins.reveal(arguments["wheelhouse"])
        wanted, pip = arguments.pop("wheelhouse"), arguments.pop("pip")
        uv = VERSION if arguments["installer"] == "uv" else ""
        if wanted and not self._task.check_mode:
            try:
                arguments["wheels"] = self._bring(wheelhouse.settle(wanted, arguments["lock"], uv), "wheels.tar")
            except (FilesError, LockError) as error:
                raise AnsibleActionFail(f"{arguments['name']}: packages: {error}") from error
        arguments["pip"] = None
        if pip and not self._task.check_mode and not (wanted and uv):  # uv is among the wheels
            arguments["pip"] = self._bring(pip, os.path.basename(pip))
        asks = not self._task.check_mode and build_watch.is_wanted(self._connection)
        arguments["progress"] = secrets.token_hex(8) if asks else ""
        place = build_progress.place(arguments["path"], arguments["progress"]) if asks else ""
        with build_watch.watched(self._connection, task_vars["inventory_hostname"], place):
            answer = answers.module(self, task_vars, answers.ENVIRONMENT, arguments=arguments)
        if "module_stderr" in answer:
            raise AnsibleActionFail(_interrupted(arguments["name"], answer))
        return {**result, **answer}

    def _installer_variables(self, logins: Logins) -> str:
        """Return the variables of the task as JSON, and take them from the task.

        Ansible puts them on the command line of a module, which every account of the host can read. One of them may
        hold a password. As one text, they are one secret to Ansible: of a dictionary, it would hide each value in
        every message, a "1" as well.
        """
        variables: dict[str, Any] = {}
        self._compute_environment_string(variables)
        self._task.environment = []
        return json.dumps({name: str(value) for name, value in logins.reveal(variables).items()})

    def _bring(self, path: str, name: str) -> str:
        """Copy a file into the task's own folder on the host, which Ansible removes in any case."""
        folder = self._connection._shell.tmpdir or self._make_tmp_path()
        remote: str = self._connection._shell.join_path(folder, name)
        self._transfer_file(path, remote)
        self._fixup_perms2((folder, remote))
        return remote


def _interrupted(name: str, answer: dict[str, Any]) -> str:
    """Return the message about a module that ended without a result."""
    text = f"{answer.get('module_stdout', '')}\n{answer['module_stderr']}".strip()
    last = plain_lines("\n".join(f"  {line}" for line in text.splitlines()[-12:]))
    return f"{name}: packages: the module that builds ended before its time. Run again.\n{last}"
