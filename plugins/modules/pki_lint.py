# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pki_lint
short_description: Say whether Apple platforms, Chromium and openssl accept a certificate
description:
  - Checks certificate files on the control node against the rules of Apple platforms, Chromium and C(openssl).
  - Names each broken rule with its cure.
  - A file holds one certificate, perhaps with its chain and its private key, in PEM, or one in DER.
  - A file with an authority alone is checked as a root to be installed on devices.
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
requirements:
  - cryptography >= 45 on the control node
extends_documentation_fragment:
  - remote.notebooks.attributes.control_node
  - remote.notebooks.attributes.reads
options:
  paths:
    description: Files, or patterns such as C(pki/certificates/**/*.pem).
    type: list
    elements: str
    required: true
  key_file:
    description: The private key that must belong to the certificate. A key in the same file is checked anyway.
    type: path
  ca_file:
    description: PEM file with the roots that the certificate must lead to.
    type: path
  addresses:
    description: DNS names and IP addresses that the certificate must cover.
    type: list
    elements: str
    default: []
  fail:
    description: Fail where any of the three refuses a certificate.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Look at a certificate before it is used
  remote.notebooks.pki_lint:
    paths: [/etc/ssl/web1.pem]
    ca_file: /etc/ssl/company-root.pem
    addresses: [web1.lab.example]
"""

RETURN = r"""
accepted:
  description: Whether all of them accept every certificate.
  type: bool
  returned: always
certificates:
  description: The report of each file.
  type: dict
  returned: always
  sample:
    /etc/ssl/web1.pem:
      accepted: {apple: false, chromium: true, openssl: true}
      findings:
        - rule: 825-days
          subject: /CN=web1.lab.example
          text: it is valid for 3650 days, more than 825
          cure: Have it issued for at most 825 days.
          refused_by: [apple]
problems:
  description: The findings as lines of text.
  type: list
  elements: str
  returned: always
"""
