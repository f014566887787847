# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: jupyter_start_failure
short_description: Why a server does not start (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description: Puts the last words of a server, and the remarks that may explain them, into one message.
options:
  _input:
    description: The step that failed, of the filter P(remote.notebooks.jupyter_work#filter).
    type: dict
    required: true
  remarks:
    description: The remarks about the host, of M(remote.notebooks.jupyter_state).
    type: list
    elements: str
    required: true
  log:
    description: The last lines of the unit's log, or of the screen of the tmux session.
    type: str
    default: ''
  output:
    description: The output of the command that starts the unit.
    type: str
    default: ''
  errors:
    description: Its errors.
    type: str
    default: ''
"""

EXAMPLES = r"""
- name: Store the failure
  ansible.builtin.set_fact:
    __jupyter_failures: "{{ [__jupyter_step | remote.notebooks.jupyter_start_failure([], log='killed')] }}"
"""

RETURN = r"""
_value:
  description: The name of the instance and the text of the message.
  type: dict
  contains:
    instance: {description: Name of the instance., type: str}
    text: {description: The message., type: str}
"""

from collections.abc import Callable
from typing import Any

from ..plugin_utils._jupyter.messages import start_failure


class FilterModule:
    def filters(self) -> dict[str, Callable[..., dict[str, Any]]]:
        return {"jupyter_start_failure": start_failure}
