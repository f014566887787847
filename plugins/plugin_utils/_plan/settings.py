# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of an instance: which of them an option of the role decides."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._records import Instance


#: Settings the plan answers for, and the key that changes each. Written twice they would contradict each other.
PLANNED_SETTINGS = {
    "ServerApp.ip": "access or bind_address",
    "ServerApp.port": "port",
    "ServerApp.port_retries": "port",
    "ServerApp.base_url": "base_url",
    "ServerApp.root_dir": "root_dir",
    "ServerApp.certfile": "tls",
    "ServerApp.keyfile": "tls",
    "ServerApp.password": "password",
    "ServerApp.token": "token",
    "IdentityProvider.token": "token",
    "IdentityProvider.hashed_password": "password",
    "PasswordIdentityProvider.hashed_password": "password",
    "PasswordIdentityProvider.password_required": "password",
    "PasswordIdentityProvider.token": "token",
    "NotebookApp.ip": "access or bind_address",
    "NotebookApp.port": "port",
    "NotebookApp.port_retries": "port",
    "NotebookApp.base_url": "base_url",
    "NotebookApp.notebook_dir": "root_dir",
    "NotebookApp.certfile": "tls",
    "NotebookApp.keyfile": "tls",
    "NotebookApp.password": "password",
    "NotebookApp.password_required": "password",
    "NotebookApp.token": "token",
}
#: Sections that jupyter_server brought; Notebook 6 skips them without a word, and anybody who wrote them believes they
#: hold.
SERVER_SECTIONS = ("ServerApp", "IdentityProvider", "PasswordIdentityProvider", "ZMQChannelsWebsocketConnection")
_TRAIT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_settings(instance: Instance, wrong: Any) -> None:
    for section, traits in instance["settings"].items():
        if not isinstance(traits, dict) or not all(_TRAIT.fullmatch(str(name)) for name in (section, *traits)):
            wrong(
                "settings",
                f"'{section}' is not a class with its traits. Write for example settings: {{ServerApp: {{max_body_size:"
                " 1073741824}}.",
            )
            continue
        if instance["interface"] == "notebook6" and section in SERVER_SECTIONS:
            wrong(
                "settings",
                f"Notebook 6 knows no {section} and would skip it. Use the name of its time, most often NotebookApp.",
            )
        for trait in traits:
            if f"{section}.{trait}" in PLANNED_SETTINGS:
                wrong(
                    "settings",
                    f"{section}.{trait} is decided by {PLANNED_SETTINGS[f'{section}.{trait}']}. Set that instead.",
                )
