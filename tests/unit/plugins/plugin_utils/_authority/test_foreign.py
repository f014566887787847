# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders as mkcert 1.4.4, easy-rsa 3.1.0, step-ca and others leave them: named and left as they are; and authorities
that are adopted."""

from __future__ import annotations

import datetime
import os
import subprocess

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PkiError
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.issue import ensure
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.settings import Settings

WEB = {"name": "web/lab", "addresses": ["web.lab.example"]}
EASY_RSA = ("openssl-easyrsa.cnf", "safessl-easyrsa.cnf", "vars", "vars.example", "private/", "reqs/")
USED = (
    "ca.crt",
    "private/ca.key",
    "index.txt",
    "index.txt.attr",
    "serial",
    "issued/web.crt",
    "private/web.key",
    "certs_by_serial/52.pem",
)


def openssl(*arguments, **options):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, **options)


def make_root(certificate, key, *, days=3650, kind=("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), passphrase=None):
    """An authority by hand, as guides create it."""
    for path in (certificate, key):
        path.parent.mkdir(parents=True, exist_ok=True)
    hidden = ["-passout", f"pass:{passphrase}"] if passphrase else ["-noenc"]
    extensions = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    openssl(
        "req",
        "-x509",
        "-newkey",
        *kind,
        "-keyout",
        key,
        "-out",
        certificate,
        "-days",
        days,
        "-subj",
        "/CN=By hand",
        *hidden,
        *extensions,
    )


def fill(folder, names):
    for name in names:
        path = folder / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_text("theirs\n")


def snapshot(folder):
    return {path: (path.is_file() and path.read_bytes(), path.stat().st_mode) for path in sorted(folder.rglob("*"))}


FOLDERS = [
    pytest.param(("rootCA.pem", "rootCA-key.pem"), "an authority of mkcert (rootCA.pem)", True, id="mkcert's CAROOT"),
    pytest.param(EASY_RSA, "a PKI of easy-rsa (openssl-easyrsa.cnf)", False, id="easy-rsa, fresh"),
    pytest.param((*EASY_RSA, *USED), "a PKI of easy-rsa (openssl-easyrsa.cnf)", True, id="easy-rsa, used"),
    pytest.param(
        ("easyrsa", "vars", "pki/openssl-easyrsa.cnf"),
        "a PKI of easy-rsa (pki/openssl-easyrsa.cnf)",
        False,
        id="easy-rsa's own folder",
    ),
    pytest.param(USED, "a PKI of easy-rsa (ca.crt)", True, id="easy-rsa, its configuration elsewhere"),
    pytest.param(
        ("config/ca.json", "certs/root_ca.crt", "secrets/root_ca_key", "db/"),
        "an authority of step-ca",
        True,
        id="step-ca",
    ),
    pytest.param(
        ("cacert.pem", "private/cakey.pem", "index.txt", "serial", "newcerts/"),
        "openssl's CA.pl (cacert.pem)",
        True,
        id="demoCA",
    ),
    pytest.param(
        ("live/example.org/privkey.pem", "renewal/example.org.conf"),
        "certificates of certbot (renewal)",
        False,
        id="certbot",
    ),
    pytest.param(("notes.txt", "thesis.tex"), "holds notes.txt, thesis.tex, which", False, id="papers"),
    pytest.param(
        ("certs/ca-certificates.crt", "private/ssl-cert-snakeoil.key", "openssl.cnf"),
        "which is not of this collection",
        False,
        id="/etc/ssl",
    ),
]


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("place", ["pki_dir", "directory"])
@pytest.mark.parametrize(("names", "said", "adoptable"), FOLDERS)
def test_a_foreign_folder_is_named_and_left_as_it_is(names, said, adoptable, place, check_mode, tmp_path):
    foreign = tmp_path / "theirs"
    fill(foreign, names)
    before = snapshot(tmp_path)
    where = (
        {"directory": str(foreign)}
        if place == "pki_dir"
        else {"directory": str(tmp_path / "pki"), "authority": {"directory": str(foreign)}}
    )
    with pytest.raises(PkiError) as error:
        ensure(Settings(certificates=[WEB], check_mode=check_mode, **where))
    assert said in str(error.value)
    assert str(foreign) in str(error.value)
    assert ("copy it there first" in str(error.value)) is adoptable
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("place", ["absent", "empty", "hidden files only", "cut off"])
def test_an_empty_or_absent_folder_is_filled(place, tmp_path):
    folder = tmp_path / "pki"
    if place != "absent":
        folder.mkdir(0o700)
    if place == "hidden files only":
        (folder / ".git").mkdir()
        (folder / ".DS_Store").write_text("")
    if place == "cut off":
        ensure(Settings(directory=str(folder), certificates=[WEB]))
        (folder / "ca/certs/ca.cert.pem").unlink()
        (folder / "ca/index.txt").unlink()
        (folder / "ca/private/.new-1234").write_text("")
    assert ensure(Settings(directory=str(folder), certificates=[WEB]))["authority"]["created"]


def test_the_commands_that_are_named_lead_to_the_authority_of_mkcert(tmp_path):
    """A key without a passphrase, as mkcert keeps it."""
    foreign, new = tmp_path / "caroot", tmp_path / "NEW"
    make_root(foreign / "rootCA.pem", foreign / "rootCA-key.pem")
    with pytest.raises(PkiError) as error:
        ensure(Settings(directory=str(foreign), certificates=[WEB]))
    command = str(error.value).partition("copy it there first: ")[2].partition(", with pki_dir")[0]
    subprocess.run(["sh", "-ec", command], check=True, cwd=tmp_path)
    result = ensure(Settings(directory=str(new), certificates=[WEB]))
    assert not result["authority"]["created"]
    assert (new / "ca-bundle.pem").read_bytes().strip() == (foreign / "rootCA.pem").read_bytes().strip()
    openssl("verify", "-CAfile", foreign / "rootCA.pem", new / "certificates/web/lab.pem")
    assert "has no passphrase" in " ".join(result["advice"])


def adopted(tmp_path, **options):
    folder = tmp_path / "pki"
    make_root(folder / "ca/certs/ca.cert.pem", folder / "ca/private/ca.key.pem", **options)
    return folder


def test_an_ed25519_authority_is_refused_by_its_name(tmp_path):
    folder = adopted(tmp_path, kind=("ed25519",))
    before = {path: data for path, (data, _mode) in snapshot(folder / "ca").items()}
    with pytest.raises(PkiError, match=r"ca\.cert\.pem has a key of type ed25519.*RSA or ECDSA"):
        ensure(Settings(directory=str(folder), certificates=[WEB]))
    assert {path: data for path, (data, _mode) in snapshot(folder / "ca").items()} == before


@pytest.mark.parametrize(("days", "warned"), [(20, True), (179, True), (3650, False)])
def test_a_root_that_ends_soon_is_told_at_every_run(days, warned, tmp_path):
    folder = adopted(tmp_path, days=days)
    for _run in range(2):
        said = [
            line
            for line in ensure(Settings(directory=str(folder), certificates=[WEB]))["advice"]
            if "every device must install" in line
        ]
        assert len(said) == warned
        assert all(f"in {days - 1} days" in line and "rotation" in line for line in said)


def test_root_and_intermediate_may_have_different_passphrases(tmp_path):
    folder = tmp_path / "pki"
    settings = Settings(
        directory=str(folder), certificates=[WEB], authority={"intermediate": True}, passphrase="of the intermediate"
    )
    ensure(settings)
    key = folder / "ca/private/ca.key.pem"
    openssl(
        "pkcs8",
        "-topk8",
        "-v2",
        "aes-256-cbc",
        "-in",
        key,
        "-out",
        f"{key}.new",
        "-passin",
        "pass:of the intermediate",
        "-passout",
        "pass:of the root",
    )
    os.replace(f"{key}.new", key)
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=300)
    with pytest.raises(PkiError) as error:
        ensure(Settings(**{**settings.__dict__, "now": later}))
    own = folder / "ca/private/passphrase"
    assert f"Put it into {own}" in str(error.value)
    own.write_text("of the root\n")
    own.chmod(0o600)
    result = ensure(Settings(**{**settings.__dict__, "now": later}))
    assert result["changed"]
    openssl("pkey", "-in", key, "-passin", f"file:{own}", "-noout")
    openssl("crl", "-in", folder / "ca/crl/ca.crl.pem", "-CAfile", folder / "ca/certs/ca.cert.pem", "-noout")
    assert not ensure(Settings(**{**settings.__dict__, "now": later}))["changed"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(
            ["x509", "-outform", "DER"],
            "it is DER, not PEM, whatever its name says; convert it: openssl x509 -inform DER",
            id="DER",
        ),
        pytest.param(
            ["crl2pkcs7", "-nocrl", "-certfile"],
            "it is PKCS#7; make PEM of it: openssl pkcs7 -print_certs",
            id="PKCS#7",
        ),
    ],
)
def test_another_form_is_not_called_damaged(make, said, tmp_path):
    folder = adopted(tmp_path)
    certificate = folder / "ca/certs/ca.cert.pem"
    openssl(*make, *([certificate] if make[-1] == "-certfile" else ["-in", certificate]), "-out", tmp_path / "other")
    certificate.write_bytes((tmp_path / "other").read_bytes())
    with pytest.raises(PkiError) as error:
        ensure(Settings(directory=str(folder), certificates=[WEB]))
    assert said in str(error.value)
    assert "damaged" not in str(error.value)


@pytest.mark.parametrize("form", ["DER", "PKCS#12"])
@pytest.mark.parametrize("option", ["certificate_file", "key_file", "ca_file"])
def test_another_form_of_what_is_provided_is_named(option, form, tmp_path):
    certificate, key, other = tmp_path / "web.crt", tmp_path / "web.key", tmp_path / "other.pem"
    make_root(certificate, key, days=90)
    if form == "PKCS#12":
        openssl("pkcs12", "-export", "-in", certificate, "-inkey", key, "-passout", "pass:x", "-out", other)
    else:
        openssl(
            *(["pkey"] if option == "key_file" else ["x509"]),
            "-in",
            key if option == "key_file" else certificate,
            "-outform",
            "DER",
            "-out",
            other,
        )
    files = {"certificate_file": str(certificate), "key_file": str(key), option: str(other)}
    with pytest.raises(PkiError, match=option) as error:
        ensure(Settings(directory=str(tmp_path / "pki"), certificates=[{**WEB, "source": "provided", **files}]))
    assert {"DER": "It is DER, not PEM, whatever its name says", "PKCS#12": "It is PKCS#12, not PEM"}[form] in str(
        error.value
    )
