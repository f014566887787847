# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_report
short_description: Show the servers of all hosts, as a table, as JSON and for a metrics collector (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Prints one line for each server, and below it the differences from the inventory.
  - Writes files on the control node only where O(json_file) or O(textfile) asks for them.
extends_documentation_fragment:
  - remote.notebooks.attributes.control_node
options:
  overviews:
    description: The value that M(remote.notebooks.jupyter_state) returned as
      RV(remote.notebooks.jupyter_state#module:overview),
      one for each host.
    type: list
    elements: dict
    required: true
  silent:
    description: Hosts that were asked and gave no answer.
    type: list
    elements: str
    default: []
  expires_within:
    description:
      - A certificate with fewer days left is named.
      - For one with a shorter validity than three times that, it is a third of the validity.
    type: int
    default: 30
  json_file:
    description: Write everything into this file, as JSON.
    type: path
  textfile:
    description: Write metrics into this file, for the textfile collector of Prometheus' node_exporter. Its name has to
      end in C(.prom).
    type: path
attributes:
  check_mode:
    description: Shows the same, and writes no file.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Show what runs where
  remote.notebooks.jupyter_report:
    overviews: "{{ ansible_play_batch | map('extract', hostvars, ['__jupyter_state', 'overview']) }}"
    textfile: /var/lib/prometheus/node-exporter/notebooks.prom
  run_once: true
  become: false
"""

RETURN = r"""
drift:
  description: How many differences each host has that has any.
  returned: always
  type: dict
  sample: {lab.example.org: 2}
ending:
  description: The certificates of each host that end soon, a line each.
  returned: always
  type: dict
  sample: {lab.example.org: [the certificate of lab ends on 2026-12-24]}
msg:
  description: The last line of the report.
  returned: always
  type: str
"""
