# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: new_inventory
short_description: Ask for the settings of a host and write them into an inventory (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Asks at most five questions at the terminal. Each has a default and a reason, and is asked again after a wrong
    answer.
  - Connects to the host with the OpenSSH client of the control node, and reads its system, addresses, rights and
    its free ports.
  - Writes the inventory, or changes the lines of one host in it. All other lines and all comments stay.
options:
  inventory:
    description: The file. A relative path begins in the folder in which the command is typed.
    type: path
    default: inventory/hosts.yml
  interactive:
    description: V(false) takes the default of each question that has no answer here.
    type: bool
    default: true
  host:
    description: The machine, as for ssh. V(localhost) is the control node.
    type: str
  access:
    description: One of V(network), V(away) and V(both).
    type: str
  clients:
    description: Some of V(browser), V(ipad) and V(vscode).
    type: str
  people:
    description: V(one), or the names of accounts.
    type: str
  address:
    description: The names or addresses that people type.
    type: str
requirements:
  - ruamel.yaml
extends_documentation_fragment:
  - remote.notebooks.attributes.control_node
attributes:
  check_mode:
    description: Asks, reads the host, and writes nothing.
    support: full
  diff_mode:
    description: Shows no difference.
    support: none
"""

EXAMPLES = r"""
- name: Add a host with the defaults
  remote.notebooks.new_inventory:
    host: lab.example.org
    interactive: false
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
host:
  description: The name of the host in it.
  type: str
  returned: success
needs_password:
  description: Whether C(sudo) on the host asks for a password.
  type: bool
  returned: success
"""
