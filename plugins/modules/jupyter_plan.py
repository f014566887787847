#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_plan
short_description: Resolve the inventory's settings of Jupyter on one host (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Completes every instance of C(jupyter_instances) with the host-wide C(jupyter_*) values, and refuses settings that
    contradict each other.
  - The types and the choices of each value are those of the role's C(meta/argument_specs.yml).
  - Runs on the control node and asks the host nothing. Secrets are left out of the result.
options:
  verb:
    description:
      - The task of this run besides the main job. V(uninstall) plans for no server at all, whichever instances the
        variables name; the others, but V(report), work on the servers that are there and on no others.
    type: str
    choices: ['', rotate_password, upgrade, rollback, renew, backup, report, uninstall]
    default: ''
extends_documentation_fragment:
  - remote.notebooks.attributes.control_node
  - remote.notebooks.attributes.reads
"""

EXAMPLES = r"""
- name: Plan
  remote.notebooks.jupyter_plan:
  register: __jupyter_plan
"""

RETURN = r"""
plan:
  description: The plan of the host.
  returned: always
  type: dict
  contains:
    absent: {description: Instances that go because the inventory says so., type: list, elements: str}
    prune: {description: Whether servers of which the inventory says nothing go as well., type: bool}
    verb: {description: The verb of this run., type: str}
    host: {description: Name of the host in the inventory., type: str, sample: web1}
    scope: {description: C(system) or C(user)., type: str, sample: system}
    prefix: {description: The folder of the environments., type: str, sample: /opt/remote-notebooks}
    config_dir: {description: The folder of the configurations., type: str, sample: /etc/remote-notebooks}
    instances: {description: "Every instance, complete.", type: list, elements: dict}
    contact: {description: How Ansible itself reaches the host., type: dict}
    certificates: {description: 'The certificates for the C(pki) role: name and addresses.', type: list, elements: dict}
    tunnel_forwards: {description: 'The allowed targets of each account of the C(tunnel) role.', type: dict}
    firewall_rules: {description: 'The ports for the C(firewall) role: port, protocol, sources, state.',
          type: list, elements: dict}
needs:
  description:
    - The work on the control node before the host is compared with its plan. V(certificates) and V(tunnels) create
      keys there. V(look) checks the host before that, since it may be refused.
  returned: always
  type: list
  elements: str
"""
