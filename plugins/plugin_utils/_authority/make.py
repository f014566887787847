# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new root, and an intermediate below it."""

from __future__ import annotations

import datetime
import secrets
from typing import TYPE_CHECKING, Any

from ...module_utils._errors import PkiError
from .. import _files
from .._x509 import certificates as x509_certificates
from .._x509 import keys, sign
from .authority import Authority, Changes, Layout
from .books import put_books, record
from .passphrase import Passphrase

if TYPE_CHECKING:
    from .._pki.request import WantedAuthority

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


def make_root(
    layout: Layout, passphrase: Passphrase, wanted: WantedAuthority, now: datetime.datetime, changes: Changes
) -> Authority:
    """Create a root authority. Its certificate is written last: until it is there, the next run takes up the key that a
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
    """Create an intermediate authority below ``root``, whose key must be here for it."""
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
    put_books(authority, changes)


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
    put_books(authority, changes)
    if _files.read(layout.openssl_cnf) is None:
        text = OPENSSL_CNF.format(stem=layout.stem, crl_days=wanted.crl_days, days=x509_certificates.DEFAULT_DAYS)
        changes.add(layout.openssl_cnf, text.encode(), 0o644)
    changes.add(layout.certificate, x509_certificates.certificate_pem(authority.certificate), 0o644)
    changes.notes.append(
        f"{'intermediate' if authority.parent else 'authority'} made: "
        + x509_certificates.common_name(authority.certificate.subject)
    )
    return authority
