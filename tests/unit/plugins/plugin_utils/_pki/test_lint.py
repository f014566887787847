# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lint on certificates that the openssl command has created, each breaking one rule. For its own column, openssl is
asked as well."""

from __future__ import annotations

import datetime
import subprocess

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PkiError
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki import inspect, issue
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki import settings as pki_settings

APPLE, CHROMIUM, OPENSSL = "apple", "chromium", "openssl"
ALL = (APPLE, CHROMIUM, OPENSSL)

GOOD_CA = {
    "subject": "/CN=Test CA",
    "key": ("ec", "P-256"),
    "days": 3650,
    "digest": "sha256",
    "extensions": {
        "basicConstraints": "critical,CA:TRUE",
        "keyUsage": "critical,keyCertSign,cRLSign",
        "subjectKeyIdentifier": "hash",
    },
}
GOOD_LEAF = {
    "subject": "/CN=web1.lab.example",
    "key": ("ec", "P-256"),
    "days": 397,
    "digest": "sha256",
    "extensions": {
        "basicConstraints": "critical,CA:FALSE",
        "keyUsage": "critical,digitalSignature",
        "extendedKeyUsage": "serverAuth",
        "subjectAltName": "DNS:web1.lab.example,IP:192.0.2.10",
        "subjectKeyIdentifier": "hash",
        "authorityKeyIdentifier": "keyid",
    },
}


def openssl(*arguments, check=True):
    return subprocess.run(["openssl", *map(str, arguments)], check=check, capture_output=True, text=True)


def differ(good, **changes):
    extensions = {**good["extensions"], **changes.pop("extensions", {})}
    return {**good, **changes, "extensions": {name: value for name, value in extensions.items() if value is not None}}


class Maker:
    def __init__(self, folder):
        self.folder = folder

    def key(self, name, kind):
        path = self.folder / f"{name}.key"
        family, size = kind
        option = {"rsa": f"rsa_keygen_bits:{size}", "ec": f"ec_paramgen_curve:{size}"}.get(family)
        openssl(
            "genpkey",
            "-algorithm",
            {"ec": "EC", "rsa": "RSA"}.get(family, family),
            *(["-pkeyopt", option] if option else []),
            "-out",
            path,
        )
        return path

    def certificate(self, name, profile, issuer=None):
        key = self.key(name, profile["key"])
        out, request, extensions = (self.folder / f"{name}.{ending}" for ending in ("pem", "csr", "cnf"))
        extensions.write_text("[e]\n" + "".join(f"{key}={value}\n" for key, value in profile["extensions"].items()))
        openssl("req", "-new", "-key", key, "-subj", profile["subject"], "-out", request)
        signer = (
            ["-CA", self.folder / f"{issuer}.pem", "-CAkey", self.folder / f"{issuer}.key"]
            if issuer
            else ["-signkey", key]
        )
        if "begin" in profile:
            return self.dated(profile, request, extensions, issuer, out)
        options = (
            []
            if profile["digest"] is None or (profile["key"][0] == "ed25519" and not issuer)
            else [f"-{profile['digest']}"]
        )
        openssl(
            "x509",
            "-req",
            "-in",
            request,
            *signer,
            "-days",
            profile["days"],
            "-set_serial",
            profile.get("serial", "0x5f2d"),
            *options,
            *(["-extfile", extensions, "-extensions", "e"] if profile["extensions"] else []),
            "-out",
            out,
        )
        return out

    def dated(self, profile, request, extensions, issuer, out):
        """Only ``openssl ca`` sets the first moment of a certificate."""
        settings = self.folder / "ca.cnf"
        (self.folder / "index").write_text("")
        settings.write_text(
            f"[ca]\ndefault_ca=d\n[d]\ndatabase={self.folder}/index\nnew_certs_dir={self.folder}\nrand_serial=yes\n"
            "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n"
        )
        openssl(
            "ca",
            "-batch",
            "-notext",
            "-config",
            settings,
            "-in",
            request,
            "-out",
            out,
            "-cert",
            self.folder / f"{issuer}.pem",
            "-keyfile",
            self.folder / f"{issuer}.key",
            "-startdate",
            profile["begin"],
            "-enddate",
            "20491231000000Z",
            "-extfile",
            extensions,
            "-extensions",
            "e",
        )
        return out


@pytest.fixture
def make(tmp_path):
    return Maker(tmp_path)


def lint(path, **options):
    defaults = {
        "ca_file": None,
        "key_file": None,
        "addresses": [],
        "now": datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=1),
    }
    return inspect.lint_files([str(path)], **{**defaults, **options})["certificates"][str(path)]


def refusals(report):
    return {finding["rule"]: tuple(finding["refused_by"]) for finding in report["findings"]}


def openssl_accepts(root, leaf):
    return (
        openssl(
            "verify", "-x509_strict", "-auth_level", "2", "-purpose", "sslserver", "-CAfile", root, leaf, check=False
        ).returncode
        == 0
    )


LEAVES = [
    pytest.param({}, {}, id="a good one has no finding"),
    pytest.param({"days": 825}, {}, id="825 days are accepted"),
    pytest.param({"days": 826}, {"825-days": (APPLE,)}, id="826 days are not"),
    pytest.param({"digest": "sha1"}, {"sha-2": ALL}, id="signed with SHA-1"),
    pytest.param({"key": ("rsa", 1024)}, {"key-size": ALL}, id="an RSA key of 1024 bits"),
    pytest.param({"key": ("rsa", 2048)}, {}, id="an RSA key of 2048 bits"),
    pytest.param({"key": ("ec", "P-384")}, {}, id="a key on P-384"),
    pytest.param({"key": ("ec", "P-521")}, {"key-curve": (CHROMIUM,)}, id="a key on P-521"),
    pytest.param({"key": ("ec", "secp256k1")}, {"key-curve": (APPLE, CHROMIUM)}, id="a curve of the blockchains"),
    pytest.param({"key": ("ed25519", "")}, {"key-type": (APPLE, CHROMIUM)}, id="an Ed25519 key"),
    pytest.param(
        {"extensions": {"subjectAltName": None}}, {"alternative-name": (APPLE, CHROMIUM)}, id="only a common name"
    ),
    pytest.param(
        {"extensions": {"subjectAltName": "DNS:192.0.2.10"}}, {"address-as-name": ALL}, id="an address as a name"
    ),
    pytest.param(
        {"extensions": {"subjectAltName": "DNS:web.*.example"}}, {"wildcard": ALL}, id="a wildcard in the middle"
    ),
    pytest.param({"extensions": {"extendedKeyUsage": None}}, {"server-auth": (APPLE,)}, id="no extended key usage"),
    pytest.param(
        {"extensions": {"extendedKeyUsage": None}, "begin": "20190630000000Z"},
        {"server-auth": ()},
        id="no extended key usage, and older than Apple's rule",
    ),
    pytest.param({"begin": "20190630000000Z"}, {}, id="more than 825 days, and older than Apple's rule"),
    pytest.param(
        {"extensions": {"extendedKeyUsage": "anyExtendedKeyUsage"}},
        {"server-auth": (APPLE, OPENSSL)},
        id="for any purpose",
    ),
    pytest.param(
        {"extensions": {"extendedKeyUsage": "anyExtendedKeyUsage,serverAuth"}}, {}, id="for any purpose, and servers"
    ),
    pytest.param({"extensions": {"extendedKeyUsage": "clientAuth"}}, {"server-auth": ALL}, id="for clients only"),
    pytest.param(
        {"extensions": {"keyUsage": "critical,keyEncipherment"}},
        {"digital-signature": ALL},
        id="a key that may not sign",
    ),
    pytest.param(
        {"extensions": {"authorityKeyIdentifier": "none"}},
        {"issuer-identifier": (OPENSSL,)},
        id="no pointer to its issuer's key",
    ),
    pytest.param(
        {"extensions": {"basicConstraints": "critical,CA:TRUE", "keyUsage": "critical,digitalSignature,keyCertSign"}},
        {"authority-as-server": ()},
        id="an authority as a server",
    ),
    pytest.param(
        {"extensions": {"1.2.3.4": "critical,DER:0500"}},
        {"critical-extension": ALL},
        id="a critical extension nobody knows",
    ),
    pytest.param({"serial": "0x" + "7f" * 21}, {"serial": (CHROMIUM,)}, id="a serial number of 21 octets"),
]


@pytest.mark.parametrize(("changes", "expected"), LEAVES)
def test_what_a_server_certificate_breaks(make, changes, expected):
    root, leaf = make.certificate("ca", GOOD_CA), make.certificate("leaf", differ(GOOD_LEAF, **changes), "ca")
    report = lint(leaf, ca_file=str(root))
    assert refusals(report) == expected
    assert report["accepted"] == {client: not any(client in by for by in expected.values()) for client in ALL}
    # Rules that openssl verify does not test: names are compared by the client, the key usage in the handshake, and its
    # own command line takes SHA-1 in the end entity only below security level 1
    if not {"address-as-name", "wildcard", "digital-signature"} & set(expected):
        assert openssl_accepts(root, leaf) is report["accepted"][OPENSSL]


AUTHORITIES = [
    pytest.param({}, {}, id="a good one has no finding"),
    pytest.param({"subject": "/O=No Name"}, {"common-name": (APPLE,)}, id="without a common name"),
    pytest.param({"key": ("rsa", 1024)}, {"key-size": ALL}, id="an RSA key of 1024 bits"),
    pytest.param({"key": ("ec", "P-521")}, {}, id="a key on P-521, which only a handshake minds"),
    pytest.param({"key": ("ec", "secp256k1")}, {"key-curve": (APPLE, CHROMIUM)}, id="a curve of the blockchains"),
    pytest.param(
        {"extensions": {"basicConstraints": "CA:TRUE"}},
        {"critical-constraints": (OPENSSL,)},
        id="basic constraints that are not critical",
    ),
    pytest.param({"extensions": {"keyUsage": None}}, {"key-cert-sign": (OPENSSL,)}, id="no key usage"),
    pytest.param(
        {"extensions": {"keyUsage": "critical,cRLSign"}},
        {"key-cert-sign": ALL},
        id="a key that may not sign certificates",
    ),
    pytest.param(
        {"extensions": {"subjectKeyIdentifier": "none"}}, {"key-identifier": (OPENSSL,)}, id="no identifier of its key"
    ),
]


@pytest.mark.parametrize(("changes", "expected"), AUTHORITIES)
def test_what_an_authority_breaks(make, changes, expected):
    profile = differ(GOOD_CA, **changes)
    root = make.certificate("ca", profile)
    report = lint(root)
    assert refusals(report) == expected
    without = (
        {"authorityKeyIdentifier": "issuer:always"} if profile["extensions"]["subjectKeyIdentifier"] == "none" else {}
    )
    leaf = make.certificate("leaf", differ(GOOD_LEAF, extensions=without), "ca")
    assert openssl_accepts(root, leaf) is report["accepted"][OPENSSL]
    # Seen from the server's certificate, too
    assert set(expected) <= set(refusals(lint(leaf, ca_file=str(root))))


def test_a_chain_in_the_wrong_order(make, tmp_path):
    root = make.certificate("ca", GOOD_CA)
    middle = make.certificate(
        "middle", differ(GOOD_CA, subject="/CN=Middle", extensions={"authorityKeyIdentifier": "keyid"}), "ca"
    )
    leaf = make.certificate("leaf", GOOD_LEAF, "middle")
    chain = tmp_path / "chain.pem"
    chain.write_text(leaf.read_text() + middle.read_text())
    assert refusals(lint(chain, ca_file=str(root))) == {}
    chain.write_text(leaf.read_text() + root.read_text() + middle.read_text())
    assert "chain" in refusals(lint(chain, ca_file=str(root)))
    assert refusals(lint(leaf, ca_file=str(root))) == {"chain": ALL}


def test_limits_of_an_authority(make, tmp_path):
    root = make.certificate(
        "ca",
        differ(
            GOOD_CA,
            extensions={
                "basicConstraints": "critical,CA:TRUE,pathlen:0",
                "nameConstraints": "permitted;DNS:other.example",
            },
        ),
    )
    middle = make.certificate(
        "middle", differ(GOOD_CA, subject="/CN=Middle", extensions={"authorityKeyIdentifier": "keyid"}), "ca"
    )
    leaf = make.certificate("leaf", GOOD_LEAF, "middle")
    chain = tmp_path / "chain.pem"
    chain.write_text(leaf.read_text() + middle.read_text())
    assert set(refusals(lint(chain, ca_file=str(root)))) == {"path-length", "name-constraints"}


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        pytest.param(datetime.timedelta(days=-1), {"dates": ALL}, id="not yet valid"),
        pytest.param(datetime.timedelta(days=1), {}, id="valid"),
        pytest.param(datetime.timedelta(days=398), {"dates": ALL}, id="over"),
    ],
)
def test_dates(make, moment, expected):
    leaf = make.certificate("leaf", GOOD_LEAF, make.certificate("ca", GOOD_CA).stem)
    assert refusals(lint(leaf, now=datetime.datetime.now(datetime.timezone.utc) + moment)) == expected


@pytest.mark.parametrize(
    ("names", "address", "covered"),
    [
        ("DNS:web1.lab.example", "WEB1.lab.example", True),
        ("DNS:*.lab.example", "web1.lab.example", True),
        ("DNS:*.lab.example", "a.web1.lab.example", False),
        ("DNS:*.lab.example", "lab.example", False),
        ("IP:192.0.2.10", "192.0.2.10", True),
        ("IP:2001:db8::1", "2001:DB8::0001", True),
        ("DNS:192.0.2.10.example", "192.0.2.10", False),
    ],
)
def test_addresses_that_clients_use(make, names, address, covered):
    leaf = make.certificate(
        "leaf", differ(GOOD_LEAF, extensions={"subjectAltName": names}), make.certificate("ca", GOOD_CA).stem
    )
    assert ("name-covered" not in refusals(lint(leaf, addresses=[address]))) is covered


def test_a_key_in_the_same_file_or_beside_it_must_match(make, tmp_path):
    leaf = make.certificate("leaf", GOOD_LEAF, make.certificate("ca", GOOD_CA).stem)
    assert refusals(lint(leaf, key_file=str(tmp_path / "leaf.key"))) == {}
    assert refusals(lint(leaf, key_file=str(tmp_path / "ca.key"))) == {"key-matches": ALL}
    pair = tmp_path / "pair.pem"
    pair.write_text((tmp_path / "ca.key").read_text() + leaf.read_text())
    assert refusals(lint(pair)) == {"key-matches": ALL}


def test_der_is_read_as_well(make, tmp_path):
    leaf = make.certificate("leaf", differ(GOOD_LEAF, days=826), make.certificate("ca", GOOD_CA).stem)
    openssl("x509", "-in", leaf, "-outform", "DER", "-out", tmp_path / "leaf.der")
    assert refusals(lint(tmp_path / "leaf.der")) == {"825-days": (APPLE,)}


@pytest.mark.parametrize(
    "content", [None, b"", b"\x30\x82garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate(tmp_path, content):
    path = tmp_path / "x.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PkiError, match=r"x\.pem"):
        lint(path)


@pytest.mark.parametrize(
    "authority", [{}, {"intermediate": True}, {"name_constraints": "inventory"}, {"key_type": "rsa_2048"}]
)
def test_our_own_output_breaks_no_rule(tmp_path, authority):
    wanted = [{"name": "web1/lab", "addresses": ["web1.lab.example", "192.0.2.10"], "days": 825}]
    result = issue.ensure(
        pki_settings.Settings(directory=str(tmp_path / "pki"), authority=authority, certificates=wanted)
    )
    root = result["authority"]["certificate"]
    assert lint(root)["findings"] == []
    report = lint(result["certificates"]["web1/lab"]["pem"], ca_file=root, addresses=["web1.lab.example", "192.0.2.10"])
    assert report == {"accepted": {APPLE: True, CHROMIUM: True, OPENSSL: True}, "findings": []}
