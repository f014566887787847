# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The difference between the tunnel accounts of a host and the wanted ones. Pure."""

from __future__ import annotations

from typing import Any

from .accounts import HOME, SHELL, Account, Report
from .server_config import authorized_keys, block, is_ours


def difference(accounts: list[Account], report: Report, owner: str) -> list[dict[str, Any]]:
    """Compare. Each entry is ``{"id", "kind": "account" | "keys" | "sshd" | "unwanted", "name", "text"}``; empty:
    nothing to do."""
    changes: list[dict[str, Any]] = []

    def differs(kind: str, name: str, text: str) -> None:
        changes.append({"id": f"{kind} {name}", "kind": kind, "name": name, "text": f"tunnel {kind} {name}: {text}"})

    names = [account["name"] for account in accounts]
    for account in accounts:
        name = account["name"]
        found = report["accounts"].get(name)
        if found is None:
            differs("account", name, "absent, wanted")
        else:
            for key, wanted in (("shell", SHELL), ("home", HOME), ("groups", account["groups"])):
                if found[key] != wanted:
                    differs("account", name, f"{key} is {found[key]}, wanted {wanted}")
            # '!' locks the account, and with UsePAM no sshd then refuses its keys as well (sshd(8)); '*' only fits no
            # password.
            if found["password"] != "disabled":  # noqa: S105 - the name of a state
                differs("account", name, f"password is {found['password']}, wanted disabled")
        keys = report["keys"].get(name)
        if keys is None:
            differs("keys", name, "absent, wanted")
        elif keys["text"] != authorized_keys(account):
            differs("keys", name, "content is another, wanted its own")
        elif (keys["mode"], keys["owner"]) != ("0644", "root"):
            differs("keys", name, f"mode and owner are {keys['mode']} {keys['owner']}, wanted 0644 root")
    if report["block"] != block(owner, accounts) and (accounts or is_ours(report)):
        differs(
            "sshd",
            report["place"],
            "the block is another, wanted its own" if report["block"] and accounts else "the block is absent, wanted",
        )
        if not accounts:
            changes[-1]["text"] = f"tunnel sshd {report['place']}: left by an earlier run, no longer wanted"
    for name in report["owned"]:
        if name not in names:
            differs("unwanted", name, "left by an earlier run, no longer wanted")
    return changes


def due(accounts: list[Account], changes: list[dict[str, Any]]) -> list[str]:
    """The accounts that have to log in before a run is green: those that changed themselves, else all, where sshd's
    block did."""
    own = {change["name"] for change in changes if change["kind"] in ("account", "keys")}
    every = not own and any(change["kind"] == "sshd" for change in changes)
    return [account["name"] for account in accounts if every or account["name"] in own]


def cut_off(accounts: list[Account], report: Report) -> list[str]:
    """The accounts whose open connections must end: something that let them in, or that they were let do, is gone."""
    ended = [name for name in report["owned"] if name not in {account["name"] for account in accounts}]
    for account in accounts:
        before = set(((report["keys"].get(account["name"]) or {}).get("text") or "").splitlines())
        if before - set(authorized_keys(account).splitlines()):
            ended.append(account["name"])
    return ended
