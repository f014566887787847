# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private authority and its certificates on the control node: read what is there, decide, write.

The authority's folder has the layout that openssl's own `openssl ca` works on, so either tool can follow the other::

    <pki_dir>/
      passphrase                     of the authority's key, where the user gave none (0600)
      ca/private/ca.key.pem          PKCS#8, AES-256 (0400)
      ca/certs/ca.cert.pem, .der     what clients install
      ca/index.txt, serial           what was issued and revoked, as openssl-ca(1) keeps it
      ca/newcerts/<SERIAL>.pem       every certificate ever issued
      certificates/<name>.pem        key + certificate + chain of one server, one file, so that the pair can never be torn (0600)

Nothing is written before everything was checked and signed in memory. The order of writing makes a run that was cut off
at any point harmless: a certificate is in the index before its file appears, and the next run issues what is missing.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from . import _files, _pki_index, _pki_wanted, _x509
from ._errors import PkiError

#: openssl refuses to revoke or to list where two valid certificates share a subject unless this stands beside the index;
#: a renewal overlaps with what it renews, so they do.
INDEX_ATTRIBUTES = b"unique_subject = no\n"
SHORTEST_PASSPHRASE = 8


@dataclass(frozen=True)
class Settings:
    """The arguments of one run. ``passphrase`` None: the one kept in ``directory`` is used, or made."""

    directory: str
    passphrase: str | None
    authority: Mapping[str, Any]
    certificates: list[Any]
    renew_before_days: int = 30
    check_mode: bool = False
    now: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.timezone.utc))


class Layout:
    """Where the files of one authority lie."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.key = os.path.join(directory, "private", "ca.key.pem")
        self.certificate = os.path.join(directory, "certs", "ca.cert.pem")
        self.der = os.path.join(directory, "certs", "ca.cert.der")
        self.index = os.path.join(directory, "index.txt")
        self.serial = os.path.join(directory, "serial")
        self.newcerts = os.path.join(directory, "newcerts")

    def issued(self, serial: int) -> str:
        return os.path.join(self.newcerts, f"{_x509.hexadecimal(serial)}.pem")


@dataclass
class Authority:
    """An authority as it was found, or as it will be once `write` has run."""

    layout: Layout
    certificate: Any
    key: Any
    index: list[_pki_index.Entry]
    index_text: str
    created: bool = False
    passphrase_to_keep: str | None = None

    @property
    def revoked(self) -> frozenset[int]:
        return frozenset(entry.serial for entry in self.index if entry.status == "R")


def ensure(settings: Settings) -> dict[str, Any]:
    """Make the authority where there is none, issue what `_pki_wanted.decide` asks for, and return what `pki_certificates` returns.

    Raises PkiError or FilesError, and then nothing was changed.
    """
    wanted_authority = _pki_wanted.authority(settings.authority)
    wanted = _pki_wanted.certificates(settings.certificates, settings.renew_before_days)
    _files.require_safe_place(settings.directory)
    with _alone(settings):
        authority = _read_authority(settings) or _new_authority(settings, wanted_authority)
        _require_valid(authority, settings.now)
        entries = [_Entry(item, os.path.join(settings.directory, "certificates", f"{item.name}.pem")) for item in wanted]
        for entry in entries:
            entry.look(authority, settings)
        to_issue = [entry for entry in entries if entry.verdict.issue]
        if not settings.check_mode:
            _issue(to_issue, authority, settings)
            _write(entries, authority, settings)
        return _result(entries, authority, settings)


class _Entry:
    """One wanted certificate on its way through a run."""

    def __init__(self, wanted: _pki_wanted.Wanted, path: str) -> None:
        self.wanted = wanted
        self.path = path
        self.certificate: Any = None
        self.key: Any = None
        self.verdict = _pki_wanted.Verdict(True, "missing")

    def look(self, authority: Authority, settings: Settings) -> None:
        found = self._measure(authority)
        if found and not found.damage and found.start > settings.now:
            raise PkiError(
                f"{self.path} starts on {found.start:%Y-%m-%d %H:%M} UTC, but this machine's clock says {settings.now:%Y-%m-%d %H:%M} UTC. "
                "Set the clock (or remove the file, if the clock is right)."
            )
        self.verdict = _pki_wanted.decide(
            self.wanted, found, settings.now, settings.renew_before_days, authority.certificate.not_valid_after_utc
        )

    def _measure(self, authority: Authority) -> _pki_wanted.Found | None:
        data = _files.read(self.path)
        if data is None:
            return None
        try:
            self.key = _x509.load_key(data)
            self.certificate, *chain = _x509.load_certificates(data)
            public_key = self.certificate.public_key()
            return _pki_wanted.Found(
                key_matches=_x509.matches(self.key, public_key),
                key_type=_x509.key_type_of(public_key),
                addresses=_x509.addresses_of(self.certificate),
                ours=_x509.signed_by(self.certificate, authority.certificate),
                chain_is_current=chain == [],
                revoked=self.certificate.serial_number in authority.revoked,
                start=self.certificate.not_valid_before_utc,
                end=self.certificate.not_valid_after_utc,
            )
        except (ValueError, TypeError) as error:
            return _pki_wanted.Found(damage=str(error).split("\n", maxsplit=1)[0][:200] or type(error).__name__)

    def pem(self) -> bytes:
        return _x509.key_pem(self.key) + _x509.certificate_pem(self.certificate)


@contextlib.contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Keep other runs out of the folder; in check mode, which writes nothing, there is nothing to protect."""
    if settings.check_mode:
        yield
        return
    _files.private_directory(settings.directory)
    with _files.lock(settings.directory):
        yield


# The authority


def _read_authority(settings: Settings) -> Authority | None:
    layout = Layout(os.path.join(settings.directory, "ca"))
    key_data, certificate_data = _files.read(layout.key), _files.read(layout.certificate)
    index_text = _read_index(layout)
    try:
        index = _pki_index.parse(index_text)
    except PkiError as error:
        raise PkiError(f"{layout.index}: {error}. Put back index.txt.old or a backup: it holds what was revoked.") from None
    if certificate_data is None:
        if index:
            raise PkiError(
                f"{layout.certificate} is missing, but {layout.index} lists what it issued. Put it back from a backup; "
                f"to start again with another authority, move {layout.directory} away."
            )
        return None
    try:
        certificate = _x509.load_certificates(certificate_data)[0]
    except ValueError as error:
        raise PkiError(f"{layout.certificate} is damaged ({error}). Put it back from a backup; an authority is never replaced by itself.") from None
    if not _x509.is_authority(certificate):
        raise PkiError(f"{layout.certificate} is no authority (basicConstraints lacks CA:TRUE). Put the right certificate there.")
    key = None
    if key_data is not None:
        key = _open_key(layout.key, key_data, settings)
        if not _x509.matches(key, certificate.public_key()):
            raise PkiError(f"{layout.key} does not belong to {layout.certificate}. Put the pair that belongs together back from a backup.")
    return Authority(layout, certificate, key, index, index_text)


def _read_index(layout: Layout) -> str:
    data = _files.read(layout.index)
    try:
        return (data or b"").decode()
    except UnicodeDecodeError:
        raise PkiError(f"{layout.index} is not text. Put back index.txt.old or a backup: it holds what was revoked.") from None


def passphrase_file(directory: str) -> str:
    return os.path.join(directory, "passphrase")


def _passphrase(settings: Settings) -> str | None:
    if settings.passphrase:
        return settings.passphrase
    kept = _files.read(passphrase_file(settings.directory))
    return kept.decode(errors="replace").strip() if kept else None


def _open_key(path: str, data: bytes, settings: Settings) -> Any:
    passphrase = _passphrase(settings)
    kept = passphrase_file(settings.directory)
    try:
        return _x509.load_key(data, passphrase.encode() if passphrase else None)
    except TypeError:
        raise PkiError(f"{path} is encrypted, and there is no passphrase: give pki_passphrase, or put {kept} back from a backup.") from None
    except ValueError:
        if b"-----END" not in data:
            raise PkiError(f"{path} is damaged. Put it back from a backup; an authority is never replaced by itself.") from None
        source = "pki_passphrase" if settings.passphrase else f"the passphrase in {kept}"
        cure = f" Leave pki_passphrase out to use the one kept in {kept}." if settings.passphrase and os.path.exists(kept) else ""
        raise PkiError(f"{source} does not open {path}. Give the one it was made with.{cure}") from None


def _new_authority(settings: Settings, wanted: _pki_wanted.WantedAuthority) -> Authority:
    layout = Layout(os.path.join(settings.directory, "ca"))
    passphrase, keep = _passphrase(settings), None
    if settings.passphrase is not None and len(settings.passphrase) < SHORTEST_PASSPHRASE:
        raise PkiError(f"pki_passphrase has {len(settings.passphrase)} characters. Give at least {SHORTEST_PASSPHRASE}, or none: then one is made and kept.")
    if passphrase is None:
        passphrase = keep = secrets.token_urlsafe(32)
    key_data = _files.read(layout.key)
    # A run that was cut off between key and certificate left the key: go on with it.
    key = _open_key(layout.key, key_data, settings) if key_data else _x509.generate_key(wanted.key_type)
    common_name = wanted.common_name or f"Private CA {secrets.token_hex(4).upper()}"
    certificate = _x509.sign_authority(
        key, _x509.authority_subject(common_name, wanted.organization), wanted.days, settings.now, path_length=0
    )
    authority = Authority(layout, certificate, key, [], "", created=True, passphrase_to_keep=keep)
    if not settings.check_mode:
        _write_authority(authority, passphrase, settings, new_key=key_data is None)
    return authority


def _write_authority(authority: Authority, passphrase: str, settings: Settings, new_key: bool) -> None:
    layout = authority.layout
    for folder in (layout.directory, os.path.dirname(layout.key), os.path.dirname(layout.certificate), layout.newcerts):
        _files.directory(folder)
    if authority.passphrase_to_keep:
        _files.write(passphrase_file(settings.directory), f"{authority.passphrase_to_keep}\n".encode(), 0o600)
    if new_key:
        _files.write(layout.key, _x509.key_pem(authority.key, passphrase.encode()), 0o400)
    _files.write(layout.index, b"", 0o600)
    _files.write(f"{layout.index}.attr", INDEX_ATTRIBUTES, 0o600)
    _files.write(layout.serial, f"{_x509.hexadecimal(_x509.random_serial())}\n".encode(), 0o600)
    _files.write(layout.der, _x509.certificate_der(authority.certificate), 0o644)
    # Last: what makes it an authority
    _files.write(layout.certificate, _x509.certificate_pem(authority.certificate), 0o644)


def _require_valid(authority: Authority, now: datetime.datetime) -> None:
    start, end = authority.certificate.not_valid_before_utc, authority.certificate.not_valid_after_utc
    if now < start:
        raise PkiError(
            f"{authority.layout.certificate} starts on {start:%Y-%m-%d %H:%M} UTC, but this machine's clock says {now:%Y-%m-%d %H:%M} UTC. Set the clock."
        )
    if now > end:
        raise PkiError(
            f"{authority.layout.certificate} ended on {end:%Y-%m-%d}, and nothing it signs is trusted any more. "
            f"Move {authority.layout.directory} away: the next run makes a new authority, which every device must then install."
        )


# The certificates


def _issue(entries: list[_Entry], authority: Authority, settings: Settings) -> None:
    """Give each entry its key and its certificate, in memory."""
    if not entries:
        return
    if authority.key is None:
        names = ", ".join(entry.wanted.name for entry in entries[:5])
        raise PkiError(f"{authority.layout.key} is missing, and there is something to sign: {names}. Put the key back from where you keep it.")
    without_key = [entry for entry in entries if not entry.verdict.keep_key]
    if without_key:
        # Making an RSA key lets other threads run: all cores work.
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            for entry, key in zip(without_key, pool.map(_x509.generate_key, [entry.wanted.key_type for entry in without_key])):
                entry.key = key
    signer = _x509.Signer(_x509.Issuer(authority.certificate, authority.key), settings.now)
    for entry in entries:
        entry.certificate = signer.sign(entry.key.public_key(), entry.wanted.addresses, entry.wanted.days)


def _write(entries: list[_Entry], authority: Authority, settings: Settings) -> None:
    issued = [entry for entry in entries if entry.verdict.issue]
    layout = authority.layout
    if issued:
        _files.write_all((layout.issued(entry.certificate.serial_number), _x509.certificate_pem(entry.certificate), 0o644) for entry in issued)
        lines = [
            _pki_index.issued(
                _x509.hexadecimal(entry.certificate.serial_number), _x509.oneline(entry.certificate.subject), entry.certificate.not_valid_after_utc
            )
            for entry in issued
        ]
        text = authority.index_text
        if text and not text.endswith("\n"):
            text += "\n"
        _files.write(f"{layout.index}.old", authority.index_text.encode(), 0o600)
        _files.write(f"{layout.index}.attr", INDEX_ATTRIBUTES, 0o600)
        _files.write(layout.index, (text + "\n".join(lines) + "\n").encode(), 0o600)
    _files.write_all((entry.path, entry.pem(), 0o600) for entry in entries if entry.verdict.issue or entry.verdict.rewrite)


def _result(entries: list[_Entry], authority: Authority, settings: Settings) -> dict[str, Any]:
    layout = authority.layout
    # What check mode only imagined has no digest yet
    exists = not (settings.check_mode and authority.created)
    certificates: dict[str, Any] = {}
    for entry in entries:
        made = not (entry.verdict.issue and settings.check_mode)
        certificates[entry.wanted.name] = {
            "pem": entry.path,
            "key": entry.path,
            "certificate": layout.issued(entry.certificate.serial_number) if made else None,
            "serial": _x509.hexadecimal(entry.certificate.serial_number) if made else None,
            "sha256": _x509.sha256(entry.certificate) if made else None,
            "not_after": _x509.iso(entry.certificate.not_valid_after_utc) if made else None,
            "changed": entry.verdict.issue or entry.verdict.rewrite,
            "reason": entry.verdict.reason,
        }
    return {
        "changed": authority.created or any(item["changed"] for item in certificates.values()),
        "authority": {
            "certificate": layout.certificate,
            "der": layout.der,
            "sha256": _x509.sha256(authority.certificate) if exists else None,
            "not_after": _x509.iso(authority.certificate.not_valid_after_utc) if exists else None,
            "created": authority.created,
        },
        "certificates": certificates,
    }
