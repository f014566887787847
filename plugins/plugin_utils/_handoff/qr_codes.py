# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""QR codes for pages and terminals."""

from __future__ import annotations

import io


def qr_code(text: str, title: str) -> str:
    """A QR code as an inline SVG without a size of its own. Black on nothing: the page gives it a white ground."""
    import segno

    svg: str = segno.make(text, error="m", micro=False).svg_inline(
        omitsize=True, border=0, svgclass=None, lineclass=None, title=title
    )
    return svg


def terminal_qr_code(text: str) -> str:
    """A QR code in half blocks, two of its rows to a line, in white on black for any colours of the terminal
    are."""
    import segno

    code = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(code, border=2, compact=True)
    # ECMA-48 8.3.117; of the 256 colours those that no theme changes.
    return "".join(f"\033[38;5;231;48;5;16m{line}\033[0m\n" for line in code.getvalue().splitlines() if line)
