# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of following a program: names, options, branches, and the steps that are left. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Callable

from ..config_file import Found, Reading, plain
from .values import (
    ABSENT,
    CONFIGURATION,
    CONTAINERS,
    DOUBT,
    ROOT,
    SCALARS,
    STOP,
    SURE,
    UNKNOWN,
    Bound,
    Builtin,
    Function,
    Mark,
    Scope,
    Thing,
)

#: How many steps may be taken. A long file has some 10,000 expressions; loops, calls and large values are followed
#: while there are steps left.
STEPS = 1_000_000


class State(ABC):
    """The common part of all layers. The abstract methods are those of layers above, which call one another."""

    def __init__(self) -> None:
        self.scope = Scope()
        self.scope.names.update(c=ROOT, get_config=Builtin("get_config"), load_subconfig=Builtin("load_subconfig"))
        #: By name: the value that is not yet brought into its final form, the line, and the reason for not knowing it.
        self.options: dict[str, Found] = {}
        #: Those whose value may be known.
        self.known: set[str] = set()
        self.remarks: list[tuple[int, str]] = []
        #: The lines that make it unknown whether the followed code runs.
        self.conditions: list[int] = []
        #: For each of them, the earlier values of the names that were bound since.
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
        if isinstance(value, (Mark, Thing)):
            return "is computed there"
        touched = self.changed.get(id(value))
        return f"is changed in line {touched[1]} in a way that only running the file would tell" if touched else ""

    def remark(self, line: int, text: str) -> None:
        if len(self.remarks) < 1000:
            self.remarks.append((line, text))

    def spend(self, steps: int = 1) -> bool:
        self.left -= steps
        return self.left > 0

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
        """Follow each of the ways that the program may take from here, and go on with their common part."""
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
            value is first or (isinstance(first, SCALARS) and type(value) is type(first) and value == first)
            for value in values
        ):
            return first
        present = [value for value in values if value is not ABSENT]
        if not any(map(self.is_configuration, present)):
            return self.forgotten(*present)
        return present[0] if all(value == present[0] for value in present) else DOUBT

    @staticmethod
    def is_configuration(value: Any) -> bool:
        return value is ROOT or value is DOUBT or isinstance(value, CONFIGURATION)

    def reaches(self, value: Any) -> bool:
        """Tell whether the configuration can be reached by way of a value."""
        if isinstance(value, (list, tuple, set)):
            return not self.spend(len(value)) or any(map(self.is_configuration, value))
        if isinstance(value, dict):
            return not self.spend(len(value)) or any(map(self.is_configuration, value.values()))
        return self.is_configuration(value) or (isinstance(value, Bound) and self.is_configuration(value.owner))

    def touch(self, value: Any, line: int) -> None:
        if isinstance(value, (*CONTAINERS, tuple)) and id(value) not in self.changed:
            self.changed[id(value)] = (value, line)
            for each in value.values() if isinstance(value, dict) else value:
                self.touch(each, line)

    def forgotten(self, *values: Any) -> Any:
        """Return that a value is unknown, which was computed from these: a change of it from now on may be a change of
        them."""
        for value in values:
            self.touch(value, self.line)
        return UNKNOWN

    # --- layers above ---

    @abstractmethod
    def value(self, node: Any, scope: Scope, quiet: bool = False) -> Any:
        """Follow an expression (:mod:`expressions`)."""

    @abstractmethod
    def elements(self, nodes: list[Any], scope: Scope) -> list[Any] | None:
        """Follow the expressions of a list (:mod:`expressions`)."""

    @abstractmethod
    def store(self, target: Any, value: Any, scope: Scope) -> None:
        """Assign a value (:mod:`statements`)."""

    @abstractmethod
    def block(self, nodes: list[Any], scope: Scope) -> int:
        """Follow statements (:mod:`statements`)."""
