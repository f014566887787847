# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the module of the same name, and say at once where the control node lacks a collection that the changes will need."""

from __future__ import annotations

from typing import Any

from ansible.plugins.loader import module_loader

from ..plugin_utils import _answers
from ..plugin_utils._action import OwnAction

# Optional dependencies: asked for only where a host's firewall and a difference call for them
NEEDED = {"ufw": "community.general.ufw", "firewalld": "ansible.posix.firewalld"}


class ActionModule(OwnAction):
    """The module does the work; this adds what only the control node knows."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result, or fail before any change when a collection is missing."""
        result = super().run(tmp, task_vars)
        result.update(_answers.module(self, task_vars or {}, _answers.FIREWALL_STATE))
        for provider in {entry["provider"] for entry in result.get("difference", [])} & set(NEEDED):
            name = NEEDED[provider]
            if not module_loader.find_plugin_with_context(name, collection_list=[]).resolved:
                collection = name.rpartition(".")[0]
                result.update(
                    failed=True,
                    msg=f"{provider} on this host needs the module {name}. On the control node: ansible-galaxy collection install {collection}",
                )
        return result
