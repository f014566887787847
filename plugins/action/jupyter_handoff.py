# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import glob
import hashlib
import os
from typing import Any

import jinja2
from ansible.errors import AnsibleActionFail
from ansible.module_utils.basic import missing_required_lib
from ansible.plugins.action import ActionBase

from ..module_utils import _files, _handoff
from ..module_utils._connection_certificate import CRYPTOGRAPHY_IMPORT_ERROR, read_pem_bundle
from ..module_utils._errors import PkiError, RemoteNotebooksError

TLS = {
    "mode": {"type": "str", "choices": ["private_ca", "self_signed", "provided", "none"], "required": True},
    "ca_file": {"type": "path"},
    "ca_sha256": {"type": "str"},
    "not_after": {"type": "str"},
}
SSH = {
    "host": {"type": "str", "required": True},
    "port": {"type": "int", "default": 22},
    "user": {"type": "str"},
    "local_port": {"type": "int", "required": True},
    "remote_port": {"type": "int", "required": True},
}
SERVER = {
    "host": {"type": "str", "required": True},
    "instance": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "api_url": {"type": "str"},
    "access": {"type": "str", "choices": ["tunnel", "direct", "both"], "required": True},
    "tls": {"type": "dict", "options": TLS},
    "ssh": {"type": "dict", "options": SSH},
    "password_file": {"type": "path", "no_log": False},
    "service": {"type": "str"},
    "clients": {"type": "list", "elements": "str", "choices": ["browser", "juno", "vscode"], "default": ["browser"]},
}


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core ships no types
    """Write the hand-off of the fleet on the control node."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(
            {
                "directory": {"type": "path", "required": True},
                "servers": {"type": "list", "elements": "dict", "required": True, "options": SERVER},
                "include_password": {"type": "bool", "default": False, "no_log": False},
            }
        )
        for library, error in (("segno", _handoff.SEGNO_IMPORT_ERROR), ("cryptography", CRYPTOGRAPHY_IMPORT_ERROR)):
            if error:
                raise AnsibleActionFail(missing_required_lib(library, reason="to write the hand-off"))
        self._directory, self._include_password = arguments["directory"], arguments["include_password"]
        try:
            given = [_handoff.complete(server) for server in arguments["servers"]]
            files = self._files(given)
            changes = self._write(files)
        except RemoteNotebooksError as error:
            raise AnsibleActionFail(str(error)) from error
        result.update(changed=bool(changes), files=sorted(files))
        if self._task.diff and not self._include_password:
            result["diff"] = changes
        return result

    # --- read ------------------------------------------------------------------------------------------------------

    def _files(self, given: list[dict[str, Any]]) -> dict[str, bytes]:
        """Each file of the hand-off, by its path below the directory."""
        authorities = {path: self._authority(path) for path in {record["tls"]["ca_file"] for record in given} if path}
        for record in given:
            if record["tls"]["ca_file"]:
                record["tls"]["ca_sha256"] = authorities[record["tls"]["ca_file"]]["sha256"]
        records = sorted(given + self._on_disk({_stem(record) for record in given}), key=_stem)
        shared = _handoff.shared_authority(given)
        if shared is None:  # none of these hosts has the fleet's; another one of the fleet may
            shared = next((path for path in [_handoff.shared_authority(records)] if path and _files.read(path)), None)
            authorities.update({shared: self._authority(shared)} if shared else {})
        files: dict[str, bytes] = {}
        if shared:
            files.update(_handoff.authority_files(authorities[shared], "ca"))
        pages = []
        for record in records:
            stem = _stem(record)
            own = record["tls"]["ca_file"]
            is_shared = bool(own and shared and record["tls"]["ca_sha256"] == authorities[shared]["sha256"])
            ca_path = "../ca" if is_shared else record["instance"]
            page = _handoff.view(record, authorities.get(own), ca_path, self._password(record) if record in given else None)
            pages.append(page)
            if record not in given:
                continue
            files[f"{stem}.json"] = _handoff.as_json(record)
            files[f"{stem}.html"] = self._render("handoff.html.j2", page=page)
            if own and not is_shared:
                files.update(_handoff.authority_files(authorities[own], stem))
        authority = _handoff.authority_view(authorities[shared], "ca") if shared else None
        files["index.html"] = self._render("handoff_index.html.j2", pages=pages, authority=authority)
        return files

    def _authority(self, path: str) -> dict[str, Any]:
        pem = _files.read(path)
        if pem is None:
            raise PkiError(f"servers: tls.ca_file: there is no {path}. Run the pki role first, or correct the path.")
        return _handoff.authority(pem, read_pem_bundle(pem, path)[0])

    def _on_disk(self, fresh: set[str]) -> list[dict[str, Any]]:
        """The other servers' records of an earlier run: with --limit they stay in the index."""
        names = glob.glob("*/*.json", root_dir=self._directory)
        paths = [os.path.join(self._directory, name) for name in names if name.removesuffix(".json") not in fresh]
        return [_handoff.from_json(_files.read(path) or b"", path) for path in paths]

    def _password(self, record: dict[str, Any]) -> str | None:
        if not self._include_password or not record["password_file"]:
            return None
        return (_files.read(record["password_file"]) or b"").decode("utf-8", "replace").rstrip("\n") or None

    @staticmethod
    def _render(template: str, **values: Any) -> bytes:
        # The templates live with the role they belong to. Ansible's own templating does not escape HTML.
        folder = os.path.join(os.path.dirname(__file__), "..", "..", "roles", "jupyter", "templates")
        environment = jinja2.Environment(
            autoescape=True, loader=jinja2.FileSystemLoader(folder), undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        return f"{environment.get_template(template).render(**values)}\n".encode()

    # --- act -------------------------------------------------------------------------------------------------------

    def _write(self, files: dict[str, bytes]) -> list[dict[str, str]]:
        """Bring the files below the directory up to date, or see what that would change. Return the differences."""
        if self._task.check_mode:
            return [change for name, data in files.items() for change in self._one(name, data)]
        _files.private_directory(self._directory)
        with _files.lock(self._directory):
            for folder in sorted({os.path.dirname(name) for name in files} - {""}):
                _files.private_directory(os.path.join(self._directory, folder))
            return [change for name, data in files.items() for change in self._one(name, data)]

    def _one(self, name: str, data: bytes) -> list[dict[str, str]]:
        path = os.path.join(self._directory, name)
        before = _files.read(path)
        changed = before != data if self._task.check_mode else _files.write(path, data, 0o600)
        return [{"before_header": path, "after_header": path, "before": _text(before), "after": _text(data)}] if changed else []


def _stem(record: dict[str, Any]) -> str:
    return f"{record['host']}/{record['instance']}"


def _text(data: bytes | None) -> str:
    if data is None:
        return ""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"({len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()})\n"
