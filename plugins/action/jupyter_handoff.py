# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils import _files, _handoff
from ..module_utils._errors import RemoteNotebooksError

TLS = {
    "mode": {"type": "str", "choices": ["private_ca", "self_signed", "provided", "none"], "required": True},
    "ca_file": {"type": "path"},
    "ca_sha256": {"type": "str"},
    "not_after": {"type": "str"},
}
SSH = {
    "host": {"type": "str", "required": True},
    "port": {"type": "int", "default": 22},
    "user": {"type": "str"},
    "local_port": {"type": "int", "required": True},
    "remote_port": {"type": "int", "required": True},
}
SERVER = {
    "host": {"type": "str", "required": True},
    "instance": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "api_url": {"type": "str"},
    "access": {"type": "str", "choices": ["tunnel", "direct", "both"], "required": True},
    "tls": {"type": "dict", "options": TLS},
    "ssh": {"type": "dict", "options": SSH},
    "password_file": {"type": "path", "no_log": False},
    "service": {"type": "str"},
    "clients": {"type": "list", "elements": "str", "choices": ["browser", "juno", "vscode"], "default": ["browser"]},
}


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core ships no types
    """Write the hand-off of the fleet on the control node."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(
            {
                "directory": {"type": "path", "required": True},
                "servers": {"type": "list", "elements": "dict", "required": True, "options": SERVER},
            }
        )
        try:
            records = [_handoff.complete(server) for server in arguments["servers"]]
            files = {f"{record['host']}/{record['instance']}.json": _handoff.as_json(record) for record in records}
            changes = self._write(arguments["directory"], files)
        except RemoteNotebooksError as error:
            raise AnsibleActionFail(str(error)) from error
        result.update(changed=bool(changes), files=sorted(files))
        if self._task.diff:
            result["diff"] = changes
        return result

    def _write(self, directory: str, files: dict[str, bytes]) -> list[dict[str, str]]:
        """Bring the files below ``directory`` up to date, or see what that would change. Return the differences."""
        before = {name: _files.read(os.path.join(directory, name)) for name in files}
        if not self._task.check_mode:
            for folder in [directory, *sorted({os.path.join(directory, os.path.dirname(name)) for name in files if os.path.dirname(name)})]:
                _files.private_directory(folder)
        changes = []
        for name, data in files.items():
            path = os.path.join(directory, name)
            changed = before[name] != data if self._task.check_mode else _files.write(path, data, 0o600)
            if changed:
                changes.append({"before_header": path, "after_header": path, "before": _text(before[name]), "after": _text(data)})
        return changes


def _text(data: bytes | None) -> str:
    if data is None:
        return ""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"({len(data)} bytes)\n"
