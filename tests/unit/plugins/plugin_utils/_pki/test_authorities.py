# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import re
import ssl
import subprocess
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PkiError
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.issue import ensure
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.settings import Settings
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from .test_issue import DAY, NOW, WEB1, openssl, pem_of, text_of


def test_with_an_intermediate_the_root_key_can_go_offline(run, tmp_path):
    result = run(authority={"intermediate": True})
    pem = pem_of(result)
    assert Path(pem).read_text().count("BEGIN CERTIFICATE") == 2
    root = result["authority"]["certificate"]
    openssl("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", root, "-untrusted", pem, pem)
    os.rename(tmp_path / "pki/ca/private/ca.key.pem", tmp_path / "safe.pem")
    assert not run()["changed"]
    after = run(renew=["web1/lab"])
    assert after["certificates"]["web1/lab"]["changed"]
    openssl("verify", "-x509_strict", "-CAfile", root, "-untrusted", pem, pem)
    openssl("verify", "-CAfile", root, tmp_path / "pki/ca/intermediate/certs/ca-chain.cert.pem")


def test_an_intermediate_is_renewed_with_its_key_and_the_chains_follow(run):
    before = run(authority={"intermediate": True}, certificates=[{**WEB1, "days": 825}])
    later = NOW + (3650 - 800) * DAY
    run(now=later - 100 * DAY)
    after = run(now=later)
    assert after["authority"]["intermediate"]["sha256"] != before["authority"]["intermediate"]["sha256"]
    assert "intermediate renewed" in " ".join(after["notes"])
    assert after["certificates"]["web1/lab"]["reason"] == "chain changed"
    assert not run(now=later)["changed"]


def test_without_the_root_key_no_intermediate_can_be_made(run, tmp_path):
    run(authority={"intermediate": True})
    os.unlink(tmp_path / "pki/ca/private/ca.key.pem")
    os.rename(tmp_path / "pki/ca/intermediate", tmp_path / "away")
    with pytest.raises(PkiError, match="Put the key back for this one run"):
        run()


def test_a_root_made_without_an_intermediate_cannot_get_one(run):
    run()
    with pytest.raises(PkiError, match="path length 0"):
        run(authority={"intermediate": True})


def test_rotation_overlaps(run, tmp_path):
    old = run()
    # 1. The next root is created and published; the old one still signs
    prepared = run(also_trusted=["ca-2"])
    new_root = prepared["authorities"][1]
    assert [each["certificate"] for each in prepared["authorities"]] == [
        str(tmp_path / "pki/ca/certs/ca.cert.pem"),
        str(tmp_path / "pki/ca-2/certs/ca.cert.pem"),
    ]
    assert not prepared["certificates"]["web1/lab"]["changed"]
    bundle = prepared["authority"]["bundle"]
    assert Path(bundle).read_text().count("BEGIN CERTIFICATE") == 2
    openssl("verify", "-CAfile", bundle, pem_of(prepared))
    # 2. The next one signs, clients still trust both
    switched = run(authority={"directory": "ca-2"}, also_trusted=["ca"])
    assert switched["certificates"]["web1/lab"]["reason"] == "signed by another authority"
    assert switched["authority"]["sha256"] == new_root["sha256"]
    openssl("verify", "-CAfile", bundle, pem_of(switched))
    openssl("verify", "-CAfile", bundle, old["certificates"]["web1/lab"]["certificate"])
    # 3. The old one is withdrawn
    withdrawn = run(also_trusted=[])
    assert [each["sha256"] for each in withdrawn["authorities"]] == [new_root["sha256"]]
    assert Path(bundle).read_text().count("BEGIN CERTIFICATE") == 1
    assert not run()["changed"]


def test_name_constraints_from_the_inventory_bind_openssl(run, tmp_path):
    result = run(
        authority={"name_constraints": "inventory"},
        certificates=[
            {"name": "a", "addresses": ["web1.lab.example", "10.1.2.3"]},
            {"name": "b", "addresses": ["web2.lab.example"]},
        ],
    )
    text = text_of(result["authority"]["certificate"])
    assert re.search(r"Name Constraints: \n\s+Permitted:\n\s+DNS:lab.example\n\s+IP:10.0.0.0/255.0.0.0\n", text)
    for item in result["certificates"].values():
        openssl(
            "verify",
            "-x509_strict",
            "-purpose",
            "sslserver",
            "-CAfile",
            result["authority"]["certificate"],
            item["pem"],
        )
    with pytest.raises(PkiError, match=r"'a': www\.bank\.example lies outside the name constraints"):
        run(certificates=[{"name": "a", "addresses": ["www.bank.example"]}])
    with pytest.raises(PkiError, match=r"2001:db8::1 lies outside"):
        run(certificates=[{"name": "a", "addresses": ["2001:db8::1"]}])


def test_a_stolen_constrained_key_cannot_vouch_for_others(run, tmp_path):
    result = run(
        authority={"name_constraints": ["lab.example"]}, certificates=[{"name": "a", "addresses": ["web1.lab.example"]}]
    )
    (tmp_path / "x.cnf").write_text("[e]\nsubjectAltName=DNS:www.bank.example\n")
    ca = tmp_path / "pki/ca"
    openssl(
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        tmp_path / "x.key",
        "-out",
        tmp_path / "x.csr",
        "-subj",
        "/CN=x",
    )
    openssl(
        "x509", "-req", "-in", tmp_path / "x.csr", "-CA", ca / "certs/ca.cert.pem", "-CAkey", ca / "private/ca.key.pem",
        "-passin", f"file:{tmp_path}/pki/passphrase",
        "-CAcreateserial", "-CAserial", tmp_path / "x.srl", "-extfile", tmp_path / "x.cnf", "-extensions", "e",
        "-out", tmp_path / "x.pem",
    )  # fmt: skip
    with pytest.raises(subprocess.CalledProcessError) as refused:
        openssl("verify", "-CAfile", result["authority"]["certificate"], tmp_path / "x.pem")
    assert "permitted subtree violation" in refused.value.stderr


def test_constraints_without_a_network_exclude_every_address(run, tmp_path):
    run(
        authority={"name_constraints": ["lab.example"]}, certificates=[{"name": "a", "addresses": ["web1.lab.example"]}]
    )
    for address in ("192.0.2.1", "2001:db8::1"):
        with pytest.raises(PkiError, match="lies outside the name constraints"):
            run(certificates=[{"name": "a", "addresses": ["web1.lab.example", address]}])
    assert re.search(
        r"Excluded:\n\s+IP:0.0.0.0/0.0.0.0\n\s+IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0\n",
        text_of(tmp_path / "pki/ca/certs/ca.cert.pem"),
    )


def test_a_clock_set_back_by_days_is_noticed_by_the_certificates(run):
    run()
    run(now=NOW + 100 * DAY, renew=["web1/lab"])
    with pytest.raises(PkiError, match=r"lab\.pem starts on .* clock says .* Set the clock"):
        run(now=NOW + 50 * DAY)


def test_a_short_passphrase_is_refused_before_anything_is_made(run, tmp_path):
    with pytest.raises(PkiError, match="pki_passphrase has 5 characters"):
        run(passphrase="short")
    assert not (tmp_path / "pki/ca").exists()


def test_a_passphrase_of_the_users_own_is_not_kept(run, tmp_path):
    run(passphrase="correct horse battery")
    assert not (tmp_path / "pki/passphrase").exists()
    openssl("pkey", "-in", tmp_path / "pki/ca/private/ca.key.pem", "-passin", "pass:correct horse battery", "-noout")
    with pytest.raises(PkiError, match="there is no passphrase: give pki_passphrase"):
        run(passphrase=None)


def test_the_inventory_cannot_replace_an_authority(run):
    before = run(authority={"common_name": "Lab"})
    after = run(authority={"common_name": "Other", "key_type": "rsa_2048"})
    assert after["authority"]["sha256"] == before["authority"]["sha256"] and not after["changed"]
    assert "common_name is 'Other', but" in after["advice"][0] and "key_type is 'rsa_2048'" in after["advice"][1]


def test_a_certificate_of_the_authority_whose_key_is_no_point_is_damaged(tmp_path):
    """The library reads the key only when it is asked for it."""
    settings = Settings(directory=str(tmp_path / "pki"), certificates=[])
    ensure(settings)
    path = tmp_path / "pki" / "ca" / "certs" / "ca.cert.pem"
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    der = certificate.public_bytes(serialization.Encoding.DER)
    point = certificate.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    broken = der.replace(point, point[:-1] + bytes([point[-1] ^ 1]))
    assert broken != der
    path.write_text(ssl.DER_cert_to_PEM_cert(broken))
    with pytest.raises(PkiError, match="is damaged"):
        ensure(settings)
