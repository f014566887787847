# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: plain_text
short_description: Other people's text, as it may stand on a terminal
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Shows every character that a terminal would obey, such as an escape sequence or a bidirectional control, in place of
    obeying it.
  - Shortens long lines, and of many lines keeps the last ones.
  - For the message of a failure, which Ansible prints as it is.
options:
  _input:
    description: The text.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Say why
  ansible.builtin.fail:
    msg: "It does not start: {{ journal.stdout | remote.notebooks.plain_text }}"
"""

RETURN = r"""
_value:
  description: The text, with nothing in it that acts.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ..module_utils._plain import plain_lines


def _plain_text(value: Any) -> str:
    return plain_lines(value)


class FilterModule:
    def filters(self) -> dict[str, Callable[[Any], str]]:
        return {"plain_text": _plain_text}
