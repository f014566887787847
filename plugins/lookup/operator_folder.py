# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: operator_folder
short_description: Where passwords, keys, certificates and pages are kept
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Returns a folder of the control node. It is the environment variable E(REMOTE_NOTEBOOKS_HOME). Without it,
    the folder of the inventory.
  - Where the inventory has no folder, as with C(-i 192.0.2.7,), where it cannot be written, or is part of an installed
    collection, it is C(~/.local/share/remote-notebooks).
  - Never depends on the directory that a command is typed in.
options:
  _terms:
    description: None.
"""

EXAMPLES = r"""
- name: Show where the passwords are
  ansible.builtin.debug:
    msg: "{{ lookup('remote.notebooks.operator_folder') }}/credentials"
"""

RETURN = r"""
_raw:
  description: The absolute path, alone in a list.
  type: list
  elements: str
"""

from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

from ..module_utils._errors import FilesError
from ..plugin_utils._input import operator_folder


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        try:
            return [operator_folder.folder(variables or {})]
        except FilesError as error:
            raise AnsibleError(str(error)) from error
