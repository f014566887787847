# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The books of an authority: the index of what it issued, and its revocation list, as openssl keeps them."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
from typing import Any

from ...module_utils._errors import PkiError
from .. import _files
from .._x509 import certificates as x509_certificates
from .._x509 import crl as x509_crl
from .._x509 import sign
from . import index as pki_index
from .authority import Authority, Changes, Layout

#: openssl refuses to work on an index in which two valid certificates share a subject unless this stands beside it;
#: a renewal overlaps with the renewed certificate, so they do.
INDEX_ATTRIBUTES = b"unique_subject = no\n"


def read_index(layout: Layout) -> dict[int, pki_index.Entry]:
    data = _files.read(layout.index) or b""
    try:
        return {entry.serial: entry for entry in pki_index.parse(data.decode())}
    except (PkiError, UnicodeDecodeError) as error:
        what = "it is not text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise PkiError(
            f"{layout.index} is damaged: {what}. Put it back from index.txt.old or a backup; or move it away, and the"
            f" next run makes it again from {layout.newcerts} and the revocation list."
        ) from None


def read_crl(authority: Authority, changes: Changes) -> Any:
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


def complete_index(authority: Authority, changes: Changes) -> None:
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
                        enter(index, certificate)
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


def enter(index: dict[int, pki_index.Entry], certificate: Any) -> None:
    serial = certificate.serial_number
    index[serial] = pki_index.issued(
        x509_certificates.hexadecimal(serial),
        x509_certificates.oneline(certificate.subject),
        certificate.not_valid_after_utc,
    )


def put_books(authority: Authority, changes: Changes) -> None:
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
        enter(authority.index, certificate)
    put_index(authority, changes)
    for certificate in certificates:
        changes.add(
            authority.layout.issued(certificate.serial_number), x509_certificates.certificate_pem(certificate), 0o644
        )


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
    """Say why a revocation list must be generated again, or None. It is, when a third of its time is left."""
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
