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
import datetime
import os
import stat
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ...module_utils._errors import PkiError
from .. import _files
from .._x509 import certificates as x509_certificates
from .._x509 import keys, pkcs12, sign
from . import authority as pki_authority
from . import foreign, index, lint
from . import request as pki_request
from .paths import bundle_path, certificate_path, export_path

#: From so many days before a root's end on, every run says so: devices take their time to get another one.
ROTATE_DAYS = 180


@dataclass(frozen=True)
class Settings:
    """The arguments of one run, as the module `pki_certificates` documents them."""

    directory: str
    passphrase: str | None = None
    authority: Mapping[str, Any] = field(default_factory=dict)
    also_trusted: list[str] = field(default_factory=list)
    certificates: list[Any] = field(default_factory=list)
    #: Requests by name: then the keys are born on the hosts. None: here.
    requests: Mapping[str, str] | None = None
    renew_before_days: int = 30
    renew: list[str] = field(default_factory=list)
    renew_keys: bool = False
    export_passphrase: str | None = None
    check_mode: bool = False
    now: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.timezone.utc))


def ensure(settings: Settings) -> dict[str, Any]:
    """Create the authority if there is none, issue the certificates that `_pki_wanted.decide` asks for, and return the
    `pki_certificates` returns.

    Raises PkiError or FilesError, and then nothing was changed.
    """
    wanted = pki_request.certificates(settings.certificates, settings.renew_before_days)
    wanted_authority = pki_request.authority(settings.authority, wanted)
    _require_known(settings, wanted)
    _require_own_place(settings, wanted_authority)
    with _alone(settings.directory, settings.check_mode):
        changes = pki_authority.Changes()
        passphrase = _passphrase(settings.directory, settings.passphrase)
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
        entries = [_Entry(item, settings) for item in wanted]
        for entry in entries:
            entry.look(authority, settings)
        _reuse(entries, authority, settings)
        _issue(entries, authority, wanted_authority, settings)
        _put_certificates(entries, authority, settings, changes)
        for each in {id(each): each for each in (authority.root, authority)}.values():
            pki_authority.put_crl(each, wanted_authority.crl_days, settings.now, changes)
        if not settings.check_mode:
            changes.commit(settings.directory)
        return _result(entries, authority, trusted, changes, settings)


def authority_directory(directory: str, name: str) -> str:
    """Where an authority lies: an absolute path as it is, any other below ``directory``."""
    return os.path.normpath(os.path.join(directory, os.path.expanduser(name)))


def _require_own_place(settings: Settings, wanted: pki_request.WantedAuthority) -> None:
    """Before anything is written: an authority that is not there is made only where nobody else keeps anything."""
    folders = tuple(
        authority_directory(settings.directory, name) for name in (wanted.directory, *settings.also_trusted)
    )
    for folder in folders:
        if not os.path.lexists(pki_authority.Layout(folder).certificate):
            foreign.require_own_place(os.path.normpath(settings.directory), folder, folders)


def _passphrase(directory: str, given: str | None) -> pki_authority.Passphrase:
    return pki_authority.Passphrase(given, os.path.join(directory, "passphrase"))


@contextlib.contextmanager
def _alone(directory: str, check_mode: bool) -> Iterator[None]:
    """Keep other runs out of the folder; in check mode, which writes nothing, there is nothing to protect."""
    _files.require_safe_place(directory)
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


# The authority


def _authority(
    settings: Settings,
    wanted: pki_request.WantedAuthority,
    passphrase: pki_authority.Passphrase,
    changes: pki_authority.Changes,
) -> pki_authority.Authority:
    """The authority that signs: the root, or the intermediate below it."""
    layout = pki_authority.Layout(authority_directory(settings.directory, wanted.directory))
    root = _root(layout, wanted, passphrase, settings, changes)
    changes.warnings += pki_authority.differences(root, settings.authority, wanted)
    if not wanted.intermediate:
        return root
    below = pki_authority.Layout(os.path.join(layout.directory, "intermediate"), "intermediate")
    authority = pki_authority.read(below, passphrase, changes, root)
    if authority is None:
        return pki_authority.make_intermediate(below, passphrase, wanted, settings.now, changes, root=root)
    if not x509_certificates.signed_by(authority.certificate, root.certificate):
        raise PkiError(
            f"{below.certificate} was not signed by {layout.certificate}. Put the pair that belongs together back, or"
            f" move {below.directory} away."
        )
    pki_authority.require_valid(authority, settings.now)
    pki_authority.renew_intermediate(authority, settings.now, changes)
    return authority


def _root(
    layout: pki_authority.Layout,
    wanted: pki_request.WantedAuthority,
    passphrase: pki_authority.Passphrase,
    settings: Settings,
    changes: pki_authority.Changes,
) -> pki_authority.Authority:
    _files.require_safe_place(layout.directory)
    root = pki_authority.read(layout, passphrase, changes)
    if root is None:
        return pki_authority.make_root(layout, passphrase, wanted, settings.now, changes)
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
    passphrase: pki_authority.Passphrase,
    changes: pki_authority.Changes,
) -> pki_authority.Authority:
    """A root that clients should trust beside the one in use: the next, which is made if need be, or the last."""
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


# The certificates


class _Entry:
    """One wanted certificate on its way through a run."""

    def __init__(self, wanted: pki_request.Wanted, settings: Settings) -> None:
        self.wanted = wanted
        self.path = certificate_path(settings.directory, wanted.name)
        self.certificate: Any = None
        self.chain: list[Any] = []
        #: None where the key stays on its host
        self.key: Any = None
        self.request: Any = None
        self.key_is_elsewhere = (
            settings.requests is not None and wanted.host is not None and wanted.source == "authority"
        )
        self.verdict = pki_request.Verdict(True, "missing")
        self.findings: tuple[lint.Finding, ...] = ()
        #: Taken up from the authority's books, so not to be entered there again
        self.reused = False

    def look(self, authority: pki_authority.Authority, settings: Settings) -> None:
        if self.wanted.source == "provided":
            self._take_provided(settings)
            return
        request = (settings.requests or {}).get(self.wanted.name)
        if self.key_is_elsewhere and request:
            try:
                self.request = x509_certificates.load_request(request)
            except ValueError as error:
                raise PkiError(
                    f"pki_certificates, '{self.wanted.name}': the request cannot be used: {error}. Make it again on the"
                    " host."
                ) from None
        found = self._measure(authority)
        if found and not found.damage and found.start > settings.now:
            raise PkiError(
                f"{self.path} starts on {found.start:%Y-%m-%d %H:%M} UTC, but this machine's clock says"
                f" {settings.now:%Y-%m-%d %H:%M} UTC. Set the clock; if it is right, move the file away."
            )
        if found and found.revoked and found.key_matches and self.request:
            raise PkiError(
                f"pki_certificates, '{self.wanted.name}': its certificate was revoked, and the request comes with the"
                " same key. Remove the key on the host; the next run makes a new one there."
            )
        own = self.wanted.source == "self_signed"
        self.verdict = pki_request.decide(
            self.wanted,
            found,
            now=settings.now,
            renew_before_days=settings.renew_before_days,
            latest_end=(
                datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)
                if own
                else authority.certificate.not_valid_after_utc
            ),
            asked=self.wanted.name in settings.renew or "*" in settings.renew,
            key_is_elsewhere=self.key_is_elsewhere,
        )
        if self.verdict.issue and self.key_is_elsewhere and not self.request and not settings.check_mode:
            self.certificate = None
            self.verdict = pki_request.Verdict(
                False, f"{self.verdict.reason}; not issued, because no request came from its host"
            )

    def _measure(self, authority: pki_authority.Authority) -> pki_request.Found | None:
        data = _files.read(self.path, follow=False)
        if data is None:
            return None
        own = self.wanted.source == "self_signed"
        try:
            self.certificate, *self.chain = x509_certificates.load_certificates(data)
            self.key = None if self.key_is_elsewhere else keys.load_key(data)
            public_key = self.certificate.public_key()
            return pki_request.Found(
                key_matches=self._matches(public_key),
                key_type=keys.key_type_of(public_key),
                addresses=x509_certificates.addresses_of(self.certificate),
                ours=x509_certificates.signed_by(self.certificate, self.certificate if own else authority.certificate),
                chain_is_current=self.chain == self._current_chain(authority),
                revoked=not own and authority.is_revoked(self.certificate.serial_number),
                start=self.certificate.not_valid_before_utc,
                end=self.certificate.not_valid_after_utc,
            )
        except (ValueError, TypeError) as error:
            text = "its key is encrypted" if isinstance(error, TypeError) else str(error)
            return pki_request.Found(damage=text.split("\n", maxsplit=1)[0][:200] or type(error).__name__)

    def _matches(self, public_key: Any) -> bool:
        if self.request:
            return bool(self.request.public_key() == public_key)
        return self.key_is_elsewhere or keys.matches(self.key, public_key)

    def _current_chain(self, authority: pki_authority.Authority) -> list[Any]:
        return [] if self.wanted.source == "self_signed" else list(authority.chain)

    def give(self, certificate: Any, authority: pki_authority.Authority) -> None:
        self.certificate = certificate
        self.chain = self._current_chain(authority)

    def _take_provided(self, settings: Settings) -> None:
        """Read a certificate from elsewhere and hold it to the same rules as ours. Raises PkiError with all it
        breaks."""
        wanted, where = self.wanted, f"pki_certificates, '{self.wanted.name}'"
        certificate_file = wanted.certificate_file or ""
        self.certificate, *self.chain = _certificates_from(where, "certificate_file", certificate_file)
        key_file = wanted.key_file or certificate_file
        data = _files.read(key_file)
        try:
            if data is None:
                raise PkiError(
                    f"{where}: key_file {key_file} does not exist. Give the path of the private key on the control"
                    " node."
                )
            self.key = keys.load_key(data)
        except TypeError:
            raise PkiError(
                f"{where}: the key in {key_file} is encrypted, and a server cannot be asked for its passphrase. "
                f"Run: openssl pkey -in {key_file} -out plain.pem, and give that as key_file."
            ) from None
        except ValueError:
            option = "key_file " if wanted.key_file else ""
            cure = keys.cure_of_form(data or b"", "Give key_file, in PEM")
            raise PkiError(f"{where}: {option}{key_file} holds no private key that can be read. {cure}.") from None
        roots = _certificates_from(where, "ca_file", wanted.ca_file) if wanted.ca_file else None
        report = lint.lint(
            [self.certificate, *self.chain], now=settings.now, key=self.key, roots=roots, addresses=wanted.addresses
        )
        if report.refused:
            broken = "; ".join(
                f"{finding.text} ({', '.join(finding.refused_by)} refuse it: {finding.rule})"
                for finding in report.refused
            )
            raise PkiError(f"{where}: {certificate_file} cannot be used: {broken}. {report.refused[0].cure}")
        self.findings = report.findings
        if _files.read(self.path, follow=False) == self.pem():
            self.verdict = pki_request.Verdict(
                False, f"provided, valid until {self.certificate.not_valid_after_utc:%Y-%m-%d}"
            )
        else:
            self.verdict = pki_request.Verdict(False, "provided, taken over", rewrite=True)

    def pem(self) -> bytes:
        key = keys.key_pem(self.key) if self.key is not None else b""
        return key + b"".join(
            x509_certificates.certificate_pem(certificate) for certificate in (self.certificate, *self.chain)
        )


def _certificates_from(where: str, option: str, path: str) -> list[Any]:
    data = _files.read(path)
    if data is None:
        raise PkiError(f"{where}: {option} {path} does not exist. Give a path on the control node.")
    try:
        return x509_certificates.load_certificates(data)
    except ValueError:
        raise PkiError(
            f"{where}: {option} {path} holds no certificate that can be read."
            f" {keys.cure_of_form(data, 'Give it in PEM')}."
        ) from None


def _reuse(entries: list[_Entry], authority: pki_authority.Authority, settings: Settings) -> None:
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
        for certificate in pki_authority.certificates_in(authority.layout.issued(issued.serial)):
            candidate = waiting.get(keys.key_id(certificate.public_key()))
            if candidate is None or not x509_certificates.signed_by(certificate, authority.certificate):
                continue
            found = pki_request.Found(
                key_type=keys.key_type_of(certificate.public_key()),
                addresses=x509_certificates.addresses_of(certificate),
                start=certificate.not_valid_before_utc,
                end=certificate.not_valid_after_utc,
            )
            verdict = pki_request.decide(
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
            entry.verdict = pki_request.Verdict(
                False, f"{entry.verdict.reason}; the authority had already issued another", rewrite=True
            )


def _issue(
    entries: list[_Entry], authority: pki_authority.Authority, wanted: pki_request.WantedAuthority, settings: Settings
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
    # Making an RSA key takes long and lets other threads run: all cores work. An EC key takes no longer than a thread's
    # start.
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


def _put_certificates(
    entries: list[_Entry], authority: pki_authority.Authority, settings: Settings, changes: pki_authority.Changes
) -> None:
    issued = [
        entry.certificate
        for entry in entries
        if entry.verdict.issue and entry.wanted.source == "authority" and entry.certificate
    ]
    if issued and not settings.check_mode:
        pki_authority.record(authority, issued, changes)
    for entry in entries:
        if entry.certificate is None or (entry.verdict.issue and settings.check_mode):
            continue
        if entry.verdict.issue or entry.verdict.rewrite:
            if entry.verdict.rewrite and entry.wanted.source == "authority":
                entry.chain = list(authority.chain)
            changes.add(entry.path, entry.pem(), 0o600)
        elif stat.S_IMODE(os.lstat(entry.path).st_mode) != 0o600:
            entry.verdict = pki_request.Verdict(False, "closed to everybody but its owner", rewrite=True)
            changes.add(entry.path, entry.pem(), 0o600)
        for path, data in _exports(entry, settings).items():
            if data is not None:
                changes.add(path, data, 0o600)


def _exports(entry: _Entry, settings: Settings) -> dict[str, bytes | None]:
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


def _result(
    entries: list[_Entry],
    authority: pki_authority.Authority,
    trusted: list[pki_authority.Authority],
    changes: pki_authority.Changes,
    settings: Settings,
) -> dict[str, Any]:
    def describe(each: pki_authority.Authority) -> dict[str, Any]:
        description = each.describe()
        if settings.check_mode and each.created:
            # Only imagined: there is nothing yet to compare with
            description.update(sha256=None, not_after=None, common_name=None)
        return description

    certificates = {entry.wanted.name: _describe(entry, authority, settings) for entry in entries}
    issued = [f"{name}: {item['reason']}" for name, item in certificates.items() if item["changed"]]
    exports = os.path.join(settings.directory, "exports", "")
    exported = [path for path, _data, _mode in changes.files if path.startswith(exports)]
    return {
        "changed": bool(changes.files or issued),
        "authority": {
            **describe(authority.root),
            "created": authority.root.created,
            "bundle": bundle_path(settings.directory),
            "crl": authority.layout.crl,
            "intermediate": describe(authority) if authority.parent else None,
        },
        "authorities": [describe(each) for each in trusted],
        "certificates": certificates,
        "notes": changes.notes,
        "advice": [
            *changes.warnings,
            *(f"{entry.path}: {finding.text}. {finding.cure}" for entry in entries for finding in entry.findings),
            *(
                f"{entry.wanted.name}: {entry.verdict.reason}. Its name must be <host>/…, and the host in this play."
                for entry in entries
                if not entry.certificate and not settings.check_mode
            ),
        ],
        "diff": {
            "before": "",
            "after": "".join(
                f"{line}\n" for line in [*changes.notes, *issued, *(f"exported: {path}" for path in exported)]
            ),
        },
    }


def _describe(entry: _Entry, authority: pki_authority.Authority, settings: Settings) -> dict[str, Any]:
    made = not (entry.verdict.issue and settings.check_mode)
    certificate = entry.certificate if made else None
    return {
        "pem": entry.path,
        "key": None if entry.key_is_elsewhere else entry.path,
        "content": entry.pem().decode() if certificate and entry.key_is_elsewhere else None,
        "certificate": (
            authority.layout.issued(certificate.serial_number)
            if certificate and entry.wanted.source == "authority"
            else None
        ),
        "exports": {kind: export_path(settings.directory, entry.wanted.name, kind) for kind in entry.wanted.exports},
        "serial": x509_certificates.hexadecimal(certificate.serial_number) if certificate else None,
        "sha256": x509_certificates.sha256(certificate) if certificate else None,
        "not_after": x509_certificates.iso(certificate.not_valid_after_utc) if certificate else None,
        "changed": entry.verdict.issue or entry.verdict.rewrite,
        "reason": entry.verdict.reason,
    }


# Revoke


def revoke(settings: Settings, names: list[str], serials: list[str], reason: str) -> dict[str, Any]:
    """Revoke certificates by name or serial number and generate the revocation list again. Return the result of
    `pki_revoke` returns.

    A name stands for its certificate and for every other one of the same key: a renewal keeps the key, and whoever has
    the key could go on with a certificate from before. Raises PkiError, and then nothing was changed.
    """
    if not names and not serials:
        raise PkiError(
            "Nothing to revoke. Give pki_revoke (names from pki_certificates, such as web1/lab) or pki_revoke_serials."
        )
    wanted_authority = pki_request.authority(
        {key: value for key, value in settings.authority.items() if key != "name_constraints"}
    )
    with _alone(settings.directory, settings.check_mode):
        changes = pki_authority.Changes()
        authority = _existing_authority(settings, wanted_authority, changes)
        asked = dict.fromkeys(
            [
                *(serial for name in names for serial in _serials_of(name, authority, settings)),
                *(_serial(text, authority) for text in serials),
            ]
        )
        new = [serial for serial in asked if not authority.is_revoked(serial)]
        if new and authority.key is None:
            raise PkiError(
                f"{authority.layout.key} is missing, and it must sign the revocation list. Put the key back from where"
                " you keep it."
            )
        for serial in new:
            authority.index[serial] = index.revoked(
                authority.index[serial], settings.now, None if reason == "unspecified" else reason
            )
        if new:
            pki_authority.put_index(authority, changes)
        pki_authority.put_crl(authority, wanted_authority.crl_days, settings.now, changes)
        if not settings.check_mode:
            changes.commit(settings.directory)
        lines = [f"revoked {x509_certificates.hexadecimal(serial)} {authority.index[serial].subject}" for serial in new]
        return {
            "changed": bool(changes.files),
            "revoked": [x509_certificates.hexadecimal(serial) for serial in new],
            "already_revoked": [x509_certificates.hexadecimal(serial) for serial in asked if serial not in new],
            "crl": authority.layout.crl,
            "crl_der": authority.layout.crl_der,
            "advice": changes.warnings,
            "diff": {"before": "", "after": "".join(f"{line}\n" for line in [*lines, *changes.notes])},
        }


def _existing_authority(
    settings: Settings, wanted: pki_request.WantedAuthority, changes: pki_authority.Changes
) -> pki_authority.Authority:
    passphrase = _passphrase(settings.directory, settings.passphrase)
    layout = pki_authority.Layout(authority_directory(settings.directory, wanted.directory))
    authority = pki_authority.read(layout, passphrase, changes)
    if authority is not None and wanted.intermediate:
        layout = pki_authority.Layout(os.path.join(layout.directory, "intermediate"), "intermediate")
        authority = pki_authority.read(layout, passphrase, changes, authority)
    if authority is None:
        raise PkiError(
            f"{layout.certificate} does not exist. Give the pki_dir (and pki_authority) of the authority that issued"
            " the certificate."
        )
    return authority


def _serials_of(name: str, authority: pki_authority.Authority, settings: Settings) -> list[int]:
    path = certificate_path(settings.directory, name)
    data = _files.read(path, follow=False) if pki_request.is_safe_name(name) else None
    try:
        certificate = x509_certificates.load_certificates(data or b"")[0]
    except ValueError:
        raise PkiError(
            f"pki_revoke: {path} {'is damaged' if data else 'does not exist'}. Give a name from pki_certificates, "
            f"or the serial number from {authority.layout.index}."
        ) from None
    if certificate.serial_number not in authority.index:
        raise PkiError(
            f"pki_revoke: '{name}' was not issued by {authority.layout.certificate}. Give the pki_authority that"
            " issued it."
        )
    same_key = [
        entry.serial
        for entry in authority.index.values()
        if entry.status == "V" and entry.end > settings.now and entry.serial != certificate.serial_number
        for issued in pki_authority.certificates_in(authority.layout.issued(entry.serial))
        if issued.public_key() == certificate.public_key()
    ]
    return [certificate.serial_number, *same_key]


def _serial(text: str, authority: pki_authority.Authority) -> int:
    """Read a serial number as openssl and browsers print it: hexadecimal, colons allowed."""
    try:
        serial = int(text.replace(":", ""), 16)
    except ValueError:
        raise PkiError(
            f"pki_revoke: '{text}' is no serial number. Give it in hexadecimal, as {authority.layout.index} has it."
        ) from None
    if serial not in authority.index:
        raise PkiError(f"pki_revoke: {authority.layout.index} has no certificate with the serial number {text}.")
    return serial
