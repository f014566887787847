# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail

from ..module_utils._errors import FilesError
from ..plugin_utils import _files
from ..plugin_utils._action import OwnAction
from ..plugin_utils._jupyter import endpoints
from ..plugin_utils._kernels import pairs, store
from ..plugin_utils._pki import paths

if TYPE_CHECKING:
    from ..plugin_utils._kernels.pairs import Hubs
    from ..plugin_utils._records import Instance, Plan

#: RFC 7468, 5.1
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class ActionModule(OwnAction):
    """Pair the hubs of kernels with their servers, for all hosts of a run at once. Keys stay in files."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(
            {
                "plans": {"type": "list", "elements": "dict", "required": True},
                "directory": {"type": "path", "required": True},
                "pki_directory": {"type": "path", "required": True},
            }
        )
        directory = arguments["directory"]
        plans: dict[str, Plan] = {plan["host"]: plan for plan in arguments["plans"]}

        def trusted(host: str, item: Instance, pinned: bool) -> str | None:
            path = endpoints.authority_file(host, item, arguments["pki_directory"])
            if pinned:
                path = paths.certificate_path(arguments["pki_directory"], f"{host}/{item['name']}")
            if not path:
                return ""
            # The file of a certificate begins with its key, which stays here.
            found = CERTIFICATE.findall((_files.read(path) or b"").decode())
            return "\n".join([*(found[:1] if pinned else found), ""]) if found else None

        def paired() -> tuple[Hubs, list[str]]:
            stored = store.read(directory)
            hubs, problems, remarks = pairs.pair(plans, stored, lambda: secrets.token_urlsafe(32), trusted)
            if problems:
                raise AnsibleActionFail("\n".join(problems))
            known = (task_vars or {}).get("groups", {}).get("all", [])
            return hubs, remarks + pairs.strangers(hubs, {*known, *plans}, directory)

        try:
            if self._task.check_mode:
                hubs, remarks = paired()
                changed = store.differs(directory, hubs)
            else:
                changed = _files.private_directory(directory)
                with _files.lock(directory):
                    hubs, remarks = paired()
                    changed |= store.write(directory, hubs)
        except FilesError as error:
            raise AnsibleActionFail(str(error)) from error
        return {
            **result,
            "changed": changed,
            "remarks": remarks,
        }
