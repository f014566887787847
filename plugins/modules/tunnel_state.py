#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tunnel_state
short_description: Compare a host's tunnel accounts and its SSH server with the wanted state (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Reads accounts, keys and the SSH server's configuration in one round trip and reports the differences. Changes
    nothing.
  - Asks C(sshd -T -C user=...,addr=...) for the effective settings of each account that comes as this connection does,
    with the
    block that is to come, in a copy of the configuration. Where something forbids the tunnel, the module fails and
    names the file, the line and the text to write there.
  - The R(tunnel role,ansible_collections.remote.notebooks.tunnel_role) runs it first and skips everything else when
    nothing differs.
extends_documentation_fragment:
  - remote.notebooks.attributes.host
  - remote.notebooks.attributes.reads
options:
  accounts:
    description: The accounts, as M(remote.notebooks.tunnel_keys) returns them.
    type: list
    elements: dict
    default: []
  owner:
    description: Whose accounts these are. Accounts of another owner are not compared.
    type: str
    required: true
  override:
    description: Whether the accounts may be an exception from the settings of the host's administrator.
    type: bool
    default: false
notes:
  - It needs root.
"""

EXAMPLES = r"""
- name: Ask what is missing
  remote.notebooks.tunnel_state:
    owner: lab
    accounts: "{{ __tunnel_keys.accounts }}"
  become: true
  register: tunnel
"""

RETURN = r"""
difference:
  description: The necessary changes. Empty if there are none.
  type: list
  elements: dict
  returned: always
  contains:
    id: {description: Kind and name., type: str, sample: keys ipad}
    kind: {description: "C(account), C(keys), C(sshd) or C(unwanted).", type: str}
    name: {description: The account or the file of the SSH server., type: str}
    text: {description: The same as one sentence., type: str}
unwanted:
  description: Accounts of this owner that are no longer wanted.
  type: list
  elements: str
  returned: always
new:
  description: Wanted accounts that the host does not have.
  type: list
  elements: str
  returned: always
due:
  description: Accounts that have to log in before the change counts.
  type: list
  elements: str
  returned: always
elsewhere:
  description: By account, the line by which it may come from other addresses only than this connection does.
  type: dict
  returned: always
cut_off:
  description: Accounts whose open connections must end, because something that let them in is gone.
  type: list
  elements: str
  returned: always
host_keys:
  description: The public host keys, as C(type base64).
  type: list
  elements: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors import TunnelError
from ..module_utils._tunnel import difference as tunnel_difference
from ..module_utils._tunnel import host
from ..module_utils._tunnel import refusals as tunnel_refusals


def main() -> None:
    module = AnsibleModule(
        {
            "accounts": {"type": "list", "elements": "dict", "default": []},
            "owner": {"type": "str", "required": True},
            "override": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        report = host.read(given["owner"], given["accounts"], module.run_command)
    except (TunnelError, OSError) as error:
        module.fail_json(msg=str(error))
    problems = tunnel_refusals.refusals(given["accounts"], report, given["owner"], given["override"])
    if problems:
        module.fail_json(msg="\n".join(problems))
    difference = tunnel_difference.difference(given["accounts"], report, given["owner"])
    module.exit_json(
        changed=False,
        difference=difference,
        unwanted=[change["name"] for change in difference if change["kind"] == "unwanted"],
        cut_off=tunnel_difference.cut_off(given["accounts"], report),
        new=[account["name"] for account in given["accounts"] if report["accounts"][account["name"]] is None],
        due=tunnel_difference.due(given["accounts"], difference),
        elsewhere={
            name: line
            for name, line in (
                (account["name"], tunnel_refusals.elsewhere(account, report)) for account in given["accounts"]
            )
            if line
        },
        host_keys=report["host_keys"],
    )


if __name__ == "__main__":
    main()
