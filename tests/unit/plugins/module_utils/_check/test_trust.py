# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a client refuses a certificate, from plain values."""

# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._certificate.values import Certificate
from ansible_collections.remote.notebooks.plugins.module_utils._check.trust import refused_trust, unfit_for_clients

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=timezone.utc)
LEAF = Certificate(
    serial="1f",
    sha256="ab" * 32,
    not_before=NOW - timedelta(days=1),
    not_after=NOW + timedelta(days=396),
    names=("lab.example.org", "192.0.2.10"),
    subject="CN=lab",
    issuer="CN=Our CA",
    self_issued=False,
    key_type="EC",
    key_bits=256,
    curve="secp256r1",
    signature_hash="sha256",
    extended_usages=("serverAuth",),
)
CA = replace(LEAF, serial="1", sha256="cd" * 32, subject="CN=Our CA", self_issued=True, names=(), extended_usages=None)


@pytest.mark.parametrize(
    ("leaf", "authority", "cause"),
    [
        pytest.param({}, {}, None, id="P-256, 397 days"),
        pytest.param({"key_type": "RSA", "key_bits": 2048, "curve": ""}, {}, None, id="RSA 2048"),
        pytest.param({"key_type": "RSA", "key_bits": 2047, "curve": ""}, {}, "weak_key", id="RSA 2047"),
        pytest.param({"curve": "secp384r1", "key_bits": 384}, {}, None, id="P-384"),
        pytest.param({"curve": "secp256k1"}, {}, "weak_key", id="Bitcoin's curve"),
        pytest.param({"key_type": "Ed25519", "curve": ""}, {}, "weak_key", id="Ed25519"),
        pytest.param(
            {}, {"key_type": "RSA", "key_bits": 1024, "curve": ""}, "weak_key", id="an authority with RSA 1024"
        ),
        pytest.param(
            {}, {"subject": "CN=Other", "key_type": "RSA", "key_bits": 1024}, None, id="another authority's weakness"
        ),
        pytest.param({"signature_hash": "sha1"}, {}, "weak_signature", id="SHA-1"),
        pytest.param({"signature_hash": ""}, {}, None, id="a signature without a hash of its own"),
        pytest.param({"extended_usages": ("1.3.6.1.5.5.7.3.2",)}, {}, "no_server_auth", id="no serverAuth"),
        pytest.param({"not_after": LEAF.not_before + timedelta(days=825)}, {}, None, id="825 days"),
        pytest.param(
            {"not_after": LEAF.not_before + timedelta(days=825, seconds=1)},
            {},
            "valid_too_long",
            id="825 days and a second",
        ),
        pytest.param(
            {"not_before": datetime(2019, 6, 30, tzinfo=timezone.utc)}, {}, None, id="long, but older than Apple's rule"
        ),
    ],
)
def test_what_clients_refuse_though_openssl_does_not(leaf, authority, cause):
    stop = unfit_for_clients(replace(LEAF, **leaf), [replace(CA, **authority)], NOW)
    assert (stop and stop.cause) == cause


@pytest.mark.parametrize(
    ("code", "leaf", "cause", "origin"),
    [
        pytest.param(
            20,
            {},
            "unknown_ca",
            "signed by another authority with the name CN=Our CA than the one at hand",
            id="same name, other key",
        ),
        pytest.param(20, {"issuer": "CN=X"}, "unknown_ca", "signed by CN=X", id="unknown issuer"),
        pytest.param(18, {"issuer": "CN=lab", "self_issued": True}, "unknown_ca", "signed by itself", id="self-signed"),
        pytest.param(62, {}, "name_not_in_certificate", None, id="name"),
        pytest.param(64, {}, "name_not_in_certificate", None, id="address"),
        pytest.param(10, {"not_after": NOW - timedelta(seconds=1)}, "expired", None, id="expired"),
        pytest.param(10, {}, "ca_expired", None, id="not the certificate but its authority expired"),
        pytest.param(9, {"not_before": NOW + timedelta(seconds=1)}, "not_yet_valid", None, id="not yet valid"),
        pytest.param(26, {}, "no_server_auth", None, id="purpose"),
        pytest.param(66, {}, "weak_key", None, id="key too small"),
        pytest.param(47, {}, "name_constraint", None, id="outside the authority's names"),
        pytest.param(999, {}, "not_trusted", None, id="a code nobody foresaw"),
    ],
)
def test_openssls_answers(code, leaf, cause, origin):
    stop = refused_trust(
        replace(LEAF, **leaf), [CA], NOW, code=code, words="OpenSSL's words", name="lab", trust="/ca.pem"
    )
    assert stop.cause == cause
    assert origin is None or stop.facts["origin"] == origin


def test_what_is_said_about_a_certificate():
    assert LEAF.summary() == {
        "serial": "1f",
        "sha256": "ab" * 32,
        "not_after": "2027-12-21T12:00:00Z",
        "days": 397,
        "names": ["lab.example.org", "192.0.2.10"],
    }
