# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pki_certificates
short_description: Make a private authority and all its server certificates in one call
description:
  - Makes an X.509 certificate authority once and issues every certificate of O(certificates) that is missing or no longer fits.
  - Works on the control node and connects to no host. Use it with C(run_once).
  - The authority's folder has the layout of C(openssl ca), so that C(openssl) can take over at any time.
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
requirements:
  - cryptography >= 45 on the control node
options:
  directory:
    description: Folder on the control node for the authority and the certificates. Made with mode 0700 and hidden from git.
    type: path
    required: true
  passphrase:
    description:
      - Passphrase of the authority's key, at least eight characters.
      - Without one, one is generated once and kept in O(directory), in the file C(passphrase) with mode 0600.
    type: str
  authority:
    description:
      - How to make the authority. An authority that exists is never replaced.
      - "Keys: C(common_name) (default C(Private CA) and eight random digits), C(organization), C(days) (default 7300),
        C(key_type) (as for O(certificates))."
    type: dict
    default: {}
  certificates:
    description:
      - The server certificates, a list of dicts.
      - "Keys: C(name), a path such as C(web1/lab) (required); C(addresses), the DNS names and IP addresses that clients use (required);
        C(days), 1 to 825, default 397; C(key_type), one of C(ecdsa_p256) (default), C(ecdsa_p384), C(rsa_2048), C(rsa_3072), C(rsa_4096)."
    type: list
    elements: raw
    default: []
  renew_before_days:
    description: A certificate with fewer days left is issued again, with the same key.
    type: int
    default: 30
attributes:
  check_mode:
    description: Says what would be done and writes nothing.
    support: full
  diff_mode:
    description: Says why each certificate is issued or kept, never what is in a key.
    support: none
  platform:
    description: The control node.
    support: full
    platforms: posix
"""

EXAMPLES = r"""
- name: Issue the certificates of the whole play
  remote.notebooks.pki_certificates:
    directory: "{{ inventory_dir }}/pki"
    certificates:
      - name: web1/lab
        addresses: [web1.lab.example, 192.0.2.10]
  run_once: true
  become: false
  register: issued
"""

RETURN = r"""
authority:
  description: The authority. Digests are null in check mode where it does not exist yet.
  type: dict
  returned: success
  contains:
    certificate:
      description: Path of its certificate in PEM.
      type: str
      returned: success
    der:
      description: Path of its certificate in DER, the form devices install.
      type: str
      returned: success
    sha256:
      description: SHA-256 fingerprint in hexadecimal.
      type: str
      returned: success
    not_after:
      description: Its end, ISO 8601 in UTC.
      type: str
      returned: success
    created:
      description: Whether this run made it.
      type: bool
      returned: success
certificates:
  description: What became of each certificate, by name. In check mode the digests of one not yet issued are null.
  type: dict
  returned: success
  sample:
    web1/lab:
      pem: /home/me/inventory/pki/certificates/web1/lab.pem
      key: /home/me/inventory/pki/certificates/web1/lab.pem
      certificate: /home/me/inventory/pki/ca/newcerts/7C0E5B2F9A3D41568E1F0A2B3C4D5E6F.pem
      serial: 7C0E5B2F9A3D41568E1F0A2B3C4D5E6F
      sha256: 5f0c1a6f2a7a1c0f4f3c6c1d3b7a9e0f5f0c1a6f2a7a1c0f4f3c6c1d3b7a9e0f
      not_after: "2027-12-22T10:00:00Z"
      changed: true
      reason: missing
"""
