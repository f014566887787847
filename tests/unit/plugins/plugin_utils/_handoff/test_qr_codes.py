# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A terminal shows a code, and a reader of codes reads the picture of it."""

from __future__ import annotations

import pyte
import pytest
import zxingcpp
from ansible_collections.remote.notebooks.plugins.plugin_utils._handoff.qr_codes import terminal_qr_code

ADDRESS = "https://lab.example.org:8888/team/nbclassic/tree"
#: A module is so many pixels wide, and the picture has so many around the text.
SCALE, BORDER = 6, 60
#: Which halves of a cell have the colour of the text.
HALVES = {" ": (False, False), "█": (True, True), "▀": (True, False), "▄": (False, True)}


def picture(text: str, ground: int) -> memoryview:
    """Return the grey levels of a terminal whose own colours are ``ground`` and its opposite."""
    screen = pyte.Screen(120, 60)
    pyte.Stream(screen).feed(text.replace("\n", "\r\n"))
    named = {"ffffff": 255, "000000": 0, "default": None}
    rows: list[list[int]] = []
    for number in range(screen.lines):
        cells = [screen.buffer[number][column] for column in range(screen.columns)]
        ink = [named[cell.fg] if named[cell.fg] is not None else 255 - ground for cell in cells]
        paper = [named[cell.bg] if named[cell.bg] is not None else ground for cell in cells]
        for half in (0, 1):
            rows.append([ink[i] if HALVES[cell.data][half] else paper[i] for i, cell in enumerate(cells)])
    width, height = screen.columns * SCALE + 2 * BORDER, len(rows) * SCALE + 2 * BORDER
    edge = bytes([ground])
    lines = [edge * BORDER + b"".join(bytes([level]) * SCALE for level in row) + edge * BORDER for row in rows]
    pixels = edge * (width * BORDER) + b"".join(line * SCALE for line in lines) + edge * (width * BORDER)
    return memoryview(pixels).cast("B", shape=[height, width])


@pytest.mark.parametrize("ground", [pytest.param(255, id="light"), pytest.param(0, id="dark")])
def test_a_code_is_read_from_any_terminal(ground):
    # A phone need not read a code in negative.
    (found,) = zxingcpp.read_barcodes(picture(terminal_qr_code(ADDRESS), ground), try_invert=False)
    assert found.text == ADDRESS
