#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tunnel_sshd
short_description: Let accounts forward to named ports alone, in the configuration of sshd (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Writes the accounts' keys and the C(Match User) block for them, and lets C(sshd) read it. The block is a file of its
    own where the configuration includes a folder of them, else it is marked and at the end of the main file.
  - Before anything is written, C(sshd -t) must take a copy of the whole configuration with the block in it, and C(sshd
    -T) must say that nothing changes for anybody who can log in. Otherwise the module fails and nothing is changed.
  - Open connections of others go on. Those of O(cut_off) end.
extends_documentation_fragment:
  - remote.notebooks.attributes.host
options:
  accounts:
    description: The accounts, as M(remote.notebooks.tunnel_keys) returns them. An empty list removes all accounts of
      this owner.
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
  login:
    description:
      - How the control node logs in to O(login.accounts) once the change is created, as their clients will. Where one
        is not let in, the change is taken back and the module fails with the reason. Without it nobody logs in.
    type: dict
    suboptions:
      accounts:
        description: Who changed, as M(remote.notebooks.tunnel_state) returns them in C(due).
        type: list
        elements: str
        default: []
      new:
        description: The accounts that this run has created; they go again where one is not let in.
        type: list
        elements: str
        default: []
      elsewhere:
        description: By account, why it cannot come from this machine.
        type: dict
        default: {}
      directory:
        description: The folder of the keys on the control node, as in M(remote.notebooks.tunnel_client).
        type: path
        required: true
      host_keys:
        description: The host's public keys; no other host is spoken to.
        type: list
        elements: str
        default: []
      address:
        description: As in M(remote.notebooks.tunnel_client).
        type: str
        default: ""
      jump:
        description: As in M(remote.notebooks.tunnel_client).
        type: str
        default: ""
      override:
        description: As in M(remote.notebooks.tunnel_state).
        type: bool
        default: false
  refused:
    description: Set by the action itself, where an account was not let in. The module then says why, and takes the last
      change back.
    type: dict
    suboptions:
      account:
        description: The account.
        type: str
        required: true
      new:
        description: As in O(login.new).
        type: list
        elements: str
        default: []
      override:
        description: As in O(login.override).
        type: bool
        default: false
attributes:
  check_mode:
    description: Reports the changes and writes nothing.
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
  returned: where nobody was refused
why:
  description: The settings that block the refused account.
  type: list
  elements: str
  returned: with O(refused)
heard:
  description: The messages of sshd about it in the host's log.
  type: list
  elements: str
  returned: with O(refused)
left:
  description: Why the last change could not be taken back; empty where it was.
  type: str
  returned: with O(refused)
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors import TunnelError
from ..module_utils._tunnel import install

NAMES = {"type": "list", "elements": "str", "default": []}
LOGIN = {
    "accounts": NAMES,
    "new": NAMES,
    "elsewhere": {"type": "dict", "default": {}},
    "directory": {"type": "path", "required": True},
    "host_keys": {**NAMES, "no_log": False},
    "address": {"type": "str", "default": ""},
    "jump": {"type": "str", "default": ""},
    "override": {"type": "bool", "default": False},
}
REFUSED = {
    "account": {"type": "str", "required": True},
    "new": NAMES,
    "override": {"type": "bool", "default": False},
}


def main() -> None:
    module = AnsibleModule(
        {
            "accounts": {"type": "list", "elements": "dict", "default": []},
            "owner": {"type": "str", "required": True},
            "cut_off": NAMES,
            "login": {"type": "dict", "options": LOGIN},
            "refused": {"type": "dict", "options": REFUSED},
        },
        supports_check_mode=True,
    )
    given = module.params
    ended: list[int] = []
    try:
        if given["refused"]:
            refuse(module)
        if module.check_mode:
            changes = install.plan(given["owner"], given["accounts"], module.run_command)
        else:
            changes = install.install(given["owner"], given["accounts"], module.run_command, module.atomic_move)
            ended = install.cut_off(given["cut_off"])
    except (TunnelError, OSError) as error:
        module.fail_json(msg=str(error))
    diff = [
        {
            "before_header": change["path"],
            "after_header": change["path"],
            "before": change["before"] or "",
            "after": change["after"] or "",
        }
        for change in changes
    ]
    module.exit_json(changed=bool(changes or ended), files=[change["path"] for change in changes], diff=diff)


def refuse(module: AnsibleModule) -> None:
    """Say why somebody was not let in, and leave the host as it was."""
    owner, refused = module.params["owner"], module.params["refused"]
    said = install.explain(
        owner, module.params["accounts"], refused["account"], refused["override"], module.run_command
    )
    left = ""
    try:
        install.take_back(owner, refused["new"], module.run_command, module.atomic_move)
    except (TunnelError, OSError) as error:
        left = str(error)
    module.exit_json(changed=True, left=left, **said)


if __name__ == "__main__":
    main()
