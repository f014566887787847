# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import hashlib
import os
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.module_utils.basic import missing_required_lib
from ansible.plugins.action import ActionBase

from ..module_utils import _files, _password
from ..module_utils._errors import FilesError
from ..plugin_utils import _contact, _secrets


class ActionModule(ActionBase):
    """Keep the passwords of one host on the control node; the host gets hashes only."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        self._task_vars = task_vars or {}
        _result, arguments = self.validate_argument_spec(
            {
                "plan": {"type": "dict", "required": True},
                "directory": {"type": "path", "required": True},
                "forget": {"type": "list", "elements": "str", "default": []},
                "rotate": {"type": "list", "elements": "str", "default": []},
            }
        )
        if not _password.is_possible():
            raise AnsibleActionFail(missing_required_lib("libpass", reason="to hash passwords"))
        self._directory, self._plan = arguments["directory"], arguments["plan"]
        self._rotate: list[str] = arguments["rotate"]
        self._rotated: list[str] = []
        self._changed = False
        try:
            credentials = self._all()
            for name in arguments["forget"]:
                self._forget(name)
        except FilesError as error:
            raise AnsibleActionFail(str(error)) from error
        return {**result, "changed": self._changed, "credentials": credentials, "rotated": self._rotated}

    def _all(self) -> dict[str, Any]:
        names = [instance["name"] for instance in self._plan["instances"]]
        if not names:
            return {}
        folder = os.path.join(self._directory, self._plan["host"])
        if self._task.check_mode:
            return {name: self._one(folder, name) for name in names}
        for path in (self._directory, folder):
            self._changed |= _files.private_directory(path)
        with _files.lock(folder):
            return {name: self._one(folder, name) for name in names}

    def _one(self, folder: str, name: str) -> dict[str, Any]:
        """Bring the files of one instance up to date. Return where they are and what the hash's digest is, never a secret."""
        given = _secrets.given(self._templar, self._task_vars, name)
        paths = {kind: os.path.join(folder, f"{name}.{kind}") for kind in ("password", "hash", "token")}
        stored_hash = (_files.read(paths["hash"]) or b"").decode().strip()
        password = given["password"]
        generated = not password and not given["password_hash"]
        if name in self._rotate and not generated:
            raise AnsibleActionFail(
                f"instance '{name}': its password stands in the inventory, so it is changed there: give a new one, then run site.yml."
            )
        if generated:
            password = (_files.read(paths["password"]) or b"").decode().strip()
            if name in self._rotate or "*" in self._rotate:
                self._rotated.append(name)
                password = str(self._templar.template(self._task_vars.get("rotate_password")) or "") or _password.generate()
                self._write(paths["password"], password)
            elif not password and not self._task.check_mode:
                password = _password.generate()
                self._write(paths["password"], password)
        hashed = given["password_hash"] or self._hash(name, password, stored_hash)
        if given["password_hash"] and not _password.is_hash(hashed):
            raise AnsibleActionFail(
                f"instance '{name}': password_hash: Jupyter cannot read it. Make one with: jupyter server password; it begins with 'argon2:'."
            )
        if hashed:
            self._write(paths["hash"], hashed)
        if given["token"]:
            self._write(paths["token"], given["token"])
        return {
            "password_file": paths["password"] if generated else None,
            "given": next((key for key in ("password", "token") if given[key]), ""),
            "hash_file": paths["hash"] if hashed else None,
            "hash_digest": hashlib.sha256(f"{hashed}\n".encode()).hexdigest() if hashed else None,
            "token_file": paths["token"] if given["token"] else None,
        }

    def _hash(self, name: str, password: str, stored: str) -> str:
        """Return a hash that verifies: the control node's, else the host's, else a new one. An unchanged text keeps everybody logged in."""
        if not password or (stored and _password.verifies(password, stored)):
            return stored
        on_host = self._host_hash(name)
        if on_host and _password.verifies(password, on_host):
            return on_host
        return _password.hash_password(password)

    def _host_hash(self, name: str) -> str:
        """Fetch the hash a host already has: the control node may be new, or its store lost."""
        said = self._play_context.no_log
        self._play_context.no_log = True  # else -vvv prints what the connection brings
        try:
            answer = self._execute_module(
                module_name="ansible.builtin.slurp",
                module_args={"src": f"{self._plan['config_dir']}/{name}/hashed_password"},
                task_vars=self._task_vars,
            )
        except AnsibleConnectionFailure as error:
            raise _contact.unreachable(self._plan["host"], error) from error
        finally:
            self._play_context.no_log = said
        if answer.get("unreachable"):
            raise AnsibleActionFail(answer.get("msg", "The host cannot be reached."))
        return base64.b64decode(answer.get("content", "")).decode("utf-8", "replace").strip()

    def _forget(self, name: str) -> None:
        for kind in ("password", "hash", "token"):
            path = os.path.join(self._directory, self._plan["host"], f"{name}.{kind}")
            self._changed |= os.path.lexists(path) if self._task.check_mode else _files.remove(path)

    def _write(self, path: str, text: str) -> None:
        if self._task.check_mode:
            self._changed |= _files.read(path) != f"{text}\n".encode()
        else:
            self._changed |= _files.write(path, f"{text}\n".encode(), 0o600)
