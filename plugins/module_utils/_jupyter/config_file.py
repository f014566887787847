# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a configuration file of Jupyter, read without running it. Pure.

It runs on hosts as well (:mod:`observation.configuration`), so it imports nothing of ours but
:mod:`program.statements`, and that only for a file in Python.
"""

from __future__ import annotations

import io
import json
import tokenize
from typing import Any, Callable, NamedTuple

#: Of ``Section.trait``, in characters.
LONGEST_NAME = 100


class Found(NamedTuple):
    """An option that a file sets."""

    #: Nothing but None, bool, numbers, texts, lists and mappings; None where ``why`` says that it is not known.
    value: Any
    #: Where it is set last, from 1.
    line: int
    #: The reason why its value is unknown, as the rest of a sentence about the option. Empty if it is known.
    why: str = ""


class Reading(NamedTuple):
    #: By ``Section.trait``.
    options: dict[str, Found]
    #: Other code that may set an option: the line, and its effect.
    remarks: list[tuple[int, str]]


def decode(data: bytes, name: str) -> str:
    """Return the text of a file as Jupyter decodes it: Python's own rule for Python (PEP 263), UTF-8 for JSON.

    :raises ValueError: where Jupyter would not read it either.
    """
    try:
        encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0] if name.endswith(".py") else "utf-8"
        return data.decode(encoding)
    except (SyntaxError, LookupError, ValueError) as error:
        raise ValueError(f"it is no text in the encoding that it should have ({error}).") from error


def read(text: str, name: str) -> Reading:
    """Return the settings of one file.

    :param name: its name, of which the ending tells the language.
    :raises ValueError: if it cannot be read in the format of its ending.
    """
    try:
        if name.endswith(".json"):
            return _from_json(text)
        from .program import statements

        return statements.read(text)
    except SyntaxError as error:
        raise ValueError(f"line {error.lineno}: {error.msg}") from error
    except (RecursionError, MemoryError) as error:
        raise ValueError("it nests too deeply to be read.") from error


def parse(text: str, name: str) -> dict[str, Found]:
    """Return the options of :func:`read`."""
    return read(text, name).options


def is_name(name: str) -> bool:
    """Tell whether ``Section.trait`` can be an option at all: JSON may say anything."""
    section, _dot, trait = name.partition(".")
    return len(name) <= LONGEST_NAME and section.isidentifier() and trait.isidentifier()


def _from_json(text: str) -> Reading:
    found = json.loads(text)
    if not isinstance(found, dict):
        return Reading({}, [(1, "holds no mapping of classes, so Jupyter takes nothing of it.")])
    options, remarks = {}, []
    line = _lines(text)
    for section, traits in found.items():
        here = line(section)
        if isinstance(traits, dict):
            for trait, value in traits.items():
                kept, why = plain(value)
                options[f"{section}.{trait}"] = Found(kept, line(trait), why)
        elif section != "version":  # of the format itself (traitlets)
            remarks.append((here, f"what is called {section[:60]!r} is no class with options."))
    return Reading(options, remarks)


def _lines(text: str) -> Callable[[str], int]:
    """Return a function for the line of each key of a JSON text, asked in their order."""
    place, line = 0, 1

    def of(key: str) -> int:
        nonlocal place, line
        found = max(text.find(json.dumps(key), place), text.find(json.dumps(key, ensure_ascii=False), place))
        if found >= 0:
            place, line = found, line + text.count("\n", place, found)
        return line

    return of


#: How much a value may hold, nested or not; no setting written by hand comes near.
MOST_PARTS = 20_000
DEEPEST = 30
LONGEST_TEXT = 100_000
#: An integer beyond 256 bits is no setting, and takes time to be written.
LARGEST_NUMBER = 1 << 256
TOO_MUCH = "holds more there than a variable should"


class _Unfit(Exception):
    """A value that no variable can hold."""


def plain(value: Any, unfit: Any = lambda value: "") -> tuple[Any, str]:
    """Return a value as variables can hold it, and nothing; or None and the reason why not.

    Tuples and sets become lists, which Jupyter takes for them; bytes become texts, which it makes of them as well.

    :param unfit: a further test for faults in a part of it.
    """
    left = [MOST_PARTS]

    def part(value: Any, depth: int) -> Any:
        left[0] -= 1
        if left[0] < 0 or depth > DEEPEST:
            raise _Unfit(TOO_MUCH)
        reason = unfit(value)
        if reason:
            raise _Unfit(reason)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int) and abs(value) < LARGEST_NUMBER:
            return value
        if isinstance(value, float) and value - value == 0:  # neither infinite nor no number
            return value
        try:
            if isinstance(value, bytes):
                value = value.decode("ascii")
            if isinstance(value, str):
                value.encode()
                left[0] -= len(value) // 100
                return value
        except UnicodeError:
            raise _Unfit("holds bytes there that are no text") from None
        if isinstance(value, (set, frozenset)):
            value = sorted(value, key=repr)
        if isinstance(value, (list, tuple)):
            return [part(item, depth + 1) for item in value]
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return {part(key, depth + 1): part(item, depth + 1) for key, item in value.items()}
        raise _Unfit("holds there what no variable can")

    try:
        return part(value, 0), ""
    except _Unfit as error:
        return None, str(error)
