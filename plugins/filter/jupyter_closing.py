# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: jupyter_closing
short_description: The last lines of a run of the role jupyter (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description: Says where to connect, which restarts wait, and which hosts were left out.
options:
  _input:
    description: The variables of each host that was compared with its plan.
    type: list
    elements: dict
    required: true
  host:
    description: The host whose run ends. The first of the list speaks for all, any other for itself.
    type: str
    required: true
  left_out:
    description: The hosts of the play that failed or cannot be reached.
    type: list
    elements: str
    required: true
  folder:
    description: The folder of the control node with the passwords.
    type: str
    required: true
  inventory_folder:
    description: The folder of the inventory; O(folder) is named where it is another one.
    type: str
    required: true
  people:
    description: The page of each person with several servers.
    type: dict
    default: {}
  dry:
    description: Whether this is check mode.
    type: bool
    required: true
"""

EXAMPLES = r"""
- name: Report where to connect
  ansible.builtin.debug:
    msg: >-
      {{ ansible_play_batch | map('extract', hostvars) | remote.notebooks.jupyter_closing(
         host=inventory_hostname, left_out=[], folder='/srv/state', inventory_folder='/srv', dry=false) }}
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ..plugin_utils._jupyter.messages import closing


def _closing(hosts: list[Any], *, host: str, **more: Any) -> list[str]:
    speaking = [each for each in hosts if host in (each["inventory_hostname"], hosts[0]["inventory_hostname"])]
    known = [
        {
            "state": each["__jupyter_state"],
            "plan": each["__jupyter_plan"]["plan"],
            "busy": each["__jupyter_busy"].get("stdout", "") if "__jupyter_busy" in each else "",
        }
        for each in speaking
    ]
    return closing(known, **more)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., list[str]]]:
        return {"jupyter_closing": _closing}
