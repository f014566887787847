# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pki_backup
short_description: Write an encrypted archive of the folder of a private authority
description:
  - Packs the folder of M(remote.notebooks.pki_certificates) into one file, encrypted with AES-256 under a passphrase of
    its own.
  - C(openssl enc -d -aes-256-cbc -pbkdf2 -iter 600000 -md sha256) and C(tar -xz) open it as well.
  - An archive that already holds exactly the same is left alone.
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
extends_documentation_fragment:
  - remote.notebooks.attributes.control_node
  - remote.notebooks.attributes.secrets
  - remote.notebooks.attributes.archive
options:
  directory:
    description: The folder to save.
    type: path
    required: true
attributes:
  check_mode:
    description: Says whether the archive would be written.
    support: full
seealso:
  - module: remote.notebooks.pki_restore
"""

EXAMPLES = r"""
- name: Save the authority
  remote.notebooks.pki_backup:
    directory: "{{ inventory_dir }}/pki"
    file: /media/stick/pki.backup
    passphrase: "{{ vault_backup_passphrase }}"
  run_once: true
  become: false
"""

RETURN = r"""
file:
  description: The archive.
  type: str
  returned: success
files:
  description: How many files it holds.
  type: int
  returned: success
"""
