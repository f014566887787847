#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tunnel_client
short_description: Write the files with which the user's ssh opens a tunnel (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Writes on the control node, for each account, C(<directory>/<host>/<account>.config), a block for ssh with the
    forwards, the key, the host's keys and the way through a jump host. C(ssh -F FILE -N <host>-<account>) then opens
    the tunnel.
  - C(<directory>/config) includes the blocks of all hosts.
  - Runs on the control node alone; no host is contacted.
extends_documentation_fragment:
  - remote.notebooks.attributes.control_node
options:
  directory:
    description: The folder on the control node.
    type: path
    required: true
  accounts:
    description: The accounts, as M(remote.notebooks.tunnel_keys) returns them.
    type: list
    elements: dict
    default: []
  host_keys:
    description: The host's public keys, as M(remote.notebooks.tunnel_state) returns them.
    type: list
    elements: str
    default: []
  address:
    description: The address for clients. Default is C(ansible_host), or the inventory's name.
    type: str
    default: ""
  jump:
    description: C(ProxyJump) for the clients. Default is the value in C(ansible_ssh_common_args) or
      C(ansible_ssh_extra_args).
    type: str
    default: ""
  local_ports:
    description: The near port of a forwarding, by the port on the host's loopback. Default is the same number.
    type: dict
    default: {}
  ssh_config:
    description: A configuration of the user's own, such as C(~/.ssh/config), that gets one C(Include) line.
    type: path
  forget:
    description: Accounts that are gone. Their blocks are removed, and their keys move to a folder of this moment below
      C(removed) in O(directory).
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Reports the changes and writes nothing.
    support: full
  diff_mode:
    description: Shows the blocks, and no key.
    support: full
"""

EXAMPLES = r"""
- name: Write the blocks
  remote.notebooks.tunnel_client:
    directory: "{{ inventory_dir }}/tunnel"
    accounts: "{{ __tunnel_keys.accounts }}"
    host_keys: "{{ __tunnel_state.host_keys }}"
    ssh_config: ~/.ssh/config
"""

RETURN = r"""
aside:
  description: Where the keys of O(forget) lie now.
  returned: always
  type: list
  elements: str
clients:
  description: The connection data of each account. No secret.
  returned: always
  type: list
  elements: dict
  contains:
    account: {description: The account., type: str, sample: ipad}
    alias: {description: The name in ssh's configuration., type: str, sample: web1-ipad}
    command: {description: The command that opens the tunnel., type: str}
    config_file: {description: The file that includes the blocks of all hosts., type: str}
    address: {description: The address for clients., type: str}
    port: {description: The port of the SSH server., type: int}
    private_key_file: {description: The private key in OpenSSH's form; null where it is not known., type: str}
    pem_file: {description: The same in PEM; null where the key was not generated here., type: str}
    forwards: {description: Each local port with its target., type: list, elements: dict}
"""
