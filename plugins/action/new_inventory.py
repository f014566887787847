# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError

from ..module_utils._errors import RemoteNotebooksError
from ..plugin_utils._action import OwnAction


class ActionModule(OwnAction):
    """Ask for the settings of a host and write them into an inventory."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        # This library comes with one action only, and the base class has asked for it.
        from ..plugin_utils._new import flow

        keys = ("host", "access", "clients", "people", "address")
        _result, arguments = self.validate_argument_spec(
            {
                "inventory": {"type": "path", "default": "inventory/hosts.yml"},
                "interactive": {"type": "bool", "default": True},
                **{key: {"type": "str"} for key in keys},
            }
        )
        given = {key: str(arguments[key]) for key in keys if arguments[key] is not None}
        talk = flow.Talk(given, self._display.display, self._ask if arguments["interactive"] else None)
        try:
            done = flow.run(arguments["inventory"], talk, write=not self._task.check_mode)
        except RemoteNotebooksError as error:
            raise AnsibleActionFail(str(error)) from error
        return {
            **result,
            "changed": done.changed,
            "path": done.path,
            "host": done.host,
            "needs_password": done.needs_password,
        }

    def _ask(self, prompt: str) -> str:
        try:
            answer: bytes = self._display.prompt_until(prompt, private=False)
        except AnsibleError as error:
            raise AnsibleActionFail(
                "Nobody is at a terminal to answer. Give the answers as -e new_host=lab -e new_access=both, and"
                " -e new_interactive=false for the defaults of the others."
            ) from error
        return answer.decode(errors="replace")
