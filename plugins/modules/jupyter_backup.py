# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_backup
short_description: Write an encrypted archive of the records that a control node keeps for its Jupyter hosts (internal)
description:
  - Packs passwords, the authority and all other folders in O(folders) into one file, encrypted with AES-256 under a
    passphrase of its own.
  - C(openssl enc -d -aes-256-cbc -pbkdf2 -iter 600000 -md sha256) and C(tar -xz) open it as well.
  - An archive that already holds exactly the same is left alone.
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
extends_documentation_fragment:
  - remote.notebooks.attributes.control_node
  - remote.notebooks.attributes.secrets
  - remote.notebooks.attributes.archive
options:
  folders:
    description: Name in the archive to folder on the control node. A folder that does not exist is left out.
    type: dict
    required: true
  limit:
    description: How much the notebooks of one server may hold, in MB.
    type: float
    default: 100
  notebooks:
    description: C(<host>/<instance>) to the gzipped tar archive of its notebooks, in base64. All of it is held in
      memory.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Says whether the archive would be written.
    support: full
seealso:
  - module: remote.notebooks.jupyter_restore
"""

EXAMPLES = r"""
- name: Save passwords and authority
  remote.notebooks.jupyter_backup:
    file: /media/stick/notebooks.backup
    passphrase: "{{ vault_backup_passphrase }}"
    folders:
      credentials: "{{ inventory_dir }}/credentials"
      pki: "{{ inventory_dir }}/pki"
  run_once: true
  become: false
"""

RETURN = r"""
file:
  description: The archive.
  type: str
  returned: success
left_out:
  description: The notebooks that were left out, with reasons. Regular files, folders and links within pass.
  type: list
  elements: str
  returned: success
files:
  description: How many files it holds.
  type: int
  returned: success
"""
