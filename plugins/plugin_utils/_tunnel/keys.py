# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH key pairs for tunnel accounts. Pure: keys come in and go out as bytes.

ECDSA P-256 is the default: of the types that phone apps name, it is the newest that all of them take. RSA signs with
SHA-2 where the app knows how (OpenSSH 8.8 refuses the rest). ssh writes the OpenSSH form. PEM is the form that older
libraries ask for: RFC 5915 for ECDSA, RFC 8017 for RSA, as
``ssh-keygen -m PEM`` writes them, and PKCS#8 (RFC 5958) where there is a passphrase, because the older forms derive
their key from it by one round of MD5. Ed25519 has no PEM form that ssh or libssh2 read.
"""

from __future__ import annotations

import traceback
from typing import Any

from ...module_utils._errors import TunnelError

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    from .._x509 import encrypted_key

    CRYPTOGRAPHY_IMPORT_ERROR = None
except ImportError:
    CRYPTOGRAPHY_IMPORT_ERROR = traceback.format_exc()

#: NIST SP 800-57 part 1, table 2: 3072 bits of RSA are as strong as P-256.
RSA_BITS = 3072
PEM_TYPES = ("ecdsa", "rsa")


def generate(key_type: str) -> Any:
    """Create a private key of one of ``ecdsa``, ``ed25519``, ``rsa``."""
    if key_type == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    return ed25519.Ed25519PrivateKey.generate() if key_type == "ed25519" else ec.generate_private_key(ec.SECP256R1())


def load(data: bytes, passphrase: str, where: str) -> Any:
    """Read a private key in either form. Raise TunnelError where it is damaged or the passphrase does not open it."""
    password = passphrase.encode() or None
    reader = serialization.load_ssh_private_key if b"BEGIN OPENSSH" in data else serialization.load_pem_private_key
    try:
        return reader(data, password=password)
    except TypeError as error:  # a passphrase for a key that has none, or the reverse
        if password:
            return reader(data, password=None)  # the user has since asked for one: the caller writes it with it
        raise TunnelError(f"{where} has a passphrase and tunnel_accounts gives none. {_CURE}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TunnelError(f"{where} is no private key, or the passphrase does not open it. {_CURE}") from error


_CURE = "Give the passphrase it was made with, or make a new key with -e tunnel_rotate=NAME."


def is_encrypted(data: bytes) -> bool:
    """Tell whether a private key, in either form, needs a passphrase."""
    if b"BEGIN OPENSSH" not in data:
        return b"ENCRYPTED" in data
    try:
        serialization.load_ssh_private_key(data, password=None)
    except TypeError:
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return False


def key_type(key: Any) -> str:
    """Name the type of a private key as ``tunnel_accounts`` does."""
    if isinstance(key, rsa.RSAPrivateKey):
        return "rsa"
    return "ed25519" if isinstance(key, ed25519.Ed25519PrivateKey) else "ecdsa"


def openssh(key: Any, passphrase: str) -> bytes:
    """The OpenSSH form (its PROTOCOL.key); with a passphrase by bcrypt and AES-256."""
    data: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, _encryption(passphrase)
    )
    return data


def pem(key: Any, passphrase: str) -> bytes:
    """The PEM form that libraries which do not know OpenSSH's take."""
    if passphrase:
        plain = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return encrypted_key.pem(plain, passphrase.encode())
    data: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return data


def is_weak(data: bytes) -> bool:
    """Tell whether the passphrase of a key in PEM is quicker to guess than it needs to be."""
    return b"BEGIN OPENSSH" not in data and encrypted_key.is_weak(data)


def _encryption(passphrase: str) -> Any:
    return serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()


def public(key: Any, comment: str) -> str:
    """The public half as one line: type, base64, comment."""
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    return f"{line} {comment}"
