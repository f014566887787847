#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_credentials
short_description: Keep the passwords of Jupyter servers on the control node (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Where the user gave no password, one is generated once and kept as C(<directory>/<host>/<instance>.password), mode
    0600.
  - The hash beside it is Jupyter's own argon2id, and is created again only when it no longer verifies the password. A
    control node that has lost it adopts the one on the host if that verifies.
  - The plain password never leaves the control node. C(jupyter_password), C(jupyter_password_hash), C(jupyter_token)
    and the keys of the instances are read from the variables of the host, so that they stand in no task and in no
    result.
extends_documentation_fragment:
  - remote.notebooks.attributes.control_node
  - remote.notebooks.attributes.secrets
options:
  plan:
    description: The plan of the host, as M(remote.notebooks.jupyter_plan) returns it.
    type: dict
    required: true
  directory:
    description: The folder on the control node. It gets mode 0700 and a C(.gitignore).
    type: path
    required: true
  rotate:
    description:
      - Instances that get a new password, C(*) for all. The variable C(rotate_password) may hold it; else it is
        generated.
      - A password that the inventory gives is changed there - named here it is an error, under C(*) it is left alone.
    type: list
    elements: str
    default: []
  forget:
    description: Names of instances that are gone. Their files move to a folder of this moment below C(removed) in
      O(directory).
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Writes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Keep the passwords
  remote.notebooks.jupyter_credentials:
    plan: "{{ __jupyter_plan.plan }}"
    directory: "{{ inventory_dir }}/credentials"
  register: __jupyter_credentials
"""

RETURN = r"""
rotated:
  description: The instances that got a new password.
  returned: always
  type: list
  elements: str
aside:
  description: Where the files of O(forget) lie now.
  returned: always
  type: list
  elements: str
credentials:
  description: For each instance, where its files are on the control node. No secret.
  returned: always
  type: dict
  contains:
    password_file: {description: Path of the generated password; null where the user gave one., type: str}
    given: {description: 'The login of a check if no password was generated: C(password), C(token) or nothing.',
          type: str}
    hash_file: {description: Path of the hash., type: str}
    hash_digest: {description: SHA-256 of the hash file's content., type: str}
    token_file: {description: Path of the token; null where there is none., type: str}
"""
