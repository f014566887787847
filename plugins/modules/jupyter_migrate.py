#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_migrate
short_description: Turn a Jupyter configuration written by hand into variables of the role
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Reads C(jupyter_*config.py) and C(jupyter_*config.json) of one folder of the host, by old names (C(NotebookApp)) and new, and writes the variables
    that say the same to a file of the control node, mode 0600. Nothing of the files is executed; nothing on the host changes.
  - The password's hash is kept word for word, so the old password goes on to log in.
extends_documentation_fragment:
  - remote.notebooks.attributes.control_node
options:
  folder:
    description: The folder on the host, for example C(~ann/.jupyter).
    type: str
    required: true
  variables_file:
    description: Where to keep the variables, on the control node. Its folder gets mode 0700. Where nothing was found, nothing is written.
    type: path
    required: true
attributes:
  check_mode:
    description: Reads, and writes nothing.
    support: full
  diff_mode:
    description: The file may hold a hash, which is never shown.
    support: none
"""

EXAMPLES = r"""
- name: See what Ann's old server was told
  remote.notebooks.jupyter_migrate:
    folder: ~ann/.jupyter
    variables_file: "{{ inventory_dir }}/credentials/{{ inventory_hostname }}/migrated.yml"
"""

RETURN = r"""
files:
  description: The files that were read.
  returned: always
  type: list
  elements: str
variables:
  description: What they come to; a hash and a token stand in the file alone.
  returned: always
  type: dict
  sample: {jupyter_port: 9999}
variables_file:
  description: Where they are kept.
  returned: always
  type: str
remarks:
  description: What a person has to know or to do by hand.
  returned: always
  type: list
  elements: str
"""
