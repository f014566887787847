# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""openssl's index.txt, line by line."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PkiError
from ansible_collections.remote.notebooks.plugins.plugin_utils._authority.index import issued, parse, revoked

VALID = "V\t271222225733Z\t\tEC4830\tunknown\t/CN=web1.lab.example"
REVOKED = "R\t271222225733Z\t261120235735Z,keyCompromise\tEC4830\tunknown\t/CN=web1.lab.example"


def utc(*moment):
    return datetime.datetime(*moment, tzinfo=datetime.timezone.utc)


def test_a_valid_line():
    (entry,) = parse(VALID)
    assert (entry.status, entry.serial, entry.end, entry.revoked) == (
        "V",
        0xEC4830,
        utc(2027, 12, 22, 22, 57, 33),
        None,
    )


def test_a_revoked_line():
    (entry,) = parse(REVOKED)
    assert (entry.status, entry.revoked, entry.reason) == ("R", utc(2026, 11, 20, 23, 57, 35), "keyCompromise")


def test_what_we_write_is_what_openssl_writes():
    entry = issued("EC4830", "/CN=web1.lab.example", utc(2027, 12, 22, 22, 57, 33))
    assert entry.line == VALID
    assert revoked(entry, utc(2026, 11, 20, 23, 57, 35), "keyCompromise").line == REVOKED


def test_ends_beyond_2049_have_four_digits_of_year():
    entry = issued("01", "/CN=x", utc(2050, 1, 1))
    assert entry.line.split("\t")[1] == "20500101000000Z"
    assert entry.end == utc(2050, 1, 1)


def test_an_empty_subject_is_replaced_by_the_serial_number_as_openssl_does():
    assert issued("0A", "", utc(2030, 1, 1)).line.endswith("\t0A")


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(VALID[:30], id="cut off"),
        pytest.param("\x00\x01\x02", id="garbage"),
        pytest.param(VALID.replace("V", "X", 1), id="unknown status"),
        pytest.param(VALID.replace("EC4830", "EC483"), id="odd digits"),
        pytest.param(VALID.replace("271222225733Z", "soon"), id="no date"),
        pytest.param(VALID.replace("V", "R", 1), id="revoked, but not when"),
    ],
)
def test_damage_is_named_by_its_line(line):
    with pytest.raises(PkiError, match="line 2 "):
        parse(f"{VALID}\n{line}\n")
