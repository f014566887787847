# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of Python and their methods, as far as a followed program needs them."""

from __future__ import annotations

from typing import Any

from ..config_file import LARGEST_NUMBER, LONGEST_TEXT, MOST_PARTS
from .operators import Operators, is_number
from .values import CHANGING, DOUBT, SCALARS, UNKNOWN


class Types(Operators):
    """Follows constructors and methods of known values."""

    @staticmethod
    def item(owner: Any, key: Any) -> Any:
        if not isinstance(key, SCALARS) or not isinstance(owner, (str, bytes, list, tuple, dict)):
            return UNKNOWN
        try:
            return owner[key]  # type: ignore[index]
        except (LookupError, TypeError):
            return UNKNOWN

    def made(self, name: str, given: list[Any], named: dict[str, Any]) -> Any:
        """Return the result of Python's types for known values."""
        if any(id(each) in self.changed for each in given):
            return UNKNOWN
        first = given[0] if given else None
        if name == "join":
            texts = all(isinstance(each, str) for each in given) and bool(given)
            if not texts or not self.spend(sum(map(len, given))):
                return UNKNOWN
            path = ""
            for each in given:  # as os.path.join does on Linux, wherever this runs
                path = (
                    each
                    if each.startswith("/") or not path
                    else path + each
                    if path.endswith("/")
                    else f"{path}/{each}"
                )
            return path if len(path) <= LONGEST_TEXT else UNKNOWN
        if name == "dict" and len(given) <= 1:
            if not given or (isinstance(first, dict) and self.spend(len(first))):
                return {**(first or {}), **named}
            pairs = self.iterable(first)
            fit = pairs is not None and all(
                isinstance(pair, (tuple, list)) and len(pair) == 2 and isinstance(pair[0], SCALARS) for pair in pairs
            )
            return {**dict(pairs), **named} if fit else UNKNOWN  # type: ignore[arg-type]
        if named:
            return UNKNOWN
        if name in ("list", "tuple", "set", "frozenset", "reversed", "sorted", "enumerate") and len(given) <= 1:
            values = self.iterable(first) if given else []
            if values is None or (
                name in ("set", "frozenset", "sorted") and not all(isinstance(each, str) for each in values)
            ):
                return UNKNOWN
            if name == "enumerate":
                return list(enumerate(values))
            makers: dict[str, Any] = {"tuple": tuple, "set": set, "frozenset": set, "sorted": sorted}
            return makers[name](values) if name in makers else values[::-1] if name == "reversed" else values
        if name == "zip" and given:
            lists = [self.iterable(each) for each in given]
            return UNKNOWN if None in lists else list(zip(*(each or () for each in lists)))
        if name == "range" and 1 <= len(given) <= 3 and all(is_number(each) for each in given):
            try:
                numbers = range(*given)
                return list(numbers) if len(numbers) <= MOST_PARTS and self.spend(len(numbers)) else UNKNOWN
            except (ValueError, OverflowError):
                return UNKNOWN
        if (
            name in ("int", "float", "bool", "str")
            and len(given) == 1
            and isinstance(first, SCALARS)
            and (name != "str" or not isinstance(first, bytes))
        ):
            if isinstance(first, (str, bytes)) and len(first) > 100 and name != "str":
                return UNKNOWN
            try:
                value = {"int": int, "float": float, "bool": bool, "str": str}[name](first)
            except (ValueError, TypeError, OverflowError):
                return UNKNOWN
            return value if not isinstance(value, int) or abs(value) < LARGEST_NUMBER else UNKNOWN
        return UNKNOWN

    def method(self, owner: Any, name: str, given: list[Any], named: dict[str, Any], line: int) -> Any:
        """Follow a method of a known value."""
        if isinstance(owner, (str, bytes)):
            simple = name in (
                "strip",
                "lstrip",
                "rstrip",
                "lower",
                "upper",
                "split",
                "encode",
                "decode",
                "rstrip",
                "startswith",
                "endswith",
            )
            if simple and not named and all(isinstance(each, SCALARS) for each in given) and self.spend(len(owner)):
                try:
                    return getattr(owner, name)(*given) if name not in ("encode", "decode") or not given else UNKNOWN
                except (TypeError, ValueError, AttributeError):
                    return UNKNOWN
            return UNKNOWN
        if (
            isinstance(owner, dict)
            and name in ("items", "keys", "values", "copy")
            and id(owner) not in self.changed
            and self.spend(len(owner))
        ):
            return {
                "items": lambda: list(owner.items()),
                "keys": lambda: list(owner),
                "values": lambda: list(owner.values()),
                "copy": owner.copy,
            }[name]()
        if (
            isinstance(owner, dict)
            and name == "get"
            and given
            and isinstance(given[0], SCALARS)
            and id(owner) not in self.changed
        ):
            return owner.get(given[0], given[1] if len(given) > 1 else None)
        if isinstance(owner, list) and name == "copy" and id(owner) not in self.changed and self.spend(len(owner)):
            return list(owner)
        if name not in CHANGING and name != "__delitem__":
            return UNKNOWN
        before = (
            owner.get(given[0])
            if isinstance(owner, dict) and name == "pop" and given and isinstance(given[0], SCALARS)
            else UNKNOWN
        )
        if self.conditions or id(owner) in self.changed or not self.change(owner, name, given, named):
            self.touch(owner, line)
            return DOUBT if self.reaches(owner) else UNKNOWN
        return owner[given[0]] if name == "setdefault" else before

    def change(self, owner: Any, name: str, given: list[Any], named: dict[str, Any]) -> bool:
        """Change a known value as the program would; tell whether that could be done."""
        more = self.iterable(given[0]) if len(given) == 1 else None
        if len(owner) + len(more or ()) > MOST_PARTS or not self.spend(len(owner) // 100 + 1):
            return False
        try:
            if isinstance(owner, list) and name in ("append", "insert", "__delitem__", "clear") and not named:
                if name == "insert" and not isinstance(given[0], int):
                    return False
                getattr(owner, name)(*given)
            elif isinstance(owner, list) and name == "extend" and more is not None:
                owner.extend(more)
            elif (
                isinstance(owner, dict)
                and name == "update"
                and (not given or isinstance(given[0], dict))
                and len(given) <= 1
            ):
                owner.update(*given, **named)
            elif (
                isinstance(owner, dict)
                and name in ("__delitem__", "pop", "setdefault", "clear")
                and all(isinstance(each, SCALARS) for each in given[:1])
            ):
                getattr(owner, name)(*given)
            elif (
                isinstance(owner, set)
                and name == "update"
                and more is not None
                and all(isinstance(each, SCALARS) for each in more)
            ):
                owner.update(more)
            elif (
                isinstance(owner, set)
                and name in ("add", "discard", "clear")
                and all(isinstance(each, SCALARS) for each in given)
            ):
                getattr(owner, name)(*given)
            else:
                return False
        except (LookupError, TypeError, ValueError):
            return False
        return True
