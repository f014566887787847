# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates of a run: taken up again, issued, and put where they are served from."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor

from ...module_utils._errors import PkiError
from .. import _files
from .._authority import authority as pki_authority
from .._authority import books
from .._x509 import certificates as x509_certificates
from .._x509 import keys, pkcs12, sign
from . import decision, lint
from . import request as pki_request
from .entry import Entry
from .paths import export_path
from .settings import Settings


def reuse(entries: list[Entry], authority: pki_authority.Authority, settings: Settings) -> None:
    """Use the certificates that the authority's books already hold for a key: issued by hand with openssl, or by an
    interrupted off."""
    waiting = {}
    for entry in entries:
        if (
            entry.verdict.issue
            and entry.wanted.source == "authority"
            and entry.wanted.name not in settings.renew
            and "*" not in settings.renew
        ):
            if entry.request and not authority.is_revoked(entry.certificate.serial_number if entry.certificate else -1):
                waiting[keys.key_id(entry.request.public_key())] = entry
            elif entry.key is not None and entry.verdict.keep_key and not settings.renew_keys:
                waiting[keys.key_id(entry.key.public_key())] = entry
    if not waiting:
        return
    # Later end wins: sorted, so that it comes last
    for issued in sorted(authority.index.values(), key=lambda item: item.end):
        if issued.status != "V" or issued.end <= settings.now:
            continue
        for certificate in books.certificates_in(authority.layout.issued(issued.serial)):
            candidate = waiting.get(keys.key_id(certificate.public_key()))
            if candidate is None or not x509_certificates.signed_by(certificate, authority.certificate):
                continue
            found = decision.Found(
                key_type=keys.key_type_of(certificate.public_key()),
                addresses=x509_certificates.addresses_of(certificate),
                start=certificate.not_valid_before_utc,
                end=certificate.not_valid_after_utc,
            )
            verdict = decision.decide(
                candidate.wanted,
                found,
                now=settings.now,
                renew_before_days=settings.renew_before_days,
                latest_end=authority.certificate.not_valid_after_utc,
                key_is_elsewhere=candidate.key_is_elsewhere,
            )
            if not verdict.issue and not lint.lint([certificate], now=settings.now).refused:
                candidate.give(certificate, authority)
                candidate.reused = True
    for entry in waiting.values():
        if entry.reused:
            entry.verdict = decision.Verdict(
                False, f"{entry.verdict.reason}; the authority had already issued another", rewrite=True
            )


def issue(
    entries: list[Entry], authority: pki_authority.Authority, wanted: pki_request.WantedAuthority, settings: Settings
) -> None:
    """Give each entry that needs one its certificate, and its key where it cannot or shall not keep the old one. In
    memory."""
    to_issue = [entry for entry in entries if entry.verdict.issue]
    by_authority = [entry for entry in to_issue if entry.wanted.source == "authority"]
    if by_authority and authority.key is None:
        names = ", ".join(entry.wanted.name for entry in by_authority[:5])
        raise PkiError(
            f"{authority.layout.key} is missing, and there is something to sign: {names}. Put the key back from where"
            " you keep it."
        )
    if settings.check_mode or not to_issue:
        return
    new_keys = [
        entry for entry in to_issue if not entry.request and (settings.renew_keys or not entry.verdict.keep_key)
    ]
    # Generating an RSA key takes long and lets other threads run: all cores work. An EC key takes no longer than a
    # thread's start.
    slow = [entry for entry in new_keys if entry.wanted.key_type.startswith("rsa")]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for entry, key in zip(slow, pool.map(keys.generate_key, [entry.wanted.key_type for entry in slow])):
            entry.key = key
    for entry in new_keys:
        if not entry.wanted.key_type.startswith("rsa"):
            entry.key = keys.generate_key(entry.wanted.key_type)
    signer = sign.Signer(authority.issuer, settings.now, wanted.crl_url) if by_authority else None
    for entry in to_issue:
        if signer and entry.wanted.source == "authority":
            public_key = (entry.request or entry.key).public_key()
            entry.give(signer.sign(public_key, entry.wanted.addresses, entry.wanted.days), authority)
        else:
            entry.give(
                sign.sign_by_itself(entry.key, entry.wanted.addresses, entry.wanted.days, settings.now), authority
            )
        entry.findings = lint.lint([entry.certificate], now=settings.now).findings


def put_certificates(
    entries: list[Entry], authority: pki_authority.Authority, settings: Settings, changes: pki_authority.Changes
) -> None:
    issued = [
        entry.certificate
        for entry in entries
        if entry.verdict.issue and entry.wanted.source == "authority" and entry.certificate
    ]
    if issued and not settings.check_mode:
        books.record(authority, issued, changes)
    for entry in entries:
        if entry.certificate is None or (entry.verdict.issue and settings.check_mode):
            continue
        if entry.verdict.issue or entry.verdict.rewrite:
            if entry.verdict.rewrite and entry.wanted.source == "authority":
                entry.chain = list(authority.chain)
            changes.add(entry.path, entry.pem(), 0o600)
        elif stat.S_IMODE(os.lstat(entry.path).st_mode) != 0o600:
            entry.verdict = decision.Verdict(False, "closed to everybody but its owner", rewrite=True)
            changes.add(entry.path, entry.pem(), 0o600)
        for path, data in _exports(entry, settings).items():
            if data is not None:
                changes.add(path, data, 0o600)


def _exports(entry: Entry, settings: Settings) -> dict[str, bytes | None]:
    """Path to content of each export. None if the file is right already."""
    files: dict[str, bytes | None] = {}
    passphrase = (settings.export_passphrase or "").encode()
    for kind in entry.wanted.exports:
        path = export_path(settings.directory, entry.wanted.name, kind)
        before = _files.read(path, follow=False)
        if kind == "chain":
            data = b"".join(
                x509_certificates.certificate_pem(certificate) for certificate in (entry.certificate, *entry.chain)
            )
        elif kind == "der":
            data = x509_certificates.certificate_der(entry.certificate)
        # Salted, so the bytes differ each time: only the decrypted content counts
        elif before is not None and pkcs12.pkcs12_holds(before, entry.key, entry.certificate, entry.chain, passphrase):
            data = before
        else:
            data = pkcs12.pkcs12(
                entry.wanted.name, entry.key, entry.certificate, entry.chain, passphrase, legacy=kind == "pkcs12_legacy"
            )
        files[path] = None if data == before else data
    return files
