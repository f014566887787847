# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: jupyter_work
short_description: The work of each stage of the role jupyter (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description: Sorts the resources that differ on a host by the stage that creates, changes or removes them.
positional: plan
options:
  _input:
    description: The result of M(remote.notebooks.jupyter_state).
    type: dict
    required: true
  plan:
    description: The plan of the host.
    type: dict
    required: true
  busy:
    description: The answer of the program that asks the kernels whether they compute.
    type: str
    default: ''
  failed:
    description: The instances whose server did not start in this run.
    type: list
    elements: str
    default: []
  tags:
    description: The tags of the run.
    type: list
    elements: str
    default: [all]
  skip_tags:
    description: The tags that the run skips.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: List the accounts to create
  ansible.builtin.debug:
    msg: "{{ (__jupyter_state | remote.notebooks.jupyter_work(__jupyter_plan.plan)).accounts }}"
"""

RETURN = r"""
_value:
  description: For each stage, its resources.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ..plugin_utils._state.work import work


class FilterModule:
    def filters(self) -> dict[str, Callable[..., dict[str, Any]]]:
        return {"jupyter_work": work}
