# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any, ClassVar

from ..plugin_utils._jupyter import archive
from ..plugin_utils._pki.action import PkiAction


class ActionModule(PkiAction):
    """Save the records that the control node keeps for its hosts."""

    ARGUMENTS: ClassVar[dict[str, Any]] = {
        "file": {"type": "path", "required": True},
        "passphrase": {"type": "str", "required": True, "no_log": True},
        "folders": {"type": "dict", "required": True},
        "limit": {"type": "float", "default": 100},
        "notebooks": {"type": "dict", "default": {}, "no_log": True},
    }

    def call(self, arguments: dict[str, Any], check_mode: bool) -> dict[str, Any]:
        limit = int(arguments["limit"] * 1_000_000)
        return archive.backup(
            arguments["file"],
            arguments["passphrase"],
            arguments["folders"],
            arguments["notebooks"],
            check_mode=check_mode,
            limit=limit,
        )
