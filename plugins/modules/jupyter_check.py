#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_check
short_description: Say how the control node can try the servers of a host (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Finds, from the plan and from the files on the control node, every way to every server, the authority to trust and
    the password to log in with.
  - Where no certificate proves the server, the host is asked whose process has the port, so that no password goes to
    another account there.
  - Changes nothing. No secret is in the result.
  - M(remote.notebooks.connection_check) goes these ways, M(remote.notebooks.jupyter_verdicts) concludes.
extends_documentation_fragment:
  - remote.notebooks.attributes.reads
options:
  plan:
    description: The plan of the host, as M(remote.notebooks.jupyter_plan) returns it.
    type: dict
    required: true
  targets:
    description: Ways that are known already, as RV(targets) has them. Then only the host is asked.
    type: list
    elements: dict
  credentials_directory:
    description: The folder that M(remote.notebooks.jupyter_credentials) keeps. Needed without O(targets), as is
      O(pki_directory).
    type: path
  pki_directory:
    description: The folder that the R(pki role,ansible_collections.remote.notebooks.pki_role) keeps.
    type: path
  tunnel_directory:
    description:
      - The folder that the R(tunnel role,ansible_collections.remote.notebooks.tunnel_role) keeps. A tunnel is then
        tried as the account that can only forward, where its key is there without a passphrase, and else as Ansible
        comes.
    type: path
  handoff_directory:
    description: The folder of the hand-off. Each check opens the classic pages at the address that the page of the
      server names.
    type: path
"""

EXAMPLES = r"""
- name: Say how each server can be tried from here
  remote.notebooks.jupyter_check:
    plan: "{{ __jupyter_plan.plan }}"
    credentials_directory: "{{ inventory_dir }}/credentials"
    pki_directory: "{{ inventory_dir }}/pki"
  register: __jupyter_targets
"""

RETURN = r"""
targets:
  description: One for each way to each server. With C(access=both) a server has two.
  returned: always
  type: list
  elements: dict
  contains:
    host: {description: Name of the host in the inventory., type: str, sample: web1}
    instance: {description: Name of the instance., type: str, sample: lab}
    way: {description: 'V(network), V(tunnel), or V(loopback) on this very machine.', type: str, sample: network}
    url: {description: The address that a client types., type: str, sample: "https://lab.example.org:8888/"}
    possible: {description: Whether it can be tried from here., type: bool}
    tunnel: {description: The option of M(remote.notebooks.connection_check); null for none., type: dict}
    ca_file: {description: The authority to trust; null for the system's own list., type: str}
    ca_missing: {description: Whether that file is not there., type: bool}
    password_file: {description: The generated password; null where there is none., type: str}
    given: {description: 'The login in the inventory instead: C(password), C(token) or nothing.', type: str}
    classic: {description: Path of the classic pages to open; empty for none., type: str, sample: tree}
    proven: {description: 'Whether only the server can be at the other end. Where not, nothing secret is to be sent.',
          type: bool}
    stranger: {description: 'The conclusion where another process has the port; null for none.', type: dict}
    sha256: {description: SHA-256 of the certificate issued last; null where this control node knows none., type: str}
"""
