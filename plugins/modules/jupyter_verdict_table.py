#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_verdict_table
short_description: Show the result of the check of all servers (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Prints a table of all servers, then state and cure of each server that is not reachable.
  - Runs on the control node. It does not fail; RV(bad) says for which hosts a play should.
extends_documentation_fragment:
  - remote.notebooks.attributes.control_node
options:
  servers:
    description: The records of all hosts, as M(remote.notebooks.jupyter_verdicts) returns them.
    type: list
    elements: dict
    required: true
  expires_within:
    description:
      - A certificate with fewer days left makes its host bad.
      - For one with a shorter validity than three times that, it is a third of the validity.
    type: int
    default: 30
  json_file:
    description: Where to keep the same for programs, on the control node. Nothing is written without it, nor in check
      mode.
    type: path
attributes:
  check_mode:
    description: Prints, and writes nothing.
    support: full
  diff_mode:
    description: The file is a report, of which each is new.
    support: none
"""

EXAMPLES = r"""
- name: Table
  remote.notebooks.jupyter_verdict_table:
    servers: "{{ ansible_play_batch | map('extract', hostvars, ['__jupyter_check', 'servers']) | flatten }}"
  run_once: true
  register: __jupyter_table
"""

RETURN = r"""
bad:
  description: For each host with a server that is not reachable, or with a certificate that ends soon, one line that
    names it.
  returned: always
  type: dict
  sample: {web1: lab is unreachable (timed_out). The table above has the cure.}
msg:
  description: One line for all.
  returned: always
  type: str
  sample: 1 of 3 not reachable.
"""
