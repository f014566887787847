# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The authority on the control node's disk: read it, make it, keep its books as `openssl ca` does.

Its folder has the layout that openssl works on, so either tool can follow the other (``ca`` is ``intermediate`` for
that one)::

    <directory>/
      private/ca.key.pem        PKCS#8 under AES-256 (0400)
      certs/ca.cert.pem, .der   the certificate for clients
      index.txt, index.txt.attr, serial, crlnumber, newcerts/<SERIAL>.pem, crl/ca.crl.pem, .der
      openssl.cnf               for work by hand: cd <directory> && openssl ca -config openssl.cnf …
      intermediate/             the same once more, where there is an intermediate authority

Functions here read and decide. They put files to write into a `Changes`, which the caller commits once.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import os
import re
import secrets
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...module_utils._errors import PkiError
from .. import _files
from .._x509 import certificates as x509_certificates
from .._x509 import crl as x509_crl
from .._x509 import encrypted_key, keys, sign
from . import index as pki_index
from .request import WantedAuthority

#: openssl refuses to work on an index in which two valid certificates share a subject unless this stands beside it;
#: a renewal overlaps with the renewed certificate, so they do.
INDEX_ATTRIBUTES = b"unique_subject = no\n"
SHORTEST_PASSPHRASE = 8
#: An intermediate is renewed (with its key) while it can still cover the longest certificate.
INTERMEDIATE_DAYS = 3650

OPENSSL_CNF = """\
# For work by hand on this authority: cd to this folder, then for example
#   openssl ca -config openssl.cnf -status SERIAL
#   openssl ca -config openssl.cnf -revoke newcerts/SERIAL.pem -crl_reason keyCompromise
#   openssl ca -config openssl.cnf -gencrl -out crl/{stem}.crl.pem
#   openssl ca -config openssl.cnf -in request.pem -out certificate.pem
# Made once; change it as you like.
[ca]
default_ca = authority

[authority]
dir = .
private_key = $dir/private/{stem}.key.pem
certificate = $dir/certs/{stem}.cert.pem
new_certs_dir = $dir/newcerts
database = $dir/index.txt
serial = $dir/serial
rand_serial = yes
crlnumber = $dir/crlnumber
default_crl_days = {crl_days}
crl_extensions = list
default_days = {days}
default_md = sha256
policy = names
x509_extensions = server
# Takes the subjectAltName of the request; read it before you sign.
copy_extensions = copy

[names]
countryName = optional
stateOrProvinceName = optional
organizationName = optional
organizationalUnitName = optional
commonName = optional
emailAddress = optional

[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid

[list]
authorityKeyIdentifier = keyid
"""


class Changes:
    """The files that a run is going to write, in order. Nothing is written until `commit`. Check mode never calls
    it."""

    def __init__(self) -> None:
        self.files: list[tuple[str, bytes, int]] = []
        #: The changes of the authority itself, for a person
        self.notes: list[str] = []
        #: Facts that need attention although the run continues
        self.warnings: list[str] = []

    def add(self, path: str, data: bytes, mode: int) -> None:
        self.files.append((path, data, mode))

    def put(self, path: str, data: bytes, mode: int) -> None:
        """Add the file unless it already has this content and, where it holds a secret, this mode."""
        if _files.read(path) != data or (not mode & 0o077 and stat.S_IMODE(os.stat(path).st_mode) != mode):
            self.add(path, data, mode)

    def commit(self, within: str) -> None:
        if self.files:
            _files.write_all(self.files, within)


class Passphrase:
    """The passphrase of the authority's keys: given by the user, or kept in a file beside them.

    A key whose passphrase is another one has that in a file of its own, ``passphrase`` beside the key (:meth:`of`).
    """

    def __init__(self, given: str | None, file: str) -> None:
        self.given = given
        self.file = file

    def of(self, layout: Layout) -> Passphrase:
        """The passphrase of one authority's key."""
        own = os.path.join(os.path.dirname(layout.key), "passphrase")
        return Passphrase(None, own) if os.path.lexists(own) else self

    def text(self) -> str | None:
        if self.given:
            return self.given
        kept = _files.read(self.file)
        return kept.decode(errors="replace").strip() or None if kept else None

    def text_or_new(self, changes: Changes) -> str:
        """The passphrase for a key that is about to be made; without one, one of 256 random bits is made and kept."""
        if self.given is not None and len(self.given) < SHORTEST_PASSPHRASE:
            raise PkiError(
                f"pki_passphrase has {len(self.given)} characters. Give at least {SHORTEST_PASSPHRASE}, or leave it"
                " out: then one is made and kept."
            )
        text = self.text()
        if text is None:
            self.given = text = secrets.token_urlsafe(32)
            changes.add(self.file, f"{text}\n".encode(), 0o600)
        return text

    def may_open(self, path: str, data: bytes) -> bool:
        """Tell, without the work of trying it, whether the key is encrypted as ours are, and there is a passphrase."""
        return bool(self.text()) and encrypted_key.is_whole(data)

    def open(self, path: str, data: bytes) -> Any:
        """Read the encrypted key at ``path``. Raises PkiError with the way out."""
        text = self.text()
        try:
            return keys.load_key(data, text.encode() if text else None)
        except TypeError:
            raise PkiError(
                f"{path} is encrypted, and there is no passphrase: give pki_passphrase, or put {self.file} back from a"
                " backup."
            ) from None
        except ValueError:
            # A wrong passphrase and a damaged key look alike to the library; the outer form tells most damage.
            if not re.search(
                rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.*\n-----END [A-Z ]*PRIVATE KEY-----", data, re.DOTALL
            ):
                other = keys.other_form(data)
                if other:
                    raise PkiError(f"{path} cannot be used as it is: {other}.") from None
                raise PkiError(
                    f"{path} is damaged. Put it back from a backup; an authority is never replaced by itself."
                ) from None
            source = "pki_passphrase" if self.given else f"the passphrase in {self.file}"
            beside = os.path.join(os.path.dirname(path), "passphrase")
            own = (
                ""
                if self.file == beside
                else f" Has this key a passphrase of its own? Put it into {beside} (mode 0600)."
            )
            cure = (
                f" Leave pki_passphrase out to use the one kept in {self.file}."
                if self.given and os.path.exists(self.file)
                else ""
            )
            raise PkiError(
                f"{source} does not open {path}. Give the one it was made with, or put the key back from a"
                f" backup.{cure}{own}"
            ) from None


class Layout:
    """Where the files of one authority lie."""

    def __init__(self, directory: str, stem: str = "ca") -> None:
        def below(*parts: str) -> str:
            return os.path.join(directory, *parts)

        self.directory = directory
        self.stem = stem
        self.key = below("private", f"{stem}.key.pem")
        self.certificate = below("certs", f"{stem}.cert.pem")
        self.der = below("certs", f"{stem}.cert.der")
        self.chain = below("certs", "ca-chain.cert.pem")
        self.index = below("index.txt")
        self.serial = below("serial")
        self.newcerts = below("newcerts")
        self.crl = below("crl", f"{stem}.crl.pem")
        self.crl_der = below("crl", f"{stem}.crl.der")
        self.crl_number = below("crlnumber")
        self.openssl_cnf = below("openssl.cnf")

    def issued(self, serial: int) -> str:
        return os.path.join(self.newcerts, f"{x509_certificates.hexadecimal(serial)}.pem")


@dataclass
class Authority:
    """An authority as it lies on the disk, or as it will once the changes are committed."""

    layout: Layout
    certificate: Any
    #: Reads the key; None where that is kept elsewhere
    opens: Callable[[], Any] | None
    #: The authority above it; None for a root
    parent: Authority | None = None
    created: bool = False
    index: dict[int, pki_index.Entry] = field(default_factory=dict)
    crl: Any = None

    @functools.cached_property
    def key(self) -> Any:
        """The key, or None where it is kept elsewhere. Its passphrase costs a tenth of a second and more: a run that
        signs nothing asks for none."""
        return self.opens() if self.opens else None

    @property
    def chain(self) -> tuple[Any, ...]:
        """The certificates that a server sends along. A root is not one of them: clients have it."""
        return (self.certificate,) if self.parent else ()

    @property
    def issuer(self) -> sign.Issuer:
        """Itself as whoever signs."""
        return sign.Issuer(self.certificate, self.key, self.chain)

    @property
    def root(self) -> Authority:
        return self.parent or self

    def is_revoked(self, serial: int) -> bool:
        entry = self.index.get(serial)
        return entry is not None and entry.status == "R"

    def describe(self) -> dict[str, Any]:
        return {
            "certificate": self.layout.certificate,
            "der": self.layout.der,
            "common_name": x509_certificates.common_name(self.certificate.subject),
            "sha256": x509_certificates.sha256(self.certificate),
            "not_after": x509_certificates.iso(self.certificate.not_valid_after_utc),
        }


# Read


def read(layout: Layout, passphrase: Passphrase, changes: Changes, parent: Authority | None = None) -> Authority | None:
    """Read the authority in this folder, made by us or by hand, or return None where there is none (yet).

    Missing files that `openssl ca` needs beside key and certificate are put into ``changes``.
    Raises PkiError for anything that is there but cannot be used: an authority is never replaced by itself.
    """
    passphrase = passphrase.of(layout)
    certificate_data, key_data = _files.read(layout.certificate), _files.read(layout.key)
    index = _read_index(layout)
    if certificate_data is None:
        if index:
            raise PkiError(
                f"{layout.certificate} is missing, but {layout.index} lists what it issued. Put it back from a backup; "
                f"to start again with another authority, move {layout.directory} away."
            )
        return None
    try:
        certificate = x509_certificates.load_certificates(certificate_data)[0]
        is_authority, public_key = x509_certificates.is_authority(certificate), keys.public_key_of(certificate)
    except ValueError as error:
        other = keys.other_form(certificate_data)
        if other:
            raise PkiError(f"{layout.certificate} cannot be used as it is: {other}.") from None
        raise PkiError(
            f"{layout.certificate} is damaged ({error}). Put it back from a backup; an authority is never replaced by"
            " itself."
        ) from None
    if not is_authority:
        raise PkiError(
            f"{layout.certificate} is no authority: its basicConstraints lack CA:TRUE. Put the right certificate there."
        )
    key_type = keys.key_type_of(public_key)
    if not key_type.startswith(("rsa_", "ecdsa_")):
        raise PkiError(
            f"{layout.certificate} has a key of type {key_type}. Browsers, phones and most of TLS trust authorities"
            " with RSA or ECDSA keys only (CA/Browser Forum Baseline Requirements, 6.1.5). Adopt one of those, or give"
            " an empty folder: then one is made."
        )
    opens = None
    if key_data is not None:
        opens = functools.cache(functools.partial(_opened, layout, passphrase, key_data, public_key))
        if not passphrase.may_open(layout.key, key_data):
            opens()
        if encrypted_key.is_weak(key_data):
            key = opens()
            changes.notes.append(f"{layout.key} written again: its passphrase is slower to guess now")
            changes.add(layout.key, keys.key_pem(key, (passphrase.text() or "").encode()), 0o400)
        elif stat.S_IMODE(os.stat(layout.key).st_mode) & 0o277:
            changes.notes.append(f"{layout.key} closed to everybody but its owner")
            changes.add(layout.key, key_data, 0o400)
        if b"ENCRYPTED" not in key_data:
            changes.warnings.append(
                f"{layout.key} has no passphrase. Run: openssl pkcs8 -topk8 -v2 aes-256-cbc -in {layout.key} -out"
                f" {layout.key}.new, and rename it."
            )
    authority = Authority(layout, certificate, opens, parent, index=index)
    authority.crl = _read_crl(authority, changes)
    _complete_index(authority, changes)
    _put_books(authority, changes)
    return authority


def _opened(layout: Layout, passphrase: Passphrase, data: bytes, public_key: Any) -> Any:
    key = passphrase.open(layout.key, data)
    if not keys.matches(key, public_key):
        raise PkiError(
            f"{layout.key} does not belong to {layout.certificate}. Put the pair that belongs together back from a"
            " backup."
        )
    return key


def _read_index(layout: Layout) -> dict[int, pki_index.Entry]:
    data = _files.read(layout.index) or b""
    try:
        return {entry.serial: entry for entry in pki_index.parse(data.decode())}
    except (PkiError, UnicodeDecodeError) as error:
        what = "it is not text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise PkiError(
            f"{layout.index} is damaged: {what}. Put it back from index.txt.old or a backup; or move it away, and the"
            f" next run makes it again from {layout.newcerts} and the revocation list."
        ) from None


def _read_crl(authority: Authority, changes: Changes) -> Any:
    data = _files.read(authority.layout.crl)
    if data is None:
        return None
    try:
        crl = x509_crl.load_crl(data)
        if crl.is_signature_valid(authority.certificate.public_key()):
            return crl
    except ValueError:
        pass
    changes.warnings.append(
        f"{authority.layout.crl} was damaged or not this authority's: it is made again from the index."
    )
    return None


def _complete_index(authority: Authority, changes: Changes) -> None:
    """Add missing entries to the index, from newcerts/ and the revocation list: both hold entries that a lost or older
    index forgot."""
    layout, index = authority.layout, authority.index
    before = [entry.line for entry in index.values()]
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(layout.newcerts)):
            stem, extension = os.path.splitext(name)
            if extension == ".pem" and re.fullmatch("[0-9A-Fa-f]+", stem) and int(stem, 16) not in index:
                for certificate in certificates_in(os.path.join(layout.newcerts, name)):
                    if certificate.serial_number not in index and x509_certificates.signed_by(
                        certificate, authority.certificate
                    ):
                        _enter(index, certificate)
    for serial, (moment, reason) in (x509_crl.crl_entries(authority.crl) if authority.crl is not None else {}).items():
        entry = index.get(serial)
        if entry and entry.status != "R" and reason not in ("certificateHold", "removeFromCRL"):
            index[serial] = pki_index.revoked(entry, moment, reason)
    if [entry.line for entry in index.values()] != before:
        changes.notes.append(f"{layout.index} completed from {layout.newcerts} and the revocation list")
        put_index(authority, changes)


def certificates_in(path: str) -> list[Any]:
    """The certificates of a file, none where it is missing or damaged."""
    try:
        return x509_certificates.load_certificates(_files.read(path) or b"")
    except ValueError:
        return []


def _enter(index: dict[int, pki_index.Entry], certificate: Any) -> None:
    serial = certificate.serial_number
    index[serial] = pki_index.issued(
        x509_certificates.hexadecimal(serial),
        x509_certificates.oneline(certificate.subject),
        certificate.not_valid_after_utc,
    )


def _put_books(authority: Authority, changes: Changes) -> None:
    """Put the files into ``changes`` that openssl expects and that are missing or unusable."""
    layout = authority.layout
    if _files.read(layout.index) is None and layout.index not in [path for path, _data, _mode in changes.files]:
        put_index(authority, changes)
    changes.put(f"{layout.index}.attr", INDEX_ATTRIBUTES, 0o644)
    # Certificates signed by hand without rand_serial take their number from here; ours are random and never meet it.
    if not re.fullmatch(rb"\s*(?:[0-9A-Fa-f]{2})+\s*", _files.read(layout.serial) or b""):
        changes.add(layout.serial, f"{x509_certificates.hexadecimal(sign.random_serial())}\n".encode(), 0o644)
    changes.put(layout.der, x509_certificates.certificate_der(authority.certificate), 0o644)
    if authority.parent:
        chain = x509_certificates.certificate_pem(authority.certificate) + x509_certificates.certificate_pem(
            authority.parent.certificate
        )
        changes.put(layout.chain, chain, 0o644)


# Change


def put_index(authority: Authority, changes: Changes) -> None:
    """Put the index as it is now into ``changes``, and the one on the disk beside it as index.txt.old, as openssl
    does."""
    layout = authority.layout
    changes.files = [file for file in changes.files if file[0] not in (layout.index, f"{layout.index}.old")]
    before = _files.read(layout.index)
    if before is not None:
        changes.add(f"{layout.index}.old", before, 0o644)
    changes.add(layout.index, "".join(f"{entry.line}\n" for entry in authority.index.values()).encode(), 0o644)


def record(authority: Authority, certificates: list[Any], changes: Changes) -> None:
    """Enter new certificates into the authority's books: first the index, then newcerts/, so that the index never knows
    less."""
    for certificate in certificates:
        _enter(authority.index, certificate)
    put_index(authority, changes)
    for certificate in certificates:
        changes.add(
            authority.layout.issued(certificate.serial_number), x509_certificates.certificate_pem(certificate), 0o644
        )


def make_root(
    layout: Layout, passphrase: Passphrase, wanted: WantedAuthority, now: datetime.datetime, changes: Changes
) -> Authority:
    """Make a root authority. Its certificate is written last: until it is there, the next run takes up the key that a
    killed run left."""
    key = _take_or_make_key(layout, passphrase, wanted.key_type, changes)
    # Eight digits tell the roots of two fleets apart in a device's list
    name = wanted.common_name or f"Private CA {secrets.token_hex(4).upper()}"
    certificate = sign.sign_authority(
        key,
        sign.authority_subject(name, wanted.organization),
        days=wanted.days,
        now=now,
        path_length=1 if wanted.intermediate else 0,
        permitted=wanted.name_constraints,
    )
    return _made(Authority(layout, certificate, lambda: key, created=True), wanted, changes)


def make_intermediate(
    layout: Layout,
    passphrase: Passphrase,
    wanted: WantedAuthority,
    now: datetime.datetime,
    changes: Changes,
    *,
    root: Authority,
) -> Authority:
    """Make an intermediate authority below ``root``, whose key must be here for it."""
    if root.key is None:
        raise PkiError(
            f"{root.layout.key} is missing, and it must sign {layout.certificate}. Put the key back for this one run."
        )
    if sign.path_length_of(root.certificate) == 0:
        raise PkiError(
            f"{root.layout.certificate} may have no authority below it (path length 0). Leave out pki_authority:"
            " intermediate, or make a new root for it (README of the role: rotation)."
        )
    key = _take_or_make_key(layout, passphrase, wanted.key_type, changes)
    authority = Authority(layout, _sign_intermediate(key, root, now), lambda: key, root, created=True)
    record(root, [authority.certificate], changes)
    return _made(authority, wanted, changes)


def renew_intermediate(authority: Authority, now: datetime.datetime, changes: Changes) -> None:
    """Sign the intermediate again with the same key while it can still cover the longest certificate, as far as the
    root allows."""
    root = authority.root
    left = (authority.certificate.not_valid_after_utc - now).days
    gains = root.certificate.not_valid_after_utc - authority.certificate.not_valid_after_utc > datetime.timedelta(
        days=1
    )
    if left >= x509_certificates.LONGEST_DAYS or not gains:
        return
    if root.key is None:
        changes.warnings.append(
            f"{authority.layout.certificate} ends in {left} days. Put {root.layout.key} back for one run, and it is"
            " renewed."
        )
        return
    authority.certificate = _sign_intermediate(authority.key, root, now)
    record(root, [authority.certificate], changes)
    changes.add(authority.layout.certificate, x509_certificates.certificate_pem(authority.certificate), 0o644)
    changes.notes.append(f"intermediate renewed: it had {left} days left")
    _put_books(authority, changes)


def _sign_intermediate(key: Any, root: Authority, now: datetime.datetime) -> Any:
    subject = sign.authority_subject(f"{x509_certificates.common_name(root.certificate.subject)[:51]} intermediate")
    return sign.sign_authority(key, subject, days=INTERMEDIATE_DAYS, now=now, path_length=0, issuer=root.issuer)


def _take_or_make_key(layout: Layout, passphrase: Passphrase, key_type: str, changes: Changes) -> Any:
    passphrase = passphrase.of(layout)
    data = _files.read(layout.key)
    if data is not None:
        return passphrase.open(layout.key, data)
    text = passphrase.text_or_new(changes)
    key = keys.generate_key(key_type)
    changes.add(layout.key, keys.key_pem(key, text.encode()), 0o400)
    return key


def _made(authority: Authority, wanted: WantedAuthority, changes: Changes) -> Authority:
    layout = authority.layout
    _put_books(authority, changes)
    if _files.read(layout.openssl_cnf) is None:
        text = OPENSSL_CNF.format(stem=layout.stem, crl_days=wanted.crl_days, days=x509_certificates.DEFAULT_DAYS)
        changes.add(layout.openssl_cnf, text.encode(), 0o644)
    changes.add(layout.certificate, x509_certificates.certificate_pem(authority.certificate), 0o644)
    changes.notes.append(
        f"{'intermediate' if authority.parent else 'authority'} made: "
        + x509_certificates.common_name(authority.certificate.subject)
    )
    return authority


def put_crl(authority: Authority, crl_days: int, now: datetime.datetime, changes: Changes) -> None:
    """Generate the revocation list again if it differs from the index, or would end soon."""
    revoked = {entry.serial for entry in authority.index.values() if entry.status == "R"}
    reason = crl_is_stale(authority.crl, revoked, crl_days, now)
    if reason is None:
        return
    layout = authority.layout
    if authority.key is None:
        if authority.crl is not None or revoked:
            changes.warnings.append(
                f"{layout.crl} should be made again ({reason}), but {layout.key} is elsewhere. Put the key back for one"
                " run."
            )
        return
    # `is not None`: an empty list counts as false
    before = x509_crl.crl_number(authority.crl) if authority.crl is not None else 0
    number = max(_next_crl_number(layout), before + 1)
    entries = [(entry.serial, entry.revoked, entry.reason) for entry in authority.index.values() if entry.revoked]
    authority.crl = x509_crl.sign_crl(authority.issuer, entries, number, crl_days, now)
    # The number first: a killed run may leave a gap in the numbers, never two lists of one number
    changes.add(layout.crl_number, f"{x509_certificates.hexadecimal(number + 1)}\n".encode(), 0o644)
    changes.add(layout.crl, x509_crl.crl_pem(authority.crl), 0o644)
    changes.add(layout.crl_der, x509_crl.crl_der(authority.crl), 0o644)
    changes.notes.append(f"revocation list made: {reason}")


def crl_is_stale(crl: Any, revoked: set[int], crl_days: int, now: datetime.datetime) -> str | None:
    """Say why a revocation list must be made again, or None. It is made again when a third of its time is left."""
    if crl is None:
        return "there was none"
    if set(x509_crl.crl_entries(crl)) != revoked:
        return "the index says otherwise"
    end = crl.next_update_utc
    if end is None or end - now < datetime.timedelta(days=crl_days) / 3:
        return "it ends soon"
    return None


def _next_crl_number(layout: Layout) -> int:
    try:
        return int(_files.read(layout.crl_number) or b"01", 16)
    except ValueError:
        return 1


def require_valid(authority: Authority, now: datetime.datetime) -> None:
    """Refuse to work outside the authority's own time. Raises PkiError."""
    start, end = authority.certificate.not_valid_before_utc, authority.certificate.not_valid_after_utc
    path = authority.layout.certificate
    if now < start:
        raise PkiError(
            f"{path} starts on {start:%Y-%m-%d %H:%M} UTC, but this machine's clock says {now:%Y-%m-%d %H:%M} UTC. Set"
            " the clock."
        )
    if now > end:
        raise PkiError(
            f"{path} ended on {end:%Y-%m-%d}, and nothing it signed is trusted any more (this machine's clock says"
            f" {now:%Y-%m-%d}). Move {authority.root.layout.directory} away: the next run makes a new authority, which"
            " every device must then install."
        )


def differences(authority: Authority, options: Mapping[str, Any], wanted: WantedAuthority) -> list[str]:
    """Say where the inventory describes another authority than the one there is: it stays as it is."""
    certificate = authority.certificate
    found = {
        "common_name": (x509_certificates.common_name(certificate.subject), wanted.common_name),
        "key_type": (keys.key_type_of(certificate.public_key()), wanted.key_type),
        "name_constraints": (
            _permitted(certificate),
            sorted(wanted.name_constraints) if options.get("name_constraints") != "inventory" else None,
        ),
    }
    return [
        f"pki_authority: {key} is {asked!r}, but {authority.layout.certificate} has {has!r} and is never replaced by"
        " itself (README of the role: rotation). It stays in use."
        for key, (has, asked) in found.items()
        if key in options and asked is not None and has != asked
    ]


def _permitted(certificate: Any) -> list[str]:
    constraints = x509_certificates.constraints_of(certificate)
    return sorted(str(subtree.value) for subtree in constraints.permitted_subtrees or []) if constraints else []
