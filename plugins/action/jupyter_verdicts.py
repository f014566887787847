# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleConnectionFailure

from ..plugin_utils._action import OwnAction
from ..plugin_utils._check import devices, diagnosis, table
from ..plugin_utils._input import answers as input_answers

if TYPE_CHECKING:
    from ..plugin_utils._records import Plan
    from ..plugin_utils._report_records import Report


class ActionModule(OwnAction):
    """Conclude the results of the checks of one host. Ask the host itself only for targets that a client cannot
    reach."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(
            {
                "plan": {"type": "dict"},
                "targets": {"type": "list", "elements": "dict", "default": []},
                "answers": {"type": "list", "elements": "dict", "default": []},
                "refused": {"type": "str", "default": ""},
                "instances": {"type": "list", "elements": "dict", "default": []},
                "fail": {"type": "bool", "default": False},
                "devices": {"type": "dict"},
            }
        )
        task_vars = task_vars or {}
        if arguments["refused"]:
            rows, kernels = [table.refused(task_vars["inventory_hostname"], arguments["refused"])], []
        else:
            answers = {_key(answer["__jupyter_target"]): answer for answer in arguments["answers"]}
            asked = [
                target
                for target in arguments["targets"]
                if answers.get(_key(target), {}).get("cause") in diagnosis.WORTH_A_LOOK
            ]
            says = self._ask(arguments["plan"], asked, answers, task_vars) if asked else {}
            now = datetime.now(timezone.utc)
            rows = [
                table.row(target, answers.get(_key(target)), says.get(_key(target), ""), now)
                for target in arguments["targets"]
            ]
            kernels = [
                table.kernel_row(target, name, answer, now)
                for target in arguments["targets"]
                for name, answer in (answers.get(_key(target), {}).get("kernels") or {}).items()
            ]
        bad = [
            "\n".join([*table.sentences(row), *table.log(row, arguments["instances"])])
            for row in rows
            if not table.is_good(row)
        ]
        tried = {
            answer["__jupyter_target"]["instance"]: str(answer.get("result") or "")
            for answer in arguments["answers"]
            if answer["__jupyter_target"].get("code") and answer.get("verdict") == "reachable"
        }
        said = devices.remarks(arguments["devices"], tried) if arguments["devices"] else []
        failure = {"failed": True, "msg": "\n".join(bad)} if bad and arguments["fail"] else {}
        # A host that is away takes nothing with it: its kernels are no fault of the hub.
        said += ["\n".join(table.sentences(row)) for row in kernels if not table.is_good(row)]
        return {**result, "changed": False, "servers": [*rows, *kernels], "remarks": said, **failure}

    def _ask(
        self,
        plan: Plan,
        asked: list[dict[str, Any]],
        answers: dict[Any, dict[str, Any]],
        task_vars: dict[str, Any],
    ) -> dict[tuple[str, str], str]:
        """Return the host's answer for each of these targets."""
        items = {item["name"]: item for item in plan["instances"]}
        try:
            report, trouble = self._report(plan, task_vars)
        except AnsibleConnectionFailure as error:
            report, trouble = None, str(error)
        if report is None:
            return {_key(target): f"The host itself cannot be asked: {' '.join(trouble.split())}" for target in asked}
        return {
            _key(target): diagnosis.explain(items[target["instance"]], answers[_key(target)]["cause"], report)
            for target in asked
        }

    def _report(self, plan: Plan, task_vars: dict[str, Any]) -> tuple[Report | None, str]:
        answer = input_answers.observe(self, task_vars, diagnosis.probe(plan, files=True))
        said = " ".join(str(answer[key]) for key in ("msg", "module_stderr") if answer.get(key))
        return input_answers.observed_report(answer), said


def _key(target: dict[str, Any]) -> tuple[str, str]:
    return target["instance"], target["way"]
