# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `remote.notebooks.pki_host_keys`."""

from __future__ import annotations

DOCUMENTATION = r"""
name: pki_host_keys
short_description: The certificates of one host as the module pki_host_key takes them (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description: Takes from C(pki_certificates) the entries named C(<host>/...) with a key C(host), and adds the issued
  certificates, if given.
positional: host, issued
options:
  _input:
    description: The list C(pki_certificates).
    type: list
    elements: dict
    required: true
  host:
    description: The host's name in the inventory.
    type: str
    required: true
  issued:
    description: The RV(remote.notebooks.pki_certificates#module:certificates) of the call that signed the requests.
    type: dict
"""

EXAMPLES = r"""
- name: Make the keys of this host
  remote.notebooks.pki_host_key:
    certificates: "{{ pki_certificates | remote.notebooks.pki_host_keys(inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: A list for the option O(remote.notebooks.pki_host_key#module:certificates).
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

HOST_KEYS = ("path", "owner", "group", "mode")


def pki_host_keys(
    certificates: list[Mapping[str, Any]], host: str, issued: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Return name, key_type and the keys of ``host`` of each certificate of this host, in one flat dict."""
    own = []
    for certificate in certificates:
        name = str(certificate.get("name", ""))
        place = certificate.get("host")
        if not name.startswith(f"{host}/") or place is None:
            continue
        if not isinstance(place, Mapping) or "path" not in place or not set(place) <= set(HOST_KEYS):
            raise AnsibleFilterError(
                f"pki_certificates, '{name}': host must be a dict with path, and perhaps owner, group and mode."
            )
        item = {"name": name, **place}
        if certificate.get("key_type"):
            item["key_type"] = certificate["key_type"]
        if issued is not None:
            item["content"] = issued.get(name, {}).get("content")
        # Nothing came back for it: the authority said why
        if issued is None or item["content"]:
            own.append(item)
    return own


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"pki_host_keys": pki_host_keys}
