# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.basic import missing_required_lib

from ..module_utils._errors import FilesError, TunnelError
from ..module_utils._tunnel import accounts as tunnel_accounts
from ..module_utils._tunnel import names
from ..plugin_utils import _files
from ..plugin_utils._action import OwnAction
from ..plugin_utils._tunnel import keys


class ActionModule(OwnAction):
    """Complete the tunnel accounts of one host, and keep the keys that were not given on the control node."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        _result, arguments = self.validate_argument_spec(
            {
                "directory": {"type": "path", "required": True},
                "owner": {"type": "str", "required": True},
                "forwards": {"type": "dict"},
                "rotate": {"type": "list", "elements": "str", "default": [], "no_log": False},
            }
        )
        if keys.CRYPTOGRAPHY_IMPORT_ERROR is not None:
            raise AnsibleActionFail(missing_required_lib("cryptography", reason="to make SSH keys"))
        # From the host's variables, not as an argument: a passphrase in it then stands in no task and in no result.
        given = self._templar.template(task_vars.get("tunnel_accounts")) or []
        self._changed = False
        self._directory, self._host = arguments["directory"], task_vars["inventory_hostname"]
        self._folder = os.path.join(self._directory, self._host)
        try:
            accounts = tunnel_accounts.resolve(arguments["owner"], given, arguments["forwards"])
            passphrases = {entry.get("name"): str(entry.get("passphrase") or "") for entry in given}
            _refuse_rotation(accounts, arguments["rotate"])
            due = [account for account in accounts if not account["public_keys"]]
            if due and not self._task.check_mode:
                self._changed |= _files.private_directory(arguments["directory"])
                self._changed |= _files.directory(self._folder)
                with _files.lock(self._folder):
                    self._all(due, passphrases, arguments["rotate"])
            else:
                self._all(due, passphrases, arguments["rotate"])
        except (FilesError, TunnelError) as error:
            raise AnsibleActionFail(str(error)) from error
        return {
            **result,
            "changed": self._changed,
            "accounts": accounts,
            "config_file": names.config_file(arguments["directory"]),
        }

    def _all(self, accounts: list[dict[str, Any]], passphrases: dict[str, str], rotate: list[str]) -> None:
        for account in accounts:
            passphrase, again = passphrases.get(account["name"], ""), bool({"*", account["name"]} & set(rotate))
            if account.get("device") and not self._task.check_mode:
                devices = os.path.join(self._directory, names.DEVICES)
                self._changed |= _files.directory(devices)
                # Every host of the run uses this key. The first one creates it.
                with _files.lock(devices):
                    self._one(account, passphrase, again)
            else:
                self._one(account, passphrase, again)

    def _one(self, account: dict[str, Any], passphrase: str, rotate: bool) -> None:
        """Bring the files of one account's key up to date. One key, two forms: where either is lost, the other brings
        it back."""
        path = names.key_file(self._directory, self._host, account)
        if account.get("device"):
            self._remove(*(os.path.join(self._folder, account["name"] + form) for form in ("", ".pem", ".pub")))
        forms = {path: keys.openssh}
        if account["key_type"] in keys.PEM_TYPES:
            forms[f"{path}.pem"] = keys.pem
        stored = {name: _files.read(name) for name in (path, f"{path}.pem")}
        account["identity_file"] = account["identity_file"] or path
        account["locked"] = bool(passphrase)
        known = next((name for name, data in stored.items() if data), None)
        key = keys.load(stored[known] or b"", passphrase, known) if known and not rotate else None
        if key is None or keys.key_type(key) != account["key_type"]:
            if self._task.check_mode:
                self._changed = True
                return  # the run that this one predicts creates it
            key, stored = keys.generate(account["key_type"]), {}
        # Encrypting is never the same twice, so a file that holds this key in this way stays as it is.
        for name, form in forms.items():
            data = stored.get(name)
            if not data or not self._holds(data, key, passphrase, name):
                data = form(key, passphrase)
            self._write(name, data)
        if f"{path}.pem" in forms:
            account["pem_file"] = f"{path}.pem"
        else:
            self._remove(f"{path}.pem")
        public = keys.public(key, account.get("device") or f"{account['name']}@{self._host}")
        self._write(f"{path}.pub", f"{public}\n".encode())
        account["public_keys"] = [tunnel_accounts.public_key(public)]

    @staticmethod
    def _holds(data: bytes, key: Any, passphrase: str, where: str) -> bool:
        if keys.is_weak(data) or keys.is_encrypted(data) != bool(passphrase):
            return False
        try:
            found = keys.load(data, passphrase, where)
        except TunnelError:
            return False
        return keys.public(found, "") == keys.public(key, "")

    def _remove(self, *paths: str) -> None:
        found = [path for path in paths if os.path.lexists(path)]
        if found and not self._task.check_mode:
            _files.set_aside(found, self._directory)
        self._changed |= bool(found)

    def _write(self, path: str, data: bytes) -> None:
        if self._task.check_mode:
            self._changed |= _files.read(path) != data
        else:
            self._changed |= _files.write(path, data, 0o600)


def _refuse_rotation(accounts: list[dict[str, Any]], rotate: list[str]) -> None:
    """Raise TunnelError for a new key of a device: each host of the run would make another one."""
    asked = [account for account in accounts if account.get("device") and {"*", account["name"]} & set(rotate)]
    if asked:
        device = asked[0]["device"]
        raise TunnelError(
            f"tunnel_rotate: the key of the device '{device}' is the same on every host. Move"
            f" {names.DEVICES}/{device} and {names.DEVICES}/{device}.pem out of tunnel_dir, and run this for all hosts."
        )
