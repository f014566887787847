# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow a configuration of Jupyter that is a Python program, without running it. Pure; runs on hosts.

Statements are followed in their order. Literals are computed, within bounds; what only running the file would tell is
*unknown*. Where the course of the program is unknown, each way it may take is followed, and what is set there is known
by its name alone. What may reach the configuration and cannot be followed becomes a remark. So each option that Jupyter
would get from the file has its value here, or a reason, or a remark.

Loading is PyFileConfigLoader's (traitlets): the file runs with ``c``, ``get_config`` and ``load_subconfig``; reading an
option that is not set gives an object that takes additions (LazyConfigValue); names that begin with a capital are
classes.
"""

from __future__ import annotations

import ast
import operator as operators
import re
from typing import Any, Callable, Iterator

from .config_file import LARGEST_NUMBER, LONGEST_TEXT, MOST_PARTS, Found, Reading, plain

#: How many steps may be taken. A long file has some 10,000 expressions; loops, calls and large values are followed
#: while there are steps left.
STEPS = 1_000_000
#: Of calls within calls.
DEEPEST_CALL = 10


class _Mark:
    def __init__(self, name: str) -> None:
        self.name = name


UNKNOWN = _Mark("unknown")
#: Is unknown as well: what a function gets that may be called from elsewhere.
GIVEN = _Mark("given")
#: May be the configuration, or a part of it.
DOUBT = _Mark("doubt")
ABSENT = _Mark("absent")
#: The configuration.
ROOT = _Mark("c")


class _Thing:
    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


class Section(_Thing):
    """``c.ServerApp``; not ``sure`` where it may be a class of something else."""

    def __init__(self, name: str, sure: bool = True) -> None:
        self.name, self.sure = name, sure


class Lazy(_Thing):
    """An option that is not set: what is added goes to the default, which this file does not tell."""

    def __init__(self, option: str) -> None:
        self.option = option


class Bound(_Thing):
    """A method of something."""

    def __init__(self, owner: Any, name: str) -> None:
        self.owner, self.name = owner, name


class Module(_Thing):
    def __init__(self, name: str) -> None:
        self.name = name


class Builtin(_Thing):
    def __init__(self, name: str) -> None:
        self.name = name


class Function:
    def __init__(self, node: Any, scope: Scope) -> None:
        self.node, self.scope = node, scope


class Scope:
    def __init__(self, parent: Scope | None = None) -> None:
        self.names: dict[str, Any] = {}
        self.parent = parent
        self.shared: dict[str, Scope] = {}

    def holder(self, name: str) -> Scope | None:
        scope: Scope | None = self.shared.get(name, self)
        while scope is not None and name not in scope.names:
            scope = scope.parent
        return scope


_CONFIGURATION = (Section, Lazy)
_SCALARS = (str, bytes, int, float, bool, type(None))
_CONTAINERS = (list, dict, set)
_KNOWN = (*_SCALARS, *_CONTAINERS, tuple)

BUILTINS = {
    name: Builtin(name)
    for name in (
        *("setattr", "getattr", "delattr", "exec", "eval", "globals", "locals", "vars", "exit", "quit"),
        *(
            "dict",
            "list",
            "tuple",
            "set",
            "frozenset",
            "int",
            "str",
            "float",
            "bool",
            "range",
            "enumerate",
            "zip",
            "reversed",
            "sorted",
        ),
        *("print", "len", "isinstance", "hasattr", "repr", "open", "any", "all", "min", "max", "sum", "type"),
    )
}
#: These change nothing that they are given.
HARMLESS = (
    "print",
    "len",
    "isinstance",
    "hasattr",
    "repr",
    "any",
    "all",
    "min",
    "max",
    "sum",
    "type",
    "int",
    "str",
    "float",
    "bool",
    "open",
)
#: Of an option that is not set, what its default is, where that is empty (jupyter_server, notebook): what is added is
#: all there is.
EMPTY: dict[str, Callable[[], Any]] = {
    **{
        f"{section}.{trait}": dict
        for section in ("NotebookApp", "ServerApp")
        for trait in ("tornado_settings", "terminado_settings")
    },
    **{
        f"{section}.{trait}": list
        for section in ("NotebookApp", "ServerApp")
        for trait in ("extra_static_paths", "extra_template_paths")
    },
    "NotebookApp.nbserver_extensions": dict,
    "ServerApp.jpserver_extensions": dict,
}
ADDING = ("append", "extend", "prepend", "insert", "update", "add")
CHANGING = (*ADDING, "remove", "discard", "pop", "clear", "setdefault", "sort", "reverse", "popitem")

# How a block is left, beside its end.
BREAK, CONTINUE, RETURN, STOP, SURE = 1, 2, 4, 8, 16


def read(text: str) -> Reading:
    """Return what the program would set.

    :raises SyntaxError: where it is no Python. :raises RecursionError: where it nests too deeply.
    """
    reader = _Reader()
    reader.block(ast.parse(text[1:] if text.startswith("\ufeff") else text).body, reader.scope)
    return reader.reading()


class _Reader:
    def __init__(self) -> None:
        self.scope = Scope()
        self.scope.names.update(c=ROOT, get_config=Builtin("get_config"), load_subconfig=Builtin("load_subconfig"))
        #: By name: the value that is not yet brought into its final form, the line, and the reason for not knowing it.
        self.options: dict[str, Found] = {}
        #: Those whose value may be known.
        self.known: set[str] = set()
        self.remarks: list[tuple[int, str]] = []
        #: The lines on whose account it is not known whether what is followed now happens.
        self.conditions: list[int] = []
        #: For each of them, what the names that were bound since had been.
        self.journals: list[dict[tuple[int, str], tuple[Scope, Any]]] = []
        #: Objects that may have been changed in a way that is not known: by identity, with the line.
        self.changed: dict[int, tuple[Any, int]] = {}
        self.calls: list[Any] = []
        self.returned: list[list[Any]] = []
        self.followed: set[Any] = set()
        self.left = STEPS
        #: Of the statement that is followed.
        self.line = 1

    def reading(self) -> Reading:
        options = {}
        for name, found in self.options.items():
            value, why = (None, found.why) if found.why else plain(found.value, self._unfit)
            options[name] = Found(value, found.line, why)
        return Reading(options, sorted(set(self.remarks)))

    def _unfit(self, value: Any) -> str:
        if isinstance(value, Function):
            return "is a function there, which no variable can hold"
        if isinstance(value, (_Mark, _Thing)):
            return "is computed there"
        touched = self.changed.get(id(value))
        return f"is changed in line {touched[1]} in a way that only running the file would tell" if touched else ""

    def remark(self, line: int, text: str) -> None:
        if len(self.remarks) < 1000:
            self.remarks.append((line, text))

    def spend(self, steps: int = 1) -> bool:
        self.left -= steps
        return self.left > 0

    # --- names ---

    def bind(self, scope: Scope, name: str, value: Any) -> None:
        scope = scope.shared.get(name, scope)
        if self.journals:
            self.journals[-1].setdefault((id(scope), name), (scope, scope.names.get(name, ABSENT)))
        self._put(scope, name, value)

    @staticmethod
    def _put(scope: Scope, name: str, value: Any) -> None:
        if value is ABSENT:
            scope.names.pop(name, None)
        else:
            scope.names[name] = value

    def branch(self, line: int, *ways: Callable[[], int]) -> int:
        """Follow each of the ways that the program may take from here, and go on with what is common to them."""
        flows, ends, before = [], [], {}
        for way in ways:
            self.conditions.append(line)
            self.journals.append({})
            flows.append(way())
            self.conditions.pop()
            journal = self.journals.pop()
            if not flows[-1] & STOP or not flows[-1] & SURE:
                ends.append({key: scope.names.get(key[1], ABSENT) for key, (scope, _old) in journal.items()})
            for key, (scope, old) in journal.items():
                before[key] = (scope, old)
                self._put(scope, key[1], old)
        for key, (scope, old) in before.items():
            self.bind(scope, key[1], self.merged([end.get(key, old) for end in ends]) if ends else UNKNOWN)
        common = SURE if flows and all(flow & SURE for flow in flows) else 0
        flow = 0
        for each in flows:
            flow |= each & ~SURE
        return flow | common

    def merged(self, values: list[Any]) -> Any:
        first = values[0]
        if all(
            value is first or (isinstance(first, _SCALARS) and type(value) is type(first) and value == first)
            for value in values
        ):
            return first
        present = [value for value in values if value is not ABSENT]
        if not any(map(self.is_configuration, present)):
            return self.forgotten(*present)
        return present[0] if all(value == present[0] for value in present) else DOUBT

    @staticmethod
    def is_configuration(value: Any) -> bool:
        return value is ROOT or value is DOUBT or isinstance(value, _CONFIGURATION)

    def reaches(self, value: Any) -> bool:
        """Tell whether the configuration can be reached by way of a value."""
        if isinstance(value, (list, tuple, set)):
            return not self.spend(len(value)) or any(map(self.is_configuration, value))
        if isinstance(value, dict):
            return not self.spend(len(value)) or any(map(self.is_configuration, value.values()))
        return self.is_configuration(value) or (isinstance(value, Bound) and self.is_configuration(value.owner))

    # --- options ---

    def set(self, section: Section, trait: str, value: Any, line: int) -> None:
        name = f"{section.name}.{trait}"
        before = self.options.pop(name, None)
        if self.conditions or not section.sure:
            also = (
                f"is set in line {before.line}, and in line {line}"
                if before and before.line != line
                else "is set there"
            )
            how = f"only in some cases (line {self.conditions[-1]} decides)" if self.conditions else "perhaps"
            self.options[name] = Found(None, line, f"{also} {how}")
        elif isinstance(value, Lazy):
            self.options[name] = Found(None, line, "is computed there")
        else:
            self.options[name] = Found(value, line)
            self.known.add(name)

    def unset(self, section: Section, trait: str, line: int) -> None:
        name = f"{section.name}.{trait}"
        if name in self.options:
            if self.conditions or not section.sure:
                self.options[name] = Found(
                    None, line, f"is set in line {self.options[name].line}, and may be taken out again there"
                )
            else:
                del self.options[name]

    def doubt(self, line: int, section: str = "") -> None:
        """What was set may have been changed by something that cannot be followed."""
        for name in [name for name in self.known if not section or name.startswith(f"{section}.")]:
            self.known.discard(name)
            found = self.options.get(name)
            if found is not None and not found.why:
                self.options[name] = Found(None, found.line, f"is set there, and line {line} may change it")

    def lost(self, line: int, owner: Any, what: str) -> None:
        self.remark(line, what)
        self.doubt(line, owner.name if isinstance(owner, Section) and owner.sure else "")

    @staticmethod
    def is_class(name: str) -> bool:
        return bool(name) and name[0].upper() == name[0] and name[0] != "_"

    def attribute(self, owner: Any, name: Any, item: bool = False) -> Any:
        """Return ``owner.name``, or with ``item`` ``owner[name]``."""
        if self.is_configuration(owner) and not isinstance(owner, Lazy):
            if not isinstance(name, str):
                return DOUBT
            if not item and (
                name in ("update", "setdefault", "pop", "get", "merge", "clear", "copy", "popitem")
                or name.startswith("__")
            ):
                return Bound(owner, name)
            if not item and name in ("keys", "values", "items", "has_key", "deepcopy", "collisions"):
                return Bound(owner, name)
            if owner is DOUBT:
                return Section(name, False) if self.is_class(name) else DOUBT
            if owner is ROOT:
                return Section(name) if self.is_class(name) else Lazy(f".{name}")
            if self.is_class(name):
                return Section(f"{owner.name}.{name}", owner.sure)
            found = self.options.get(f"{owner.name}.{name}")
            if found is None:
                return Lazy(f"{owner.name}.{name}") if owner.sure else UNKNOWN
            return UNKNOWN if found.why else found.value
        if owner is GIVEN:
            return Section(name, False) if isinstance(name, str) and self.is_class(name) else GIVEN
        if item:
            return self.item(owner, name)
        if isinstance(owner, Module):
            path = f"{owner.name}.{name}"
            return {"os.path": Module("os.path"), "os.path.join": Builtin("join"), "sys.exit": Builtin("exit")}.get(
                path, UNKNOWN
            )
        return Bound(owner, name) if isinstance(owner, (*_KNOWN, Lazy)) else UNKNOWN

    @staticmethod
    def item(owner: Any, key: Any) -> Any:
        if not isinstance(key, _SCALARS) or not isinstance(owner, (str, bytes, list, tuple, dict)):
            return UNKNOWN
        try:
            return owner[key]  # type: ignore[index]
        except (LookupError, TypeError):
            return UNKNOWN

    def assign(self, owner: Any, name: Any, value: Any, line: int, item: bool = False) -> None:
        """Follow ``owner.name = value``, or with ``item`` ``owner[name] = value``."""
        if isinstance(owner, Section):
            if not isinstance(name, str):
                self.lost(line, owner, f"sets an option of {owner.name} whose name is computed there.")
            elif self.is_class(name) and isinstance(value, dict):
                self.replace(Section(f"{owner.name}.{name}", owner.sure), value, line)
            else:
                self.set(owner, name, value, line)
        elif owner is ROOT or owner is DOUBT:
            if not isinstance(name, str):
                self.lost(line, owner, "sets something whose name is computed there.")
            elif self.is_class(name) and isinstance(value, dict):
                self.replace(Section(name, owner is ROOT), value, line)
            elif isinstance(value, Section) and value == Section(name):
                pass
            elif self.is_class(name):
                self.lost(line, Section(name), f"replaces the whole of {name} by what is computed there.")
            elif owner is DOUBT:
                self.lost(line, owner, f"sets {name[:60]!r} of what may be a part of the configuration.")
            else:
                self.remark(line, f"sets {name[:60]!r} without a class, which is no option of Jupyter.")
        elif isinstance(owner, Lazy):
            self.remark(
                line,
                f"sets a part of {owner.option.lstrip('.')[:100]}, which Jupyter cannot take: nothing is set"
                " before it.",
            )
        elif item and isinstance(owner, (list, dict)):
            if self.conditions or not isinstance(name, _SCALARS) or not self.spend():
                self.touch(owner, line)
            else:
                try:
                    owner[name] = value  # type: ignore[index]
                except (LookupError, TypeError):
                    self.touch(owner, line)

    def replace(self, section: Section, value: dict[Any, Any], line: int) -> None:
        """Follow ``c.ServerApp = Config(...)``."""
        for name in [name for name in self.options if name.startswith(f"{section.name}.")]:
            self.unset(section, name[len(section.name) + 1 :], line)
        for trait, each in value.items():
            if isinstance(trait, str):
                self.assign(section, trait, each, line)

    def touch(self, value: Any, line: int) -> None:
        if isinstance(value, (*_CONTAINERS, tuple)) and id(value) not in self.changed:
            self.changed[id(value)] = (value, line)
            for each in value.values() if isinstance(value, dict) else value:
                self.touch(each, line)

    def forgotten(self, *values: Any) -> Any:
        """Return that a value is unknown, which was made of these: what is done to it from now on may be done to
        them."""
        for value in values:
            self.touch(value, self.line)
        return UNKNOWN

    # --- statements ---

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

    def quiet(self, node: Any, scope: Scope) -> Any:
        """Return what a name, or an attribute of one, stands for."""
        if isinstance(node, ast.Name):
            holder = scope.holder(node.id)
            return holder.names[node.id] if holder else BUILTINS.get(node.id, UNKNOWN)
        return self.attribute(self.quiet(node.value, scope), node.attr) if isinstance(node, ast.Attribute) else UNKNOWN

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

    def index(self, node: Any, scope: Scope) -> Any:
        inner = node.slice
        if type(inner).__name__ == "Index":  # Python 3.8
            inner = inner.value
        if type(inner).__name__ in ("Slice", "ExtSlice"):
            for child in ast.iter_child_nodes(inner):
                self.value(child, scope)
            return UNKNOWN
        return self.value(inner, scope)

    def _do_Delete(self, node: Any, scope: Scope) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.bind(scope, target.id, ABSENT)
            elif isinstance(target, ast.Attribute):
                self.delete(self.value(target.value, scope), target.attr, node.lineno)
            elif isinstance(target, ast.Subscript):
                self.delete(self.value(target.value, scope), self.index(target, scope), node.lineno)

    def delete(self, owner: Any, name: Any, line: int) -> None:
        if self.is_configuration(owner) and not isinstance(owner, Lazy):
            if isinstance(name, str) and isinstance(owner, Section):
                self.unset(owner, name, line)
            elif isinstance(name, str) and owner is ROOT:
                self.replace(Section(name), {}, line)
            else:
                self.lost(line, owner, "takes something out of the configuration whose name is computed there.")
        elif isinstance(owner, _CONTAINERS):
            self.method(owner, "__delitem__", [name], {}, line)

    def _do_If(self, node: Any, scope: Scope) -> int:
        test = self.truth(self.value(node.test, scope))
        if test is not None:
            return self.block(node.body if test else node.orelse, scope)
        return self.branch(node.lineno, lambda: self.block(node.body, scope), lambda: self.block(node.orelse, scope))

    def truth(self, value: Any) -> bool | None:
        return bool(value) if isinstance(value, _KNOWN) and id(value) not in self.changed else None

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
        """Follow a body that happens any number of times: what it binds may be there from the start."""
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

    # --- expressions ---

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
        return value if isinstance(value, _SCALARS) else UNKNOWN

    def _of_Name(self, node: Any, scope: Scope) -> Any:
        return self.quiet(node, scope)

    def _of_Attribute(self, node: Any, scope: Scope) -> Any:
        return self.attribute(self.value(node.value, scope), node.attr)

    def _of_Subscript(self, node: Any, scope: Scope) -> Any:
        owner, key = self.value(node.value, scope), self.index(node, scope)
        if owner is DOUBT or (self.reaches(owner) and not isinstance(key, _SCALARS)):
            return self.attribute(owner, key, item=True) if owner is DOUBT or self.is_configuration(owner) else DOUBT
        found = self.attribute(owner, key, item=True) if id(owner) not in self.changed else UNKNOWN
        if found is UNKNOWN and isinstance(owner, (list, tuple, dict)) and not isinstance(key, _SCALARS):
            parts = [
                part
                for part in (owner.values() if isinstance(owner, dict) else owner)
                if isinstance(part, (*_CONTAINERS, tuple))
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
            if found is not None and all(isinstance(each, _SCALARS) for each in found)
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
            elif isinstance(key, _SCALARS):
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
            known = isinstance(value, _SCALARS) and (simple or isinstance(part, ast.Constant))
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

    def _of_Compare(self, node: Any, scope: Scope) -> Any:
        left, *more = [self.value(each, scope) for each in (node.left, *node.comparators)]
        if len(more) != 1 or not isinstance(left, _SCALARS):
            return UNKNOWN
        operator, right = type(node.ops[0]).__name__, more[0]
        if (
            operator in ("In", "NotIn")
            and isinstance(right, (list, tuple, set, dict, str))
            and id(right) not in self.changed
        ):
            if not isinstance(right, str) and not (
                self.spend(len(right)) and all(isinstance(each, _SCALARS) for each in right)
            ):
                return UNKNOWN
            try:
                return (left in right) is (operator == "In")
            except TypeError:
                return UNKNOWN
        if not isinstance(right, _SCALARS):
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

    def _of_BinOp(self, node: Any, scope: Scope) -> Any:
        return self.operation(node.op, self.value(node.left, scope), self.value(node.right, scope))

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
        simple = re.fullmatch(r"(?:[^%]|%[sd%])*", text) and all(isinstance(each, _SCALARS) for each in given)
        length = len(text) + sum(len(str(each)) for each in given) if simple else 0
        return text % given if simple and length <= LONGEST_TEXT and self.spend(length) else UNKNOWN

    def iterable(self, value: Any) -> list[Any] | None:
        """Return what a loop over a value gets, or None."""
        if (
            not isinstance(value, (list, tuple, set, dict, str))
            or id(value) in self.changed
            or not self.spend(len(value))
        ):
            return None
        return sorted(value, key=repr) if isinstance(value, set) else list(value)

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
        return set(found) if found is not None and all(isinstance(each, _SCALARS) for each in found) else UNKNOWN

    def _of_DictComp(self, node: Any, scope: Scope) -> Any:
        found = self._comprehension(node, scope)
        return dict(found) if found is not None and all(isinstance(key, _SCALARS) for key, _value in found) else UNKNOWN

    # --- calls ---

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

    def made(self, name: str, given: list[Any], named: dict[str, Any]) -> Any:
        """Return what the types of Python make of known values."""
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
                isinstance(pair, (tuple, list)) and len(pair) == 2 and isinstance(pair[0], _SCALARS) for pair in pairs
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
        if name == "range" and 1 <= len(given) <= 3 and all(_is_number(each) for each in given):
            try:
                numbers = range(*given)
                return list(numbers) if len(numbers) <= MOST_PARTS and self.spend(len(numbers)) else UNKNOWN
            except (ValueError, OverflowError):
                return UNKNOWN
        if (
            name in ("int", "float", "bool", "str")
            and len(given) == 1
            and isinstance(first, _SCALARS)
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
            if simple and not named and all(isinstance(each, _SCALARS) for each in given) and self.spend(len(owner)):
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
            and isinstance(given[0], _SCALARS)
            and id(owner) not in self.changed
        ):
            return owner.get(given[0], given[1] if len(given) > 1 else None)
        if isinstance(owner, list) and name == "copy" and id(owner) not in self.changed and self.spend(len(owner)):
            return list(owner)
        if name not in CHANGING and name != "__delitem__":
            return UNKNOWN
        before = (
            owner.get(given[0])
            if isinstance(owner, dict) and name == "pop" and given and isinstance(given[0], _SCALARS)
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
                and all(isinstance(each, _SCALARS) for each in given[:1])
            ):
                getattr(owner, name)(*given)
            elif (
                isinstance(owner, set)
                and name == "update"
                and more is not None
                and all(isinstance(each, _SCALARS) for each in more)
            ):
                owner.update(more)
            elif (
                isinstance(owner, set)
                and name in ("add", "discard", "clear")
                and all(isinstance(each, _SCALARS) for each in given)
            ):
                getattr(owner, name)(*given)
            else:
                return False
        except (LookupError, TypeError, ValueError):
            return False
        return True

    def add(self, lazy: Lazy, name: str, given: list[Any], line: int) -> Any:
        """Follow ``c.ServerApp.some_list.append(value)`` where nothing was set before."""
        section, _dot, trait = lazy.option.rpartition(".")
        if not section:
            self.remark(line, f"speaks of {trait[:60]!r} without a class, which is no option of Jupyter.")
        elif name in ADDING:
            empty = EMPTY.get(lazy.option)
            fresh: Any = empty() if empty and not self.conditions else None
            method = "insert" if name == "prepend" and len(given) == 1 else name
            if fresh is not None and self.change(fresh, method, [0, *given] if method != name else given, {}):
                self.set(Section(section), trait, fresh, line)
            else:
                self.set(Section(section), trait, UNKNOWN, line)
                if not self.conditions:
                    self.options[lazy.option] = Found(
                        None, line, "is added to there, and what it holds before is Jupyter's own default"
                    )
        return UNKNOWN

    def config_method(self, owner: Any, name: str, given: list[Any], named: dict[str, Any], line: int) -> Any:
        """Follow a method of the configuration, or of a class in it; both are mappings."""
        if (
            name in ("update", "merge")
            and len(given) <= 1
            and all(isinstance(each, dict) and id(each) not in self.changed for each in given)
        ):
            for key, value in {**(given[0] if given else {}), **named}.items():
                if (
                    name == "merge"
                    and not isinstance(owner, Section)
                    and isinstance(value, dict)
                    and isinstance(key, str)
                ):
                    for trait, each in value.items():
                        self.assign(Section(key, owner is ROOT), trait, each, line)
                else:
                    self.assign(owner, key, value, line, item=True)
        elif name in ("__setattr__", "__setitem__") and len(given) == 2:
            self.assign(owner, given[0], given[1], line)
        elif name in ("__delattr__", "__delitem__", "pop") and given:
            found = self.attribute(owner, given[0], item=True)
            self.delete(owner, given[0], line)
            return UNKNOWN if isinstance(found, Lazy) else found
        elif name in ("get", "setdefault", "__getitem__", "__getattr__", "__getattribute__") and given:
            found = self.attribute(owner, given[0], item=True)
            if name == "setdefault" and len(given) > 1 and isinstance(found, Lazy):
                self.assign(owner, given[0], given[1], line)
                return given[1]
            if name == "setdefault" and len(given) > 1 and found is UNKNOWN:
                self.lost(line, owner, "may set something that is computed there.")
            return found if name != "get" or not isinstance(found, Lazy) else UNKNOWN
        elif name == "clear" and isinstance(owner, Section):
            self.replace(owner, {}, line)
        elif name in ("keys", "has_key", "copy", "deepcopy", "collisions", "__contains__", "__len__"):
            return UNKNOWN
        elif name in ("items", "values"):
            return DOUBT
        else:
            self.lost(line, owner, "changes the configuration in a way that only running the file would tell.")
        return UNKNOWN

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
        """Follow a function of which it is not known when it is called, and with what."""
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


#: By the name of the operator, the function that computes it.
_COMPUTED = {
    **{"Add": "add", "Sub": "sub", "Mult": "mul", "Div": "truediv", "FloorDiv": "floordiv", "Mod": "mod", "Pow": "pow"},
    **{"LShift": "lshift", "RShift": "rshift", "BitOr": "or_", "BitAnd": "and_", "BitXor": "xor"},
}


def _is_number(value: Any) -> bool:
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
