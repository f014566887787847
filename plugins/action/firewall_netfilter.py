# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ..plugin_utils._action import HostAction
from ..plugin_utils._input import firewall_answers
from ..plugin_utils._input.shapes import Shape


class ActionModule(HostAction):
    """Run the module and validate its answer."""

    def shape(self) -> Shape:
        return firewall_answers.FIREWALL_CHANGE
