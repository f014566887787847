# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleActionFail

from ..module_utils._errors import TunnelError
from ..module_utils._plain import plain
from ..plugin_utils._action import HostAction, OwnAction
from ..plugin_utils._input import answers, tunnel_answers
from ..plugin_utils._input.shapes import Shape
from ..plugin_utils._remote.contact import contact
from ..plugin_utils._tunnel.login import Login

#: So long ssh may take, at least.
SECONDS = 30
#: A multiple of the time that Ansible's own connection may take.
TIMES = 3


class ActionModule(HostAction):
    """Run the module and validate its answer. Then log in from here to each changed account."""

    def shape(self) -> Shape:
        return tunnel_answers.TUNNEL_CHANGE

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = OwnAction.run(self, tmp, task_vars)
        task_vars = task_vars or {}
        login = self._task.args.get("login") or {}
        self._arguments = {key: value for key, value in self._task.args.items() if key not in ("login", "refused")}
        result.update(answers.module(self, task_vars, self.shape(), arguments=self._arguments))
        if not result.get("failed") and not result.get("unreachable") and not self._task.check_mode:
            due = [
                account
                for account in self._arguments.get("accounts") or []
                if account["name"] in login.get("accounts", [])
            ]
            self._all(due, login, task_vars)
        return result

    def _all(self, due: list[dict[str, Any]], login: dict[str, Any], task_vars: dict[str, Any]) -> None:
        """Log in to one after the other, and stop at the first that is not let in: sshd shuts out who fails too
        often."""
        if not due:
            return
        client = Login(
            task_vars["inventory_hostname"],
            os.path.abspath(os.path.expanduser(login["directory"])),
            login.get("host_keys") or [],
            login.get("address") or "",
            login.get("jump") or "",
            contact(task_vars, self._templar),
            max(SECONDS, TIMES * self._play_context.timeout),
        )
        # From the host's variables, not as an argument: a passphrase in it then stands in no task and in no result.
        given = self._templar.template(task_vars.get("tunnel_accounts")) or []
        passphrases = {entry.get("name"): str(entry.get("passphrase") or "") for entry in given}
        for account in due:
            name = account["name"]
            untried = login.get("elsewhere", {}).get(name) or client.untried(account)
            if untried:
                self._display.warning(
                    f"tunnel account '{name}' on {client.host}: no login was tried, because {untried}."
                )
                continue
            try:
                refusal, remark = client.refusal(account, passphrases.get(name, ""))
            except TunnelError as error:
                raise AnsibleActionFail(str(error)) from error
            if remark:
                self._display.warning(plain(f"tunnel account '{name}' on {client.host}: {remark}."))
            if refusal:
                self._refuse(name, refusal, login, task_vars)

    def _refuse(self, name: str, refusal: str, login: dict[str, Any], task_vars: dict[str, Any]) -> None:
        """Ask the host why, have it take the change back, and fail with all of that."""
        refused = {"account": name, "new": login.get("new", []), "override": login.get("override", False)}
        said = answers.module(
            self, task_vars, tunnel_answers.TUNNEL_REFUSAL, arguments={**self._arguments, "refused": refused}
        )
        why, left = said.get("why") or [], said.get("left") or ""
        words = [
            (
                f"tunnel account '{name}': it was set up, and the login that a client would do from here failed:"
                f" {refusal}."
            ),
            *why,
        ]
        if said.get("heard"):
            words.append(f"sshd's log on the host says: {'; '.join(said['heard'])}.")
        if "left" not in said:
            words.append(
                "The host could not be asked why, and what was changed is still there:"
                f" {said.get('msg', 'it did not answer')}"
            )
        elif left:
            words.append(f"What was changed could not be taken back: {left}")
        else:
            words.append(
                "What this run had changed for it on the host was taken back. Once that is mended, run this again."
            )
        raise AnsibleActionFail("\n".join(words))
