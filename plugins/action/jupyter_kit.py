# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleActionFail

from ..module_utils._errors import FilesError, PlanError, RemoteNotebooksError
from ..module_utils._plain import plain
from ..plugin_utils import _files
from ..plugin_utils._action import OwnAction
from ..plugin_utils._handoff import kit, qr_codes
from ..plugin_utils._handoff.files import SIGNER, Handoff, require_libraries
from ..plugin_utils._handoff.kit_server import KitServer, own_address


class ActionModule(OwnAction):
    """Serve the device kit from the control node for a while."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(
            {
                "directory": {"type": "path", "required": True},
                "address": {"type": "str"},
                "port": {"type": "int", "default": 0},
                "minutes": {"type": "float", "default": 5},
                "requests": {"type": "int", "default": 200},
                "include_password": {"type": "bool", "default": False, "no_log": False},
                "files": {"type": "list", "elements": "path", "default": []},
                "signer": {"type": "dict", "options": SIGNER},
            }
        )
        require_libraries()
        try:
            files = self._kit(arguments)
            result.update(changed=False, files=sorted(files), served=[])
            if self._task.check_mode:
                return {**result, "msg": "Check mode: nothing is served."}
            server = KitServer(arguments["address"] or own_address(), arguments["port"], files)
        except RemoteNotebooksError as error:
            raise AnsibleActionFail(str(error)) from error
        self._display.display(_invitation(server.url, arguments["minutes"], self._fingerprint))

        def tell(request: dict[str, Any]) -> None:
            result["served"].append(request)
            self._display.display(f"{plain(request['client'])} took {plain(request['file'])}")

        ended = server.serve(arguments["minutes"] * 60, arguments["requests"], tell)
        return {**result, "url": server.url, "ended": ended, "refused": server.refused}

    def _kit(self, arguments: dict[str, Any]) -> dict[str, bytes]:
        if not 0 < arguments["minutes"] <= 60:
            raise PlanError(f"minutes: {arguments['minutes']:g} is no short while. Say how many minutes, 60 at most.")
        if arguments["requests"] < 1:
            raise PlanError(f"requests: {arguments['requests']} would serve nothing. Say how many requests to answer.")
        handoff = Handoff(
            arguments["directory"], self._task.check_mode, arguments["include_password"], arguments["signer"]
        )
        records = handoff.stored(set())
        if not records:
            raise PlanError(
                f"There is no record of a server below {arguments['directory']}. Run site.yml first: it writes them."
            )
        extra = {}
        for path in arguments["files"]:
            data = _files.read(path)
            if data is None:
                raise FilesError(f"files: there is no {path}. Correct the path, or leave it out.")
            if os.path.basename(path) in extra:
                raise PlanError(f"files: two of them are called {os.path.basename(path)}. Give one another name.")
            extra[os.path.basename(path)] = data
        files = kit.kit(handoff.files(records, []), extra)
        self._fingerprint = handoff.fingerprint
        return files


def _invitation(url: str, minutes: float, fingerprint: list[str]) -> str:
    """Return the text that the person at the terminal shows to the person with the device."""
    compare = [
        "Before anything is trusted, the device must show this fingerprint (SHA-256):",
        *(f"  {line}" for line in fingerprint),
    ]
    lines = [
        f"The device kit is at {url} for {minutes:g} minutes. Ctrl-C ends it sooner.",
        qr_codes.terminal_qr_code(url),
        *(compare if fingerprint else []),
    ]
    return "\n".join(lines)
