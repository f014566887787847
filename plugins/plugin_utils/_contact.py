# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Ansible reaches a host, from the inventory; :mod:`_clients` says what the record holds."""

from __future__ import annotations

import ipaddress
import re
import shlex
import subprocess
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleConnectionFailure

from ..module_utils._plain import plain_lines

SSH = ("ssh", "ansible.builtin.ssh", "smart")
#: What the connections of Ansible say where sudo and its like want a password: ssh, and local, which shows sudo's own words or only waits.
BECOME = re.compile(r"(?:Missing|Incorrect) [\w.]+ password|a password is required|waiting for (?:become success|privilege escalation)")


def contact(task_vars: dict[str, Any], templar: Any) -> dict[str, Any]:
    """Return connection, host, port, user, key and the words of ssh's arguments."""

    def first(*names: str) -> Any:
        return next((value for value in (templar.template(task_vars.get(name)) for name in names) if value), None)

    port = first("ansible_port", "ansible_ssh_port")
    arguments = [first("ansible_ssh_common_args"), first("ansible_ssh_extra_args")]
    connection, host = first("ansible_connection") or C.DEFAULT_TRANSPORT, first("ansible_host") or task_vars["inventory_hostname"]
    words = [word for text in arguments if text for word in shlex.split(text)]
    known = configured(first("ansible_ssh_executable") or "ssh", host, words) if connection in SSH else {}
    return {
        "connection": connection,
        "host": host,
        # What others can reach: the host's name may be known to this account's ssh alone.
        "address": known.get("hostname") or host,
        "address_port": int(port or known.get("port") or 22),
        "proxy": next((f"{option} {known[option.lower()]}" for option in ("ProxyJump", "ProxyCommand") if known.get(option.lower())), ""),
        "port": int(port) if port else None,
        "user": first("ansible_user", "ansible_ssh_user"),
        "private_key_file": first("ansible_ssh_private_key_file", "ansible_private_key_file") or C.DEFAULT_PRIVATE_KEY_FILE,
        "ssh_args": words,
    }


def configured(ssh: str, host: str, arguments: list[str]) -> dict[str, str]:
    """Return what ssh's own configuration says of a host, as ``ssh -G`` tells; nothing of an address, which needs none, or where ssh says nothing."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return {}
    try:
        done = subprocess.run(
            [ssh, *arguments, "-G", "--", host], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False, timeout=10
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {}
    lines = (line.split(" ", 1) for line in done.stdout.splitlines() if " " in line) if done.returncode == 0 else ()
    return {name: value for name, value in lines if name in ("hostname", "port", "proxyjump", "proxycommand") and value != "none"}


def unreachable(host: str, error: Exception) -> AnsibleConnectionFailure:
    """Return the failure of a host that Ansible does not get in touch with, with what to do about it."""
    said = plain_lines(str(error).strip().rstrip("."))
    if BECOME.search(said):
        return AnsibleConnectionFailure(
            f"{host} is reached, and does not let the account become another: {said}. Where that takes a password, add --ask-become-pass; "
            "where the host is only slow, give it longer, as in ANSIBLE_TIMEOUT=60."
        )
    cure = "Check ansible_host, ansible_port, ansible_user and the SSH key in the inventory."
    if "Host key verification failed" in said:
        cure = "Log in there once with ssh, and compare the key that it shows with the host's own."
    return AnsibleConnectionFailure(f"{host} cannot be reached: {said}. {cure}")
