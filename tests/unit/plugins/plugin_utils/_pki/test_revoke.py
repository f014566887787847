# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PkiError

from .test_issue import DAY, NOW, openssl, pem_of, snapshot


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


def test_the_numbers_of_revocation_lists_go_up_even_where_their_counter_was_lost(run, tmp_path):
    crl = run()["authority"]["crl"]
    run(now=NOW + 61 * DAY)
    (tmp_path / "pki/ca/crlnumber").write_text("garbage")
    run(now=NOW + 130 * DAY)
    assert openssl("crl", "-in", crl, "-noout", "-crlnumber").strip() == "crlNumber=0x03"
