# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any path and any value as systemd's unit files take it. Pure: no I/O, no Ansible.

Each option has its own grammar (systemd.syntax(7), systemd.exec(5), systemd.service(5)). In all of them ``%`` begins a
specifier.
"""

from __future__ import annotations

import re
from typing import Iterable

_PLAIN = re.compile(r"[A-Za-z0-9_./:=@+,-]+")


def line(path: str) -> str:
    """The whole rest of a line, as ``WorkingDirectory=`` takes it: nothing is unquoted there, blanks at the end are cut
    off, and a backslash at the end goes on with the next line. A text that ends in ``/.`` ends in neither."""
    return path.replace("%", "%%") + ("/." if path[-1:] in (" ", "\t", "\\") else "")


def word(text: str) -> str:
    """One word of a list, such as ``ReadWritePaths=`` and ``Environment=``."""
    return '"' + _inside(text) + '"'


def bound(path: str) -> str:
    """One path of ``BindPaths=``: a word that is split once more, at blanks and at ``:``; backslashes outlast the first
    round."""
    return '"' + re.sub(r"""([\s:\\"'])""", r"\\\1", path).replace("%", "%%") + '"'


def command(words: Iterable[str]) -> str:
    """The words of ``ExecStart=``. The name of the program itself is plain: systemd refuses quotes and backslashes
    there, and replaces no ``$$``. The shell, in whose place it comes, starts any other."""
    listed = [*words]
    if not _PLAIN.fullmatch(listed[0]):
        listed = ["/bin/sh", "-c", 'exec "$@"', "sh", *listed]
    return " ".join(each if _PLAIN.fullmatch(each) else f'"{inside_command(each)}"' for each in listed)


def inside_command(text: str) -> str:
    """The text between the quotes of one word of a command."""
    return _inside(text).replace("$", "$$")


def _inside(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


#: By the name that templates use.
FORMS = {"line": line, "word": word, "bound": bound, "command": command, "inside_command": inside_command}
