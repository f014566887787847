# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a configuration file of Jupyter sets, read without running it. Pure.

It runs on hosts as well (:mod:`_observe`), so it imports nothing of ours.
"""

from __future__ import annotations

import ast
import json
from typing import Any, Dict

#: Stands for a value that only running the file would tell.
COMPUTED = object()

#: Of ``Section.trait``, in characters.
LONGEST_NAME = 100

Options = Dict[str, Any]


def parse(text: str, name: str) -> Options:
    """Return ``{"Section.trait": value}`` of one file; the value is :data:`COMPUTED` where only running the file would tell it.

    :param name: its name, of which the ending tells the language.
    :raises ValueError: where it cannot be read as what its ending says.
    """
    try:
        return _from_json(json.loads(text)) if name.endswith(".json") else _from_python(ast.parse(text))
    except SyntaxError as error:
        raise ValueError(f"line {error.lineno}: {error.msg}") from error
    except (RecursionError, MemoryError) as error:
        raise ValueError("it nests too deeply to be read.") from error


def is_name(name: str) -> bool:
    """Tell whether ``Section.trait`` can be an option at all: JSON may say anything."""
    section, _dot, trait = name.partition(".")
    return len(name) <= LONGEST_NAME and section.isidentifier() and trait.isidentifier()


def _from_json(found: Any) -> Options:
    sections = found if isinstance(found, dict) else {}
    return {f"{section}.{trait}": value for section, traits in sections.items() if isinstance(traits, dict) for trait, value in traits.items()}


def _from_python(tree: ast.Module) -> Options:
    """Read the assignments ``c.Section.trait = value``, wherever in the file they stand; of two, the later."""
    options: Options = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            options.update({name: _value(node.value) for name in map(_option, node.targets) if name})
    return options


def _option(target: ast.expr) -> str:
    parts = []
    while isinstance(target, ast.Attribute):
        parts.append(target.attr)
        target = target.value
    return f"{parts[1]}.{parts[0]}" if isinstance(target, ast.Name) and target.id == "c" and len(parts) == 2 else ""


def _value(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, RecursionError, MemoryError, TypeError, SyntaxError):
        return COMPUTED
