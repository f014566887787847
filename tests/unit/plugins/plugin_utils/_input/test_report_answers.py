# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of a host that one of its accounts decides: none of them has the whole host refused."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import AnswerError
from ansible_collections.remote.notebooks.plugins.plugin_utils._input import report_answers, shapes
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID


def certificate(*extensions: bytes, version: int = 2) -> str:
    """A certificate with these bytes as its alternative names, and this number of a version."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lab")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 7, now, now + timedelta(days=1))
    for der in extensions:
        names = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, der)
        made = made.add_extension(names, critical=False)
    der = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    return ssl.DER_cert_to_PEM_cert(der.replace(b"\xa0\x03\x02\x01\x02", bytes([0xA0, 3, 2, 1, version]), 1))


PRESENTED = shapes.each(["lab"], shapes.maybe(report_answers._presented))


def test_a_certificate_passes_as_it_is():
    said = {"lab": certificate(bytes.fromhex("30058203616161"))}
    assert PRESENTED(said, "presented") == said


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param(certificate(bytes.fromhex("300787050102030405")), id="an address of five bytes"),
        pytest.param(certificate(version=9), id="a version that there is not"),
        pytest.param("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", id="no certificate inside"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_port_that_shows_a_certificate_nobody_can_read_shows_none(pem):
    """Any account may listen on the port of its server, with any certificate."""
    assert PRESENTED({"lab": pem}, "presented") == {"lab": None}


def test_a_certificate_has_a_length():
    with pytest.raises(AnswerError, match="most that make sense"):
        PRESENTED({"lab": "x" * 100_001}, "presented")
