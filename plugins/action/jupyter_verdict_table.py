# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleActionFail

from ..module_utils._errors import FilesError
from ..plugin_utils import _files
from ..plugin_utils._action import OwnAction
from ..plugin_utils._check import table

COLOURS = {"reachable": C.COLOR_OK, "untrusted": C.COLOR_WARN}


class ActionModule(OwnAction):
    """Show the result of the check of all hosts, and write the requested file."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(
            {
                "servers": {"type": "list", "elements": "dict", "required": True},
                "expires_within": {"type": "int", "default": 30},
                "json_file": {"type": "path"},
            }
        )
        rows, path, changed = arguments["servers"], arguments["json_file"], False
        within = arguments["expires_within"]
        self._show(rows, within)
        if path and not self._task.check_mode:
            try:
                changed = _files.write(path, table.as_json(rows, datetime.now(timezone.utc)), 0o644)
            except FilesError as error:
                raise AnsibleActionFail(f"json_file: {error}") from error
        return {**result, "changed": changed, "bad": table.bad(rows, within), "msg": table.summary(rows, within)}

    def _show(self, rows: list[dict[str, Any]], within: int) -> None:
        """Print in any format of the callback: inside a YAML or JSON string a table is unreadable."""
        header, *lines = table.table(rows)
        self._display.display(f"\n{header}")
        for row, line in zip(rows, lines):
            self._display.display(line, color=COLOURS.get(row["verdict"], C.COLOR_ERROR))
        for row in rows:
            if not table.is_good(row):
                self._display.display("\n" + "\n".join(table.sentences(row)))
        late = table.endings(rows, within)
        if late:
            self._display.display("\n" + "\n".join(late), color=C.COLOR_WARN)
        self._display.display(f"\n{table.summary(rows, within)}")
