# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ssl

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils import _trust
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PkiError

# Only the bytes between the marks matter here; SHA-256 of b"one" and b"two".
ONE, TWO = ssl.DER_cert_to_PEM_cert(b"one"), ssl.DER_cert_to_PEM_cert(b"two")
SHA_ONE = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
NICK_ONE, NICK_TWO = "ours-7692c3ad3540bb80", "ours-3fc4ccfe745870e2"

LISTING = """
Certificate Nickname                                         Trust Attributes
                                                             SSL,S/MIME,JAR/XPI

ours-7692c3ad3540bb80                                        C,,
Our other CA, with blanks                                    CT,C,C
a key of somebody                                            u,u,u
"""


def test_a_file_is_split_and_each_certificate_named_by_its_fingerprint():
    found = _trust.certificates(f"Subject: one\n{ONE}\n# two\n{TWO.replace(chr(10), chr(13) + chr(10))}", "ours")
    assert found == {NICK_ONE: ONE, NICK_TWO: TWO}
    assert _trust.sha256(ONE) == SHA_ONE


@pytest.mark.parametrize(
    ("pem", "name", "words"),
    [
        pytest.param("", "ours", "no certificate in PEM form", id="nothing"),
        pytest.param(
            "-----BEGIN CERTIFICATE-----\nAAAAA\n-----END CERTIFICATE-----", "ours", "is damaged", id="cut off"
        ),
        pytest.param(ONE, "../up", "cannot name a file", id="a name that climbs"),
        pytest.param(ONE, "", "cannot name a file", id="no name"),
    ],
)
def test_what_cannot_be_trusted(pem, name, words):
    with pytest.raises(PkiError, match=words):
        _trust.certificates(pem, name)


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("ours", False),
        (NICK_ONE, True),
        ("ours-7692", False),
        ("ours-other", False),
        ("yours", False),
        ("ours2", False),
        (f"{NICK_ONE}x", False),
    ],
)
def test_whose_it_is(text, ours):
    assert _trust.is_ours(text, "ours") is ours


def test_the_name_that_people_type_is_ours_alone():
    assert _trust.is_ours("remote-notebooks", "remote-notebooks")
    assert not _trust.is_ours("corp", "corp")
    assert not _trust.is_ours("remote-notebooks", "corp")
    assert _trust.nss_changes({"remote-notebooks": ("C,,", SHA_ONE)}, {}, "remote-notebooks") == (
        [],
        ["remote-notebooks"],
    )


def test_a_bundle_may_break_its_lines_elsewhere():
    assert _trust.is_bundled(ONE, f"# comment\n{TWO}{ONE.replace('b', 'b' + chr(10))}")
    assert not _trust.is_bundled(ONE, TWO)


def test_what_certutil_lists():
    assert _trust.rows(LISTING) == {
        NICK_ONE: "C,,",
        "Our other CA, with blanks": "CT,C,C",
        "a key of somebody": "u,u,u",
    }


@pytest.mark.parametrize(
    ("stored", "wanted", "add", "remove"),
    [
        pytest.param({}, {NICK_ONE: ONE}, [NICK_ONE], [], id="an empty store"),
        pytest.param({NICK_ONE: ("C,,", SHA_ONE)}, {NICK_ONE: ONE}, [], [], id="nothing to do"),
        pytest.param({NICK_ONE: (",,", SHA_ONE)}, {NICK_ONE: ONE}, [NICK_ONE], [], id="there, but not trusted"),
        pytest.param(
            {NICK_ONE: ("C,,", SHA_ONE)}, {NICK_TWO: TWO}, [NICK_TWO], [NICK_ONE], id="another authority took over"
        ),
        pytest.param(
            {NICK_ONE: ("C,,", SHA_ONE)}, {NICK_ONE: ONE, NICK_TWO: TWO}, [NICK_TWO], [], id="one beside the other"
        ),
        pytest.param({"by hand": ("CT,C,C", SHA_ONE)}, {NICK_ONE: ONE}, [], [], id="trusted under somebody's own name"),
        pytest.param({"by hand": ("CT,C,C", SHA_ONE)}, {}, [], [], id="and left to them"),
        pytest.param({"ours": ("C,,", SHA_ONE)}, {}, [], [], id="somebody's own of the bare name"),
        pytest.param(
            {NICK_ONE: ("C,,", SHA_ONE), "other": ("C,,", "x")}, {}, [], [NICK_ONE], id="removed, and nothing else"
        ),
        pytest.param({}, {}, [], [], id="nothing to remove"),
    ],
)
def test_what_changes_in_a_browsers_store(stored, wanted, add, remove):
    assert _trust.nss_changes(stored, wanted, "ours") == (add, remove)
