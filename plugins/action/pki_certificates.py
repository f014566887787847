# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action behind `remote.notebooks.pki_certificates`."""

from __future__ import annotations

from typing import Any, ClassVar

from ..plugin_utils._pki import issue, settings
from ..plugin_utils._pki.action import PkiAction


class ActionModule(PkiAction):
    ARGUMENTS: ClassVar[dict[str, Any]] = {
        "directory": {"type": "path", "required": True},
        "passphrase": {"type": "str", "no_log": True},
        "authority": {"type": "dict", "default": {}},
        "also_trusted": {"type": "list", "elements": "str", "default": []},
        # Checked item by item in _pki_wanted, whose errors name the certificate
        "certificates": {"type": "list", "elements": "raw", "default": []},
        "requests": {"type": "dict"},
        "renew_before_days": {"type": "int", "default": 30},
        "renew": {"type": "list", "elements": "str", "default": []},
        "renew_keys": {"type": "bool", "default": False},
        "export_passphrase": {"type": "str", "no_log": True},
    }

    def call(self, arguments: dict[str, Any], check_mode: bool) -> dict[str, Any]:
        return issue.ensure(settings.Settings(check_mode=check_mode, **arguments))
