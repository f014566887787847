# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleActionFail

from ..module_utils._errors import FilesError
from ..module_utils._plain import plain
from ..plugin_utils import _files
from ..plugin_utils._action import OwnAction
from ..plugin_utils._jupyter import report


class ActionModule(OwnAction):
    """Show the servers of all hosts, and write the requested files."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(
            {
                "overviews": {"type": "list", "elements": "dict", "required": True},
                "silent": {"type": "list", "elements": "str", "default": []},
                "expires_within": {"type": "int", "default": 30},
                "json_file": {"type": "path"},
                "textfile": {"type": "path"},
            }
        )
        overviews, silent, now = arguments["overviews"], arguments["silent"], time.time()
        endings = {one["host"]: report.endings(one, arguments["expires_within"], now) for one in overviews}
        self._show(overviews, silent, endings, now)
        changed = False
        for key, content in (("json_file", report.as_json), ("textfile", report.textfile)):
            if arguments[key] and not self._task.check_mode:
                try:
                    # The collector of metrics is another account; nothing in it is secret.
                    changed |= _files.write(arguments[key], content(overviews, silent, now), 0o644)
                except FilesError as error:
                    raise AnsibleActionFail(f"{key}: {error}") from error
        drift = {one["host"]: len(one["drift"]) for one in overviews if one["drift"]}
        ending = {host: said for host, said in endings.items() if said}
        return {
            **result,
            "changed": changed,
            "drift": drift,
            "ending": ending,
            "msg": report.summary(overviews, silent),
        }

    def _show(
        self, overviews: list[dict[str, Any]], silent: list[str], endings: dict[str, list[str]], now: float
    ) -> None:
        """Print in any format of the callback: inside a YAML or JSON string a table is unreadable."""
        self._display.display("\n" + "\n".join(report.table(overviews, now)))
        for one in overviews:
            said = [*(f"{plain(one['host'])}: {line}" for line in endings[one["host"]]), *report.sentences(one)]
            if said:
                self._display.display("\n" + "\n".join(said), color=C.COLOR_WARN)
        self._display.display(f"\n{report.summary(overviews, silent)}")
