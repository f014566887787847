# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of Ansible's results and tasks that the callback reads."""

from __future__ import annotations

import os
import re
from typing import Any

#: The folder of this collection, whose own source explains no error to an operator.
HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


# Until ansible-core 2.18, a result has these names alone.
def found(result: Any) -> Any:
    return result.result if hasattr(result, "result") else result._result


def task(result: Any) -> Any:
    return result.task if hasattr(result, "task") else result._task


def host(result: Any) -> str:
    return str((result.host if hasattr(result, "host") else result._host).get_name())


def shown(of: Any) -> str:
    """A role says with a variable such as C(__jupyter_shown) when its message is due."""
    return next((str(value) for name, value in of.vars.items() if re.fullmatch(r"__[a-z]+_shown", name)), "")


def is_rescued(of: Any) -> bool:
    """Whether a failure of this task leads to the rescue of a block."""
    child, parent = of, of._parent
    while parent is not None:
        if getattr(parent, "rescue", None) and any(one._uuid == child._uuid for one in parent.block):
            return True
        child, parent = parent, parent._parent
    return False


def origin(result: Any) -> str:
    """Return file and line of a failure, of the operator's files: of the value that is at fault, else of the task.
    Empty for a task of this collection whose values are no cause."""
    places = [str(task(result).get_path() or "")]
    event = getattr(getattr(result, "exception", None), "event", None)  # since ansible-core 2.19
    while event is not None:
        places += re.findall(r"\AOrigin: (\S.*)", event.formatted_source_context or "")
        event = event.chain.event if event.chain else None
    return next((place for place in reversed(places) if not place.startswith((HOME, "<unknown>"))), "")
