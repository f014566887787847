# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail

from ..module_utils._errors import FilesError
from ..plugin_utils import _files
from ..plugin_utils._action import OwnAction
from ..plugin_utils._input import answers
from ..plugin_utils._input.url_logins import Logins, scrubbed
from ..plugin_utils._migration.tables import PACKAGES
from ..plugin_utils._templates import templates

if TYPE_CHECKING:
    from ..plugin_utils._records import HostInstance, Resource

_OWNED = ("kind", "path", "owner", "group", "mode")
#: The fields that the host gets of each kind.
KEYS = {
    "directory": _OWNED,
    "file": _OWNED,
    "link": ("kind", "path", "target"),
    "shadow": ("kind", "origin", "backup", "mover"),
    "stranger": ("kind", "origin", "backup"),
}


class ActionModule(OwnAction):
    """The module of this name, with the text of each file and each secret."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(
            {
                "things": {"type": "list", "elements": "dict", "required": True},
                "instances": {"type": "list", "elements": "dict", "default": []},
                "manifest": {"type": "list", "elements": "dict", "default": []},
            }
        )
        if not arguments["things"]:
            return {**result, "changed": False, "paths": [], "remarks": []}
        things, secrets = [], {}
        for thing in arguments["things"]:
            ready = {key: thing[key] for key in KEYS[thing["kind"]]}
            try:
                if thing["kind"] == "directory":
                    # A new folder of notebooks is nobody else's to read, one of root's on the way to it lets through.
                    ready["new_mode"] = "0700" if thing["stage"] == "configure" and thing["owner"] != "root" else "0755"
                elif thing.get("secret"):
                    ready["secret"] = True
                    secrets[thing["path"]] = self._secret(thing, arguments, task_vars or {})
                elif thing["kind"] == "file":
                    instance = templates.instance_of(thing, arguments["instances"])
                    ready["text"] = templates.render(self, task_vars or {}, thing, instance, arguments["manifest"])
                    if thing.get("checked"):
                        ready.update(instance=instance["name"], check=_check(instance))
            except FilesError as error:
                raise AnsibleActionFail(str(error)) from error
            things.append(ready)
        answer = answers.module(self, task_vars or {}, answers.FILES, arguments={"things": things, "secrets": secrets})
        if answer.get("failed"):
            answer["msg"] = _with_packages(str(answer.get("msg")))
        for remark in answer.get("remarks", []):
            self._display.warning(remark)
        return {
            **result,
            **answer,
            **({"diff": scrubbed(answer["diff"])} if isinstance(answer.get("diff"), list) else {}),
        }

    def _secret(self, thing: Resource, arguments: dict[str, Any], task_vars: dict[str, Any]) -> str:
        if "template" not in thing:
            return _kept(thing)
        # Rendered of the real addresses, and not made real afterwards: JSON may write one otherwise.
        instance = Logins(self._templar, task_vars).reveal(templates.instance_of(thing, arguments["instances"]))
        return templates.render(self, task_vars, thing, instance, arguments["manifest"])


def _with_packages(said: str) -> str:
    """Add which package brings a class of settings that the server does not know."""
    missing = [section for section in dict.fromkeys(re.findall(r"unknown section (\w+)", said)) if section in PACKAGES]
    cures = [
        f"{section} comes with {PACKAGES[section]}: add that to packages, or take the section out of settings."
        for section in missing
    ]
    return "\n".join([said, *cures])


def _kept(thing: Resource) -> str:
    content = _files.read(str(thing["control"]))
    if content is None:
        raise FilesError(
            f"{thing['control']} is gone: it held what belongs into {thing['path']} of the host. Run again."
        )
    return content.decode()


def _check(instance: HostInstance) -> list[str]:
    """Return the command that has the server's own Python read its settings, with the account's rights; ``%s`` stands
    for the file."""
    account = [instance["user"]] if instance["scope"] == "system" else []
    scripts = [f"{instance['libexec']}/{name}" for name in ("run_jupyter.py", "check_config.py")]
    # It also reads files in the home of the account, and one of them may be a pipe without a writer.
    return [
        "timeout",
        "--kill-after=5",
        str(max(120, instance["timeout"])),
        f"{instance['environment']}/bin/python",
        *scripts,
        "%s",
        *account,
    ]
