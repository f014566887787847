# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls in a followed program: of its own functions, of Python's, and of code elsewhere."""

from __future__ import annotations

import ast
from typing import Any, Iterator

from .options import Options
from .values import (
    BUILTINS,
    DOUBT,
    GIVEN,
    HARMLESS,
    RETURN,
    ROOT,
    SURE,
    UNKNOWN,
    Bound,
    Builtin,
    Function,
    Lazy,
    Scope,
    Section,
)

#: Of calls within calls.
DEEPEST_CALL = 10


class Calls(Options):
    """Follows calls."""

    def _of_Call(self, node: Any, scope: Scope) -> Any:
        function = self.value(node.func, scope)
        arguments = self.elements(node.args, scope)
        named: dict[str, Any] | None = {}
        for keyword in node.keywords:
            value = self.value(keyword.value, scope)
            if keyword.arg is not None and named is not None:
                named[keyword.arg] = value
            elif isinstance(value, dict) and all(isinstance(key, str) for key in value) and named is not None:
                named.update(value)
            else:
                named = None
        line = node.lineno
        if arguments is None or named is None:
            touched = self.is_configuration(function) or (
                isinstance(function, Bound) and self.is_configuration(function.owner)
            )
            if (
                touched
                or function in (Builtin("setattr"), Builtin("exec"), Builtin("load_subconfig"))
                or isinstance(function, Function)
            ):
                self.lost(line, ROOT, "hands over what is computed there to what may change the configuration.")
            return DOUBT if touched else UNKNOWN
        if isinstance(function, Builtin):
            return self.builtin(function.name, arguments, named, line)
        if isinstance(function, Function):
            return self.call(function, arguments, named, line)
        if isinstance(function, Bound):
            if isinstance(function.owner, Section) or function.owner is ROOT or function.owner is DOUBT:
                return self.config_method(function.owner, function.name, arguments, named, line)
            if isinstance(function.owner, Lazy):
                return self.add(function.owner, function.name, arguments, line)
            return self.method(function.owner, function.name, arguments, named, line)
        return self.elsewhere(function, [*arguments, *named.values()], line)

    def elsewhere(self, function: Any, given: list[Any], line: int) -> Any:
        """Follow a call of something that is not in this file."""
        for value in given:
            parts = (
                value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else (value,)
            )
            for part in parts if self.spend(len(parts)) else ():
                if isinstance(part, Function):
                    self.may_call(part, line)
        reached = [value for value in given if self.reaches(value)]
        for value in given:
            self.touch(value, line)
        if reached or self.is_configuration(function):
            one = reached[0] if len(reached) == 1 and isinstance(reached[0], Section) and reached[0].sure else ROOT
            what = one.name if isinstance(one, Section) else "the configuration"
            self.lost(line, one, f"hands {what} to code that is not in this file, and that may set anything in it.")
            return DOUBT
        return UNKNOWN

    def builtin(self, name: str, given: list[Any], named: dict[str, Any], line: int) -> Any:
        if name == "get_config":
            return ROOT
        if name in ("globals", "locals", "vars") and not given:
            return DOUBT
        if name == "load_subconfig":
            file = f"the file {given[0][:200]!r}" if given and isinstance(given[0], str) else "another file"
            self.lost(line, ROOT, f"reads {file} as well, which is not taken over. Write by hand what that sets.")
            return UNKNOWN
        if name in ("exec", "eval"):
            self.lost(line, ROOT, f"runs a program of its own ({name}), which may set anything.")
            return DOUBT
        if name == "setattr" and len(given) == 3:
            self.assign(given[0], given[1], given[2], line)
            return None
        if name == "delattr" and len(given) == 2:
            self.delete(given[0], given[1], line)
            return None
        if name == "getattr" and len(given) in (2, 3):
            if not isinstance(given[1], str):
                return DOUBT if self.reaches(given[0]) else UNKNOWN
            return self.attribute(given[0], given[1])
        if name in HARMLESS or name in BUILTINS:
            found = self.made(name, given, named)
            if found is UNKNOWN and name not in HARMLESS and any(map(self.reaches, given)):
                return self.elsewhere(UNKNOWN, given, line)
            return found
        return (
            self.made(name, given, named)
            if name == "join"
            else self.elsewhere(UNKNOWN, [*given, *named.values()], line)
        )

    def call(self, function: Function, given: list[Any], named: dict[str, Any], line: int) -> Any:
        """Follow a call of a function of this file."""
        node = function.node
        inside = ast.walk(node) if id(node) not in self.followed else iter(())
        odd = isinstance(node, ast.AsyncFunctionDef) or any(
            isinstance(each, (ast.Yield, ast.YieldFrom)) for each in inside
        )
        if odd or len(self.calls) >= DEEPEST_CALL or not self.spend():
            self.may_call(function, line)
            return UNKNOWN
        self.followed.add(id(node))
        inner = Scope(function.scope)
        for name, value in self._parameters(node, given, named, function.scope):
            inner.names[name] = value
        self.calls.append(node)
        self.returned.append([])
        if isinstance(node, ast.Lambda):
            self.returned[-1].append(self.value(node.body, inner))
            flow = RETURN | SURE
        else:
            flow = self.block(node.body, inner)
        self.calls.pop()
        found = self.returned.pop()
        if not flow & SURE:
            found.append(None)
        return self.merged(found) if found else UNKNOWN

    def _parameters(
        self, node: Any, given: list[Any], named: dict[str, Any], scope: Scope
    ) -> Iterator[tuple[str, Any]]:
        arguments = node.args
        names = [each.arg for each in (*getattr(arguments, "posonlyargs", ()), *arguments.args)]
        for name, default in zip(reversed(names), reversed(arguments.defaults)):
            yield name, self.value(default, scope)
        for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
            if default is not None:
                yield each.arg, self.value(default, scope)
        yield from zip(names, given)
        if arguments.vararg:
            yield arguments.vararg.arg, tuple(given[len(names) :])
        known = {*names, *(each.arg for each in arguments.kwonlyargs)}
        yield from ((name, value) for name, value in named.items() if name in known)
        if arguments.kwarg:
            yield arguments.kwarg.arg, {name: value for name, value in named.items() if name not in known}

    def may_call(self, function: Function, line: int) -> None:
        """Follow a function with an unknown time of call and unknown arguments."""
        node = function.node
        if node in self.calls or ("may", id(node)) in self.followed:
            return
        self.followed.add(("may", id(node)))
        inner = Scope(function.scope)
        arguments = node.args
        every = [
            *getattr(arguments, "posonlyargs", ()),
            *arguments.args,
            *arguments.kwonlyargs,
            arguments.vararg,
            arguments.kwarg,
        ]
        inner.names.update({each.arg: GIVEN for each in every if each is not None})
        self.calls.append(node)
        self.returned.append([])
        body = node.body if isinstance(node.body, list) else [ast.copy_location(ast.Expr(node.body), node.body)]
        self.branch(line, lambda: self.block(body, inner), lambda: 0)
        self.returned.pop()
        self.calls.pop()
