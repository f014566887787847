# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Ansible reaches a host, from the inventory; :mod:`_clients` says what the record holds."""

from __future__ import annotations

import shlex
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleConnectionFailure

from ..module_utils._plain import plain_lines


def contact(task_vars: dict[str, Any], templar: Any) -> dict[str, Any]:
    """Return connection, host, port, user, key and the words of ssh's arguments."""

    def first(*names: str) -> Any:
        return next((value for value in (templar.template(task_vars.get(name)) for name in names) if value), None)

    port = first("ansible_port", "ansible_ssh_port")
    arguments = [first("ansible_ssh_common_args"), first("ansible_ssh_extra_args")]
    return {
        "connection": first("ansible_connection") or C.DEFAULT_TRANSPORT,
        "host": first("ansible_host") or task_vars["inventory_hostname"],
        "port": int(port) if port else None,
        "user": first("ansible_user", "ansible_ssh_user"),
        "private_key_file": first("ansible_ssh_private_key_file", "ansible_private_key_file") or C.DEFAULT_PRIVATE_KEY_FILE,
        "ssh_args": [word for text in arguments if text for word in shlex.split(text)],
    }


def unreachable(host: str, error: Exception) -> AnsibleConnectionFailure:
    """Return the failure of a host that Ansible does not get in touch with, with what to do about it."""
    said = plain_lines(str(error).strip().rstrip("."))
    cure = "Check ansible_host, ansible_port, ansible_user and the SSH key in the inventory."
    if "Host key verification failed" in said:
        cure = "Log in there once with ssh, and compare the key that it shows with the host's own."
    return AnsibleConnectionFailure(f"{host} cannot be reached: {said}. {cure}")
