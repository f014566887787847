# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration in a followed program: options set, changed, deleted, or in doubt."""

from __future__ import annotations

from typing import Any

from ..config_file import Found
from .python_types import Types
from .values import (
    ADDING,
    CONTAINERS,
    DOUBT,
    EMPTY,
    GIVEN,
    KNOWN,
    ROOT,
    SCALARS,
    UNKNOWN,
    Bound,
    Builtin,
    Lazy,
    Module,
    Section,
)


class Options(Types):
    """Follows the changes of the configuration."""

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
        """A set option may have been changed by code that cannot be followed."""
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
        return Bound(owner, name) if isinstance(owner, (*KNOWN, Lazy)) else UNKNOWN

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
            if self.conditions or not isinstance(name, SCALARS) or not self.spend():
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

    def delete(self, owner: Any, name: Any, line: int) -> None:
        if self.is_configuration(owner) and not isinstance(owner, Lazy):
            if isinstance(name, str) and isinstance(owner, Section):
                self.unset(owner, name, line)
            elif isinstance(name, str) and owner is ROOT:
                self.replace(Section(name), {}, line)
            else:
                self.lost(line, owner, "takes something out of the configuration whose name is computed there.")
        elif isinstance(owner, CONTAINERS):
            self.method(owner, "__delitem__", [name], {}, line)

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
