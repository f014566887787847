# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The signature of a configuration profile: CMS (RFC 5652), DER, the profile inside. Pure: no I/O, no Ansible.

Apple's devices call a signed profile *Verified* where they trust the signer
(https://support.apple.com/guide/deployment/dep2fb43e4c9), so the signer is best one that they know already:
a certificate of a public authority. Signed attributes are left out: one holds the time of day, and nobody would read
it.
"""

from __future__ import annotations

import traceback
from typing import Any

from ...module_utils._errors import PkiError

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.serialization import pkcs7

    CRYPTOGRAPHY_IMPORT_ERROR = None
except ImportError:
    CRYPTOGRAPHY_IMPORT_ERROR = traceback.format_exc()


class Signer:
    """Who signs: a key, its certificate, and the certificates between that and the root.

    :param certificate: PEM, the signer's own first, the chain after it (``fullchain.pem`` of ACME clients).
    :param key: PEM; it may be the same file.
    :param passphrase: of the key, where it is encrypted.
    :raises PkiError: where the two do not belong together, or are of a kind that cannot sign.
    """

    def __init__(self, certificate: bytes, key: bytes, passphrase: str | None = None) -> None:
        try:
            self.certificate, *self.chain = x509.load_pem_x509_certificates(certificate)
        except ValueError as error:
            raise PkiError(
                f"signer: certificate: no certificate in PEM form ({error}). Name the file that begins with the"
                " signer's."
            ) from error
        try:
            self.key: Any = serialization.load_pem_private_key(key, passphrase.encode() if passphrase else None)
        except (TypeError, ValueError, UnsupportedAlgorithm) as error:
            raise PkiError(
                f"signer: key: it cannot be read ({error}). Name a private key in PEM form, and its passphrase where it"
                " has one."
            ) from error
        if not isinstance(self.key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
            raise PkiError(
                "signer: key: only RSA and ECDSA keys can sign a profile. Name such a key and its certificate."
            )
        if self.key.public_key() != self.certificate.public_key():
            raise PkiError(
                "signer: the key is not that of the first certificate. Name the two files that were issued together."
            )

    def sign(self, content: bytes) -> bytes:
        """Return ``content`` inside its signature, DER."""
        builder = (
            pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(self.certificate, self.key, hashes.SHA256())
        )
        for certificate in self.chain:
            builder = builder.add_certificate(certificate)
        return builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoAttributes])

    def made(self, signed: bytes, content: bytes) -> bool:
        """Tell whether ``signed`` is this signer's signature of ``content``. ECDSA gives other bytes each time, so they
        cannot be compared."""
        try:
            certificates = pkcs7.load_der_pkcs7_certificates(signed)
        except ValueError:
            return False
        whole = content in signed and set(certificates) == {self.certificate, *self.chain}
        return whole and any(self._holds(signed[-length:], content) for length in self._lengths(signed))

    def _lengths(self, signed: bytes) -> list[int]:
        """The possible lengths of the signature at the end of the file: fixed for RSA, for ECDSA set by the byte before
        it."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return [self.key.key_size // 8]
        return [length for length in range(8, min(160, len(signed) - 1)) if signed[-length - 1] == length]

    def _holds(self, signature: bytes, content: bytes) -> bool:
        public = self.key.public_key()
        try:
            if isinstance(self.key, rsa.RSAPrivateKey):
                public.verify(signature, content, padding.PKCS1v15(), hashes.SHA256())
            else:
                public.verify(signature, content, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True
