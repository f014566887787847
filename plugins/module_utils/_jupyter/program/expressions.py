# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expressions of a followed program."""

from __future__ import annotations

import ast
from typing import Any, Callable

from ..config_file import LARGEST_NUMBER, LONGEST_TEXT
from .calls import Calls
from .values import BUILTINS, CONTAINERS, DOUBT, SCALARS, UNKNOWN, Function, Scope


class Expressions(Calls):
    """Follows an expression and returns its value."""

    def quiet(self, node: Any, scope: Scope) -> Any:
        """Return the value of a name, or of an attribute of one."""
        if isinstance(node, ast.Name):
            holder = scope.holder(node.id)
            return holder.names[node.id] if holder else BUILTINS.get(node.id, UNKNOWN)
        return self.attribute(self.quiet(node.value, scope), node.attr) if isinstance(node, ast.Attribute) else UNKNOWN

    def index(self, node: Any, scope: Scope) -> Any:
        inner = node.slice
        if type(inner).__name__ == "Index":  # Python 3.8
            inner = inner.value
        if type(inner).__name__ in ("Slice", "ExtSlice"):
            for child in ast.iter_child_nodes(inner):
                self.value(child, scope)
            return UNKNOWN
        return self.value(inner, scope)

    def value(self, node: Any, scope: Scope, quiet: bool = False) -> Any:
        """Follow an expression and return its value; with ``quiet``, that of an expression that was followed
        already."""
        if quiet:
            if isinstance(node, (ast.Name, ast.Attribute)):
                return self.quiet(node, scope)
            if not isinstance(node, ast.Subscript):
                return UNKNOWN
        self.spend()
        method = getattr(self, f"_of_{type(node).__name__}", None)
        if method is not None:
            return method(node, scope)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child, scope)
        return UNKNOWN

    def _of_Constant(self, node: Any, _scope: Scope) -> Any:
        value = node.value
        if isinstance(value, int) and not isinstance(value, bool) and value >= LARGEST_NUMBER:
            return UNKNOWN
        return value if isinstance(value, SCALARS) else UNKNOWN

    def _of_Name(self, node: Any, scope: Scope) -> Any:
        return self.quiet(node, scope)

    def _of_Attribute(self, node: Any, scope: Scope) -> Any:
        return self.attribute(self.value(node.value, scope), node.attr)

    def _of_Subscript(self, node: Any, scope: Scope) -> Any:
        owner, key = self.value(node.value, scope), self.index(node, scope)
        if owner is DOUBT or (self.reaches(owner) and not isinstance(key, SCALARS)):
            return self.attribute(owner, key, item=True) if owner is DOUBT or self.is_configuration(owner) else DOUBT
        found = self.attribute(owner, key, item=True) if id(owner) not in self.changed else UNKNOWN
        if found is UNKNOWN and isinstance(owner, (list, tuple, dict)) and not isinstance(key, SCALARS):
            parts = [
                part
                for part in (owner.values() if isinstance(owner, dict) else owner)
                if isinstance(part, (*CONTAINERS, tuple))
            ]
            return self.forgotten(*parts)
        return found

    def elements(self, nodes: list[Any], scope: Scope) -> list[Any] | None:
        found: list[Any] | None = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                more = self.iterable(self.value(node.value, scope))
                if more is None and found is not None:
                    self.forgotten(*found)
                found = None if more is None or found is None else [*found, *more]
            else:
                value = self.value(node, scope)
                if found is not None:
                    found.append(value)
        return found

    def _of_List(self, node: Any, scope: Scope) -> Any:
        found = self.elements(node.elts, scope)
        return UNKNOWN if found is None else found

    def _of_Tuple(self, node: Any, scope: Scope) -> Any:
        found = self.elements(node.elts, scope)
        return UNKNOWN if found is None else tuple(found)

    def _of_Set(self, node: Any, scope: Scope) -> Any:
        found = self.elements(node.elts, scope)
        return (
            set(found)
            if found is not None and all(isinstance(each, SCALARS) for each in found)
            else self.forgotten(*(found or ()))
        )

    def _of_Dict(self, node: Any, scope: Scope) -> Any:
        found: dict[Any, Any] | None = {}
        for key_node, value_node in zip(node.keys, node.values):
            key = self.value(key_node, scope) if key_node is not None else None
            value = self.value(value_node, scope)
            if found is None or (
                key_node is None
                and not (isinstance(value, dict) and self.spend(len(value)) and id(value) not in self.changed)
            ):
                found = None
            elif key_node is None:
                found.update(value)
            elif isinstance(key, SCALARS):
                found[key] = value
            else:
                self.forgotten(value, *found.values())
                found = None
        return UNKNOWN if found is None else found

    def _of_JoinedStr(self, node: Any, scope: Scope) -> Any:
        parts = []
        for part in node.values:
            simple = isinstance(part, ast.FormattedValue) and part.conversion == -1 and part.format_spec is None
            value = self.value(part.value if isinstance(part, ast.FormattedValue) else part, scope)
            if isinstance(part, ast.FormattedValue) and part.format_spec is not None:
                self.value(part.format_spec, scope)
            known = isinstance(value, SCALARS) and (simple or isinstance(part, ast.Constant))
            parts.append(str(value) if known else None)
        length = sum(len(part) for part in parts if part is not None)
        return "".join(parts) if None not in parts and length <= LONGEST_TEXT and self.spend(length) else UNKNOWN  # type: ignore[arg-type]

    def _of_NamedExpr(self, node: Any, scope: Scope) -> Any:
        value = self.value(node.value, scope)
        self.bind(scope, node.target.id, value)
        return value

    def _of_Lambda(self, node: Any, scope: Scope) -> Any:
        return Function(node, scope)

    def _of_IfExp(self, node: Any, scope: Scope) -> Any:
        test = self.truth(self.value(node.test, scope))
        if test is not None:
            return self.value(node.body if test else node.orelse, scope)
        return self._either(node.lineno, [node.body, node.orelse], scope)

    def _either(self, line: int, nodes: list[Any], scope: Scope) -> Any:
        found: list[Any] = []

        def way(node: Any) -> Callable[[], int]:
            def follow() -> int:
                found.append(self.value(node, scope))
                return 0

            return follow

        self.branch(line, *map(way, nodes))
        return self.merged(found)

    def _of_BoolOp(self, node: Any, scope: Scope) -> Any:
        value: Any = UNKNOWN
        for index, each in enumerate(node.values):
            value = self.value(each, scope)
            test = self.truth(value)
            if test is None:
                rest = node.values[index + 1 :]
                found = [value, *(self._either(node.lineno, [other, other], scope) for other in rest)]
                return (
                    value if not rest else DOUBT if any(map(self.is_configuration, found)) else self.forgotten(*found)
                )
            if test is isinstance(node.op, ast.Or):
                return value
        return value

    def _of_UnaryOp(self, node: Any, scope: Scope) -> Any:
        value = self.value(node.operand, scope)
        if isinstance(node.op, ast.Not):
            test = self.truth(value)
            return UNKNOWN if test is None else not test
        if not isinstance(value, (int, float)):
            return UNKNOWN
        try:
            return -value if isinstance(node.op, ast.USub) else +value if isinstance(node.op, ast.UAdd) else ~value  # type: ignore[operator]
        except TypeError:
            return UNKNOWN

    def _of_BinOp(self, node: Any, scope: Scope) -> Any:
        return self.operation(node.op, self.value(node.left, scope), self.value(node.right, scope))

    def _comprehension(self, node: Any, scope: Scope) -> list[Any] | None:
        inner = Scope(scope)
        found: list[Any] = []
        elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]

        def element() -> int:
            values = [self.value(each, inner) for each in elements]
            found.append(values if len(values) > 1 else values[0])
            return 0

        def level(number: int) -> bool:
            if number == len(node.generators):
                element()
                return True
            generator = node.generators[number]
            source = self.value(generator.iter, inner)
            values = self.iterable(source)
            for value in values if values is not None else ():
                if not self.spend():
                    return False
                self.store(generator.target, value, inner)
                tests = [self.truth(self.value(test, inner)) for test in generator.ifs]
                if None in tests:
                    self.branch(node.lineno, lambda: level(number + 1) and 0, lambda: 0)
                    return False
                if all(tests) and not level(number + 1):
                    return False
            if values is None:
                self.store(generator.target, DOUBT if self.reaches(source) else UNKNOWN, inner)
                self.branch(node.lineno, lambda: level(number + 1) and 0, lambda: 0)
                return False
            return True

        if level(0):
            return found
        self.forgotten(*found)
        return None

    def _of_ListComp(self, node: Any, scope: Scope) -> Any:
        found = self._comprehension(node, scope)
        return UNKNOWN if found is None else found

    _of_GeneratorExp = _of_ListComp

    def _of_SetComp(self, node: Any, scope: Scope) -> Any:
        found = self._comprehension(node, scope)
        return set(found) if found is not None and all(isinstance(each, SCALARS) for each in found) else UNKNOWN

    def _of_DictComp(self, node: Any, scope: Scope) -> Any:
        found = self._comprehension(node, scope)
        return dict(found) if found is not None and all(isinstance(key, SCALARS) for key, _value in found) else UNKNOWN
