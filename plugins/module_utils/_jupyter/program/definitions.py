# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements of a followed program that define names: functions, classes, imports."""

from __future__ import annotations

from typing import Any

from .expressions import Expressions
from .values import UNKNOWN, Builtin, Function, Module, Scope


class Definitions(Expressions):
    """Follows definitions and imports."""

    def _do_FunctionDef(self, node: Any, scope: Scope) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults, *node.decorator_list):
            if default is not None:
                self.value(default, scope)
        function = Function(node, scope)
        if node.decorator_list:
            self.may_call(function, node.lineno)
        self.bind(scope, node.name, UNKNOWN if node.decorator_list else function)

    _do_AsyncFunctionDef = _do_FunctionDef

    def _do_ClassDef(self, node: Any, scope: Scope) -> None:
        for each in (*node.bases, *(keyword.value for keyword in node.keywords), *node.decorator_list):
            self.value(each, scope)
        inner = Scope(scope)
        self.block(node.body, inner)
        self.bind(scope, node.name, UNKNOWN)
        for each in list(inner.names.values()):
            if isinstance(each, Function):
                self.may_call(Function(each.node, scope), node.lineno)

    def _do_Import(self, node: Any, scope: Scope) -> None:
        for alias in node.names:
            whole = alias.name if alias.asname else alias.name.partition(".")[0]
            self.bind(scope, alias.asname or whole, Module(whole) if whole in ("os", "os.path", "sys") else UNKNOWN)

    def _do_ImportFrom(self, node: Any, scope: Scope) -> None:
        known = {
            ("os", "path"): Module("os.path"),
            ("os.path", "join"): Builtin("join"),
            ("sys", "exit"): Builtin("exit"),
            **{
                (module, "Config"): Builtin("dict")
                for module in ("traitlets.config", "traitlets.config.loader", "IPython.config")
            },
        }
        for alias in node.names:
            if alias.name == "*":
                self.remark(
                    node.lineno,
                    f"takes all names of the module {str(node.module)[:60]}, which is not read: values of such names"
                    " are unknown.",
                )
                for name, value in list(self.scope.names.items()):
                    if not self.is_configuration(value) and not isinstance(value, Builtin):
                        self.bind(self.scope, name, UNKNOWN)
            else:
                self.bind(scope, alias.asname or alias.name, known.get((node.module, alias.name), UNKNOWN))

    def _do_Global(self, node: Any, scope: Scope) -> None:
        scope.shared.update(dict.fromkeys(node.names, self.scope))

    def _do_Nonlocal(self, node: Any, scope: Scope) -> None:
        for name in node.names:
            holder = scope.parent.holder(name) if scope.parent else None
            if holder:
                scope.shared[name] = holder
