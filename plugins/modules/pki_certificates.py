# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pki_certificates
short_description: Create a private authority and all its server certificates in one call
description:
  - Creates an X.509 certificate authority once and issues every certificate of O(certificates) that is missing or no
    longer fits.
  - Works on the control node and connects to no host. Use it with C(run_once).
  - The authority's folder has the layout of C(openssl ca), so that C(openssl) can continue at any time, and everything
    that it did by hand is seen.
  - Nothing is written before everything was checked and signed; a failed call has changed nothing.
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
requirements:
  - cryptography >= 45 on the control node
extends_documentation_fragment:
  - remote.notebooks.attributes.control_node
options:
  directory:
    description: Folder on the control node for the authority and the certificates. Created with mode 0700 and hidden
      from git.
    type: path
    required: true
  passphrase:
    description:
      - Passphrase of the authority's key, at least eight characters.
      - Without one, one is generated once and kept in O(directory), in the file C(passphrase) with mode 0600.
    type: str
  authority:
    description:
      - How to create the authority, or where one that exists lies. An authority that exists is never replaced; where
        O(authority) describes another one, a warning says so.
      - C(directory) is the authority's folder, below O(directory) unless it is absolute, default C(ca). A folder made
        by hand with C(openssl) (C(private/ca.key.pem), C(certs/ca.cert.pem), C(index.txt) and so on) is adopted in
        place.
      - C(common_name) is the name that devices show, default C(Private CA) and eight random digits; C(organization)
        goes with it.
      - C(days) is 1 to 36500, default 7300. C(key_type) is as for O(certificates).
      - C(intermediate), a boolean, puts an authority between the root and the servers, so that the root's key can be
        kept elsewhere.
      - C(name_constraints) is C(inventory), which derives them from O(certificates), or a list of domains and networks.
      - C(crl_days) is how long a revocation list is valid, default 90; C(crl_url), an C(http) address, is where clients
        find it.
    type: dict
    default: {}
  also_trusted:
    description: Folders, as C(directory) of O(authority), of roots that clients should trust as well. One that does not
      exist is created.
    type: list
    elements: str
    default: []
  certificates:
    description:
      - The server certificates, a list of dicts.
      - C(name), required, is a path such as C(web1/lab). It names the file below C(certificates) of O(directory).
      - C(addresses), required, are the DNS names and IP addresses that clients use.
      - C(days) is 1 to 825, default 397. C(key_type) is one of C(ecdsa_p256) (default), C(ecdsa_p384), C(rsa_2048),
        C(rsa_3072), C(rsa_4096).
      - C(source) is C(authority) (default), C(self_signed), or C(provided) with C(certificate_file) (the chain behind
        it), C(key_file) and C(ca_file), the roots it should lead to.
      - C(exports) is a list of C(chain), C(der), C(pkcs12) and C(pkcs12_legacy) (3DES, for systems that open nothing
        newer).
      - C(host) says where key and certificate go on a host, see O(requests).
    type: list
    elements: raw
    default: []
  requests:
    description:
      - Certificate signing requests in PEM by the name of the certificate, for keys that are born on hosts.
      - With this option, no key is created here for a certificate that has a key C(host).
    type: dict
  renew_before_days:
    description: A certificate with fewer days left is issued again.
    type: int
    default: 30
  renew:
    description: Names of certificates to issue again now, or V(*) for all.
    type: list
    elements: str
    default: []
  renew_keys:
    description: Create a new key for a certificate that is issued again. By default the key is kept where it fits.
    type: bool
    default: false
  export_passphrase:
    description: Passphrase of the PKCS#12 files.
    type: str
attributes:
  check_mode:
    description: Reports the changes and writes nothing.
    support: full
  diff_mode:
    description: Lists the issued certificates with reasons, and never shows a key.
    support: full
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

- name: Adopt an authority that was created by hand
  remote.notebooks.pki_certificates:
    directory: "{{ inventory_dir }}/pki"
    passphrase: "{{ vault_ca_passphrase }}"
    authority:
      directory: /root/ca
    certificates:
      - name: web1/lab
        addresses: [web1.lab.example]
  run_once: true
  become: false
"""

RETURN = r"""
authority:
  description: The authority, its root where there is an intermediate. Digests are null in check mode where it does not
    exist yet.
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
    bundle:
      description: Path of a PEM file with every root that clients should trust.
      type: str
      returned: success
    crl:
      description: Path of the revocation list in PEM; the DER form lies beside it.
      type: str
      returned: success
    common_name:
      description: The name that devices show.
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
      description: Whether this run created it.
      type: bool
      returned: success
    intermediate:
      description: The same (C(certificate), C(der), C(common_name), C(sha256), C(not_after)) of the intermediate, or
        null.
      type: dict
      returned: success
authorities:
  description:
    - Every root that clients should trust, the one in use first.
    - Each has C(certificate), C(der), C(common_name), C(sha256) and C(not_after).
  type: list
  elements: dict
  returned: success
certificates:
  description:
    - The result for each certificate, by name. In check mode the digests of one not yet issued are null.
    - C(key) is null and C(content) holds certificate and chain where the key is on a host.
  type: dict
  returned: success
  sample:
    web1/lab:
      pem: /home/me/inventory/pki/certificates/web1/lab.pem
      key: /home/me/inventory/pki/certificates/web1/lab.pem
      certificate: /home/me/inventory/pki/ca/newcerts/7C0E5B2F9A3D41568E1F0A2B3C4D5E6F.pem
      content: null
      exports: {}
      serial: 7C0E5B2F9A3D41568E1F0A2B3C4D5E6F
      sha256: 5f0c1a6f2a7a1c0f4f3c6c1d3b7a9e0f5f0c1a6f2a7a1c0f4f3c6c1d3b7a9e0f
      not_after: "2027-12-22T10:00:00Z"
      changed: true
      reason: missing
notes:
  description: The changes of the authority itself.
  type: list
  elements: str
  returned: success
advice:
  description: Facts that need attention although the run continued. Shown as warnings, too.
  type: list
  elements: str
  returned: success
"""
