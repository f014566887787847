# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host decides nothing that the inventory decides."""

from __future__ import annotations

import functools
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleActionFail

from ...module_utils._plain import printable

#: The prefixes of the variables that decide about actions, reads and writes here.
OWN = ("jupyter_", "pki_", "tunnel_", "firewall_", "trust_", "backup_", "rotate_", "report_", "check_", "migrate_")
#: Who the host is: by its name it gets its keys, and its files are found here.
_IDENTITY = ("inventory_hostname", "inventory_hostname_short", "group_names")
_OTHERS = (*_IDENTITY, "inventory_dir", "inventory_file", "playbook_dir", "target")


def require_own_variables(variables: dict[str, Any], connection: str = "ssh") -> None:
    """Refuse a host that sets a variable of the inventory.

    Any module may return facts, and Ansible turns them into variables that win over the inventory
    (``INJECT_FACTS_AS_VARS``): a host that is in other hands could name a folder of the control node that way, or a
    file there that it asks for, or say that it is another host.

    :param connection: the plugin that leads there. Ansible lets a fact decide some of its options, which programs it
        runs here among them.
    """
    facts = variables.get("ansible_facts") or {}
    for name in facts:
        # A fact whose name begins so loses that among the facts, and keeps it as a variable.
        full = f"ansible_{name}"
        said = (
            name
            if str(name).lstrip("_").startswith(OWN) or name in _OTHERS
            else full
            if full in _connected(connection)
            else None
        )
        if said in variables and variables[said] == facts[name]:
            own = None if said == "inventory_hostname" else variables.get("inventory_hostname")
            raise AnsibleActionFail(
                f"{own or 'A host'} says by a fact what {printable(str(said))} is, and that is for the inventory alone"
                " to say. If no playbook of yours sets it with cacheable: true, another program may answer there: look"
                " at the host before you trust it."
            )


@functools.cache
def _connected(plugin: str) -> frozenset[str]:
    """The variables by which a connection is set up, without those that Ansible takes from no fact
    (ansible.vars.clean)."""
    known = {name for names in C.MAGIC_VARIABLE_MAPPING.values() for name in names} | C.COMMON_CONNECTION_VARS
    names = set(C.config.get_plugin_vars("connection", plugin))
    return frozenset(name for name in names - known if not name.startswith("ansible_ssh_"))
