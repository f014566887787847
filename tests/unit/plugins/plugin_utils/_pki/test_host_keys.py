# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PkiError

from .test_issue import DAY, NOW, WEB1, openssl, text_of


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
