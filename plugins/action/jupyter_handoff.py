# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
from collections.abc import Iterator
from typing import Any

from ansible.errors import AnsibleActionFail

from ..module_utils._errors import PlanError, RemoteNotebooksError
from ..plugin_utils import _files
from ..plugin_utils._action import OwnAction
from ..plugin_utils._handoff import authority, pages, people
from ..plugin_utils._handoff.files import SIGNER, Handoff, require_libraries, stem
from ..plugin_utils._network import own_names

TLS = {
    "mode": {"type": "str", "choices": ["private_ca", "self_signed", "provided", "acme", "none"], "required": True},
    "ca_file": {"type": "path"},
    "ca_sha256": {"type": "str"},
    "not_after": {"type": "str"},
}
LOGIN = {
    "user": {"type": "str"},
    "private_key_file": {"type": "path"},
    "pem_file": {"type": "path"},
    "alias": {"type": "str"},
}
HOP = {
    "host": {"type": "str", "required": True},
    "port": {"type": "int", "default": 22},
    "user": {"type": "str"},
    "alias": {"type": "str"},
    "private_key_file": {"type": "path"},
}
SSH = {
    "host": {"type": "str", "required": True},
    "port": {"type": "int", "default": 22},
    "local_port": {"type": "int", "required": True},
    "remote_port": {"type": "int", "required": True},
    "hops": {"type": "list", "elements": "dict", "options": HOP},
    "command": {"type": "str"},
    **LOGIN,
    "others": {"type": "list", "elements": "dict", "options": LOGIN},
}
SERVER = {
    "host": {"type": "str", "required": True},
    "instance": {"type": "str", "required": True},
    "person": {"type": "str"},
    "url": {"type": "str", "required": True},
    "urls": {"type": "list", "elements": "str"},
    "own": {"type": "list", "elements": "str"},
    "now": {"type": "dict"},
    "api_url": {"type": "str"},
    "access": {"type": "str", "choices": ["tunnel", "direct", "both"], "required": True},
    "tls": {"type": "dict", "options": TLS},
    "ssh": {"type": "dict", "options": SSH},
    "password_file": {"type": "path", "no_log": False},
    "service": {"type": "str"},
    "clients": {"type": "list", "elements": "str", "choices": ["browser", "juno", "vscode"], "default": ["browser"]},
    "classic": {"type": "str", "default": ""},
    "checks": {"type": "list", "elements": "dict"},
}


class ActionModule(OwnAction):
    """Create the hand-off of the fleet on the control node."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(
            {
                "directory": {"type": "path", "required": True},
                "servers": {"type": "list", "elements": "dict", "options": SERVER},
                "targets": {"type": "list", "elements": "dict", "default": []},
                "hosts": {"type": "list", "elements": "str", "default": []},
                "include_password": {"type": "bool", "default": False, "no_log": False},
                "signer": {"type": "dict", "options": SIGNER},
            }
        )
        require_libraries()
        self._directory = arguments["directory"]
        try:
            handoff = Handoff(
                self._directory, self._task.check_mode, arguments["include_password"], arguments["signer"]
            )
            classic = {(target["host"], target["instance"]): target["classic"] for target in arguments["targets"]}
            given = [
                pages.complete(
                    {**server, "classic": classic.get((server["host"], server["instance"]), server["classic"])}
                )
                for server in arguments["servers"] or []
            ]
            handoff.require(given)
            if arguments["servers"] is None and not handoff.stored(set()):
                raise PlanError(
                    f"There is no record of a server below {self._directory}. Run site.yml first: it writes them."
                )
            # The records of others are read under the same lock: with the strategy free, each host brings its own
            # records at its own time.
            with self._alone():
                fresh = {stem(record) for record in given}
                stored = handoff.stored(fresh)
                warnings = self._addresses(given, stored, handoff.replaced(fresh), arguments["servers"] or [])
                if arguments["servers"] is None:
                    given, stored = stored, []
                gone = [record for record in stored if record["host"] in arguments["hosts"]]
                files = handoff.files(given, [record for record in stored if record not in gone])
                changes = self._act(files, self._leftovers(files, given + gone))
        except RemoteNotebooksError as error:
            raise AnsibleActionFail(str(error)) from error
        asked = {record["person"] for record in given}
        result.update(
            changed=bool(changes),
            files=sorted(files),
            people={
                name: os.path.join(self._directory, path) for name, path in handoff.people.items() if name in asked
            },
            **({"warnings": warnings} if warnings else {}),
        )
        if self._task.diff:
            result["diff"] = changes
        return result

    @staticmethod
    def _addresses(
        given: list[dict[str, Any]],
        stored: list[dict[str, Any]],
        replaced: list[dict[str, Any]],
        servers: list[dict[str, Any]],
    ) -> list[str]:
        """Return the messages about addresses that have changed, or that two hosts have. Update ``own``."""
        before = {stem(record): record for record in replaced}
        lost = [
            message
            for record, server in zip(given, servers)
            for message in own_names.lost(record, server["now"], before.get(stem(record)))
        ]
        return [*pages.moved(given, replaced), *dict.fromkeys(lost), *own_names.shared(given, stored)]

    def _leftovers(self, files: dict[str, bytes], records: list[dict[str, Any]]) -> list[str]:
        """List files of earlier runs, for these servers or for the fleet, that are no longer needed."""
        possible = [name for record in records for name in authority.file_names(stem(record))] + authority.file_names(
            "ca"
        )
        possible += sorted(glob.glob(people.path("*"), root_dir=self._directory))
        return [name for name in possible if name not in files and os.path.lexists(os.path.join(self._directory, name))]

    # --- act -------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other runs out of the folder; check mode, which writes nothing, needs no folder."""
        if self._task.check_mode:
            yield
            return
        _files.private_directory(self._directory)
        with _files.lock(self._directory):
            yield

    def _act(self, files: dict[str, bytes], leftovers: list[str]) -> list[dict[str, str]]:
        """Update the files below the directory, or compute the differences. Return the differences."""
        if not self._task.check_mode:
            for folder in sorted({os.path.dirname(name) for name in files} - {""}):
                _files.directory(os.path.join(self._directory, folder))
        return self._all(files, leftovers)

    def _all(self, files: dict[str, bytes], leftovers: list[str]) -> list[dict[str, str]]:
        changes = [change for name, data in files.items() for change in self._one(name, data)]
        for name in leftovers:
            path = os.path.join(self._directory, name)
            changes.append(
                {
                    "before_header": path,
                    "after_header": os.devnull,
                    "before": _text(path, _files.read(path)),
                    "after": "",
                }
            )
            if not self._task.check_mode:
                _files.remove(path)
        return changes

    def _one(self, name: str, data: bytes) -> list[dict[str, str]]:
        path = os.path.join(self._directory, name)
        before = _files.read(path)
        changed = before != data if self._task.check_mode else _files.write(path, data, 0o600)
        return (
            [{"before_header": path, "after_header": path, "before": _text(path, before), "after": _text(path, data)}]
            if changed
            else []
        )


def _text(path: str, data: bytes | None) -> str:
    """Return the text of a difference: a record as it is. Of a page, which may hold a password, and of a certificate
    only the digest."""
    if data is None:
        return ""
    return (
        data.decode("utf-8", "replace")
        if path.endswith(".json")
        else f"({len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()})\n"
    )
