#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tunnel_sshd
short_description: Let accounts forward to named ports, and do nothing else, in the SSH server's configuration
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Writes the accounts' keys and the C(Match User) block for them, and lets C(sshd) read it. The block is a file of its own where the configuration
    includes a folder of them, else it is marked and at the end of the main file.
  - Before anything is written, C(sshd -t) must take a copy of the whole configuration with the block in it, and C(sshd -T) must say that nothing
    changes for anybody who can log in. Otherwise the module fails and nothing is changed.
  - Open connections of others go on. Those of O(cut_off) end.
extends_documentation_fragment:
  - remote.notebooks.attributes.host
options:
  accounts:
    description: The accounts, as M(remote.notebooks.tunnel_keys) returns them. An empty list removes what this owner has.
    type: list
    elements: dict
    default: []
  owner:
    description: Whose accounts these are.
    type: str
    required: true
  cut_off:
    description: Accounts whose open connections end.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Says what would change and writes nothing.
    support: full
  diff_mode:
    description: Shows each file before and after; public keys are no secret.
    support: full
notes:
  - It needs root.
"""

EXAMPLES = r"""
- name: Let the tablet in
  remote.notebooks.tunnel_sshd:
    owner: lab
    accounts: "{{ __tunnel_keys.accounts }}"
  become: true
"""

RETURN = r"""
files:
  description: The files that changed.
  type: list
  elements: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import _tunnel_host
from ..module_utils._errors import TunnelError


def main() -> None:
    module = AnsibleModule(
        {
            "accounts": {"type": "list", "elements": "dict", "default": []},
            "owner": {"type": "str", "required": True},
            "cut_off": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    given = module.params
    ended: list[int] = []
    try:
        if module.check_mode:
            changes = _tunnel_host.plan(given["owner"], given["accounts"], module.run_command)
        else:
            changes = _tunnel_host.install(given["owner"], given["accounts"], module.run_command, module.atomic_move)
            ended = _tunnel_host.cut_off(given["cut_off"])
    except (TunnelError, OSError) as error:
        module.fail_json(msg=str(error))
    diff = [
        {"before_header": change["path"], "after_header": change["path"], "before": change["before"] or "", "after": change["after"] or ""}
        for change in changes
    ]
    module.exit_json(changed=bool(changes or ended), files=[change["path"] for change in changes], diff=diff)


if __name__ == "__main__":
    main()
