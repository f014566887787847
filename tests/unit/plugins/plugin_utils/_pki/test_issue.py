# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run after another on a real folder. Issued certificates are read with openssl, not with the code under test."""

from __future__ import annotations

import dataclasses
import datetime
import os
import re
import ssl
import stat
import subprocess
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PkiError
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.issue import ensure
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.revoke import revoke
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.settings import Settings
from ansible_collections.remote.notebooks.plugins.plugin_utils._x509 import keys
from cryptography import x509
from cryptography.hazmat.primitives import serialization
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


@pytest.fixture
def run(tmp_path):
    """Run once more on the same folder. New arguments replace the earlier ones."""
    settings = Settings(directory=str(tmp_path / "pki"), certificates=[WEB1, WEB2])

    def once_more(**differently):
        nonlocal settings
        check_mode = differently.pop("check_mode", False)
        now = differently.pop("now", datetime.datetime.now(datetime.timezone.utc))
        renew = differently.pop("renew", [])
        settings = dataclasses.replace(settings, **differently)
        return ensure(dataclasses.replace(settings, check_mode=check_mode, now=now, renew=renew))

    once_more.revoke = lambda *names, **options: revoke(
        dataclasses.replace(settings, check_mode=options.get("check_mode", False)),
        list(names),
        options.get("serials", []),
        options.get("reason", "unspecified"),
    )
    return once_more


def snapshot(folder):
    return {path: (path.read_bytes(), path.stat().st_mode) for path in sorted(folder.rglob("*")) if path.is_file()}


# Creation


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


# Renewal


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


# Revoke


def test_revoked_is_listed_and_issued_again_with_another_key(run, tmp_path):
    before = run()
    old_key = openssl("x509", "-in", pem_of(before), "-noout", "-pubkey")
    old_serial = before["certificates"]["web1/lab"]["serial"]
    gone = run.revoke("web1/lab", reason="keyCompromise")
    assert gone["revoked"] == [old_serial]
    listed = openssl("crl", "-in", gone["crl"], "-noout", "-text", "-CAfile", before["authority"]["certificate"])
    assert f"Serial Number: {old_serial}" in listed and "Key Compromise" in listed
    assert openssl("crl", "-in", gone["crl_der"], "-inform", "DER", "-noout", "-text") == openssl(
        "crl", "-in", gone["crl"], "-noout", "-text"
    )
    assert not run.revoke("web1/lab")["changed"]
    after = run()
    assert after["certificates"]["web1/lab"]["reason"] == "revoked"
    assert openssl("x509", "-in", pem_of(after), "-noout", "-pubkey") != old_key
    assert after["certificates"]["web2/lab"]["changed"] is False


def test_revoking_a_name_revokes_every_certificate_of_its_key(run):
    first = run()["certificates"]["web1/lab"]["serial"]
    second = run(renew=["web1/lab"])["certificates"]["web1/lab"]["serial"]
    assert sorted(run.revoke("web1/lab")["revoked"]) == sorted([first, second])


def test_revoking_by_serial_number_takes_what_a_browser_shows(run):
    serial = run()["certificates"]["web1/lab"]["serial"]
    colons = ":".join(re.findall("..", serial.lower()))
    assert run.revoke(serials=[colons])["revoked"] == [serial]


def test_revoking_in_check_mode_changes_nothing(run, tmp_path):
    run()
    before = snapshot(tmp_path)
    assert run.revoke("web1/lab", check_mode=True)["changed"]
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("names", "serials", "words"),
    [
        (["web3/lab"], [], "does not exist. Give a name from pki_certificates"),
        (["../../etc/passwd"], [], "does not exist"),
        ([], ["xyz"], "no serial number"),
        ([], ["AB01"], "no certificate with the serial number AB01"),
    ],
)
def test_what_cannot_be_revoked(run, names, serials, words):
    run()
    with pytest.raises(PkiError, match=words):
        run.revoke(*names, serials=serials)


def test_the_revocation_list_is_made_again_before_it_ends(run):
    run()
    crl = run()["authority"]["crl"]
    number = openssl("crl", "-in", crl, "-noout", "-crlnumber")
    assert not run(now=NOW + 59 * DAY)["changed"]
    assert "revocation list made: it ends soon" in run(now=NOW + 61 * DAY)["notes"]
    assert openssl("crl", "-in", crl, "-noout", "-crlnumber") != number


# Intermediate, rotation, constraints


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
    # 1. The next root is made and published; the old one still signs
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


def test_the_numbers_of_revocation_lists_go_up_even_where_their_counter_was_lost(run, tmp_path):
    crl = run()["authority"]["crl"]
    run(now=NOW + 61 * DAY)
    (tmp_path / "pki/ca/crlnumber").write_text("garbage")
    run(now=NOW + 130 * DAY)
    assert openssl("crl", "-in", crl, "-noout", "-crlnumber").strip() == "crlNumber=0x03"


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


# Other doors


def test_self_signed(run):
    result = run(certificates=[{**WEB1, "source": "self_signed"}])
    pem = pem_of(result)
    text = text_of(pem)
    assert re.search(r"Basic Constraints: critical\s+CA:FALSE", text) and "TLS Web Server Authentication" in text
    assert "IP Address:192.0.2.10" in text
    openssl("verify", "-CAfile", pem, pem)
    assert not run()["changed"]
    assert run(certificates=[WEB1])["certificates"]["web1/lab"]["reason"] == "signed by another authority"


def provided(tmp_path, *, days=100, san="DNS:web1.lab.example", more="", name="mine"):
    key, certificate = tmp_path / f"{name}.key", tmp_path / f"{name}.pem"
    names = f"subjectAltName={san}\n" if san else ""
    (tmp_path / "own.cnf").write_text(
        f"[req]\ndistinguished_name=d\n[d]\n[e]\n{names}extendedKeyUsage=serverAuth\n{more}"
    )
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
        certificate, "-subj", "/CN=mine",
        "-days", days, "-config", tmp_path / "own.cnf", "-extensions", "e",
    )  # fmt: skip
    return {
        "name": "web1/lab",
        "addresses": ["web1.lab.example"],
        "source": "provided",
        "certificate_file": str(certificate),
        "key_file": str(key),
    }


def test_provided_is_taken_over_and_followed(run, tmp_path):
    first = run(certificates=[provided(tmp_path)])
    assert first["certificates"]["web1/lab"]["reason"] == "provided, taken over"
    assert openssl("x509", "-in", pem_of(first), "-noout", "-subject").strip() == "subject=CN = mine"
    assert not run()["changed"]
    provided(tmp_path)
    assert run()["certificates"]["web1/lab"]["reason"] == "provided, taken over"


@pytest.mark.parametrize(
    ("differently", "words"),
    [
        pytest.param({"days": 900}, ["825", "apple"], id="valid too long"),
        pytest.param({"san": ""}, ["no subject alternative name"], id="no names but the old one, which Apple ignores"),
        pytest.param({"san": "DNS:other.example"}, ["does not cover web1.lab.example"], id="other names"),
        pytest.param(
            {"san": "DNS:web1.lab.example,DNS:192.0.2.10"},
            ["192.0.2.10 stands in a DNS entry"],
            id="an address as a name",
        ),
    ],
)
def test_provided_is_held_to_the_same_rules(run, tmp_path, differently, words):
    with pytest.raises(PkiError) as refused:
        run(certificates=[provided(tmp_path, **differently)])
    assert all(word in str(refused.value) for word in ["'web1/lab'", str(tmp_path / "mine.pem"), *words])


def test_provided_that_has_expired_is_refused(run, tmp_path):
    item, later = provided(tmp_path, days=1), datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)
    with pytest.raises(PkiError, match=r"'web1/lab'.*mine.pem cannot be used: it ended on "):
        run(certificates=[item], now=later)


def test_provided_with_the_wrong_key_or_authority_or_an_encrypted_key(run, tmp_path):
    item, other = provided(tmp_path), provided(tmp_path, name="other")
    with pytest.raises(PkiError, match="belongs to another certificate"):
        run(certificates=[{**item, "key_file": other["key_file"]}])
    with pytest.raises(PkiError, match="no trusted authority signed it"):
        run(certificates=[{**item, "ca_file": other["certificate_file"]}])
    openssl("pkey", "-in", item["key_file"], "-aes256", "-passout", "pass:secret", "-out", tmp_path / "locked.key")
    with pytest.raises(PkiError, match=r"is encrypted.*openssl pkey"):
        run(certificates=[{**item, "key_file": str(tmp_path / "locked.key")}])
    with pytest.raises(PkiError, match="does not exist"):
        run(certificates=[{**item, "key_file": str(tmp_path / "nowhere")}])
    assert not (tmp_path / "pki/certificates").exists()


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


# Keys born on hosts


def request(tmp_path, name="host"):
    openssl(
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        tmp_path / f"{name}.key",
        "-out",
        tmp_path / f"{name}.csr",
        "-subj",
        "/CN=x",
    )
    return (tmp_path / f"{name}.csr").read_text()


def test_a_request_is_signed_and_no_key_is_here(run, tmp_path):
    item = {**WEB1, "host": {"path": "/etc/x.pem"}}
    csr = request(tmp_path)
    result = run(certificates=[item], requests={"web1/lab": csr})["certificates"]["web1/lab"]
    assert "PRIVATE" not in Path(result["pem"]).read_text() and result["key"] is None
    assert openssl("x509", "-in", result["pem"], "-noout", "-pubkey") == openssl(
        "req", "-in", tmp_path / "host.csr", "-noout", "-pubkey"
    )
    assert "DNS:web1.lab.example" in text_of(result["pem"])
    assert result["content"] == Path(result["pem"]).read_text()
    # Every request is signed anew by its host: another text, the same key
    assert not run()["changed"]
    other = run(requests={"web1/lab": request(tmp_path, "other")})
    assert other["certificates"]["web1/lab"]["reason"] == "the key on the host is another one"


def test_a_host_that_did_not_ask_keeps_its_certificate_and_gets_no_other(run, tmp_path):
    item = {**WEB1, "host": {"path": "/etc/x.pem"}}
    run(certificates=[item], requests={"web1/lab": request(tmp_path)})
    assert not run(requests={})["changed"]
    late = run(requests={}, now=NOW + 380 * DAY)
    assert not late["certificates"]["web1/lab"]["changed"]
    assert "no request came from its host" in " ".join(late["advice"])


def test_a_revoked_key_is_not_signed_again(run, tmp_path):
    item = {**WEB1, "host": {"path": "/etc/x.pem"}}
    run(certificates=[item], requests={"web1/lab": request(tmp_path)})
    run.revoke("web1/lab")
    with pytest.raises(PkiError, match=r"'web1/lab'.*revoked.*same key"):
        run()


def test_a_damaged_request_is_refused(run):
    with pytest.raises(PkiError, match=r"'web1/lab': the request cannot be used"):
        run(certificates=[{**WEB1, "host": {"path": "/etc/x.pem"}}], requests={"web1/lab": "nonsense"})


# Passphrase, clock, other refusals: nothing is written


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


@pytest.mark.parametrize("name", ["a\x01b", "a\nb", "a\x1b[2J", "a\u202eb"])
def test_a_name_that_no_screen_shows_is_refused(tmp_path, name):
    with pytest.raises(PkiError, match="that a screen can show"):
        ensure(Settings(directory=str(tmp_path / "pki"), authority={"common_name": name}))
