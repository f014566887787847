# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The authority on the control node's disk: read it, create it, keep its books as `openssl ca` does.

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

import datetime
import functools
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...module_utils._errors import PkiError
from .. import _file_sets, _files
from .._x509 import certificates as x509_certificates
from .._x509 import keys, sign
from . import index as pki_index

if TYPE_CHECKING:
    from .._pki.request import WantedAuthority


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
            _file_sets.write_all(self.files, within)


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
        """Itself as the signer."""
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
