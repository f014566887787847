# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys: generated, read and written."""

from __future__ import annotations

import contextlib
import re
from typing import Any

from .certificates import load_der

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import pkcs7 as _pkcs7
except ImportError:  # pragma: no cover - ansible-test sanity imports without it
    pass


KEY_TYPES = ("ecdsa_p256", "ecdsa_p384", "rsa_2048", "rsa_3072", "rsa_4096")


def generate_key(key_type: str) -> Any:
    """Return a new private key of one of KEY_TYPES. RSA takes tens of milliseconds and lets other threads run."""
    family, _separator, size = key_type.partition("_")
    if family == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=int(size))
    return ec.generate_private_key(ec.SECP384R1() if size == "p384" else ec.SECP256R1())


def key_type_of(public_key: Any) -> str:
    """Name the type of a public key as KEY_TYPES does; a type we never generate gets a name outside that list."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return f"rsa_{public_key.key_size}"
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return {"secp256r1": "ecdsa_p256", "secp384r1": "ecdsa_p384"}.get(
            public_key.curve.name, f"ecdsa_{public_key.curve.name}"
        )
    return type(public_key).__name__.lstrip("_").replace("PublicKey", "").lower()


def key_pem(key: Any, passphrase: bytes | None = None) -> bytes:
    """Create the PKCS#8 PEM of a private key, under AES-256 where a passphrase is given (:mod:`encrypted_key`)."""
    encoding = serialization.Encoding.DER if passphrase else serialization.Encoding.PEM
    data: bytes = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    if not passphrase:
        return data
    from . import encrypted_key

    return encrypted_key.pem(data, passphrase)


def load_key(data: bytes, passphrase: bytes | None = None) -> Any:
    """Read a private key from PEM. The primality test of RSA keys (33 ms each) is left out: see `matches`.

    Raises TypeError where a passphrase is missing, ValueError for a wrong one or damaged data, as ``cryptography``
    does, except that a passphrase given for a key without one is simply not needed.
    """
    if passphrase and b"ENCRYPTED" not in data:
        passphrase = None
    try:
        return serialization.load_pem_private_key(data, passphrase, unsafe_skip_rsa_key_validation=True)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error


def _load_der_key(data: bytes) -> None:
    with contextlib.suppress(TypeError):  # encrypted, and whole
        serialization.load_der_private_key(data, None, unsafe_skip_rsa_key_validation=True)


def other_form(data: bytes) -> str:
    """Where a file is not PEM, but whole in another form: which, and the command that generates PEM from it. Else an
    empty text."""
    begin = re.search(rb"-----BEGIN ([A-Z0-9 ]+)-----", data)
    if begin:
        if begin.group(1) in (b"PKCS7", b"CMS"):
            return "it is PKCS#7; make PEM of it: openssl pkcs7 -print_certs -in FILE -out FILE.pem"
        return "it is a certificate request, not yet a certificate" if b"REQUEST" in begin.group(1) else ""
    for what, read in (
        ("x509", load_der),
        ("pkey", _load_der_key),
        ("pkcs7 -print_certs", _pkcs7.load_der_pkcs7_certificates),
    ):
        with contextlib.suppress(ValueError, UnsupportedAlgorithm):
            read(data)
            return (
                f"it is DER, not PEM, whatever its name says; convert it: openssl {what} -inform DER -in FILE -out"
                " FILE.pem"
            )
    # PFX of RFC 7292: a sequence that begins with version 3
    if data[:1] == b"\x30" and b"\x02\x01\x03\x30" in data[:9]:
        return "it is PKCS#12, not PEM; take it apart: openssl pkcs12 -in FILE -noenc -out FILE.pem"
    return ""


def cure_of_form(data: bytes, otherwise: str) -> str:
    """:func:`other_form` as a sentence, or another one."""
    other = other_form(data)
    return other[:1].upper() + other[1:] if other else otherwise


def public_key_of(certificate: Any) -> Any:
    """The public key of a certificate, which is read only now. Raises ValueError where it is damaged, or of a kind that
    nobody knows."""
    try:
        return certificate.public_key()
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error


def matches(key: Any, public_key: Any) -> bool:
    """Tell whether the private key belongs to the public key.

    An RSA key file carries both halves, so its arithmetic is checked as well (n = p q, e d = 1 modulo p-1 and q-1):
    all that the skipped primality test would notice about a damaged file, in microseconds.
    """
    if key.public_key() != public_key:
        return False
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        e, n = numbers.public_numbers.e, numbers.public_numbers.n
        p, q, d = numbers.p, numbers.q, numbers.d
        return p * q == n and (e * d) % (p - 1) == 1 and (e * d) % (q - 1) == 1
    return True


def key_id(public_key: Any) -> bytes:
    """The public key as bytes, to compare and to look up."""
    return public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)  # type: ignore[no-any-return]
