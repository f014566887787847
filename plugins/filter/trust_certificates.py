# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: trust_certificates
short_description: Split a PEM file into its certificates
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Gives each certificate a name by its fingerprint, as M(remote.notebooks.trust_anchors) does.
options:
  _input:
    description: The text of the file.
    type: str
    required: true
  name:
    description: How the names begin.
    type: str
    default: remote-notebooks
"""

EXAMPLES = r"""
- name: Show the fingerprints
  ansible.builtin.debug:
    msg: "{{ lookup('ansible.builtin.file',
    'ca.pem') | remote.notebooks.trust_certificates | map(attribute='sha256') }}"
"""

RETURN = r"""
_value:
  description: One entry with C(name), C(sha256) (lower-case hexadecimal) and C(pem) for each certificate.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils import _trust
from ..module_utils._errors import PkiError


def _trust_certificates(pem: str, name: str = "remote-notebooks") -> list[dict[str, Any]]:
    try:
        found = _trust.certificates(pem, name)
    except PkiError as error:
        raise AnsibleFilterError(f"trust_certificates: {error}") from error
    return [{"name": nickname, "sha256": _trust.sha256(block), "pem": block} for nickname, block in found.items()]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., list[dict[str, Any]]]]:
        return {"trust_certificates": _trust_certificates}
