# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other people's text, as it may stand on a terminal: the one way by which it gets there. Pure.

A server's error, a kernel's name, a line of a journal may hold characters that control a terminal (ECMA-48), or
characters that turns the rest of a line round (Unicode's bidirectional controls). Ansible prints the message of a
failure as it is.
"""

from __future__ import annotations

#: Of one line no more characters are shown, of one text no more lines.
MOST_LINE = 400
MOST_LINES = 60


def printable(text: str, keep: str = "") -> str:
    r"""Write out characters that no screen shows: ``\x1b``, ``\u202e``, and half a character. ``keep`` is left as it
    is."""
    if text.isprintable():
        return text
    # str.isprintable: neither a control, nor a format character (the bidirectional ones, joiners), nor a separator but
    # the space.
    return "".join(
        sign if sign.isprintable() or sign in keep else sign.encode("unicode_escape").decode("ascii") for sign in text
    )


def plain(text: object, most: int = MOST_LINE) -> str:
    """Return a text as one line in which every character shows, and none controls the terminal. Spaces stay, and
    characters that people write stays as it is."""
    whole = str(text)
    shown = printable(whole[:most].replace("\t", " "))
    return f"{shown}[...]" if len(whole) > most else shown


def plain_lines(text: object, most: int = MOST_LINE, lines: int = MOST_LINES) -> str:
    """Return a text of several lines likewise; of more than ``lines`` the last ones, which is where a reason stands."""
    found = str(text).split("\n")
    kept = found if len(found) <= lines else ["[...]", *found[-lines:]]
    return "\n".join(plain(line.rstrip("\r"), most) for line in kept)
