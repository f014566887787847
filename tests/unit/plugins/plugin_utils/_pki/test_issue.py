# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run after another on a real folder. Issued certificates are read with openssl, not with the code under test."""

from __future__ import annotations

import datetime
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PkiError
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.issue import ensure
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.settings import Settings
from ansible_collections.remote.notebooks.plugins.plugin_utils._x509 import keys
from cryptography.hazmat.primitives.asymmetric import rsa

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
WEB1 = {"name": "web1/lab", "addresses": ["web1.lab.example", "192.0.2.10", "2001:db8::1"]}
WEB2 = {"name": "web2/lab", "addresses": ["web2.lab.example"]}


def openssl(*arguments, **options):
    return subprocess.run(
        ["openssl", *map(str, arguments)], check=True, capture_output=True, text=True, **options
    ).stdout


def text_of(path):
    return openssl("x509", "-in", path, "-noout", "-text", "-nameopt", "RFC2253")


def snapshot(folder):
    return {path: (path.read_bytes(), path.stat().st_mode) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_first_run_makes_everything_and_the_second_nothing(run, tmp_path):
    first = run()
    assert first["changed"] and first["authority"]["created"]
    assert {name: item["reason"] for name, item in first["certificates"].items()} == {
        "web1/lab": "missing",
        "web2/lab": "missing",
    }
    before = snapshot(tmp_path)
    second = run()
    assert not second["changed"] and not second["authority"]["created"]
    assert {name: item["changed"] for name, item in second["certificates"].items()} == {
        "web1/lab": False,
        "web2/lab": False,
    }
    assert snapshot(tmp_path) == before


def test_a_run_that_signs_nothing_opens_no_key_of_an_authority(run, monkeypatch):
    """Hundreds of thousands of rounds for the passphrase, for each authority of each run."""
    run(authority={"intermediate": True})
    load, opened = keys.load_key, []
    monkeypatch.setattr(
        keys,
        "load_key",
        lambda data, passphrase=None: (opened.append(b"ENCRYPTED" in data), load(data, passphrase))[1],
    )
    assert not run()["changed"]
    assert not any(opened)
    assert run(renew=["*"])["changed"]
    assert any(opened)


def test_the_authority_is_what_phones_and_openssl_want(run, tmp_path):
    result = run(authority={"common_name": "Lab of Ada"})
    text = text_of(result["authority"]["certificate"])
    assert "Subject: CN=Lab of Ada" in text
    assert re.search(r"Basic Constraints: critical\s+CA:TRUE, pathlen:0", text)
    assert re.search(r"Key Usage: critical\s+Certificate Sign, CRL Sign", text)
    assert "Subject Key Identifier" in text
    assert "Signature Algorithm: ecdsa-with-SHA256" in text
    key = (tmp_path / "pki/ca/private/ca.key.pem").read_text()
    assert key.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert ":aes-256-cbc" in openssl("asn1parse", "-in", tmp_path / "pki/ca/private/ca.key.pem")
    openssl("x509", "-in", result["authority"]["der"], "-inform", "DER", "-noout", "-checkend", 19 * 365 * 86400)
    fingerprint = openssl("x509", "-in", result["authority"]["certificate"], "-noout", "-fingerprint", "-sha256")
    assert fingerprint.strip().split("=")[1].replace(":", "").lower() == result["authority"]["sha256"]


def test_a_server_certificate_is_what_phones_and_openssl_want(run):
    item = run()["certificates"]["web1/lab"]
    text = text_of(item["pem"])
    assert "DNS:web1.lab.example, IP Address:192.0.2.10, IP Address:2001:DB8:0:0:0:0:0:1" in text
    assert re.search(r"Basic Constraints: critical\s+CA:FALSE", text)
    assert re.search(r"Key Usage: critical\s+Digital Signature\n", text)
    assert re.search(r"Extended Key Usage: \n\s+TLS Web Server Authentication\n", text)
    assert "Subject Key Identifier" in text and "Authority Key Identifier" in text
    assert "ASN1 OID: prime256v1" in text and "ecdsa-with-SHA256" in text
    assert openssl("x509", "-in", item["pem"], "-noout", "-serial").strip() == f"serial={item['serial']}"
    assert openssl("x509", "-in", item["certificate"], "-noout", "-serial").strip() == f"serial={item['serial']}"
    assert len(item["serial"]) > 24
    assert openssl("pkey", "-in", item["pem"], "-pubout") == openssl("x509", "-in", item["pem"], "-noout", "-pubkey")
    start, end = (
        datetime.datetime.strptime(re.search(rf"Not {which} ?: (.*) GMT", text).group(1), "%b %d %H:%M:%S %Y")
        for which in ("Before", "After")
    )
    assert end - start == datetime.timedelta(days=397, seconds=-1)
    assert item["not_after"] == f"{end:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(
    ("key_type", "algorithm"),
    [
        ("ecdsa_p384", "ASN1 OID: secp384r1"),
        ("rsa_2048", "Public-Key: (2048 bit)"),
        ("rsa_3072", "Public-Key: (3072 bit)"),
    ],
)
def test_key_types(run, key_type, algorithm):
    result = run(certificates=[{**WEB2, "key_type": key_type}], authority={"key_type": key_type})
    assert algorithm in text_of(result["certificates"]["web2/lab"]["pem"])
    assert algorithm in text_of(result["authority"]["certificate"])


def test_a_name_too_long_for_a_subject_leaves_it_empty_and_makes_the_alternative_name_critical(run, tmp_path):
    name = ".".join(["a" * 40, "b" * 40, "example"])
    item = run(certificates=[{"name": "long", "addresses": [name]}])["certificates"]["long"]
    assert re.search(rf"Subject Alternative Name: critical\s+DNS:{name}", text_of(item["pem"]))
    openssl("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", tmp_path / "pki/ca-bundle.pem", item["pem"])


def test_modes(run, tmp_path):
    item = run()["certificates"]["web1/lab"]

    def mode(path):
        return stat.S_IMODE(os.stat(path).st_mode)

    assert mode(item["pem"]) == 0o600
    assert mode(tmp_path / "pki") == 0o700
    assert mode(tmp_path / "pki/passphrase") == 0o600
    assert mode(tmp_path / "pki/ca/private/ca.key.pem") == 0o400
    assert mode(tmp_path / "pki/ca/private") == 0o700
    assert "*" in (tmp_path / "pki/.gitignore").read_text().splitlines()


def test_check_mode_predicts_and_writes_nothing(run, tmp_path):
    told = run(check_mode=True)
    assert told["changed"] and told["authority"]["created"] and told["authority"]["sha256"] is None
    item = told["certificates"]["web1/lab"]
    assert (item["changed"], item["reason"], item["serial"], item["sha256"], item["not_after"]) == (
        True,
        "missing",
        None,
        None,
        None,
    )
    assert list(tmp_path.iterdir()) == []
    done = run()["certificates"]["web1/lab"]
    assert (done["pem"], done["reason"]) == (item["pem"], item["reason"])
    before = snapshot(tmp_path)
    told = run(check_mode=True, certificates=[{**WEB1, "addresses": ["web1.lab.example"]}, WEB2])
    assert told["changed"] and told["certificates"]["web1/lab"]["reason"] == "names changed: -192.0.2.10 -2001:db8::1"
    assert snapshot(tmp_path) == before
    assert not run(check_mode=True, certificates=[WEB1, WEB2])["changed"]


def test_nothing_returned_holds_a_key(run, tmp_path):
    result = repr(run())
    assert "PRIVATE" not in result
    assert (tmp_path / "pki/passphrase").read_text().strip() not in result


def pem_of(result):
    return result["certificates"]["web1/lab"]["pem"]


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def cut(result):
    write(pem_of(result), Path(pem_of(result)).read_bytes()[:300])


def swap_keys(result):
    own, other = Path(pem_of(result)).read_text(), Path(result["certificates"]["web2/lab"]["pem"]).read_text()
    end = "-----END PRIVATE KEY-----\n"
    write(pem_of(result), (other.split(end)[0] + end + own.split(end)[1]).encode())


def garbage(result):
    write(pem_of(result), b"\x00\xffgarbage")


def lose(result):
    os.unlink(pem_of(result))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param(lose, "missing", id="lost"),
        pytest.param(cut, "damaged: ", id="cut off"),
        pytest.param(garbage, "damaged: ", id="garbage"),
        pytest.param(swap_keys, "key and certificate do not match", id="another's key"),
    ],
)
def test_damage_is_repaired_and_nothing_else_is_touched(run, damage, reason):
    before = run()
    damage(before)
    after = run()
    assert after["certificates"]["web1/lab"]["reason"].startswith(reason)
    assert after["certificates"]["web1/lab"]["sha256"] != before["certificates"]["web1/lab"]["sha256"]
    assert after["certificates"]["web2/lab"]["sha256"] == before["certificates"]["web2/lab"]["sha256"]
    assert after["authority"]["sha256"] == before["authority"]["sha256"]
    assert not run()["changed"]


@pytest.mark.parametrize(
    ("differently", "reason", "same_key"),
    [
        pytest.param(
            {"certificates": [{**WEB1, "addresses": ["web1.lab.example"]}]},
            "names changed: -192.0.2.10 -2001:db8::1",
            True,
            id="names changed",
        ),
        pytest.param(
            {"certificates": [{**WEB1, "key_type": "ecdsa_p384"}]},
            "key type changed: ecdsa_p256 to ecdsa_p384",
            False,
            id="key type changed",
        ),
        pytest.param({"now": NOW + 380 * DAY}, "expires on", True, id="expires soon"),
        pytest.param({"now": NOW + 500 * DAY}, "expired on", True, id="expired"),
        pytest.param({"renew": ["web1/lab"]}, "renewal was asked for", True, id="renewal asked for"),
        pytest.param(
            {"renew": ["*"], "renew_keys": True}, "renewal was asked for", False, id="renewal with new keys asked for"
        ),
    ],
)
def test_why_a_certificate_is_issued_again(run, differently, reason, same_key):
    before = run(certificates=[WEB1])
    old = openssl("x509", "-in", pem_of(before), "-noout", "-pubkey")
    after = run(**differently)
    assert after["certificates"]["web1/lab"]["reason"].startswith(reason)
    assert after["certificates"]["web1/lab"]["serial"] != before["certificates"]["web1/lab"]["serial"]
    assert (openssl("x509", "-in", pem_of(after), "-noout", "-pubkey") == old) is same_key


def test_a_mode_that_was_opened_is_closed(run):
    before = run()
    os.chmod(pem_of(before), 0o644)
    after = run()
    assert after["certificates"]["web1/lab"]["reason"] == "closed to everybody but its owner"
    assert after["certificates"]["web1/lab"]["sha256"] == before["certificates"]["web1/lab"]["sha256"]
    assert stat.S_IMODE(os.stat(pem_of(after)).st_mode) == 0o600


def test_another_authority_signed_it(run, tmp_path):
    before = run()
    os.rename(tmp_path / "pki/ca", tmp_path / "away")
    after = run()
    assert after["certificates"]["web1/lab"]["reason"] == "signed by another authority"
    assert after["authority"]["sha256"] != before["authority"]["sha256"]


def test_the_issuers_end_is_respected(run):
    result = run(authority={"days": 100}, certificates=[WEB1])
    assert result["certificates"]["web1/lab"]["not_after"] == result["authority"]["not_after"]
    assert not run(now=NOW + 90 * DAY)["changed"] or not run(now=NOW + 90 * DAY)["certificates"]["web1/lab"]["changed"]


def test_an_rsa_key_whose_private_half_is_damaged_does_not_match(tmp_path):
    key = rsa.generate_private_key(65537, 2048)
    numbers = key.private_numbers()
    # Still right modulo p-1, so only the check modulo q-1 can tell
    wrong = rsa.RSAPrivateNumbers(
        numbers.p,
        numbers.q,
        numbers.d + numbers.p - 1,
        numbers.dmp1,
        numbers.dmq1,
        numbers.iqmp,
        numbers.public_numbers,
    )
    damaged = wrong.private_key(unsafe_skip_rsa_key_validation=True)
    assert keys.matches(key, key.public_key())
    assert not keys.matches(damaged, key.public_key())


def test_exports_open_with_openssl(run, tmp_path):
    item = {**WEB1, "exports": ["chain", "der", "pkcs12", "pkcs12_legacy"]}
    with pytest.raises(PkiError, match=r"'web1/lab'.*pki_export_passphrase"):
        run(certificates=[item])
    result = run(certificates=[item], authority={"intermediate": True}, export_passphrase="open sesame")
    exports = result["certificates"]["web1/lab"]["exports"]
    serial = f"serial={result['certificates']['web1/lab']['serial']}\n"
    assert openssl("x509", "-in", exports["der"], "-inform", "DER", "-noout", "-serial") == serial
    assert openssl("x509", "-in", exports["chain"], "-noout", "-serial") == serial
    for kind, options in (("pkcs12", []), ("pkcs12_legacy", ["-legacy"])):
        opened = openssl("pkcs12", "-in", exports[kind], "-passin", "pass:open sesame", "-nodes", *options)
        assert opened.count("BEGIN CERTIFICATE") == 2 and "BEGIN PRIVATE KEY" in opened
    assert stat.S_IMODE(os.stat(exports["pkcs12"]).st_mode) == 0o600
    assert not run()["changed"]
    assert run(export_passphrase="another one")["changed"]


@pytest.mark.parametrize(
    ("differently", "words"),
    [
        pytest.param(
            {"passphrase": "not the one"},
            ["pki_passphrase does not open", "ca.key.pem", "Leave pki_passphrase out"],
            id="wrong passphrase",
        ),
        pytest.param(
            {"now": NOW - 3000 * DAY}, ["ca.cert.pem starts on", "clock says", "Set the clock"], id="clock set back"
        ),
        pytest.param({"now": NOW + 8000 * DAY}, ["ca.cert.pem ended on", "Move"], id="authority ended"),
        pytest.param({"certificates": [{**WEB1, "days": 826}]}, ["'web1/lab'", "825"], id="more than 825 days"),
        pytest.param({"renew": ["web9"]}, ["pki_renew: 'web9'", "web1/lab"], id="renewal of what is unknown"),
    ],
)
def test_refusals_change_nothing(run, tmp_path, differently, words):
    run()
    before = snapshot(tmp_path)
    with pytest.raises(PkiError) as refused:
        run(**{"certificates": [{**WEB1, "addresses": ["new.lab.example"]}], **differently})
    assert all(word in str(refused.value) for word in words), str(refused.value)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("name", ["a\x01b", "a\nb", "a\x1b[2J", "a\u202eb"])
def test_a_name_that_no_screen_shows_is_refused(tmp_path, name):
    with pytest.raises(PkiError, match="that a screen can show"):
        ensure(Settings(directory=str(tmp_path / "pki"), authority={"common_name": name}))
