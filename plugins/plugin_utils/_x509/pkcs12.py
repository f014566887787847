# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates with their keys in one file (PKCS #12)."""

from __future__ import annotations

from typing import Any

try:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.serialization import pkcs12 as _pkcs12
except ImportError:  # pragma: no cover - ansible-test sanity imports without it
    pass


def pkcs12(name: str, key: Any, certificate: Any, chain: list[Any], passphrase: bytes, *, legacy: bool) -> bytes:
    """Key, certificate and chain in one PKCS#12 file (RFC 7292): AES-256, or 3DES with SHA-1 for systems that open
    nothing newer."""
    protection: Any = serialization.BestAvailableEncryption(passphrase)
    if legacy:
        protection = (
            serialization.PrivateFormat.PKCS12.encryption_builder()
            .kdf_rounds(50000)
            .key_cert_algorithm(_pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
            .hmac_hash(hashes.SHA1())  # noqa: S303 - `legacy` needs it: those systems know no other
            .build(passphrase)
        )
    return _pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, chain or None, protection)


def pkcs12_holds(data: bytes, key: Any, certificate: Any, chain: list[Any], passphrase: bytes) -> bool:
    """Tell whether a PKCS#12 file opens with this passphrase and holds exactly this."""
    try:
        found = _pkcs12.load_key_and_certificates(data, passphrase)
    except ValueError:
        return False
    return (
        found[0] is not None
        and found[0].public_key() == key.public_key()
        and found[1] == certificate
        and list(found[2]) == chain
    )
