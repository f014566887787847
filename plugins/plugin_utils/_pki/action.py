# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The common parts of the `pki_*` actions: they work on the control node, connect to no host and have one kind of
error."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible.module_utils.basic import missing_required_lib

from ...module_utils._errors import RemoteNotebooksError
from .._action import OwnAction
from .._x509 import certificates


class PkiAction(OwnAction):
    """Arguments in, one call, result out. A subclass gives ``ARGUMENTS`` and ``call``."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    ARGUMENTS: ClassVar[dict[str, Any]] = {}

    @abstractmethod
    def call(self, arguments: dict[str, Any], check_mode: bool) -> dict[str, Any]:
        """Do the work. May raise RemoteNotebooksError. An ``advice`` in the result is also shown as warnings."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(self.ARGUMENTS)
        if certificates.CRYPTOGRAPHY_ERROR:
            raise AnsibleActionFail(missing_required_lib("cryptography"), orig_exc=certificates.CRYPTOGRAPHY_ERROR)
        try:
            result.update(self.call(arguments, bool(self._task.check_mode)))
        except RemoteNotebooksError as error:
            raise AnsibleActionFail(str(error)) from error
        for advice in result.get("advice", []):
            self._display.warning(advice)
        if not self._task.diff:
            result.pop("diff", None)
        return result
