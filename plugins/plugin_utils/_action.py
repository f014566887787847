# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base class of all actions of this collection."""

from __future__ import annotations

import functools
import os
from abc import abstractmethod
from typing import Any, Callable

from ansible import context
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from . import _libraries
from ._input import answers, facts, inventory_files
from ._input.shapes import Shape
from ._remote import contact

Run = Callable[..., "dict[str, Any]"]


def _reached(run: Run) -> Run:
    """Say once that the host of an action is out of reach: of an exception Ansible prints the words twice, and those of
    its cause."""

    @functools.wraps(run)
    def reached(self: OwnAction, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            return run(self, tmp, task_vars)
        except AnsibleError as error:
            if not contact.is_out_of_reach(error):
                raise
            said = contact.unreachable((task_vars or {}).get("inventory_hostname", "The host"), error)
            return {"changed": False, "unreachable": True, "msg": said}

    return reached


class OwnAction(ActionBase):
    """An action whose variables are the inventory's, and never a host's."""

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if cls.__name__ == "ActionModule":  # the class that Ansible loads. A class between may be called by one
            cls.run = _reached(cls.run)  # type: ignore[method-assign]

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _libraries.require(type(self).__module__.rpartition(".")[2])
        task_vars = task_vars or {}
        facts.require_own_variables(task_vars, getattr(self._connection, "_load_name", "ssh"))
        folders = inventory_files.folders(context.CLIARGS.get("inventory") or ())
        for name in inventory_files.PLACES if folders else ():
            if task_vars.get(name):
                inventory_files.require_apart(
                    name, os.path.expanduser(str(self._templar.template(task_vars[name]))), folders
                )
        return result


class HostAction(OwnAction):
    """The module of the same name on the host. :mod:`answers` has the form of its result."""

    _supports_check_mode = True
    _supports_diff = True

    @abstractmethod
    def shape(self) -> Shape:
        """Return the form of the answer that the module gives to this task."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        return {**result, **answers.module(self, task_vars or {}, self.shape())}
