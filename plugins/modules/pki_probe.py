# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pki_probe
short_description: Ask servers which certificate they present
description:
  - Makes a TLS connection from the control node to each of O(endpoints), all at the same time, and compares the
    presented certificate with the expected one.
  - Proves a renewal. A server may go on with the old certificate although the new file is in place.
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
requirements:
  - cryptography >= 45 on the control node
extends_documentation_fragment:
  - remote.notebooks.attributes.control_node
  - remote.notebooks.attributes.reads
options:
  endpoints:
    description:
      - A list of dicts with C(host) and C(port), and perhaps C(server_name), the name a client uses (default C(host)),
        and C(sha256), the fingerprint of the certificate that should be presented.
    type: list
    elements: raw
    required: true
  ca_file:
    description: PEM file with the roots that clients trust. With it, certificate and name are verified as a client
      does.
    type: path
  timeout:
    description: Seconds for one attempt.
    type: float
    default: 5.0
  wait:
    description: For how many seconds a server that does not yet present the right certificate is asked again.
    type: float
    default: 0.0
"""

EXAMPLES = r"""
- name: Prove that the renewed certificate is served
  remote.notebooks.pki_probe:
    endpoints:
      - host: 192.0.2.10
        port: 8888
        server_name: web1.lab.example
        sha256: "{{ issued.certificates['web1/lab'].sha256 }}"
    ca_file: "{{ issued.authority.bundle }}"
    wait: 10
  run_once: true
  become: false
"""

RETURN = r"""
served:
  description:
    - The certificate of each endpoint. C(verified) is null without O(ca_file). C(problem) is null if there is none.
  type: list
  elements: dict
  returned: always
  sample:
    - host: 192.0.2.10
      port: 8888
      sha256: 5f0c1a6f2a7a1c0f4f3c6c1d3b7a9e0f5f0c1a6f2a7a1c0f4f3c6c1d3b7a9e0f
      serial: 7C0E5B2F9A3D41568E1F0A2B3C4D5E6F
      verified: true
      problem: null
problems:
  description: The problems as lines of text.
  type: list
  elements: str
  returned: always
"""
