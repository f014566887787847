# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators and loops over known values. Pure: nothing is computed whose result has no bound."""

from __future__ import annotations

import operator as operators
import re
from typing import Any

from ..config_file import LARGEST_NUMBER, LONGEST_TEXT, MOST_PARTS
from .state import State
from .values import KNOWN, SCALARS, UNKNOWN, Scope

#: By the name of the operator, the function that computes it.
_COMPUTED = {
    **{"Add": "add", "Sub": "sub", "Mult": "mul", "Div": "truediv", "FloorDiv": "floordiv", "Mod": "mod", "Pow": "pow"},
    **{"LShift": "lshift", "RShift": "rshift", "BitOr": "or_", "BitAnd": "and_", "BitXor": "xor"},
}


def is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(name: str, left: Any, right: Any) -> Any:
    """Compute with two numbers where neither they nor the result can grow beyond bounds."""
    whole = isinstance(left, int) and isinstance(right, int)
    if whole and max(abs(left), abs(right)) >= LARGEST_NUMBER:
        return UNKNOWN
    if (
        name in ("Pow", "LShift", "RShift")
        and whole
        and (abs(right) > 256 or abs(left).bit_length() * (abs(right) if name == "Pow" else 1) > 512)
    ):
        return UNKNOWN
    compute = getattr(operators, _COMPUTED.get(name, ""), None)
    value = compute(left, right) if compute else UNKNOWN
    if isinstance(value, int) and abs(value) >= LARGEST_NUMBER:
        return UNKNOWN
    return value if isinstance(value, (int, float)) else UNKNOWN


class Operators(State):
    """Computes with known values, within bounds."""

    def operation(self, operator: Any, left: Any, right: Any) -> Any:
        """Compute ``left operator right`` where both are known and the result has a bound."""
        name = type(operator).__name__
        if id(left) in self.changed or id(right) in self.changed:
            return UNKNOWN
        try:
            if isinstance(left, (int, float)) and isinstance(right, (int, float)):
                return _number(name, left, right)
            if name == "Mod" and isinstance(left, str):
                return self.percent(left, right)
            if name == "Mult" and isinstance(left, int):
                left, right = right, left
            if name == "Mult" and isinstance(left, (str, bytes, list, tuple)) and isinstance(right, int):
                length = len(left) * max(right, 0)
                return left * right if length <= self.most(left) and self.spend(length) else UNKNOWN
            if name == "Add" and isinstance(left, (str, bytes, list, tuple)) and type(left) is type(right):
                length = len(left) + len(right)
                return operators.add(left, right) if length <= self.most(left) and self.spend(length) else UNKNOWN
            if (
                name in ("BitOr", "BitAnd", "Sub", "BitXor")
                and isinstance(left, set)
                and isinstance(right, set)
                and self.spend(len(left) + len(right))
            ):
                return {"BitOr": left | right, "BitAnd": left & right, "Sub": left - right, "BitXor": left ^ right}[
                    name
                ]
            if (
                name == "BitOr"
                and isinstance(left, dict)
                and isinstance(right, dict)
                and self.spend(len(left) + len(right))
            ):
                return {**left, **right}
        except (ArithmeticError, TypeError, ValueError):
            pass
        return UNKNOWN

    @staticmethod
    def most(value: Any) -> int:
        return LONGEST_TEXT if isinstance(value, (str, bytes)) else MOST_PARTS

    def percent(self, text: str, values: Any) -> Any:
        """Compute ``"%s/notebooks" % name``; a width could make any length of it."""
        given = values if isinstance(values, tuple) else (values,)
        simple = re.fullmatch(r"(?:[^%]|%[sd%])*", text) and all(isinstance(each, SCALARS) for each in given)
        length = len(text) + sum(len(str(each)) for each in given) if simple else 0
        return text % given if simple and length <= LONGEST_TEXT and self.spend(length) else UNKNOWN

    def iterable(self, value: Any) -> list[Any] | None:
        """Return the items of a loop over a value, or None."""
        if (
            not isinstance(value, (list, tuple, set, dict, str))
            or id(value) in self.changed
            or not self.spend(len(value))
        ):
            return None
        return sorted(value, key=repr) if isinstance(value, set) else list(value)

    def truth(self, value: Any) -> bool | None:
        return bool(value) if isinstance(value, KNOWN) and id(value) not in self.changed else None

    def _of_Compare(self, node: Any, scope: Scope) -> Any:
        left, *more = [self.value(each, scope) for each in (node.left, *node.comparators)]
        if len(more) != 1 or not isinstance(left, SCALARS):
            return UNKNOWN
        operator, right = type(node.ops[0]).__name__, more[0]
        if (
            operator in ("In", "NotIn")
            and isinstance(right, (list, tuple, set, dict, str))
            and id(right) not in self.changed
        ):
            if not isinstance(right, str) and not (
                self.spend(len(right)) and all(isinstance(each, SCALARS) for each in right)
            ):
                return UNKNOWN
            try:
                return (left in right) is (operator == "In")
            except TypeError:
                return UNKNOWN
        if not isinstance(right, SCALARS):
            return UNKNOWN
        if operator in ("Is", "IsNot"):
            return (left is right) is (operator == "Is") if None in (left, right) else UNKNOWN
        compare = getattr(
            operators,
            {"Eq": "eq", "NotEq": "ne", "Lt": "lt", "LtE": "le", "Gt": "gt", "GtE": "ge"}.get(operator, ""),
            None,
        )
        try:
            return compare(left, right) if compare else UNKNOWN
        except TypeError:
            return UNKNOWN
