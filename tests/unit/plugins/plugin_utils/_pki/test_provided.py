# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import re

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PkiError

from .test_issue import WEB1, openssl, pem_of, text_of


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
