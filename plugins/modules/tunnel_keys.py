#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tunnel_keys
short_description: Complete tunnel accounts, and keep their SSH keys on the control node (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Checks C(tunnel_accounts), which it reads from the host's variables so that a passphrase stands in no task and in no
    result.
  - Where an account has no C(public_keys), a pair is generated once and kept as C(<directory>/<host>/<account>) in
    OpenSSH's form, C(<account>.pem) in PEM (not for Ed25519) and C(<account>.pub), mode 0600.
  - A lost form comes back from the other; where both are lost a new key is created.
  - Runs on the control node alone; no host is contacted. The private key never leaves it.
extends_documentation_fragment:
  - remote.notebooks.attributes.control_node
options:
  directory:
    description: The folder on the control node. It gets mode 0700 and a C(.gitignore).
    type: path
    required: true
  owner:
    description: Whose accounts these are, as in M(remote.notebooks.tunnel_state).
    type: str
    required: true
  forwards:
    description: The targets by account. Where it is given, it is the list, and C(tunnel_accounts) only says more of the
      accounts it names.
    type: dict
  rotate:
    description: Accounts that get a new key. V(*) stands for all.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Reports the changes and writes nothing.
    support: full
  diff_mode:
    description: Keys are never shown.
    support: none
"""

EXAMPLES = r"""
- name: Keep the keys
  remote.notebooks.tunnel_keys:
    owner: lab
    directory: "{{ inventory_dir }}/tunnel"
    forwards: {ipad: [8888]}
  register: __tunnel_keys
"""

RETURN = r"""
accounts:
  description: The accounts that should be there, with their public keys. No secret.
  returned: always
  type: list
  elements: dict
  contains:
    name: {description: The account., type: str, sample: ipad}
    permit_open: {description: Its allowed targets., type: list, elements: str, sample: ["localhost:8888",
          "127.0.0.1:8888"]}
    public_keys: {description: Empty in check mode where the key is not generated yet., type: list, elements: str}
    groups: {description: Further groups., type: list, elements: str}
    key_type: {description: "C(ecdsa), C(ed25519) or C(rsa).", type: str}
    identity_file: {description: The private key that the user's ssh takes; empty where that is for the user to know.,
          type: str}
    locked: {description: Whether the generated key has a passphrase., type: bool}
    pem_file: {description: "The same key in PEM, where it was created here and has such a form.", type: str}
config_file:
  description: The folder in which M(remote.notebooks.tunnel_client) writes ssh's configuration for the accounts of all
    hosts.
  returned: always
  type: str
  sample: /home/me/inventory/tunnel/config
"""
