# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The common parts of the hand-off actions: read the records and authorities of the control node, generate the files in
memory. Writes nothing."""

from __future__ import annotations

import contextlib
import functools
import glob
import hashlib
import importlib.util
import json
import os
from typing import TYPE_CHECKING, Any

import jinja2
from ansible.errors import AnsibleActionFail
from ansible.module_utils.basic import missing_required_lib

from ...module_utils._errors import PkiError, PlanError
from .. import _files, _safe_place
from . import authority as handoff_authority
from . import pages as handoff_pages
from . import people as handoff_people
from . import qr_codes

if TYPE_CHECKING:
    from .signature import Signer

#: They live with the role they belong to. Ansible's own templating does not escape HTML.
TEMPLATES = os.path.join(os.path.dirname(__file__), "..", "..", "..", "roles", "jupyter", "templates")

#: Begins the last line of each page.
_STAMP = b"<!-- remote.notebooks "

SIGNER = {
    "certificate": {"type": "path", "required": True},
    "key": {"type": "path", "required": True, "no_log": False},
    "passphrase": {"type": "str", "no_log": True},
}


def require_libraries() -> None:
    """Raise AnsibleActionFail where a library is missing that every hand-off needs."""
    _require("segno", importlib.util.find_spec("segno"))


def _require(library: str, found: object) -> None:
    if not found:
        raise AnsibleActionFail(missing_required_lib(library, reason="to write the hand-off"))


def stem(record: dict[str, Any]) -> str:
    """The path of a server's files without their ending."""
    return f"{record['host']}/{record['instance']}"


class Handoff:
    """The hand-off of a fleet.

    :param directory: where it lies, or will.
    :param predicting: check mode: an authority that is not there yet is no error.
    :param include_password: show each server's password on its page.
    :param signer: who signs the profiles (:data:`SIGNER`), or None.
    :raises FilesError: if another account may have written the files.
    """

    def __init__(self, directory: str, predicting: bool, include_password: bool, signer: dict[str, Any] | None) -> None:
        _safe_place.require_safe_place(directory)
        self.directory, self.predicting, self.include_password = directory, predicting, include_password
        #: Of the fleet's authority, in lines to compare; known once the files are created, empty where there is none.
        self.fingerprint: list[str] = []
        #: The pages of people over several servers, by the person; known at the same time.
        self.people: dict[str, str] = {}
        self._carried: dict[str, dict[str, bytes]] = {}
        self.signer = signer and _signer()(
            _existing(signer["certificate"]), _existing(signer["key"]), signer["passphrase"]
        )

    def require(self, given: list[dict[str, Any]]) -> None:
        """Raise PkiError where an authority is missing that a record names: before anything is created."""
        for path in {record["tls"]["ca_file"] for record in given} - {None}:
            self._authority(path)

    def stored(self, fresh: set[str]) -> list[dict[str, Any]]:
        """The records that earlier runs wrote, but those of the servers in ``fresh``."""
        names = sorted(glob.glob("*/*.json", root_dir=self.directory))
        paths = [os.path.join(self.directory, name) for name in names if name.removesuffix(".json") not in fresh]
        return [handoff_pages.from_json(_files.read(path) or b"", path) for path in paths]

    def replaced(self, fresh: set[str]) -> list[dict[str, Any]]:
        """The records of earlier runs for the servers in ``fresh``. This run replaces them, damaged ones as well."""
        found = []
        for path in (os.path.join(self.directory, f"{name}.json") for name in sorted(fresh)):
            with contextlib.suppress(PlanError):
                data = _files.read(path)
                found += [handoff_pages.from_json(data, path)] if data else []
        return found

    def files(self, given: list[dict[str, Any]], stored: list[dict[str, Any]]) -> dict[str, bytes]:
        """Each file of the hand-off, by its path below the directory: those of ``given``, and an index that names
        ``stored`` as well."""
        authorities = {path: self._authority(path) for path in {record["tls"]["ca_file"] for record in given} if path}
        for record in given:
            authority = authorities.get(record["tls"]["ca_file"])
            if authority:
                record["tls"]["ca_sha256"] = authority["sha256"]
        records = sorted(given + stored, key=stem)
        shared = handoff_pages.shared_authority(given)
        if shared is None:  # none of these servers has the fleet's; another one of the fleet may
            shared = next(
                (path for path in [handoff_pages.shared_authority(records)] if path and _files.read(path)), None
            )
            authorities.update({shared: self._authority(shared)} if shared else {})
        fleet = authorities.get(shared)
        shared_files = self._authority_files(fleet, "ca") if fleet else {}
        files = dict(shared_files)
        self.fingerprint = handoff_authority.fingerprint(fleet["sha256"]) if fleet else []
        pages = []
        for record in records:
            own = authorities.get(record["tls"]["ca_file"])
            is_shared = fleet is not None and record["tls"]["ca_sha256"] == fleet["sha256"]
            fresh = record in given
            carried = shared_files if is_shared else self._authority_files(own, stem(record)) if own and fresh else {}
            page = handoff_pages.view(
                record,
                own,
                "../ca" if is_shared else record["instance"],
                carried,
                self._password(record) if fresh else None,
            )
            pages.append(handoff_pages.entry(page))
            if fresh:
                files[f"{stem(record)}.json"] = handoff_pages.as_json(record)
                files[f"{stem(record)}.html"] = self._page(f"{stem(record)}.html", "handoff.html.j2", page=page)
                files.update({} if is_shared else carried)
        files.update(self._people(records, authorities, fleet))
        authority = fleet and handoff_pages.authority_view(fleet, "ca", shared_files)
        files["index.html"] = self._page(
            "index.html", "handoff_index.html.j2", pages=pages, people=self.people, authority=authority
        )
        return files

    def _people(
        self, records: list[dict[str, Any]], authorities: dict[str, Any], fleet: dict[str, Any] | None
    ) -> dict[str, bytes]:
        """The page of each person who uses several servers. A run for one host reads the others from their records."""
        files = {}
        for person, theirs in handoff_people.groups(records).items():
            keys, views = handoff_people.keys(theirs), []
            for record in theirs:
                ca_file = record["tls"]["ca_file"]
                if ca_file and ca_file not in authorities:
                    authorities[ca_file] = self._authority(ca_file) if _files.read(ca_file) else None
                own, is_shared = authorities.get(ca_file), fleet and record["tls"]["ca_sha256"] == fleet["sha256"]
                place = "ca" if is_shared else stem(record)
                carried = self._authority_files(own, place) if own else {}
                views.append(handoff_pages.view(record, own, f"../{place}", carried, keys=keys))
            self.people[person] = handoff_people.path(person)
            page = handoff_people.page(person, views)
            files[self.people[person]] = self._page(self.people[person], "handoff_person.html.j2", page=page)
        return files

    def _page(self, name: str, template: str, **values: Any) -> bytes:
        """Return the page as it lies there, where it was generated from the same and nobody changed it; else a new one.

        For a fleet, pages with their codes to scan would cost more than the rest of a run that finds nothing to do.
        """
        made_of = hashlib.sha256(_program() + json.dumps(values, sort_keys=True).encode()).hexdigest()
        before = _files.read(os.path.join(self.directory, name)) or b""
        if before == _stamped(before.rpartition(_STAMP)[0], made_of):
            return before
        return _stamped(_render(template, **values), made_of)

    def _authority(self, path: str) -> dict[str, Any] | None:
        pem = _files.read(path)
        if pem is None and self.predicting:
            return None  # the run that this one predicts creates it
        if pem is None:
            raise PkiError(f"servers: tls.ca_file: there is no {path}. Run the pki role first, or correct the path.")
        from ...module_utils._certificate.reader import CRYPTOGRAPHY_IMPORT_ERROR, read_pem_bundle

        _require("cryptography", CRYPTOGRAPHY_IMPORT_ERROR is None)
        return handoff_authority.authority(pem, read_pem_bundle(pem, path))

    def _authority_files(self, authority: dict[str, Any], path: str) -> dict[str, bytes]:
        """The files of an authority. A second signature would have other bytes, so each profile is signed once."""
        if path not in self._carried:
            self._carried[path] = self._signed_files(authority, path)
        return self._carried[path]

    def _signed_files(self, authority: dict[str, Any], path: str) -> dict[str, bytes]:
        files = handoff_authority.authority_files(authority, path)
        if self.signer:
            name = handoff_authority.profile_path(path)
            before = _files.read(os.path.join(self.directory, name)) or b""
            files[name] = before if self.signer.made(before, files[name]) else self.signer.sign(files[name])
        return files

    def _password(self, record: dict[str, Any]) -> str | None:
        if not self.include_password or not record["password_file"]:
            return None
        return (_files.read(record["password_file"]) or b"").decode("utf-8", "replace").rstrip("\n") or None


def _signer() -> type[Signer]:
    from .signature import CRYPTOGRAPHY_IMPORT_ERROR, Signer

    _require("cryptography", CRYPTOGRAPHY_IMPORT_ERROR is None)
    return Signer


def _existing(path: str) -> bytes:
    data = _files.read(path)
    if data is None:
        raise PkiError(f"signer: there is no {path}. Correct the path, or leave the signer out.")
    return data


def _stamped(text: bytes, made_of: str) -> bytes:
    """Return a page with its last line: the SHA-256 of its inputs, and of itself."""
    return text + _STAMP + f"{made_of} {hashlib.sha256(text).hexdigest()} -->\n".encode()


@functools.cache
def _program() -> bytes:
    """Fingerprint the code and templates of pages: another version of them generates other pages."""
    digest = hashlib.sha256()
    own = glob.glob(os.path.join(os.path.dirname(__file__), "*.py"))
    for path in sorted([*glob.glob(os.path.join(TEMPLATES, "handoff*")), *own]):
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.digest()


def _render(template: str, **values: Any) -> bytes:
    return f"{_environment().get_template(template).render(**values)}\n".encode()


@functools.cache
def _environment() -> jinja2.Environment:
    """The templates, compiled once for all pages of a run."""
    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # An address is on the page of its server, on that of its person and in the index.
    environment.globals["qr_code"] = functools.cache(lambda text: qr_codes.qr_code(text, f"QR code of {text}"))
    return environment
