# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The passwords of one host, kept on the control node; the host gets hashes only."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.basic import missing_required_lib
from ansible.plugins.action import ActionBase

from ...module_utils._errors import FilesError
from .. import _files
from .._input import answers
from .._plan import plan as jupyter_plan
from . import password as jupyter_password
from . import secrets

if TYPE_CHECKING:
    from .._records import Plan


class Credentials:
    """The files of the instances of ``plan`` below ``directory``. Impossible settings are refused here, before any file
    is asked or written.

    :param action: the action that keeps them: its check mode, its templates, its connection.
    :param rotate: names of instances that get a new password, ``*`` for all.
    :param predict: write nothing, as in check mode.
    :raises AnsibleActionFail: where libpass is missing, a given hash is none, or a given password is to be rotated.

    ``rotated`` names the instances that got a new password, ``changed`` tells whether a file was written, or in check
    mode would be.
    """

    def __init__(
        self,
        action: ActionBase,
        task_vars: dict[str, Any],
        plan: Plan,
        directory: str,
        rotate: list[str],
        *,
        predict: bool = False,
    ) -> None:
        self._action, self._task_vars, self._plan, self._rotate = action, task_vars, plan, rotate
        self._directory, self._folder = directory, os.path.join(directory, plan["host"])
        self._checking = predict or bool(action._task.check_mode)
        self.changed = False
        self.rotated: list[str] = []
        #: Where files lie that were set aside.
        self.aside: list[str] = []
        if not jupyter_password.is_possible():
            raise AnsibleActionFail(missing_required_lib("libpass", reason="to hash passwords"))
        self._given = {
            instance["name"]: secrets.given(action._templar, task_vars, instance["name"])
            for instance in plan["instances"]
        }
        for name, given in self._given.items():
            self._require(name, given)

    def _require(self, name: str, given: dict[str, str]) -> None:
        if name in self._rotate and (given["password"] or given["password_hash"]):
            raise AnsibleActionFail(
                f"instance '{name}': its password stands in the inventory, so it is changed there: give a new one, then"
                " run site.yml."
            )
        if given["password_hash"] and not jupyter_password.is_hash(given["password_hash"]):
            raise AnsibleActionFail(
                f"instance '{name}': password_hash: Jupyter cannot read it. Make one with: jupyter server password; it"
                " begins with 'argon2:'."
            )

    def keep(self) -> dict[str, Any]:
        """Update the files of each instance. Return their paths and the digest of the hash, never a
        secret.

        :raises FilesError: where they cannot be read or written.
        """
        if not self._given:
            return {}
        if self._checking:
            return {name: self._one(name, given) for name, given in self._given.items()}
        for path in (self._directory, self._folder):
            self.changed |= _files.private_directory(path)
        with _files.lock(self._folder):
            return {name: self._one(name, given) for name, given in self._given.items()}

    def forget(self, names: list[str]) -> None:
        """Set the files of instances that are gone aside (:func:`_files.set_aside`). The names come from the host.

        :raises FilesError: for a name that no instance has: it could lead to files of others.
        """
        if not all(jupyter_plan.NAME.fullmatch(name) for name in names) or os.path.islink(self._folder):
            raise FilesError(
                f"{', '.join(map(repr, names))}: not all of these are names of instances with files in {self._folder}."
                " Nothing was removed."
            )
        paths = [self._path(name, kind) for name in names for kind in ("password", "hash", "token")]
        if self._checking:
            self.changed |= any(map(os.path.lexists, paths))
        else:
            self.aside = _files.set_aside(paths, self._directory)
            self.changed |= bool(self.aside)

    def _path(self, name: str, kind: str) -> str:
        return os.path.join(self._folder, f"{name}.{kind}")

    def _one(self, name: str, given: dict[str, str]) -> dict[str, Any]:
        paths = {kind: self._path(name, kind) for kind in ("password", "hash", "token")}
        stored_hash = (_files.read(paths["hash"]) or b"").decode().strip()
        password = given["password"]
        generated = not password and not given["password_hash"]
        if generated:
            password = (_files.read(paths["password"]) or b"").decode().strip()
            if name in self._rotate or "*" in self._rotate:
                self.rotated.append(name)
                password = (
                    str(self._action._templar.template(self._task_vars.get("rotate_password")) or "")
                    or jupyter_password.generate()
                )
                self._write(paths["password"], password)
            elif not password and not self._checking:
                password = jupyter_password.generate()
                self._write(paths["password"], password)
        hashed = given["password_hash"] or self._hash(name, password, stored_hash)
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
        """Return a hash that verifies: the control node's, else the host's, else a new one. An unchanged text keeps
        everybody logged in."""
        if not password or (stored and jupyter_password.verifies(password, stored)):
            return stored
        on_host = self._host_hash(name)
        if on_host and jupyter_password.verifies(password, on_host):
            return on_host
        return jupyter_password.hash_password(password)

    def _host_hash(self, name: str) -> str:
        """Fetch the hash a host already has: the control node may be new, or its store lost."""
        action = self._action
        source = {"src": f"{self._plan['config_dir']}/{name}/hashed_password"}
        with answers.unlogged(action):
            answer = answers.module(
                action, self._task_vars, answers.slurped(jupyter_password.LONGEST), "ansible.builtin.slurp", source
            )
        if answer.get("unreachable"):
            raise AnsibleActionFail(answer.get("msg", "The host cannot be reached."))
        found = answers.decoded(answer.get("content", "")).decode("utf-8", "replace").strip()
        return found if jupyter_password.is_hash(found) else ""

    def _write(self, path: str, text: str) -> None:
        if self._checking:
            self.changed |= _files.read(path) != f"{text}\n".encode()
        else:
            self.changed |= _files.write(path, f"{text}\n".encode(), 0o600)
