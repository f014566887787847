# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep secrets out of Ansible's inventories: Ansible reads every file of a folder that is an inventory, and text that
it cannot make sense of is a host's name.

A password would be looked up as such a name, by any machine that answers for names in the network, and stand on ssh's
command line.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from ansible.errors import AnsibleActionFail
from ansible.inventory.manager import IGNORED

#: The variables that say where the control node keeps secrets.
PLACES = ("jupyter_credentials_dir", "jupyter_handoff_dir", "pki_dir", "tunnel_dir")


def folders(sources: Iterable[str]) -> list[str]:
    """Return those of the inventories of a run (``-i``) that are folders."""
    return [os.path.abspath(source) for source in sources if os.path.isdir(source)]


def require_apart(name: str, place: str, folders: list[str]) -> None:
    """Refuse a place for secrets that is read as an inventory.

    :param name: the variable that says it.
    :raises AnsibleActionFail: with the cure.
    """
    for folder in folders:
        if _is_read(os.path.abspath(place), folder) or _is_read(os.path.realpath(place), os.path.realpath(folder)):
            raise AnsibleActionFail(
                f"{name}: {place} lies in {folder}, and Ansible reads every file in there as an inventory: each"
                " password would be the name of a host, looked up in the network and shown. Nothing was done. Name the"
                f" inventory's file in place of its folder (-i {os.path.join(folder, 'hosts.yml')}), or set {name} to a"
                " folder elsewhere. If passwords are in there already, and a run has read them, replace them"
                " (rotate_password.yml)."
            )


def _is_read(place: str, folder: str) -> bool:
    below = os.path.relpath(place, folder)
    return not below.startswith("..") and not any(
        IGNORED.search(os.fsencode(part)) for part in below.split(os.sep) if part != "."
    )
