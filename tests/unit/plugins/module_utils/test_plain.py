# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.filter.plain_text import FilterModule
from ansible_collections.remote.notebooks.plugins.module_utils._plain import plain, plain_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("Größe: 電池, 5 µm, naïve", "Größe: 電池, 5 µm, naïve", id="what people write"),
        pytest.param("a\x1b[31mred", "a\\x1b[31mred", id="a colour"),
        pytest.param("a\x1b]0;title\x07", "a\\x1b]0;title\\x07", id="a title, a bell"),
        pytest.param("a\x9b2J", "a\\x9b2J", id="the same in one byte"),
        pytest.param("a\rb", "a\\rb", id="over the line"),
        pytest.param("a\x08\x7f", "a\\x08\\x7f", id="back"),
        pytest.param("a\nok: [host]", "a\\nok: [host]", id="a line that looks like ours"),
        pytest.param("a\x00b", "a\\x00b", id="nothing"),
        pytest.param("a\tb", "a b", id="a tab is a space"),
        pytest.param("a\u202egpj.exe", "a\\u202egpj.exe", id="the other way round"),
        pytest.param("a\u2066b\u2069\u200e\u061c", "a\\u2066b\\u2069\\u200e\\u061c", id="other directions"),
        pytest.param("a\u200bb\ufeff\u00ad", "a\\u200bb\\ufeff\\xad", id="what nobody sees"),
        pytest.param("a\u2028b\u2029\x85", "a\\u2028b\\u2029\\x85", id="other ends of a line"),
        pytest.param("a\xa0b", "a\\xa0b", id="a space that is none"),
        pytest.param("a\ud800\ue000\U000e0041", "a\\ud800\\ue000\\U000e0041", id="no characters at all"),
        pytest.param(None, "None", id="no text"),
        pytest.param(b"\x1b", "b'\\x1b'", id="bytes"),
    ],
)
def test_every_character_shows_and_none_does_anything(text, shown):
    assert plain(text) == shown
    assert plain(text).isprintable()
    assert plain(shown) == shown


def test_long_lines_and_many_of_them_are_cut():
    assert plain("x" * 401) == "x" * 400 + "[...]"
    assert plain("x" * 400) == "x" * 400
    assert len(plain("\x1b" * 100_000)) == 4 * 400 + 5
    assert plain_lines("a\r\n\x1bb\nc", lines=3) == "a\n\\x1bb\nc"
    assert plain_lines("a\nb\nc", lines=2) == "[...]\nb\nc"


def test_templates_have_it_as_a_filter():
    assert FilterModule().filters()["plain_text"]("a\x1b\nb\u202e") == "a\\x1b\nb\\u202e"
