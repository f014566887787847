# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ..plugin_utils._action import HostAction
from ..plugin_utils._input import tunnel_answers
from ..plugin_utils._input.shapes import Shape


class ActionModule(HostAction):
    """The module; the accounts that it names are names of accounts."""

    def shape(self) -> Shape:
        return tunnel_answers.TUNNEL_STATE
