# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_restore
short_description: Restore an archive of M(remote.notebooks.jupyter_backup) (internal)
description:
  - Checks the whole archive before it writes anything. A folder that holds other files already is refused, never mixed
    or overwritten.
  - Notebooks are returned, for tasks that bring them to their hosts. Set C(no_log) on the task.
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
extends_documentation_fragment:
  - remote.notebooks.attributes.control_node
  - remote.notebooks.attributes.secrets
  - remote.notebooks.attributes.archive
options:
  folders:
    description: Name in the archive to folder on the control node.
    type: dict
    required: true
  limit:
    description: How much the notebooks of one server may hold, in MB.
    type: float
    default: 100
attributes:
  check_mode:
    description: Opens the archive and says whether anything would be written.
    support: full
seealso:
  - module: remote.notebooks.jupyter_backup
"""

EXAMPLES = r"""
- name: Bring passwords and authority back
  remote.notebooks.jupyter_restore:
    file: /media/stick/notebooks.backup
    passphrase: "{{ vault_backup_passphrase }}"
    folders:
      credentials: "{{ inventory_dir }}/credentials"
      pki: "{{ inventory_dir }}/pki"
  run_once: true
  become: false
  no_log: true
  register: restored
"""

RETURN = r"""
folders:
  description: The folders that were written.
  type: list
  elements: str
  returned: success
left_out:
  description: The notebooks that were left out, with reasons. Regular files, folders and links within pass.
  type: list
  elements: str
  returned: success
files:
  description: How many files the archive holds.
  type: int
  returned: success
notebooks:
  description: C(<host>/<instance>) to the gzipped tar archive of its notebooks, in base64.
  type: dict
  returned: success
"""
