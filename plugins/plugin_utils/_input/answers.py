# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The validation of a host's answers: every answer passes here before other code on the control node uses it.

A host may be under the control of an attacker, who then answers. The answer is rebuilt from keys that are
known, of types that are known, within bounds; names are those that the plan asked for, or fit the pattern of such
names. Nothing else of an answer goes on: no
``add_host``, no ``ansible_facts``, no ``warnings``, no ``invocation``.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, cast

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ...module_utils._errors import AnswerError
from .._migration import tables
from .report_answers import report
from .shapes import Shape, among, block, flag, line, many, number, record, table, where
from .words import ACCOUNT_PATTERN, MOST, PATH, PYTHON

if TYPE_CHECKING:
    from .._report_records import Report


_REQUEST = where(block(20_000), ("is no request", lambda pem: pem.startswith("-----BEGIN CERTIFICATE REQUEST-----\n")))
OBSERVED_FAILURE = record({"msg": block(20_000)})


def observed(probe: dict[str, Any]) -> Shape:
    """The answer of a bare program that observes."""
    said = record({"report": report(probe)})
    return lambda value, place: (OBSERVED_FAILURE if isinstance(value, dict) and "msg" in value else said)(value, place)


def observed_report(answer: dict[str, Any]) -> Report | None:
    """Return the report of an answer that :func:`observed` or :func:`observe` has checked; None where it has none."""
    return cast("Report | None", answer.get("report"))


#: The answer of ``busy_kernels.py``: the work in each server, by its process id.
BUSY = table(line(10, r"[0-9]+"), many(line(), 100), 10_000)
ENVIRONMENT = record({"same": flag, "remark": block(20_000)})
FILES = record({"paths": many(PATH, 100_000), "remarks": many(line(20_000), 10_000)})
REMOVED = record({"removed": many(line(5000), 100_000), "remarks": many(line(20_000), 10_000)})


def notebooks(limit: float) -> Shape:
    """A folder of notebooks of so many MB at most, as the module jupyter_notebooks packs it, or its message about one
    that it has unpacked."""
    most = int(2_000_000 * limit) + 1_000_000
    return record(
        {
            "archive": line(most, r"[A-Za-z0-9+/]*=*"),
            "there": flag,
            "problem": line(20_000),
            "left_out": many(line(), 100),
        }
    )


ANCHORS = record({"anchors": many(PATH)})
STORES = record({"stores": many(PATH)})


#: The configuration of a person, by the names of its files.
CONFIGURATION = record(
    {"texts": among(tables.FILES, block(1_000_000)), "account": line(256, rf"(?:{ACCOUNT_PATTERN})?")}
)


def slurped(most: int) -> Shape:
    """A file that ``ansible.builtin.slurp`` brings: its ``content``, still in base64."""
    return record({"content": line(most * 4 // 3 + 4, r"[A-Za-z0-9+/]*=*")}, others=True)


def decoded(content: str) -> bytes:
    """Return the base64 text there. Nothing if there is none."""
    try:
        return base64.b64decode(content, validate=True)
    except ValueError:
        return b""


def requests(names: Collection[str]) -> Shape:
    """The requests for certificates of these names, which the plan gives to the host that answers."""
    return record({"requests": among(names, _REQUEST)})


def parse(text: str) -> Any:
    """Read JSON from a host. Raises AnswerError for other text, and for an answer that is too long or too deep."""
    if len(text) > MOST:
        raise AnswerError(f"it has {len(text)} characters, and {MOST} are the most that make sense")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AnswerError("it cannot be read") from error


def refused(host: str, error: AnswerError) -> AnsibleActionFail:
    """The failure of a host whose answer is not one."""
    return AnsibleActionFail(
        f"{host} gave an answer that no program of ours gives, so nothing of it was used: {error}. Another program may"
        f" answer in its place: look at it before you trust it, and leave it out meanwhile (--limit '!{host}')."
    )


#: The message of Ansible itself, or of our own ``fail_json``, about a module that ended.
_ENDED = record(
    {},
    {
        "changed": flag,
        "failed": flag,
        "unreachable": flag,
        "skipped": flag,
        "msg": block(100_000),
        "rc": number(-(2**31), 2**31),
        **dict.fromkeys(("module_stderr", "module_stdout"), block(100_000)),
    },
    others=True,
)
#: Fields of any result that belong to Ansible, or are unused.
_AROUND = {
    *("changed", "failed", "unreachable", "skipped", "msg", "rc", "module_stderr", "module_stdout", "diff"),
    *(
        "ansible_facts",
        "warnings",
        "deprecations",
        "invocation",
        "exception",
        "stdout_lines",
        "stderr_lines",
        "tmpdir",
        "_ansible_parsed",
    ),
}
_DIFF = record(
    {},
    dict.fromkeys(("before", "after"), block(4_000_000)) | dict.fromkeys(("before_header", "after_header"), line(4096)),
)


def module(
    action: ActionBase,
    task_vars: dict[str, Any],
    shape: Shape,
    name: str | None = None,
    arguments: dict[str, Any] | None = None,
) -> Any:
    """Run a module on the host. Return the part of its result that has ``shape``, and whether it failed and why.

    :param name: another module than that of the task.
    :raises AnsibleActionFail: where the answer is not of that shape.
    """
    host = task_vars.get("inventory_hostname", "The host")
    try:
        said = action._execute_module(module_name=name, module_args=arguments, task_vars=task_vars)
        return _kept(action, said, shape)
    except RecursionError:
        raise refused(host, AnswerError("it is too deep")) from None
    except AnswerError as error:
        raise refused(host, error) from None


@contextlib.contextmanager
def unlogged(action: ActionBase) -> Iterator[None]:
    """Keep other output of a host out of every log: ``-vvv`` prints it as the connection brings it, and a module's
    result may hold a hash.

    The connection has a play context of its own since ansible-core 2.19, and asks that one.
    """
    contexts = [action._play_context, action._connection._play_context]
    said = [context.no_log for context in contexts]
    for context in contexts:
        context.no_log = True
    try:
        yield
    finally:
        for context, before in zip(contexts, said):
            context.no_log = before


def observe(action: ActionBase, task_vars: dict[str, Any], probe: dict[str, Any]) -> dict[str, Any]:
    """Ask the module ``jupyter_state`` for the answer of a bare program."""
    shape = record({"report": report(probe)})
    answer: dict[str, Any] = module(
        action, task_vars, shape, "remote.notebooks.jupyter_state", {"plan": {}, "probe": probe}
    )
    found = answer.get("ansible_facts", {}).get("discovered_interpreter_python")
    return {**answer, **({"python": found} if found else {})}


def _kept(action: ActionBase, said: dict[str, Any], shape: Shape) -> dict[str, Any]:
    kept: dict[str, Any] = _ENDED(said, "result")
    if not kept.get("failed") and not kept.get("unreachable"):
        kept.setdefault("changed", False)
        kept.update(shape({key: value for key, value in said.items() if key not in _AROUND}, "result"))
        if action._task.diff and said.get("diff"):
            several = isinstance(said["diff"], list)
            kept["diff"] = (many(_DIFF, 100_000) if several else _DIFF)(said["diff"], "result.diff")
    # Only Ansible's own discovery leaves this one (remove_internal_keys), and it asks the host.
    found = python((said.get("ansible_facts") or {}).get("discovered_interpreter_python"))
    return {**kept, **({"ansible_facts": {"discovered_interpreter_python": found}} if found else {})}


def python(path: Any) -> str | None:
    """Return the path of an interpreter, as far as it may be run again by that; else None."""
    try:
        return str(PYTHON(path, "python"))
    except AnswerError:
        return None
