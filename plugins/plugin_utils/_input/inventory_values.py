# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of an inventory, compared with an argument specification, with messages in the words of YAML. Pure: no
I/O, no Ansible.

Ansible's own validator takes a key with nothing behind it for one that is not there, creates a text of a mapping, and
speaks of Python's classes.
"""

from __future__ import annotations

import re
from typing import Any

#: By the type of a specification: the empty value.
NOTHING = {"list": "[]", "dict": "{}", "str": '""', "path": '""'}
NOUNS = {
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "list": "list",
    "dict": "mapping",
    "str": "text",
    "path": "path",
}


def problems(label: str, value: Any, spec: dict[str, Any]) -> list[str]:
    """Return the faults in the shape of a value.

    :param label: the user's name of it. :param spec: ``type``, ``elements`` and ``choices``, as in an argument
        specification.
    """
    kind = spec.get("type", "str")
    if value is None:
        none = f"Write {NOTHING[kind]} for none" if kind in NOTHING and not spec.get("choices") else "Write a value"
        return [f"{label}: nothing is written behind it. {none}, or take the line out."]
    if kind == "list":
        if isinstance(value, dict):
            return [f"{label}: a mapping is written where a list is meant. Begin each of its entries with '- '."]
        elements = {"type": spec.get("elements", "raw")}
        entries = enumerate(value, 1) if isinstance(value, (list, tuple)) else ()
        return [
            problem
            for number, entry in entries
            for problem in _entry(f"{label}: entry {number}", entry, elements["type"])
        ]
    return _misplaced(label, value, kind)


def _entry(label: str, entry: Any, kind: str) -> list[str]:
    if entry is None:
        return [f"{label}: nothing is written behind its '-'. Write something, or take the line out."]
    if kind == "dict" and not isinstance(entry, dict):
        return [f"{label}: a mapping is meant, for example '- name: lab', and not {_shown(entry)}."]
    return _misplaced(label, entry, kind)


def _misplaced(label: str, value: Any, kind: str) -> list[str]:
    if kind in ("str", "path", "int", "float", "bool") and isinstance(value, (dict, list, tuple)):
        what = "a mapping" if isinstance(value, dict) else "a list"
        # "- pandas: <3" and "- pandas>=2: x" are mappings to YAML.
        cure = " Put quotes around the whole of it." if isinstance(value, dict) else ""
        return [f"{label}: {what} is written where a {'single value' if kind != 'str' else 'text'} is meant.{cure}"]
    if kind == "dict" and not isinstance(value, (dict, str)):
        return [f"{label}: a mapping is meant, for example '{{key: value}}', and not {_shown(value)}."]
    return []


def _shown(value: Any) -> str:
    return "a list" if isinstance(value, (list, tuple)) else f"'{str(value)[:60]}'"


_UNFIT = re.compile(
    r"(?:argument|Elements value for option) '(?P<name>[^']+)'.* unable to convert to (?P<kind>\w+): .*", re.DOTALL
)


def reworded(message: str, values: dict[str, Any], secret: Any) -> str:
    """Return the validator's message about a value of the wrong type, in words for its author.

    :param values: the validated values. :param secret: the names of those that may not be shown.
    """
    found = _UNFIT.match(message)
    if found is None:
        return message
    value = values.get(found["name"])
    shown = (
        _shown(value)
        if found["name"] not in secret and not isinstance(value, (list, dict))
        else "what is written there"
    )
    return (
        f"{found['name']}: {shown} is"
        f" {'neither ' if found['kind'] == 'bool' else 'no '}{NOUNS.get(found['kind'], found['kind'])}.".replace(
            "neither true or", "neither true nor"
        )
    )


def fits(value: Any, spec: dict[str, Any]) -> bool:
    """Tell whether a value is of the kind that a specification asks for: one that is not was written for something
    else."""
    kind = spec.get("type", "str")
    if kind in ("list", "dict"):
        return isinstance(value, list if kind == "list" else dict)
    return not isinstance(value, (list, dict, tuple)) and value is not None
