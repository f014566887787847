# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of the inventory as Python source, for the configuration that Jupyter executes. Pure."""

from __future__ import annotations

from typing import Any


def python_literal(value: Any) -> str:
    """Return ``value`` (nothing but None, bool, numbers, strings, lists and mappings) as a Python literal.

    ``repr`` alone would do for plain values; Ansible's are tagged subclasses, so each is brought back to its plain
    type. Mapping keys keep their order: the text must not change from run to run. Raises TypeError for anything else.
    """
    if value is None or isinstance(value, bool):
        return str(value)
    for plain in (int, float, str):
        if isinstance(value, plain):
            return repr(plain(value))
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(python_literal(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{python_literal(key)}: {python_literal(item)}" for key, item in value.items()) + "}"
    raise TypeError(f"a setting cannot hold {type(value).__name__}")
