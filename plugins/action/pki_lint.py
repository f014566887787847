# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action behind `remote.notebooks.pki_lint`."""

from __future__ import annotations

import datetime
from typing import Any, ClassVar

from ..plugin_utils._pki import inspect
from ..plugin_utils._pki.action import PkiAction


class ActionModule(PkiAction):
    ARGUMENTS: ClassVar[dict[str, Any]] = {
        "paths": {"type": "list", "elements": "str", "required": True},
        "key_file": {"type": "path"},
        "ca_file": {"type": "path"},
        "addresses": {"type": "list", "elements": "str", "default": []},
        "fail": {"type": "bool", "default": True},
    }

    def call(self, arguments: dict[str, Any], check_mode: bool) -> dict[str, Any]:
        fail, patterns = arguments.pop("fail"), arguments.pop("paths")
        result = inspect.lint_files(patterns, now=datetime.datetime.now(datetime.timezone.utc), **arguments)
        if fail and not result["accepted"]:
            return {**result, "failed": True, "msg": "\n".join(result["problems"])}
        return result
