# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action behind `remote.notebooks.pki_probe`."""

from __future__ import annotations

from typing import Any, ClassVar

from ..plugin_utils._pki import inspect
from ..plugin_utils._pki.action import PkiAction


class ActionModule(PkiAction):
    ARGUMENTS: ClassVar[dict[str, Any]] = {
        "endpoints": {"type": "list", "elements": "raw", "required": True},
        "ca_file": {"type": "path"},
        "timeout": {"type": "float", "default": 5.0},
        "wait": {"type": "float", "default": 0.0},
    }

    def call(self, arguments: dict[str, Any], check_mode: bool) -> dict[str, Any]:
        result = inspect.probe(arguments.pop("endpoints"), **arguments)
        return {**result, "failed": True, "msg": "\n".join(result["problems"])} if result["problems"] else result
