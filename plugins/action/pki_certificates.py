# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action behind `remote.notebooks.pki_certificates`: it works on the control node and connects to no host."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.basic import missing_required_lib
from ansible.plugins.action import ActionBase

from ..module_utils import _pki, _x509
from ..module_utils._errors import RemoteNotebooksError

ARGUMENTS: dict[str, Any] = {
    "directory": {"type": "path", "required": True},
    "passphrase": {"type": "str", "no_log": True},
    "authority": {"type": "dict", "default": {}},
    # Checked item by item in _pki_wanted, whose errors name the certificate
    "certificates": {"type": "list", "elements": "raw", "default": []},
    "renew_before_days": {"type": "int", "default": 30},
}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(ARGUMENTS)
        if _x509.CRYPTOGRAPHY_ERROR:
            raise AnsibleActionFail(missing_required_lib("cryptography"), orig_exc=_x509.CRYPTOGRAPHY_ERROR)
        settings = _pki.Settings(check_mode=bool(self._task.check_mode), **arguments)
        try:
            return {**result, **_pki.ensure(settings)}
        except RemoteNotebooksError as error:
            raise AnsibleActionFail(str(error)) from error
