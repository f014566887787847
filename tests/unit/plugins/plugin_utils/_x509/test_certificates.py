# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host or a file gives as a certificate or a request: read, or one error."""

from __future__ import annotations

import base64
import random
import subprocess

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._x509 import certificates


@pytest.fixture(scope="module")
def request_der(tmp_path_factory):
    key = tmp_path_factory.mktemp("request") / "key.pem"
    new = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    more = ["-keyout", str(key), "-subj", "/CN=lab", "-outform", "DER"]
    return subprocess.run([*new, *more], check=True, capture_output=True).stdout


def pem(der):
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{text}-----END CERTIFICATE REQUEST-----\n"


def test_a_request_is_read(request_der):
    assert certificates.load_request(pem(request_der)).subject.rfc4514_string() == "CN=lab"


def test_a_request_of_an_impossible_version_is_an_error(request_der):
    version = request_der.index(b"\x02\x01\x00") + 2
    with pytest.raises(ValueError, match="version"):
        certificates.load_request(pem(request_der[:version] + b"\x05" + request_der[version + 1 :]))


def test_a_damaged_request_is_an_error(request_der):
    """Any other exception would end the run of all hosts."""
    chance, refused = random.Random(1), 0
    for _turn in range(2000):
        data = bytearray(request_der)
        for _change in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            certificates.load_request(pem(bytes(data)))
        except ValueError:
            refused += 1
    assert refused > 1900
