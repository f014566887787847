# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both directions between this collection and the real ``openssl``, and the verdicts of foreign validators."""

from __future__ import annotations

import dataclasses
import datetime
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PkiError
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.issue import ensure
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.revoke import revoke
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.settings import Settings

WEB1 = {"name": "web1/lab", "addresses": ["web1.lab.example", "192.0.2.10"]}
PASSPHRASE = "as in the guide"


def command(*arguments, **options):
    done = subprocess.run(
        [str(argument) for argument in arguments], check=False, capture_output=True, text=True, **options
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}{done.stderr}"
    return done.stdout


def openssl(*arguments, **options):
    return command("openssl", *arguments, **options)


# A configuration as people write it by hand for this layout
CNF = """
[ca]
default_ca = CA_default
[CA_default]
dir = {dir}
certs = $dir/certs
crl_dir = $dir/crl
new_certs_dir = $dir/newcerts
database = $dir/index.txt
serial = $dir/serial
private_key = $dir/private/ca.key.pem
certificate = $dir/certs/ca.cert.pem
crlnumber = $dir/crlnumber
crl = $dir/crl/ca.crl.pem
default_crl_days = 30
default_md = sha256
default_days = 375
preserve = no
policy = policy_loose
copy_extensions = copy
[policy_loose]
commonName = supplied
[req]
distinguished_name = dn
[dn]
[v3_ca]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always,issuer
basicConstraints = critical, CA:true
keyUsage = critical, digitalSignature, cRLSign, keyCertSign
[server_cert]
basicConstraints = CA:FALSE
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid,issuer:always
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
"""


class ByHand:
    """An authority created and used by typing openssl commands."""

    def __init__(self, folder, traditional_key=False):
        self.folder = folder
        self.cnf = folder / "openssl.cnf"
        for name in ("certs", "crl", "newcerts", "private"):
            (folder / name).mkdir(parents=True)
        (folder / "private").chmod(0o700)
        (folder / "index.txt").touch()
        (folder / "serial").write_text("1000\n")
        (folder / "crlnumber").write_text("1000\n")
        self.cnf.write_text(CNF.format(dir=folder))
        key = folder / "private/ca.key.pem"
        openssl(
            "genrsa",
            "-aes256",
            "-passout",
            f"pass:{PASSPHRASE}",
            *(["-traditional"] if traditional_key else []),
            "-out",
            key,
            "2048",
        )
        key.chmod(0o400)
        openssl(
            "req", "-config", self.cnf, "-key", key, "-passin", f"pass:{PASSPHRASE}", "-new", "-x509", "-days",
            "7300", "-sha256",
            "-extensions", "v3_ca", "-subj", "/C=NL/O=By Hand/CN=Hand CA", "-out", folder / "certs/ca.cert.pem",
        )  # fmt: skip

    def ca(self, *arguments):
        return openssl("ca", "-config", self.cnf, "-passin", f"pass:{PASSPHRASE}", "-batch", "-notext", *arguments)

    def issue(self, key, san, name="hand", out=None):
        """Sign a request for this key by hand; return the serial number."""
        request, out = self.folder / f"{name}.csr", out or self.folder / f"certs/{name}.cert.pem"
        openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-addext", f"subjectAltName={san}", "-out", request)
        self.ca("-extensions", "server_cert", "-in", request, "-out", out)
        return openssl("x509", "-in", out, "-noout", "-serial").strip().split("=")[1]

    def status(self, serial):
        done = subprocess.run(
            ["openssl", "ca", "-config", self.cnf, "-passin", f"pass:{PASSPHRASE}", "-status", serial],
            check=False,
            capture_output=True,
            text=True,
        )
        return re.search(rf"{serial}=(\w+)", done.stdout + done.stderr).group(1)


@pytest.fixture
def hand(tmp_path):
    return ByHand(tmp_path / "by-hand")


@pytest.fixture
def run(tmp_path, hand):
    settings = Settings(
        directory=str(tmp_path / "pki"),
        authority={"directory": str(hand.folder)},
        passphrase=PASSPHRASE,
        certificates=[WEB1],
    )

    def once_more(**differently):
        return ensure(dataclasses.replace(settings, now=datetime.datetime.now(datetime.timezone.utc), **differently))

    once_more.revoke = lambda *names: revoke(settings, list(names), [], "superseded")
    return once_more


# Adoption of a manual authority


@pytest.mark.parametrize("traditional_key", [False, True], ids=["PKCS#8 key", "traditional key"])
def test_an_authority_made_by_hand_is_adopted_in_place(tmp_path, traditional_key):
    hand = ByHand(tmp_path / "by-hand", traditional_key)
    key = hand.folder / "private/ca.key.pem"
    modulus = openssl("rsa", "-in", key, "-passin", f"pass:{PASSPHRASE}", "-noout", "-modulus")
    # The passphrase of a traditional key is hashed once, so that one is written anew; the conftest calls 2,048 rounds
    # enough.
    kept = {
        path: path.read_bytes()
        for path in (
            hand.folder / "certs/ca.cert.pem",
            *([] if traditional_key else [key]),
            hand.folder / "serial",
            hand.cnf,
        )
    }
    settings = Settings(
        directory=str(tmp_path / "pki"),
        authority={"directory": str(hand.folder)},
        passphrase=PASSPHRASE,
        certificates=[WEB1],
    )
    result = ensure(settings)
    assert not result["authority"]["created"]
    assert result["authority"]["certificate"] == str(hand.folder / "certs/ca.cert.pem")
    assert {path: path.read_bytes() for path in kept} == kept
    assert openssl("rsa", "-in", key, "-passin", f"pass:{PASSPHRASE}", "-noout", "-modulus") == modulus
    assert key.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert not (tmp_path / "pki/ca").exists()
    openssl(
        "verify",
        "-x509_strict",
        "-purpose",
        "sslserver",
        "-CAfile",
        hand.folder / "certs/ca.cert.pem",
        result["certificates"]["web1/lab"]["pem"],
    )
    assert not ensure(settings)["changed"]


def test_openssl_goes_on_with_what_we_issued(run, hand, tmp_path):
    first = run()["certificates"]["web1/lab"]
    second = run(renew=["web1/lab"])["certificates"]["web1/lab"]
    assert hand.status(first["serial"]) == "Valid" and hand.status(second["serial"]) == "Valid"
    # Two valid certificates of one subject: it must still be able to load the index, issue, revoke, list and update
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", tmp_path / "x.key")
    assert hand.issue(tmp_path / "x.key", "DNS:x.example") == "1000"
    hand.ca("-revoke", hand.folder / f"newcerts/{second['serial']}.pem", "-crl_reason", "keyCompromise")
    hand.ca("-gencrl", "-out", hand.folder / "crl/ca.crl.pem")
    hand.ca("-updatedb")
    assert hand.status(second["serial"]) == "Revoked"
    assert f"Serial Number: {second['serial']}" in openssl(
        "crl", "-in", hand.folder / "crl/ca.crl.pem", "-noout", "-text"
    )
    assert (hand.folder / "serial").read_text() == "1001\n"


def test_our_own_authority_is_ready_for_openssl(tmp_path):
    settings = Settings(directory=str(tmp_path / "pki"), certificates=[WEB1])
    serial = ensure(settings)["certificates"]["web1/lab"]["serial"]
    ca = tmp_path / "pki/ca"

    def by_hand(*arguments):
        return openssl("ca", "-config", "openssl.cnf", "-passin", "file:../passphrase", "-batch", *arguments, cwd=ca)

    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            tmp_path / "y.key",
            "-out", tmp_path / "y.csr",
            "-subj", "/CN=y", "-addext", "subjectAltName=DNS:y.example")  # fmt: skip
    by_hand("-in", tmp_path / "y.csr", "-out", tmp_path / "y.pem", "-notext")
    openssl("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", ca / "certs/ca.cert.pem", tmp_path / "y.pem")
    by_hand("-revoke", f"newcerts/{serial}.pem")
    by_hand("-gencrl", "-out", "crl/ca.crl.pem")
    by_hand("-updatedb")
    after = ensure(settings)
    assert after["certificates"]["web1/lab"]["reason"] == "revoked"
    openssl(
        "verify",
        "-crl_check",
        "-CAfile",
        ca / "certs/ca.cert.pem",
        "-CRLfile",
        ca / "crl/ca.crl.pem",
        after["certificates"]["web1/lab"]["pem"],
    )
    assert len((ca / "index.txt").read_text().splitlines()) == 3


# Detection of manual changes with openssl


def test_a_certificate_revoked_by_hand_is_issued_again_and_listed(run, hand):
    before = run()["certificates"]["web1/lab"]
    hand.ca("-revoke", before["pem"], "-crl_reason", "cessationOfOperation")
    after = run()
    assert after["certificates"]["web1/lab"]["reason"] == "revoked"
    assert "revocation list made: the index says otherwise" in after["notes"]
    listed = openssl(
        "crl", "-in", after["authority"]["crl"], "-noout", "-text", "-CAfile", after["authority"]["certificate"]
    )
    assert before["serial"] in listed and "Cessation Of Operation" in listed


def test_a_certificate_issued_by_hand_for_our_key_is_taken_up(run, hand):
    before = run()["certificates"]["web1/lab"]
    serial = hand.issue(before["pem"], "DNS:web1.lab.example,IP:192.0.2.10,DNS:new.lab.example")
    after = run(certificates=[{**WEB1, "addresses": [*WEB1["addresses"], "new.lab.example"]}])["certificates"][
        "web1/lab"
    ]
    assert after["serial"] == serial
    assert after["reason"] == "names changed: +new.lab.example; the authority had already issued another"
    assert openssl("x509", "-in", after["pem"], "-noout", "-serial") == f"serial={serial}\n"


def test_a_pair_put_into_place_by_hand_is_kept(run, hand, tmp_path):
    pem = run()["certificates"]["web1/lab"]["pem"]
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", tmp_path / "own.key")
    serial = hand.issue(tmp_path / "own.key", "DNS:web1.lab.example,IP:192.0.2.10")
    with open(pem, "w") as file:
        file.write((tmp_path / "own.key").read_text() + (hand.folder / "certs/hand.cert.pem").read_text())
    after = run()["certificates"]["web1/lab"]
    assert (after["serial"], after["changed"]) == (serial, False)


def test_a_certificate_issued_by_hand_is_revoked_with_the_others_of_its_key(run, hand):
    before = run()["certificates"]["web1/lab"]
    serial = hand.issue(before["pem"], "DNS:web1.lab.example")
    run.revoke("web1/lab")
    assert hand.status(serial) == "Revoked" and hand.status(before["serial"]) == "Revoked"


def test_lines_of_others_in_the_index_stay_byte_for_byte(run, hand, tmp_path):
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", tmp_path / "x.key")
    hand.issue(tmp_path / "x.key", "DNS:x.example", name="x")
    lines = (hand.folder / "index.txt").read_text().splitlines()
    run()
    assert (hand.folder / "index.txt").read_text().splitlines()[: len(lines)] == lines


def test_what_a_lost_index_knew_is_read_from_newcerts_and_the_revocation_list(run, hand):
    first = run()["certificates"]["web1/lab"]["serial"]
    run.revoke("web1/lab")
    second = run()["certificates"]["web1/lab"]["serial"]
    (hand.folder / "index.txt").write_text("")
    assert "completed from" in " ".join(run()["notes"])
    assert hand.status(first) == "Revoked" and hand.status(second) == "Valid"


def test_an_older_index_does_not_bring_a_revoked_certificate_back(run, hand):
    serial = run()["certificates"]["web1/lab"]["serial"]
    older = (hand.folder / "index.txt").read_text()
    run.revoke("web1/lab")
    (hand.folder / "index.txt").write_text(older)
    assert run()["certificates"]["web1/lab"]["reason"] == "revoked"
    assert hand.status(serial) == "Revoked"


def test_an_intermediate_made_by_hand_is_adopted(tmp_path):
    """The root's own folder and `intermediate` in it, each an authority of its own, as the guide lays them out."""
    root = ByHand(tmp_path / "by-hand")
    below = ByHand(tmp_path / "by-hand/intermediate")
    for old, new in (
        ("private/ca.key.pem", "private/intermediate.key.pem"),
        ("certs/ca.cert.pem", "certs/intermediate.cert.pem"),
    ):
        os.rename(below.folder / old, below.folder / new)
    openssl("req", "-config", below.cnf, "-new", "-key", below.folder / "private/intermediate.key.pem", "-passin",
            f"pass:{PASSPHRASE}",
            "-subj", "/CN=Hand Intermediate", "-out", below.folder / "i.csr")  # fmt: skip
    root.ca(
        "-extensions",
        "v3_ca",
        "-days",
        "3650",
        "-in",
        below.folder / "i.csr",
        "-out",
        below.folder / "certs/intermediate.cert.pem",
    )
    os.unlink(root.folder / "private/ca.key.pem")
    settings = Settings(
        directory=str(tmp_path / "pki"),
        authority={"directory": str(root.folder), "intermediate": True},
        passphrase=PASSPHRASE,
        certificates=[WEB1],
    )
    result = ensure(settings)
    pem = result["certificates"]["web1/lab"]["pem"]
    openssl("verify", "-purpose", "sslserver", "-CAfile", root.folder / "certs/ca.cert.pem", "-untrusted", pem, pem)
    assert not ensure(settings)["changed"]


def test_an_adopted_authority_is_told_about_its_weak_points(tmp_path):
    hand = ByHand(tmp_path / "by-hand")
    openssl("req", "-config", hand.cnf, "-key", hand.folder / "private/ca.key.pem", "-passin", f"pass:{PASSPHRASE}",
            "-new", "-x509",
            "-extensions", "v3_ca", "-subj", "/O=No Name", "-out", hand.folder / "certs/ca.cert.pem")  # fmt: skip
    result = ensure(
        Settings(directory=str(tmp_path / "pki"), authority={"directory": str(hand.folder)}, passphrase=PASSPHRASE)
    )
    assert "no common name, so iOS does not list it" in " ".join(result["advice"])


@pytest.mark.parametrize("passphrase", ["wrong", None])
def test_an_adopted_key_needs_its_passphrase(tmp_path, hand, passphrase):
    with pytest.raises(PkiError, match=r"ca\.key\.pem"):
        ensure(
            Settings(
                directory=str(tmp_path / "pki"),
                authority={"directory": str(hand.folder)},
                passphrase=passphrase,
                certificates=[WEB1],
            )
        )
    assert (hand.folder / "index.txt").read_text() == ""


# Validators that are not ours


@pytest.fixture(params=["root alone", "with intermediate", "RSA", "with constraints"])
def issued(tmp_path, request):
    authority = {
        "root alone": {},
        "with intermediate": {"intermediate": True},
        "RSA": {"key_type": "rsa_2048"},
        "with constraints": {"name_constraints": "inventory", "intermediate": True},
    }[request.param]
    certificates = [{**WEB1, "key_type": "rsa_2048" if request.param == "RSA" else "ecdsa_p256"}]
    result = ensure(Settings(directory=str(tmp_path / "pki"), authority=authority, certificates=certificates))
    return result["authority"], result["certificates"]["web1/lab"]["pem"]


def test_openssl_accepts_it(issued):
    authority, pem = issued
    strict = (
        "-x509_strict",
        "-policy_check",
        "-purpose",
        "sslserver",
        "-auth_level",
        "2",
        "-CAfile",
        authority["certificate"],
        "-untrusted",
        pem,
    )
    assert openssl("verify", *strict, "-verify_hostname", "web1.lab.example", pem) == f"{pem}: OK\n"
    assert openssl("verify", *strict, "-verify_ip", "192.0.2.10", pem) == f"{pem}: OK\n"


def test_gnutls_accepts_it(issued, tmp_path):
    authority, pem = issued
    chain = tmp_path / "chain.pem"
    text = Path(pem).read_text()
    chain.write_text(text[text.index("-----BEGIN CERTIFICATE") :])
    told = command(
        "certtool", "--verify", "--infile", chain, "--load-ca-certificate", authority["certificate"],
        "--verify-purpose", "1.3.6.1.5.5.7.3.1",
        "--verify-hostname", "web1.lab.example", "--verify-profile", "medium",
    )  # fmt: skip
    assert "Chain verification output: Verified. The certificate is trusted." in told


def test_nss_accepts_it(issued, tmp_path):
    authority, pem = issued
    database = f"sql:{tmp_path / 'nss'}"
    (tmp_path / "nss").mkdir()
    command("certutil", "-N", "-d", database, "--empty-password")
    command("certutil", "-A", "-d", database, "-n", "root", "-t", "C,,", "-i", authority["certificate"])
    if authority["intermediate"]:
        command(
            "certutil",
            "-A",
            "-d",
            database,
            "-n",
            "intermediate",
            "-t",
            ",,",
            "-i",
            authority["intermediate"]["certificate"],
        )
    command("certutil", "-A", "-d", database, "-n", "server", "-t", ",,", "-i", pem)
    assert "certificate is valid" in command("certutil", "-V", "-d", database, "-n", "server", "-u", "V")


def test_the_tools_are_there():
    """The tests above need them; `make test` installs them."""
    assert all(shutil.which(tool) for tool in ("openssl", "certtool", "certutil"))
