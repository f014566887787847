# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell a folder that somebody else keeps from one in which an authority may be created: only an absent or an empty one
is filled."""

from __future__ import annotations

import os
from typing import NamedTuple

from ...module_utils._errors import PkiError
from .._files import TEMPORARY


class Kind(NamedTuple):
    """An authority of another program: the file that identifies it, and the path of its root ("" if no file of it can
    be used)."""

    name: str
    mark: str
    certificate: str = ""
    key: str = ""
    books: str = ""


KINDS = (
    Kind("an authority of mkcert", "rootCA.pem", "rootCA.pem", "rootCA-key.pem"),
    Kind("a PKI of easy-rsa", "openssl-easyrsa.cnf", "ca.crt", "private/ca.key", "index.txt"),
    Kind("a PKI of easy-rsa", "safessl-easyrsa.cnf", "ca.crt", "private/ca.key", "index.txt"),
    Kind("a PKI of easy-rsa", "pki/openssl-easyrsa.cnf", "pki/ca.crt", "pki/private/ca.key", "pki/index.txt"),
    Kind("a PKI of easy-rsa", "ca.crt", "ca.crt", "private/ca.key", "index.txt"),
    Kind("an authority of step-ca", "config/ca.json", "certs/root_ca.crt", "secrets/root_ca_key"),
    Kind("an authority of openssl's CA.pl", "cacert.pem", "cacert.pem", "private/cakey.pem", "index.txt"),
    Kind("an authority of minica", "minica.pem", "minica.pem", "minica-key.pem"),
    Kind("an authority of cfssl", "ca-key.pem", "ca.pem", "ca-key.pem"),
    Kind("an authority of Caddy", "root.key", "root.crt", "root.key"),
    Kind(
        "an authority in openssl's layout", "certs/ca.cert.pem", "certs/ca.cert.pem", "private/ca.key.pem", "index.txt"
    ),
    Kind("certificates of certbot", "renewal"),
)
#: The files in an authority's folder of ours before its certificate exists: a run was interrupted, or the certificate
#: was lost.
_AUTHORITY = {
    "": (
        {
            "private",
            "certs",
            "newcerts",
            "crl",
            "index.txt",
            "index.txt.attr",
            "serial",
            "crlnumber",
            "openssl.cnf",
            "intermediate",
        }
        | {"index.txt.old", "index.txt.attr.old", "serial.old", "crlnumber.old"}
    ),
    "private": {"ca.key.pem", "passphrase"},
    "certs": {"ca.cert.der", "ca-chain.cert.pem"},
}
_AROUND = {"passphrase", "ca-bundle.pem", "certificates", "exports"}


def require_own_place(directory: str, authority: str, also: tuple[str, ...] = ()) -> None:
    """Refuse to create an authority in ``authority`` below or beside ``directory`` if either holds files that this
    collection did not put there.

    ``also``: further folders of authorities. Raises PkiError that names the found files, and the way to go on with
    them.
    """
    inside = {os.path.relpath(path, directory).split(os.sep)[0] for path in (authority, *also)}
    _require(directory, "pki_dir", {"": _AROUND | inside}, directory)
    _require(authority, "pki_authority: directory", _AUTHORITY, directory)


def _require(folder: str, option: str, known: dict[str, set[str]], directory: str) -> None:
    strange = [
        os.path.join(below, name)
        for below, names in known.items()
        for name in _names(os.path.join(folder, below))
        if name not in names
    ]
    if not strange:
        return
    kind = next(
        (
            kind
            for kind in KINDS
            if os.path.lexists(os.path.join(folder, kind.mark)) and not _is_known(kind.mark, known)
        ),
        None,
    )
    what = (
        f"{kind.name} ({kind.mark})"
        if kind
        else f"{', '.join(sorted(strange)[:3])}{' and more' if len(strange) > 3 else ''}"
    )
    message = (
        f"{option}: {folder} holds {what}, which is not of this collection. Only an empty or absent folder is filled:"
        " give another one."
    )
    if kind and all(name and os.path.isfile(os.path.join(folder, name)) for name in (kind.certificate, kind.key)):
        message += f" To go on with that authority, copy it there first: {_copy(kind, folder, directory)}"
    raise PkiError(message)


def _is_known(mark: str, known: dict[str, set[str]]) -> bool:
    below, name = os.path.split(mark)
    return name in known.get(below, set())


def _copy(kind: Kind, folder: str, directory: str) -> str:
    to = "NEW/ca" if folder == directory else f"{directory}/ca"
    pairs = [(kind.certificate, "certs/ca.cert.pem"), (kind.key, "private/ca.key.pem")]
    pairs += [(kind.books, "index.txt")] if kind.books and os.path.exists(os.path.join(folder, kind.books)) else []
    copies = " && ".join(f"cp '{os.path.join(folder, source)}' '{to}/{target}'" for source, target in pairs)
    where = ", with pki_dir: NEW" if folder == directory else ""
    return f"(umask 077; mkdir -p '{to}/certs' '{to}/private' && {copies}){where}."


def _names(folder: str) -> list[str]:
    """The files of a folder, without hidden ones: git's, the lock of a run, and files that a system creates
    everywhere."""
    try:
        return [name for name in os.listdir(folder) if not name.startswith((".", TEMPORARY))]
    except OSError:
        return []


__all__ = ["KINDS", "Kind", "require_own_place"]
