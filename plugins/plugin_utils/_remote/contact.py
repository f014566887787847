# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection of Ansible to a host, from the inventory. :mod:`endpoints` describes the record."""

from __future__ import annotations

import ipaddress
import os
import pwd
import re
import shlex
import subprocess
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleAction, AnsibleConnectionFailure, AnsibleError
from ansible.plugins.loader import connection_loader

from ...module_utils._plain import plain_lines

SSH = ("ssh", "ansible.builtin.ssh", "smart")
LOCAL = ("local", "ansible.builtin.local")
#: The messages of Ansible's connections about a password for sudo and its like: ssh, and local, which shows sudo's own
#: words or only waits.
BECOME = re.compile(
    r"(?:Missing|Incorrect) [\w.]+ password|a password is required|waiting for (?:become success|privilege escalation)"
)
#: The messages about a missing Python: the shell line of :mod:`_remote.bare`, and Ansible if a connection cannot
#: carry that.
NO_PYTHON = "python interpreter not found"
_NONE = re.compile(rf"(?:^|\n)\s*{NO_PYTHON}\s*(?:\n|$)|The module interpreter '[^'\n]*' was not found")
_SHOWN = 12


def contact(task_vars: dict[str, Any], templar: Any) -> dict[str, Any]:
    """Return connection, host, port, user, key and the words of ssh's arguments."""

    def first(*names: str) -> Any:
        return next((value for value in (templar.template(task_vars.get(name)) for name in names) if value), None)

    port = first("ansible_port", "ansible_ssh_port")
    arguments = [
        first(f"ansible_{name}") or _configured(name) for name in ("ssh_args", "ssh_common_args", "ssh_extra_args")
    ]
    connection, host = (
        first("ansible_connection") or C.DEFAULT_TRANSPORT,
        first("ansible_host") or task_vars["inventory_hostname"],
    )
    words = [word for text in arguments if text for word in shlex.split(text)]
    known = configured(first("ansible_ssh_executable") or "ssh", host, words) if connection in SSH else {}
    return {
        "connection": connection,
        "host": host,
        # The address that others can reach: the host's name may be known to this account's ssh alone.
        "address": known.get("hostname") or host,
        "address_port": int(port or known.get("port") or 22),
        "address_user": known.get("user"),
        "proxy": next(
            (
                f"{option} {known[option.lower()]}"
                for option in ("ProxyJump", "ProxyCommand")
                if known.get(option.lower())
            ),
            "",
        ),
        "port": int(port) if port else None,
        # On this machine the login of the person who types: others come to it as that account.
        "user": first("ansible_user", "ansible_ssh_user") or (_own_login() if connection in LOCAL else None),
        "private_key_file": (
            first("ansible_ssh_private_key_file", "ansible_private_key_file") or C.DEFAULT_PRIVATE_KEY_FILE
        ),
        "ssh_args": words,
    }


def _configured(option: str) -> str:
    """Return an option of Ansible's connection ssh as the environment or ansible.cfg sets it. Empty if neither does:
    the defaults are about connections that several tasks share."""
    connection_loader.get("ssh", class_only=True)  # Ansible knows its options from then on
    value, origin = C.config.get_config_value_and_origin(option, plugin_type="connection", plugin_name="ssh")
    return "" if origin == "default" else str(value or "")


def _own_login() -> str | None:
    try:
        return os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # an account without an entry, as in some containers
        return None


def configured(ssh: str, host: str, arguments: list[str]) -> dict[str, str]:
    """Return the settings of ssh's own configuration for a host, as ``ssh -G`` prints them. Nothing if ssh says
    nothing, and for an address without any configuration of the operator's."""
    if _is_address(host) and "-F" not in arguments and not os.path.exists(os.path.expanduser("~/.ssh/config")):
        return {}  # a fleet of addresses saves a process for each host
    try:
        done = subprocess.run(
            [ssh, *arguments, "-G", "--", host],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=10,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {}
    lines = (line.split(" ", 1) for line in done.stdout.splitlines() if " " in line) if done.returncode == 0 else ()
    return {
        name: value
        for name, value in lines
        if name in ("hostname", "port", "user", "proxyjump", "proxycommand") and value != "none"
    }


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def own_configuration(words: list[str]) -> list[str]:
    """Return the arguments of ssh that name its configuration: the others are about one host."""
    for index, word in enumerate(words):
        if word.startswith("-F"):
            return [word] if len(word) > 2 else words[index : index + 2]
    return []


def is_out_of_reach(error: AnsibleError) -> bool:
    """Tell whether an error means that Ansible does not get in touch with the host, or not as the account that it is to
    become there."""
    if isinstance(error, AnsibleConnectionFailure):
        return True
    return not isinstance(error, AnsibleAction) and bool(BECOME.search(str(error)))


def unreachable(host: str, error: Exception) -> str:
    """Return the message that Ansible cannot connect to a host, with the reason and the cure."""
    said = plain_lines(str(error).strip().rstrip("."))
    if BECOME.search(said):
        return (
            f"{host} is reached, and does not let the account become another: {said}. Where that takes a password, add"
            " --ask-become-pass; where the host is only slow, give it longer, as in -e jupyter_timeout=120."
        )
    cure = "Check ansible_host, ansible_port, ansible_user and the SSH key in the inventory."
    if "Host key verification failed" in said:
        cure = "Log in there once with ssh, and compare the key that it shows with the host's own."
    return f"{host} cannot be reached: {said}. {cure}"


def unread(host: str, said: list[str]) -> str:
    """Say why a host's state could not be read: in the host's own words, for a program that is called Python there may
    be anything."""
    words = "\n".join(filter(None, (text.strip() for text in said)))
    none = bool(_NONE.search(words))
    # Ours is said already.
    lines = [line for line in words.splitlines() if line.strip() and line.strip() != NO_PYTHON]
    shown = "".join(f"\n  {line}" for line in plain_lines("\n".join(lines), lines=_SHOWN).split("\n")) if lines else ""
    if none:
        return (
            f"{host} has no Python that Ansible can use. Install it (Debian: apt-get install python3), "
            f"or name one as ansible_python_interpreter in the inventory.{' The host said:' if shown else ''}{shown}"
        )
    cure = "Where that is about its Python, name one that works as ansible_python_interpreter in the inventory."
    return f"The state of {host} could not be read. {cure} The host said:{shown or ' nothing'}"
