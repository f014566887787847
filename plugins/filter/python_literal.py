# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: python_literal
short_description: A value as Python source
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Turns nulls, booleans, numbers, strings, lists and mappings into a Python literal, for configuration files that are
    Python.
options:
  _input:
    description: The value.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: One line of a Jupyter configuration
  ansible.builtin.debug:
    msg: "c.ServerApp.ssl_options = {{ {'ciphers': 'ECDHE+AESGCM'} | remote.notebooks.python_literal }}"
"""

RETURN = r"""
_value:
  description: The literal.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils._templates.python_literal import python_literal


def _python_literal(value: Any) -> str:
    try:
        return python_literal(value)
    except TypeError as error:
        raise AnsibleFilterError(f"python_literal: {error}.") from error


class FilterModule:
    def filters(self) -> dict[str, Callable[[Any], str]]:
        return {"python_literal": _python_literal}
