# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow a configuration of Jupyter that is a Python program, without running it. Pure; runs on hosts.

Statements are followed in their order. Literals are computed, within bounds. Values that only running the file would
show are *unknown*. If the course of the program is unknown, each way it may take is followed, and an option that is set
there is known by its name alone. Code that may reach the configuration and cannot be followed becomes a remark. So each
option that Jupyter would get from the file has its value here, or a reason, or a remark.

Loading is PyFileConfigLoader's (traitlets): the file runs with ``c``, ``get_config`` and ``load_subconfig``; reading an
option that is not set gives an object that takes additions (LazyConfigValue); names that begin with a capital are
classes.

Each layer uses those before it: :mod:`values`, :mod:`state`, :mod:`operators`, :mod:`python_types`, :mod:`options`,
:mod:`calls`, :mod:`expressions`,
:mod:`definitions`.
"""

from __future__ import annotations

import ast
from typing import Any, Callable

from ..config_file import Reading
from .definitions import Definitions
from .values import ABSENT, BREAK, CONTINUE, DOUBT, GIVEN, RETURN, STOP, SURE, UNKNOWN, Builtin, Lazy, Scope


class Reader(Definitions):
    """Follows statements."""

    def block(self, nodes: list[Any], scope: Scope) -> int:
        for index, node in enumerate(nodes):
            flow = self.statement(node, scope)
            if flow & SURE:
                return flow
            if flow & ~STOP:  # of a way that ends the file nothing comes
                rest = nodes[index + 1 :]
                return (flow | self.branch(node.lineno, lambda rest=rest: self.block(rest, scope), lambda: 0)) & ~SURE  # type: ignore[misc]
        return 0

    def statement(self, node: Any, scope: Scope) -> int:
        self.spend()
        self.line = node.lineno
        method = getattr(self, f"_do_{type(node).__name__}", None)
        if method is None:
            return self._do_others(node, scope)
        return int(method(node, scope) or 0)

    def _do_others(self, node: Any, scope: Scope) -> int:
        """A statement that has no meaning of its own here, such as ``match``: all that stands in it may happen."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child, scope)
            elif isinstance(child, ast.stmt):
                self.branch(node.lineno, lambda child=child: self.statement(child, scope), lambda: 0)  # type: ignore[misc]
            else:
                self._do_others_of(child, node, scope)
        return 0

    def _do_others_of(self, child: Any, node: Any, scope: Scope) -> None:
        body = getattr(child, "body", None)
        for name in [
            getattr(each, "name", None) for each in ast.walk(child) if type(each).__name__.startswith("Match")
        ]:
            if name:
                self.bind(scope, name, DOUBT)
        if isinstance(body, list):
            self.branch(node.lineno, lambda: self.block(body, scope), lambda: 0)

    def _do_Expr(self, node: Any, scope: Scope) -> int:
        self.value(node.value, scope)
        call = node.value
        return (
            STOP | SURE
            if isinstance(call, ast.Call) and self.quiet(call.func, scope) in (Builtin("exit"), Builtin("quit"))
            else 0
        )

    def _do_Assign(self, node: Any, scope: Scope) -> None:
        value = self.value(node.value, scope)
        for target in node.targets:
            self.store(target, value, scope)

    def _do_AnnAssign(self, node: Any, scope: Scope) -> None:
        if node.value is not None:
            self.store(node.target, self.value(node.value, scope), scope)

    def _do_AugAssign(self, node: Any, scope: Scope) -> None:
        before, more = self.value(node.target, scope, quiet=True), self.value(node.value, scope)
        if isinstance(before, Lazy):
            self.add(before, "append", [UNKNOWN], node.lineno)
        elif isinstance(before, list) and isinstance(node.op, ast.Add):
            self.method(before, "extend", [more], {}, node.lineno)
            self.store(node.target, before, scope)
        elif isinstance(before, (dict, set)) and isinstance(node.op, ast.BitOr):
            self.method(before, "update", [more], {}, node.lineno)
            self.store(node.target, before, scope)
        else:
            self.store(node.target, self.operation(node.op, before, more), scope)

    def store(self, target: Any, value: Any, scope: Scope) -> None:
        if isinstance(target, ast.Name):
            self.bind(scope, target.id, value)
        elif isinstance(target, ast.Attribute):
            self.assign(self.value(target.value, scope), target.attr, value, target.lineno)
        elif isinstance(target, ast.Subscript):
            self.assign(self.value(target.value, scope), self.index(target, scope), value, target.lineno, item=True)
        elif isinstance(target, ast.Starred):
            self.store(target.value, DOUBT if self.reaches(value) else UNKNOWN, scope)
        elif isinstance(target, (ast.Tuple, ast.List)):
            plain_ones = not any(isinstance(each, ast.Starred) for each in target.elts)
            fits = (
                plain_ones
                and isinstance(value, (list, tuple))
                and len(value) == len(target.elts)
                and id(value) not in self.changed
            )
            rest = DOUBT if self.reaches(value) else UNKNOWN
            for number, each in enumerate(target.elts):
                self.store(each, value[number] if fits else rest, scope)

    def _do_Delete(self, node: Any, scope: Scope) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.bind(scope, target.id, ABSENT)
            elif isinstance(target, ast.Attribute):
                self.delete(self.value(target.value, scope), target.attr, node.lineno)
            elif isinstance(target, ast.Subscript):
                self.delete(self.value(target.value, scope), self.index(target, scope), node.lineno)

    def _do_If(self, node: Any, scope: Scope) -> int:
        test = self.truth(self.value(node.test, scope))
        if test is not None:
            return self.block(node.body if test else node.orelse, scope)
        return self.branch(node.lineno, lambda: self.block(node.body, scope), lambda: self.block(node.orelse, scope))

    def _do_For(self, node: Any, scope: Scope) -> int:
        source = self.value(node.iter, scope)
        values = self.iterable(source)
        rest = DOUBT if self.reaches(source) else source if source is GIVEN else UNKNOWN

        def once(value: Any = rest) -> int:
            self.store(node.target, value, scope)
            return self.block(node.body, scope)

        for value in values if values is not None else ():
            if not self.spend():
                break
            flow = once(value)
            if flow & SURE and not flow & CONTINUE:
                return flow & (RETURN | STOP | SURE) if flow & (RETURN | STOP) else 0
            if flow:
                break  # in some cases: how often the rest happens is not known
        else:
            if values is not None:
                return self.block(node.orelse, scope)
        return self._loop(node, once, scope)

    def _loop(self, node: Any, once: Callable[[], int], scope: Scope) -> int:
        """Follow a body that runs any number of times: the names that it binds may exist from the start."""
        flow = self.branch(node.lineno, lambda: once() | (once() if self.spend() else 0), lambda: 0)
        return (flow | self.block(node.orelse, scope)) & (RETURN | STOP)

    _do_AsyncFor = _do_For

    def _do_While(self, node: Any, scope: Scope) -> int:
        while self.spend():
            test = self.truth(self.value(node.test, scope))
            if test is None:
                break
            if not test:
                return self.block(node.orelse, scope)
            flow = self.block(node.body, scope)
            if flow & SURE and not flow & CONTINUE:
                return flow & (RETURN | STOP | SURE) if flow & (RETURN | STOP) else 0
            if flow:
                break
        return self._loop(node, lambda: self.block(node.body, scope), scope)

    def _do_Try(self, node: Any, scope: Scope) -> int:
        def handler(each: Any) -> Callable[[], int]:
            def way() -> int:
                if each.type is not None:
                    self.value(each.type, scope)
                if each.name:
                    self.bind(scope, each.name, UNKNOWN)
                return self.block(each.body, scope)

            return way

        def body() -> int:
            flow = self.block(node.body, scope)
            return flow if flow & SURE else flow | self.block(node.orelse, scope)

        flow = self.branch(node.lineno, body, *map(handler, node.handlers)) if node.handlers else body()
        last = self.block(node.finalbody, scope)
        return last if last & SURE else flow | last

    _do_TryStar = _do_Try

    def _do_With(self, node: Any, scope: Scope) -> int:
        harmless = True
        for item in node.items:
            value = self.value(item.context_expr, scope)
            call = item.context_expr
            harmless = harmless and isinstance(call, ast.Call) and self.quiet(call.func, scope) == Builtin("open")
            if item.optional_vars is not None:
                self.store(item.optional_vars, DOUBT if self.reaches(value) else UNKNOWN, scope)
        if harmless:
            return self.block(node.body, scope)
        # It may swallow an exception, as contextlib.suppress does.
        return self.branch(node.lineno, lambda: self.block(node.body, scope), lambda: 0)

    _do_AsyncWith = _do_With

    def _do_Return(self, node: Any, scope: Scope) -> int:
        value = self.value(node.value, scope) if node.value is not None else None
        if self.returned:
            self.returned[-1].append(value)
        return RETURN | SURE

    def _do_Raise(self, node: Any, scope: Scope) -> int:
        for each in (node.exc, node.cause):
            if each is not None:
                self.value(each, scope)
        if not self.conditions:
            self.remark(node.lineno, "ends the file with an exception, and Jupyter takes nothing of such a file.")
        return STOP | SURE

    def _do_Assert(self, node: Any, scope: Scope) -> int:
        return 0 if self.truth(self.value(node.test, scope)) else STOP

    def _do_Break(self, _node: Any, _scope: Scope) -> int:
        return BREAK | SURE

    def _do_Continue(self, _node: Any, _scope: Scope) -> int:
        return CONTINUE | SURE

    def _do_Pass(self, _node: Any, _scope: Scope) -> None:
        pass


def read(text: str) -> Reading:
    """Return the settings of the program.

    :raises SyntaxError: where it is no Python. :raises RecursionError: where it nests too deeply.
    """
    reader = Reader()
    reader.block(ast.parse(text[1:] if text.startswith("\ufeff") else text).body, reader.scope)
    return reader.reading()
