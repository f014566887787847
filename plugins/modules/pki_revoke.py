# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pki_revoke
short_description: Revoke certificates and create the revocation list again
description:
  - Marks certificates as revoked in the authority's C(index.txt) and generates its revocation list again, in PEM and
    DER.
  - A name stands for its certificate and for every other valid one of the same key.
  - The next run of M(remote.notebooks.pki_certificates) issues a certificate with a new key for a name that was
    revoked.
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
requirements:
  - cryptography >= 45 on the control node
extends_documentation_fragment:
  - remote.notebooks.attributes.control_node
options:
  directory:
    description: The folder given to M(remote.notebooks.pki_certificates).
    type: path
    required: true
  passphrase:
    description: Passphrase of the authority's key, where it is not kept in O(directory).
    type: str
  authority:
    description: The same as for M(remote.notebooks.pki_certificates).
    type: dict
    default: {}
  names:
    description: Names of certificates.
    type: list
    elements: str
    default: []
  serials:
    description: Serial numbers in hexadecimal, with or without colons.
    type: list
    elements: str
    default: []
  reason:
    description: Why, as RFC 5280 names it.
    type: str
    choices:
      - unspecified
      - keyCompromise
      - CACompromise
      - affiliationChanged
      - superseded
      - cessationOfOperation
      - certificateHold
    default: unspecified
attributes:
  check_mode:
    description: Reports the certificates to revoke.
    support: full
  diff_mode:
    description: Lists the revoked certificates.
    support: full
"""

EXAMPLES = r"""
- name: A laptop with a copy of the key was stolen
  remote.notebooks.pki_revoke:
    directory: "{{ inventory_dir }}/pki"
    names: [web1/lab]
    reason: keyCompromise
  run_once: true
  become: false
"""

RETURN = r"""
revoked:
  description: Serial numbers that this call revoked.
  type: list
  elements: str
  returned: success
already_revoked:
  description: Serial numbers that were revoked before.
  type: list
  elements: str
  returned: success
crl:
  description: Path of the revocation list in PEM.
  type: str
  returned: success
crl_der:
  description: Path of the revocation list in DER.
  type: str
  returned: success
"""
