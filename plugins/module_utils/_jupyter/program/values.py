# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values that a followed program computes with: marks of the unknown, parts of the configuration, names."""

from __future__ import annotations

from typing import Any, Callable


class Mark:
    def __init__(self, name: str) -> None:
        self.name = name


UNKNOWN = Mark("unknown")

#: Also unknown: the arguments of a function that may be called from elsewhere.
GIVEN = Mark("given")

#: May be the configuration, or a part of it.
DOUBT = Mark("doubt")

ABSENT = Mark("absent")

#: The configuration.
ROOT = Mark("c")


class Thing:
    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


class Section(Thing):
    """``c.ServerApp``; not ``sure`` where it may be a class of something else."""

    def __init__(self, name: str, sure: bool = True) -> None:
        self.name, self.sure = name, sure


class Lazy(Thing):
    """An option that is not set: an added value goes to the default, which this file does not tell."""

    def __init__(self, option: str) -> None:
        self.option = option


class Bound(Thing):
    """A method of something."""

    def __init__(self, owner: Any, name: str) -> None:
        self.owner, self.name = owner, name


class Module(Thing):
    def __init__(self, name: str) -> None:
        self.name = name


class Builtin(Thing):
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


CONFIGURATION = (Section, Lazy)

SCALARS = (str, bytes, int, float, bool, type(None))

CONTAINERS = (list, dict, set)

KNOWN = (*SCALARS, *CONTAINERS, tuple)

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

#: The default of an option that is not set, if it is empty (jupyter_server, notebook): an added value is
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
