# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private authority and its certificates on the control node: read the files, decide, write.

::

    <pki_dir>/
      passphrase              of the authority's key, where the user gave none (0600)
      ca/                     the authority (see _pki_authority)
      ca-bundle.pem           every root that clients should trust
      certificates/<name>.pem key + certificate + chain of one server in one file, so that the pair can never be torn
      (0600) exports/<name>.p12, …   other forms of the same (0600)

Nothing is written before everything was checked and signed in memory; then all of it reaches the disk before the first
name changes. A run that was cut off at any point is harmless: the index knows a certificate before its file appears,
and the next run uses the existing files and issues the missing certificates.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from ...module_utils._errors import PkiError
from .. import _files, _safe_place
from .._authority import authority as pki_authority
from .._authority import books, foreign, make, read
from .._authority import passphrase as authority_passphrase
from .._x509 import certificates as x509_certificates
from . import lint
from . import request as pki_request
from .certificates import issue, put_certificates, reuse
from .entry import Entry
from .paths import bundle_path
from .result import result
from .settings import Settings

#: From so many days before a root's end on, every run says so: devices take their time to get another one.
ROTATE_DAYS = 180


def ensure(settings: Settings) -> dict[str, Any]:
    """Create the authority if there is none, issue the certificates that `_pki_wanted.decide` asks for, and return the
    result of `pki_certificates`.

    Raises PkiError or FilesError, and then nothing was changed.
    """
    wanted = pki_request.certificates(settings.certificates, settings.renew_before_days)
    wanted_authority = pki_request.authority(settings.authority, wanted)
    _require_known(settings, wanted)
    _require_own_place(settings, wanted_authority)
    with alone(settings.directory, settings.check_mode):
        changes = pki_authority.Changes()
        passphrase = passphrase_of(settings.directory, settings.passphrase)
        authority = _authority(settings, wanted_authority, passphrase, changes)
        trusted = [
            authority.root,
            *(_trusted(folder, settings, wanted_authority, passphrase, changes) for folder in settings.also_trusted),
        ]
        changes.put(
            bundle_path(settings.directory),
            b"".join(
                x509_certificates.certificate_pem(certificate)
                for certificate in dict.fromkeys(each.certificate for each in trusted)
            ),
            0o644,
        )
        _require_permitted(wanted, authority)
        entries = [Entry(item, settings) for item in wanted]
        for entry in entries:
            entry.look(authority, settings)
        reuse(entries, authority, settings)
        issue(entries, authority, wanted_authority, settings)
        put_certificates(entries, authority, settings, changes)
        for each in {id(each): each for each in (authority.root, authority)}.values():
            books.put_crl(each, wanted_authority.crl_days, settings.now, changes)
        if not settings.check_mode:
            changes.commit(settings.directory)
        return result(entries, authority, trusted, changes, settings)


def authority_directory(directory: str, name: str) -> str:
    """Where an authority lies: an absolute path as it is, any other below ``directory``."""
    return os.path.normpath(os.path.join(directory, os.path.expanduser(name)))


def _require_own_place(settings: Settings, wanted: pki_request.WantedAuthority) -> None:
    """Before anything is written: an authority that is not there is created only where nobody else keeps anything."""
    folders = tuple(
        authority_directory(settings.directory, name) for name in (wanted.directory, *settings.also_trusted)
    )
    for folder in folders:
        if not os.path.lexists(pki_authority.Layout(folder).certificate):
            foreign.require_own_place(os.path.normpath(settings.directory), folder, folders)


def passphrase_of(directory: str, given: str | None) -> authority_passphrase.Passphrase:
    return authority_passphrase.Passphrase(given, os.path.join(directory, "passphrase"))


@contextlib.contextmanager
def alone(directory: str, check_mode: bool) -> Iterator[None]:
    """Keep other runs out of the folder; in check mode, which writes nothing, there is nothing to protect."""
    _safe_place.require_safe_place(directory)
    if check_mode:
        yield
        return
    _files.directory(directory)
    with _files.lock(directory):
        _files.sweep(directory)
        _files.private_directory(directory)
        yield


def _require_known(settings: Settings, wanted: list[pki_request.Wanted]) -> None:
    names = {item.name for item in wanted}
    unknown = [name for name in settings.renew if name != "*" and name not in names]
    if unknown:
        raise PkiError(
            f"pki_renew: '{unknown[0]}' is not in pki_certificates. Give names from there, or '*' for all:"
            f" {', '.join(sorted(names)[:20])}."
        )
    both = [
        item.name
        for item in wanted
        if settings.requests is not None and item.host and {"pkcs12", "pkcs12_legacy"} & set(item.exports)
    ]
    if both:
        raise PkiError(
            f"pki_certificates, '{both[0]}': exports has pkcs12, which holds the key, but the key stays on the host."
            " Leave it out of exports."
        )
    with_key = [item.name for item in wanted if {"pkcs12", "pkcs12_legacy"} & set(item.exports)]
    if with_key and not settings.export_passphrase:
        raise PkiError(
            f"pki_certificates, '{with_key[0]}': exports has pkcs12, which holds the key. Give pki_export_passphrase to"
            " encrypt it."
        )


def _authority(
    settings: Settings,
    wanted: pki_request.WantedAuthority,
    passphrase: authority_passphrase.Passphrase,
    changes: pki_authority.Changes,
) -> pki_authority.Authority:
    """The authority that signs: the root, or the intermediate below it."""
    layout = pki_authority.Layout(authority_directory(settings.directory, wanted.directory))
    root = _root(layout, wanted, passphrase, settings, changes)
    changes.warnings += pki_authority.differences(root, settings.authority, wanted)
    if not wanted.intermediate:
        return root
    below = pki_authority.Layout(os.path.join(layout.directory, "intermediate"), "intermediate")
    authority = read.read(below, passphrase, changes, root)
    if authority is None:
        return make.make_intermediate(below, passphrase, wanted, settings.now, changes, root=root)
    if not x509_certificates.signed_by(authority.certificate, root.certificate):
        raise PkiError(
            f"{below.certificate} was not signed by {layout.certificate}. Put the pair that belongs together back, or"
            f" move {below.directory} away."
        )
    pki_authority.require_valid(authority, settings.now)
    make.renew_intermediate(authority, settings.now, changes)
    return authority


def _root(
    layout: pki_authority.Layout,
    wanted: pki_request.WantedAuthority,
    passphrase: authority_passphrase.Passphrase,
    settings: Settings,
    changes: pki_authority.Changes,
) -> pki_authority.Authority:
    _safe_place.require_safe_place(layout.directory)
    root = read.read(layout, passphrase, changes)
    if root is None:
        return make.make_root(layout, passphrase, wanted, settings.now, changes)
    pki_authority.require_valid(root, settings.now)
    left = (root.certificate.not_valid_after_utc - settings.now).days
    if left < ROTATE_DAYS:
        changes.warnings.append(
            f"{layout.certificate} ends on {root.certificate.not_valid_after_utc:%Y-%m-%d}, in {left} days. After that"
            " nothing it signed is trusted, and every device must install another root. Begin now, while both can be"
            " trusted (README of the role: rotation)."
        )
    report = lint.lint([root.certificate], now=settings.now)
    changes.warnings += [f"{layout.certificate}: {finding.text}. {finding.cure}" for finding in report.refused]
    return root


def _trusted(
    folder: str,
    settings: Settings,
    wanted: pki_request.WantedAuthority,
    passphrase: authority_passphrase.Passphrase,
    changes: pki_authority.Changes,
) -> pki_authority.Authority:
    """A root that clients should trust beside the one in use: the next, which is created if need be, or the last."""
    return _root(
        pki_authority.Layout(authority_directory(settings.directory, folder)), wanted, passphrase, settings, changes
    )


def _require_permitted(wanted: list[pki_request.Wanted], authority: pki_authority.Authority) -> None:
    for each in (authority.root, authority):
        constraints = x509_certificates.constraints_of(each.certificate)
        if constraints is None:
            continue
        for item in wanted:
            for address in item.addresses if item.source == "authority" else ():
                if not x509_certificates.permits(constraints, address):
                    raise PkiError(
                        f"pki_certificates, '{item.name}': {address} lies outside the name constraints of"
                        f" {each.layout.certificate}, so clients would refuse it. Leave it out of addresses, or make a"
                        " wider authority (README of the role: rotation)."
                    )
