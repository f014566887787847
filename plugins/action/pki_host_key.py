# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from typing import Any

from ..plugin_utils._action import HostAction
from ..plugin_utils._input import answers
from ..plugin_utils._input.shapes import Shape
from ..plugin_utils._pki import paths


class ActionModule(HostAction):
    """The module; it may ask for the certificates that it was asked about, and for no other."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        arguments = self._task.args
        directory = os.path.expanduser(str(arguments.get("directory") or ""))
        names = [str(certificate.get("name")) for certificate in arguments.get("certificates") or []]
        never = [name for name in names if directory and not os.path.isfile(paths.certificate_path(directory, name))]
        self._task.args = {**arguments, "never_issued": never}
        return super().run(tmp, task_vars)

    def shape(self) -> Shape:
        return answers.requests(
            [str(certificate.get("name")) for certificate in self._task.args.get("certificates") or []]
        )
