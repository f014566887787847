# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: hosts
short_description: The host pattern of a playbook of this collection (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Returns the variable C(target), or C(all) without it.
  - Fails where the inventory names no host. Ansible itself skips the play then, and ends as if all were well.
options:
  _terms:
    description: None.
"""

EXAMPLES = r"""
- name: Run Jupyter, reachable and proven
  hosts: "{{ lookup('remote.notebooks.hosts') }}"
  roles:
    - remote.notebooks.jupyter
"""

RETURN = r"""
_raw:
  description: The pattern, alone in a list.
  type: list
  elements: str
"""

from typing import Any

from ansible import context
from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        values = variables or {}
        # A syntax check needs no inventory, and reads this as well.
        if not values.get("groups", {}).get("all") and not context.CLIARGS.get("syntax"):
            raise AnsibleError(
                "the inventory names no host. Name it with -i, and in it each host under hosts:, as inventory.example"
                " does."
            )
        return [self._templar.template(values.get("target", "all"))]
