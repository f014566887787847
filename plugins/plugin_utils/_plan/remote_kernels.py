# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernels of other hosts that an instance offers: from patterns of the inventory to servers. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._records import Instance, RemoteKernel

#: The kernel of each server's own environment.
OWN_KERNEL = "python3"


def servers(given: list[str], matching: Callable[[str], list[str]], wrong: Callable[[str], None]) -> list[str]:
    """Return the servers that entries of ``remote_kernels`` mean, each as ``host/instance``, or ``host/`` for an
    instance of the same name as the hub's.

    :param given: each a pattern of the inventory, with ``/instance`` behind it where that has another name.
    :param matching: gives the hosts of a pattern.
    :param wrong: called with one sentence for each mistake.
    """
    found: list[str] = []
    for entry in given:
        pattern, _slash, instance = entry.strip().partition("/")
        hosts = matching(pattern) if pattern else []
        if not hosts:
            wrong(f"'{entry}' matches no host of the inventory. Name a host, a group or a pattern of them.")
        found += [f"{host}/{instance}" for host in hosts]
    return list(dict.fromkeys(found))


def settle_remote_kernels(host: str, instance: Instance, is_name: Callable[[str], Any], wrong: Any) -> None:
    """Replace the servers by records, and refuse those that cannot be listed.

    :param host: the host of the instance itself, which a group of servers may contain.
    :param is_name: tells whether the name of a host may be part of file names.
    """
    pairs = [str(each).partition("/")[::2] for each in instance["remote_kernels"]]
    named = [(other, name or instance["name"]) for other, name in pairs]
    wanted = [pair for pair in dict.fromkeys(named) if pair != (host, instance["name"])]
    if wanted and instance["interface"] == "notebook6":
        wrong("remote_kernels", "Notebook 6 lists no kernels of other hosts. Leave it out, or say interface: lab.")
    if wanted and "kernel_spec_manager_class" in instance["settings"].get("ServerApp", {}):
        wrong("remote_kernels", "settings has ServerApp.kernel_spec_manager_class, which would stand in for the hub.")
    hosts = [other for other, _name in wanted]
    found: list[RemoteKernel] = []
    taken = {OWN_KERNEL: "the server's own kernel"}
    for other, name in wanted:
        label = f"{other}/{name}"
        if not is_name(other):
            wrong("remote_kernels", f"'{other}' is no name for files. Rename that host in the inventory.")
        kernel = re.sub(r"[^a-z0-9._-]", "-", (label if hosts.count(other) > 1 else other).lower())
        if kernel in taken:
            wrong("remote_kernels", f"the kernels of {label} would have the name of {taken[kernel]}, '{kernel}'.")
        taken[kernel] = label
        found.append({"name": kernel, "host": other, "instance": name})
    instance["remote_kernels"] = found
