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


class ActionModule(ActionBase):
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
                "hosts": {"type": "list", "elements": "str", "default": []},
                "include_password": {"type": "bool", "default": False, "no_log": False},
            }
        )
        for library, error in (("segno", _handoff.SEGNO_IMPORT_ERROR), ("cryptography", CRYPTOGRAPHY_IMPORT_ERROR)):
            if error:
                raise AnsibleActionFail(missing_required_lib(library, reason="to write the hand-off"))
        self._directory, self._include_password = arguments["directory"], arguments["include_password"]
        try:
            given = [_handoff.complete(server) for server in arguments["servers"]]
            stored = self._on_disk({_stem(record) for record in given})
            gone = [record for record in stored if record["host"] in arguments["hosts"]]
            files = self._files(given, [record for record in stored if record not in gone])
            changes = self._act(files, self._leftovers(files, given + gone))
        except RemoteNotebooksError as error:
            raise AnsibleActionFail(str(error)) from error
        result.update(changed=bool(changes), files=sorted(files))
        if self._task.diff:
            result["diff"] = changes
        return result

    # --- read ------------------------------------------------------------------------------------------------------

    def _files(self, given: list[dict[str, Any]], stored: list[dict[str, Any]]) -> dict[str, bytes]:
        """Each file of the hand-off, by its path below the directory."""
        authorities = {path: self._authority(path) for path in {record["tls"]["ca_file"] for record in given} if path}
        for record in given:
            authority = authorities.get(record["tls"]["ca_file"])
            if authority:
                record["tls"]["ca_sha256"] = authority["sha256"]
        records = sorted(given + stored, key=_stem)
        shared = _handoff.shared_authority(given)
        if shared is None:  # none of these servers has the fleet's; another one of the fleet may
            shared = next((path for path in [_handoff.shared_authority(records)] if path and _files.read(path)), None)
            authorities.update({shared: self._authority(shared)} if shared else {})
        fleet = authorities.get(shared)
        files = _handoff.authority_files(fleet, "ca") if fleet else {}
        pages = []
        for record in records:
            stem, own = _stem(record), authorities.get(record["tls"]["ca_file"])
            is_shared = fleet is not None and record["tls"]["ca_sha256"] == fleet["sha256"]
            fresh = record in given
            page = _handoff.view(record, own, "../ca" if is_shared else record["instance"], self._password(record) if fresh else None)
            pages.append(page)
            if fresh:
                files[f"{stem}.json"] = _handoff.as_json(record)
                files[f"{stem}.html"] = self._render("handoff.html.j2", page=page)
                files.update(_handoff.authority_files(own, stem) if own and not is_shared else {})
        files["index.html"] = self._render("handoff_index.html.j2", pages=pages, authority=fleet and _handoff.authority_view(fleet, "ca"))
        return files

    def _leftovers(self, files: dict[str, bytes], records: list[dict[str, Any]]) -> list[str]:
        """What an earlier run wrote for these servers, or for the fleet, and nobody needs any more."""
        possible = [name for record in records for name in _handoff.file_names(_stem(record))] + _handoff.file_names("ca")
        return [name for name in possible if name not in files and os.path.lexists(os.path.join(self._directory, name))]

    def _authority(self, path: str) -> dict[str, Any] | None:
        pem = _files.read(path)
        if pem is None and self._task.check_mode:
            return None  # the run that this one predicts makes it
        if pem is None:
            raise PkiError(f"servers: tls.ca_file: there is no {path}. Run the pki role first, or correct the path.")
        return _handoff.authority(pem, read_pem_bundle(pem, path))

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

    def _act(self, files: dict[str, bytes], leftovers: list[str]) -> list[dict[str, str]]:
        """Bring the files below the directory up to date, or see what that would change. Return the differences."""
        if self._task.check_mode:
            return self._all(files, leftovers)
        _files.private_directory(self._directory)
        with _files.lock(self._directory):
            for folder in sorted({os.path.dirname(name) for name in files} - {""}):
                _files.directory(os.path.join(self._directory, folder))
            return self._all(files, leftovers)

    def _all(self, files: dict[str, bytes], leftovers: list[str]) -> list[dict[str, str]]:
        changes = [change for name, data in files.items() for change in self._one(name, data)]
        for name in leftovers:
            path = os.path.join(self._directory, name)
            changes.append({"before_header": path, "after_header": os.devnull, "before": _text(path, _files.read(path)), "after": ""})
            if not self._task.check_mode:
                _files.remove(path)
        return changes

    def _one(self, name: str, data: bytes) -> list[dict[str, str]]:
        path = os.path.join(self._directory, name)
        before = _files.read(path)
        changed = before != data if self._task.check_mode else _files.write(path, data, 0o600)
        return [{"before_header": path, "after_header": path, "before": _text(path, before), "after": _text(path, data)}] if changed else []


def _stem(record: dict[str, Any]) -> str:
    return f"{record['host']}/{record['instance']}"


def _text(path: str, data: bytes | None) -> str:
    """What a difference shows: a record as it is; of a page, which may hold a password, and of a certificate only the digest."""
    if data is None:
        return ""
    return data.decode("utf-8", "replace") if path.endswith(".json") else f"({len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()})\n"
