# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The required form of data from elsewhere, before any use.

A *shape* is a function: it takes a value and the words for where that stands, and returns the value, made anew out of
the known parts. Data of another shape raises :class:`AnswerError`. Signs that no screen shows are written out in every
text, so that none of them reaches a terminal or a file: only texts that are needed word for word are compared with a
pattern instead.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from typing import Any

from ...module_utils._errors import AnswerError
from ...module_utils._plain import printable

Shape = Callable[[Any, str], Any]


def _wrong(where: str, what: str) -> AnswerError:
    return AnswerError(f"{where}: {what}")


def line(most: int = 500, form: str = "") -> Shape:
    """A text of one line. ``form``: a pattern that it has to fit from end to end."""
    fits = re.compile(form).fullmatch if form else None

    def shape(value: Any, where: str) -> str:
        if not isinstance(value, str):
            raise _wrong(where, "is no text")
        if len(value) > most:
            raise _wrong(where, f"has {len(value)} characters, and {most} are the most that make sense")
        if fits and not fits(value):
            raise _wrong(where, f"is {printable(value[:60])!r}, and cannot be that")
        return printable(str(value))

    return shape


def block(most: int) -> Shape:
    """A text of several lines."""

    def shape(value: Any, where: str) -> str:
        if not isinstance(value, str):
            raise _wrong(where, "is no text")
        if len(value) > most:
            raise _wrong(where, f"has {len(value)} characters, and {most} are the most that make sense")
        return printable(str(value), keep="\n\t")

    return shape


def choice(*values: str) -> Shape:
    """One of these words."""

    def shape(value: Any, where: str) -> str:
        if not isinstance(value, str) or value not in values:
            raise _wrong(where, f"is none of {', '.join(map(repr, values))}")
        return value

    return shape


def flag(value: Any, where: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise _wrong(where, "is neither true nor false")
    return value


def number(least: int = 0, most: int = 2**32 - 1) -> Shape:
    """A whole number between these two."""

    def shape(value: Any, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise _wrong(where, f"is no whole number from {least} to {most}")
        return int(value)

    return shape


def moment(value: Any, where: str) -> float:
    """Seconds since the epoch."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or abs(value) > 1e12:
        raise _wrong(where, "is no time")
    return value


def maybe(of: Shape) -> Shape:
    """``of``, or nothing (null)."""
    return lambda value, where: None if value is None else of(value, where)


def many(of: Shape, most: int = 1000) -> Shape:
    """A list."""

    def shape(value: Any, where: str) -> list[Any]:
        if not isinstance(value, list):
            raise _wrong(where, "is no list")
        if len(value) > most:
            raise _wrong(where, f"has {len(value)} entries, and {most} are the most that make sense")
        return [of(one, f"{where}[{place}]") for place, one in enumerate(value)]

    return shape


def table(key: Shape, of: Shape, most: int = 1000) -> Shape:
    """A dictionary whose keys are data as well."""

    def shape(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong(where, "is no dictionary")
        if len(value) > most:
            raise _wrong(where, f"has {len(value)} entries, and {most} are the most that make sense")
        return {
            key(name, f"a key of {where}"): of(one, f"{where}.{printable(str(name)[:60])}")
            for name, one in value.items()
        }

    return shape


def each(names: Collection[str], of: Shape) -> Shape:
    """A dictionary that has an entry for each of ``names``, and no other."""
    return record(dict.fromkeys(names, of))


def among(names: Collection[str], of: Shape) -> Shape:
    """A dictionary that has entries for some of ``names``, and no other."""
    return record({}, dict.fromkeys(names, of))


def record(fields: dict[str, Shape], optional: dict[str, Shape] | None = None, *, others: bool = False) -> Shape:
    """A dictionary with these keys. ``others``: further keys are dropped. Without that, they are refused."""
    known = {**fields, **(optional or {})}

    def shape(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong(where, "is no dictionary")
        missing = next((name for name in fields if name not in value), None)
        if missing is not None:
            raise _wrong(where, f"is without {printable(missing)}")
        if not others and len(value) > len(known):
            raise _wrong(where, f"has {len(value)} keys, and {len(known)} are known")
        unknown = next((name for name in value if name not in known), None)
        if unknown is not None and not others:
            raise _wrong(where, f"holds {printable(str(unknown)[:60])}, which nobody has asked for")
        return {name: of(value[name], f"{where}.{name}") for name, of in known.items() if name in value}

    return shape


def where(of: Shape, *conditions: tuple[str, Callable[[Any], bool]]) -> Shape:
    """``of``, if each condition holds too. The text of a condition is the message about a violation."""

    def shape(value: Any, place: str) -> Any:
        found = of(value, place)
        for words, holds in conditions:
            if not holds(found):
                raise _wrong(place, words)
        return found

    return shape
