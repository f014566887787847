#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_kernel_keys
short_description: Pair hubs of kernels with the servers that run them (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Creates a key for each hub (C(jupyter_remote_kernels)) and each of its servers, on the control node, for all hosts
    of a run at once. A host that is not in the run keeps its keys.
  - The hub gets the address, the certificates to trust and the key of each server. A server gets the SHA-256 of each
    hub's key.
  - A pair that the inventory does not name any more loses its key. No result has a key.
extends_documentation_fragment:
  - remote.notebooks.attributes.control_node
options:
  plans:
    description: The plans of all hosts of the run, as M(remote.notebooks.jupyter_plan) returns them.
    type: list
    elements: dict
    required: true
  directory:
    description: The folder with the passwords of all hosts (C(jupyter_credentials_dir)).
    type: path
    required: true
  pki_directory:
    description: The folder of the private authority.
    type: path
    required: true
attributes:
  check_mode:
    description: Reports whether the keys would change and writes nothing.
    support: full
  diff_mode:
    description: Keys are never shown.
    support: none
"""

EXAMPLES = r"""
- name: Create keys of hubs for kernels
  remote.notebooks.jupyter_kernel_keys:
    plans: "{{ ansible_play_batch | map('extract', hostvars, ['__jupyter_plan', 'plan']) }}"
    directory: "{{ jupyter_credentials_dir }}"
    pki_directory: "{{ pki_dir }}"
  run_once: true
  register: __jupyter_pairs
"""

RETURN = r"""
remarks:
  description: Pairs that this run could not complete.
  type: list
  elements: str
  returned: success
"""
