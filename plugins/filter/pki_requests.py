# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `remote.notebooks.pki_host_keys`."""

from __future__ import annotations

DOCUMENTATION = r"""
name: pki_requests
author: The remote.notebooks founders (@remote-notebooks)
version_added: 1.0.0
short_description: Collect the requests of hosts for the authority (internal)
description:
  - Takes from each host the requests for the certificates that are its own, and no other, however many it has created.
positional: certificates
options:
  _input:
    description: The variables of the hosts, with the result of M(remote.notebooks.pki_host_key) as C(__pki_host).
    type: list
    elements: dict
    required: true
  certificates:
    description: The certificates that are wanted, as O(remote.notebooks.pki_certificates#module:certificates) describes
      them.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: What the hosts of the play have asked for
  ansible.builtin.set_fact:
    wishes: "{{ ansible_play_hosts | map('extract', hostvars) | remote.notebooks.pki_requests(pki_certificates) }}"
"""

RETURN = r"""
_value:
  description: The name of each certificate to the request for it, for the option
    O(remote.notebooks.pki_certificates#module:requests).
  type: dict
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def pki_requests(hosts: Iterable[Mapping[str, Any]], certificates: list[Mapping[str, Any]]) -> dict[str, str]:
    """Return the request for each certificate that its own host has asked for: a name begins with the host that the
    inventory gives it to."""
    asked = {str(host["inventory_hostname"]): (host.get("__pki_host") or {}).get("requests") or {} for host in hosts}
    found = {}
    for name in (
        str(certificate.get("name", "")) for certificate in certificates if certificate.get("host") is not None
    ):
        host = next((host for host in asked if name.startswith(f"{host}/")), None)
        if host is not None and isinstance(asked[host].get(name), str):
            found[name] = asked[host][name]
    return found


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"pki_requests": pki_requests}
