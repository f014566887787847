# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private key behind a passphrase, as PKCS#8 (RFC 5958) under PBES2 (RFC 8018): the format of ``openssl pkcs8 -topk8
-iter`` writes and everybody reads.

``cryptography`` writes the same form with 2,048 rounds of PBKDF2 and lets nobody say how many. A graphics card tries a
short passphrase against that some hundred times as fast as against these.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import textwrap

try:
    from cryptography.hazmat.primitives import padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
except ImportError:
    pass  # the maker of keys names them

#: OWASP's number for PBKDF2 with HMAC-SHA256 (Password Storage Cheat Sheet).
ROUNDS = 600_000

# Object identifiers, encoded (X.690): PBES2, PBKDF2 and hmacWithSHA256 of RFC 8018, aes256-CBC of RFC 3565, scrypt of
# RFC 7914
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
_HMAC_SHA256 = bytes.fromhex("06082a864886f70d0209")
_AES256_CBC = bytes.fromhex("060960864801650304012a")
_SCRYPT = bytes.fromhex("06092b06010401da47040b")
_NULL = b"\x05\x00"


def pem(key: bytes, passphrase: bytes) -> bytes:
    """Encrypt a private key, given as PKCS#8 in DER."""
    salt, start = secrets.token_bytes(16), secrets.token_bytes(16)
    padder = padding.PKCS7(128).padder()
    secret = hashlib.pbkdf2_hmac("sha256", passphrase, salt, ROUNDS, 32)
    encryptor = Cipher(algorithms.AES(secret), modes.CBC(start)).encryptor()
    hidden = encryptor.update(padder.update(key) + padder.finalize()) + encryptor.finalize()
    derivation = _sequence(_PBKDF2, _sequence(_octets(salt), _integer(ROUNDS), _sequence(_HMAC_SHA256, _NULL)))
    scheme = _sequence(_PBES2, _sequence(derivation, _sequence(_AES256_CBC, _octets(start))))
    text = "\n".join(textwrap.wrap(base64.b64encode(_sequence(scheme, _octets(hidden))).decode(), 64))
    return f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{text}\n-----END ENCRYPTED PRIVATE KEY-----\n".encode()


def is_whole(data: bytes) -> bool:
    """Tell whether PEM is a key as :func:`pem` generates it, from its first byte to its last. Opens nothing: within,
    anything may be wrong."""
    found = re.fullmatch(
        rb"-----BEGIN ENCRYPTED PRIVATE KEY-----\n([A-Za-z0-9+/=\n]*)-----END ENCRYPTED PRIVATE KEY-----\n", data
    )
    try:
        der = base64.b64decode(found.group(1)) if found else b""
    except ValueError:
        return False
    size = der[1] & 0x7F if len(der) > 1 and der[1] & 0x80 else 0
    return (
        der[:1] == b"\x30"
        and size > 0
        and 2 + size + int.from_bytes(der[2 : 2 + size], "big") == len(der)
        and _PBES2 in der
    )


def is_weak(data: bytes) -> bool:
    """Tell whether a private key in PEM is encrypted, and its passphrase is quicker to guess than it needs to be. Opens
    nothing."""
    if b"ENCRYPTED" not in data:
        return False
    found = re.search(rb"-----BEGIN ENCRYPTED PRIVATE KEY-----(.*?)-----END", data, re.DOTALL)
    if found is None:
        return True  # older than PKCS#8
    try:
        der = base64.b64decode(found.group(1))
    except ValueError:
        der = b""
    if not der.startswith(b"\x30"):
        return False  # damaged: the reader reports it
    rounds = re.search(re.escape(_PBKDF2) + rb"\x30.\x04(.)", der, re.DOTALL)
    if rounds is None:
        return _SCRYPT not in der
    place = rounds.end() + rounds.group(1)[0]
    size = der[place + 1] if der[place : place + 1] == b"\x02" else 0
    return int.from_bytes(der[place + 2 : place + 2 + size], "big") < ROUNDS


def _tagged(tag: int, content: bytes) -> bytes:
    """One value of DER (X.690, 8.1)."""
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _sequence(*parts: bytes) -> bytes:
    return _tagged(0x30, b"".join(parts))


def _octets(content: bytes) -> bytes:
    return _tagged(0x04, content)


def _integer(number: int) -> bytes:
    return _tagged(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))
