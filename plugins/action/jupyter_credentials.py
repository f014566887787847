# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail

from ..module_utils._errors import FilesError
from ..plugin_utils._action import OwnAction
from ..plugin_utils._jupyter.credentials import Credentials


class ActionModule(OwnAction):
    """Keep the passwords of one host on the control node."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(
            {
                "plan": {"type": "dict", "required": True},
                "directory": {"type": "path", "required": True},
                "forget": {"type": "list", "elements": "str", "default": []},
                "rotate": {"type": "list", "elements": "str", "default": []},
            }
        )
        credentials = Credentials(self, task_vars or {}, arguments["plan"], arguments["directory"], arguments["rotate"])
        try:
            kept = credentials.keep()
            credentials.forget(arguments["forget"])
        except FilesError as error:
            raise AnsibleActionFail(str(error)) from error
        return {
            **result,
            "changed": credentials.changed,
            "credentials": kept,
            "rotated": credentials.rotated,
            "aside": credentials.aside,
        }
