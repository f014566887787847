# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which names tunnel accounts are known elsewhere: all that a host without any has to do with them."""

from __future__ import annotations

import posixpath
import re
from typing import Any

#: The possible names of an account. Its files on the control node have the same names.
NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")

#: The folder with the keys of devices, beside those of the hosts.
DEVICES = "devices"

#: A public key of a host: its type, and base64.
HOST_KEY = re.compile(r"[a-z0-9@.-]+ [A-Za-z0-9+/]+=*")


def mark(owner: str) -> str:
    """The comment (GECOS) by which the accounts of one owner are known again."""
    return f"Tunnel of {owner} (remote.notebooks)"


def alias(host: str, account: str) -> str:
    """The name that a person types: ``ssh -N <alias>``."""
    return f"{host}-{account}"


def quoted(path: str) -> str:
    """A path as ssh_config(5) takes it: % begins a token there, a space ends a word, and a backslash takes a quote's
    meaning away."""
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def key_file(directory: str, host: str, account: dict[str, Any]) -> str:
    """The file of the control node with the private key of an account: its own, or the one of its device."""
    device = account.get("device")
    return posixpath.join(directory, *((DEVICES, device) if device else (host, account["name"])))


def config_file(directory: str) -> str:
    """The file of the control node in which ssh finds the accounts of all hosts."""
    return posixpath.join(directory, "config")
