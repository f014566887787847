# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action behind `remote.notebooks.pki_revoke`."""

from __future__ import annotations

from typing import Any, ClassVar

from ..plugin_utils._pki import revoke, settings
from ..plugin_utils._pki.action import PkiAction
from ..plugin_utils._x509 import crl


class ActionModule(PkiAction):
    ARGUMENTS: ClassVar[dict[str, Any]] = {
        "directory": {"type": "path", "required": True},
        "passphrase": {"type": "str", "no_log": True},
        "authority": {"type": "dict", "default": {}},
        "names": {"type": "list", "elements": "str", "default": []},
        "serials": {"type": "list", "elements": "str", "default": []},
        "reason": {"type": "str", "choices": list(crl.REASONS), "default": "unspecified"},
    }

    def call(self, arguments: dict[str, Any], check_mode: bool) -> dict[str, Any]:
        names, serials, reason = (arguments.pop(key) for key in ("names", "serials", "reason"))
        return revoke.revoke(settings.Settings(check_mode=check_mode, **arguments), names, serials, reason)
