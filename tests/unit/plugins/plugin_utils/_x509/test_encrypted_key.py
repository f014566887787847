# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a guess takes is read off the file by openssl, which also opens it."""

from __future__ import annotations

import os
import re
import subprocess

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki import issue
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki import settings as pki_settings
from ansible_collections.remote.notebooks.plugins.plugin_utils._tunnel import keys
from ansible_collections.remote.notebooks.plugins.plugin_utils._x509 import encrypted_key
from ansible_collections.remote.notebooks.plugins.plugin_utils._x509 import keys as x509_keys
from cryptography.hazmat.primitives import serialization

FORMS = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)


def openssl(*words, data=b""):
    done = subprocess.run(["openssl", *words], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


@pytest.mark.parametrize("key_type", ["ecdsa_p256", "rsa_2048"])
def test_openssl_opens_it_and_counts_the_rounds(key_type):
    key = x509_keys.generate_key(key_type)
    data = x509_keys.key_pem(key, b"eight888")

    assert re.search(r"INTEGER +:0927C0\b", openssl("asn1parse", data=data))  # 600,000
    assert "PBKDF2" in openssl("asn1parse", data=data)
    assert "aes-256-cbc" in openssl("asn1parse", data=data)
    opened = openssl("pkey", "-passin", "pass:eight888", data=data)
    assert opened == key.private_bytes(*FORMS, serialization.NoEncryption()).decode()
    assert x509_keys.load_key(data, b"eight888").private_numbers() == key.private_numbers()
    with pytest.raises(ValueError, match=r"."):
        x509_keys.load_key(data, b"another88")


def weak(key):
    return key.private_bytes(*FORMS, serialization.BestAvailableEncryption(b"eight888"))


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        pytest.param(["-v2", "aes-256-cbc", "-iter", "2048"], True, id="2,048 rounds"),
        pytest.param(["-v2", "aes-256-cbc", "-iter", "599999"], True, id="one round less"),
        pytest.param(["-v2", "aes-256-cbc", "-iter", "600000"], False, id="600,000 rounds"),
        pytest.param(["-v2", "aes-256-cbc", "-iter", "3000000"], False, id="more"),
        pytest.param(["-scrypt"], False, id="scrypt"),
        pytest.param(["-nocrypt"], False, id="none at all"),
    ],
)
def test_what_openssl_wrote_is_told_apart(how, expected):
    key = x509_keys.generate_key("ecdsa_p256")
    plain = key.private_bytes(*FORMS, serialization.NoEncryption())
    data = openssl(
        "pkcs8", "-topk8", *how, *([] if how == ["-nocrypt"] else ["-passout", "pass:eight888"]), data=plain
    ).encode()

    assert encrypted_key.is_weak(data) is expected


def test_the_oldest_form_counts_as_weak():
    data = openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout").encode()
    assert encrypted_key.is_weak(openssl("ec", "-aes256", "-passout", "pass:eight888", data=data).encode())


def test_what_is_damaged_is_for_those_who_open_it():
    assert not encrypted_key.is_weak(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n!\n-----END")


def test_the_key_of_an_old_authority_is_written_again_once(tmp_path):
    settings = {
        "directory": str(tmp_path / "pki"),
        "passphrase": "eight888",
        "certificates": [{"name": "h/a", "addresses": ["a.example"]}],
    }
    issue.ensure(pki_settings.Settings(**settings))
    path = tmp_path / "pki" / "ca" / "private" / "ca.key.pem"
    old = weak(x509_keys.load_key(path.read_bytes(), b"eight888"))
    path.chmod(0o600)
    path.write_bytes(old)
    path.chmod(0o400)

    foretold = issue.ensure(pki_settings.Settings(check_mode=True, **settings))
    assert foretold["changed"] is True
    assert path.read_bytes() == old

    assert issue.ensure(pki_settings.Settings(**settings))["changed"] is True
    new = path.read_bytes()
    assert ":0927C0" in openssl("asn1parse", data=new)
    assert path.stat().st_mode & 0o777 == 0o400
    assert openssl("pkey", "-passin", "pass:eight888", "-pubout", data=new) == openssl(
        "pkey", "-passin", "pass:eight888", "-pubout", data=old
    )

    assert issue.ensure(pki_settings.Settings(**settings))["changed"] is False
    assert path.read_bytes() == new


def test_the_key_of_a_tunnel():
    key = keys.generate("ecdsa")
    data = keys.pem(key, "eight888")

    assert ":0927C0" in openssl("asn1parse", data=data)
    assert not keys.is_weak(data)
    assert keys.is_weak(weak(key))
    assert not keys.is_weak(keys.openssh(key, "eight888"))
    assert not keys.is_weak(keys.pem(key, ""))
    assert keys.public(keys.load(data, "eight888", "x"), "") == keys.public(key, "")


@pytest.mark.skipif(not os.path.exists("/usr/bin/ssh-keygen"), reason="ssh itself is asked")
def test_ssh_reads_it(tmp_path):
    path = tmp_path / "key.pem"
    path.write_bytes(keys.pem(keys.generate("ecdsa"), "eight888"))
    path.chmod(0o600)
    done = subprocess.run(
        ["ssh-keygen", "-y", "-P", "eight888", "-f", str(path)], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("ecdsa-sha2-nistp256 "), done.stderr
