# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account of an instance, and the accounts that can only forward to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._records import Instance


#: The account that the role creates by itself. Any other must exist already: a misspelt name is not a wish for a new
#: account.
SERVICE_ACCOUNT = "jupyter"
#: Of an account that is created here.
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
#: Of one that is there: a directory service has Ann, ann.smith, ann@example.org, EXAMPLE\\ann. Whether there is one,
#: the host says.
_EXISTING = re.compile(r"(?!\d+\Z)[\w][\w.@+\\-]{0,254}\$?")


def settle_account(instance: Instance, scope: str, wrong: Any) -> None:
    if scope == "user":
        if instance["user"] != SERVICE_ACCOUNT:
            wrong(
                "user",
                f"with scope 'user' the server runs as the account Ansible logs in as. Leave user: {instance['user']}"
                " out.",
            )
        if instance["service_manager"] == "systemd":
            wrong("service_manager", "'systemd' needs root, and scope 'user' has none. Use systemd_user, tmux or auto.")
        instance["user"] = ""
    else:
        if instance["user"] == "root":
            wrong(
                "user",
                "Jupyter never runs as root: whoever has the password would own the machine. Leave user out, or name an"
                " ordinary account.",
            )
        elif not _EXISTING.fullmatch(instance["user"]):
            wrong("user", f"'{instance['user']}' cannot be the name of an account.")
        elif instance["create_user"] and not _ACCOUNT.fullmatch(instance["user"]):
            wrong(
                "user",
                f"'{instance['user']}' is no name for a new account: lower-case letters, digits, '-' and '_', 32 at"
                " most. Choose another, or make the account yourself and leave create_user out.",
            )
        if instance["service_manager"] == "systemd_user":
            wrong(
                "service_manager",
                "'systemd_user' belongs to scope 'user'. Use systemd, tmux or auto, or set jupyter_scope: user.",
            )
    if instance["root_dir"] and not instance["root_dir"].startswith(("/", "~/")):
        wrong(
            "root_dir", f"'{instance['root_dir']}' is relative. Write a path from '/' or from '~/', the account's home."
        )
    if any(ord(character) < 32 or ord(character) == 127 for character in instance["root_dir"]):
        wrong(
            "root_dir",
            f"{instance['root_dir']!r} holds a character that no line of a file can hold. Rename the folder.",
        )
    if instance["hardening"] == "strict" and {"'", '"'} & {*instance["root_dir"]}:
        # systemd 256 and 257 hand a path of BindPaths= on to themselves without quoting it.
        wrong(
            "root_dir",
            f"systemd cannot show {instance['root_dir']} in a sandbox. Rename the folder without quotes, or say"
            " hardening: standard.",
        )


def settle_data_dirs(instance: Instance, wrong: Any) -> None:
    folders = [path.rstrip("/") or "/" for path in instance["data_dirs"]]
    for path in folders:
        if not path.startswith("/") or path == "/" or "/.." in path or "//" in path:
            wrong("data_dirs", f"'{path}' is no folder for data. Write an absolute path, for example /data.")
        elif any(ord(character) < 32 or ord(character) == 127 or character in "'\"" for character in path):
            wrong("data_dirs", f"{path!r} holds a character that no line of a unit can hold. Rename the folder.")
    instance["data_dirs"] = list(dict.fromkeys(folders))


def settle_tunnel_accounts(instance: Instance, own: bool, scope: str, wrong: Any) -> None:
    """Accounts that may forward to this server: root creates them, and where nobody comes through SSH nobody needs
    them."""
    names = instance["tunnel_accounts"]
    if not instance["by_ssh"]:
        if names and own:
            wrong(
                "tunnel_accounts",
                f"access '{instance['access']}' leads past SSH. Say access: both, or leave tunnel_accounts out.",
            )
        instance["tunnel_accounts"] = []
    elif names and scope == "user":
        wrong(
            "tunnel_accounts",
            "only root can create an account, and scope 'user' has none. Leave it out, or set jupyter_scope: system.",
        )
    for name in names:
        if not _ACCOUNT.fullmatch(name) or name in ("root", instance["user"]):
            wrong("tunnel_accounts", f"'{name}' cannot be an account for tunnels alone. Choose a name such as 'ipad'.")
