# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pki_restore
short_description: Bring the folder of a private authority back from its archive
description:
  - Decrypts an archive of M(remote.notebooks.pki_backup), checks the digest of every file and writes them, all or none.
  - A folder that holds anything else is not touched.
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
extends_documentation_fragment:
  - remote.notebooks.attributes.control_node
  - remote.notebooks.attributes.secrets
  - remote.notebooks.attributes.archive
options:
  directory:
    description: The folder to write.
    type: path
    required: true
attributes:
  check_mode:
    description: Decrypts and checks the archive and writes nothing.
    support: full
seealso:
  - module: remote.notebooks.pki_backup
"""

EXAMPLES = r"""
- name: Bring the authority back
  remote.notebooks.pki_restore:
    file: /media/stick/pki.backup
    directory: "{{ inventory_dir }}/pki"
    passphrase: "{{ vault_backup_passphrase }}"
  run_once: true
  become: false
"""

RETURN = r"""
directory:
  description: The folder.
  type: str
  returned: success
files:
  description: How many files the archive holds.
  type: int
  returned: success
"""
