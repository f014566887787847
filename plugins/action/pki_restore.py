# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action behind `remote.notebooks.pki_restore`."""

from __future__ import annotations

from typing import Any, ClassVar

from ..plugin_utils._pki import archive
from ..plugin_utils._pki.action import PkiAction


class ActionModule(PkiAction):
    ARGUMENTS: ClassVar[dict[str, Any]] = {
        "file": {"type": "path", "required": True},
        "directory": {"type": "path", "required": True},
        "passphrase": {"type": "str", "required": True, "no_log": True},
    }

    def call(self, arguments: dict[str, Any], check_mode: bool) -> dict[str, Any]:
        return archive.restore(arguments["file"], arguments["directory"], arguments["passphrase"], check_mode)
