#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_files
short_description: Make folders and write small text files, all in one go
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Brings the folders and files of a stage to the state that M(remote.notebooks.jupyter_state) lists them with. One module run for all of them,
    because each one more costs as much as all the writing together.
  - A file is replaced by one rename, so that nobody reads half of it. Secrets do not come this way.
  - The settings of a server replace the old ones only when the server that will read them has accepted them.
options:
  things:
    description:
      - Things of kind C(directory) and C(file), in the order in which they are made, with C(path), C(owner), C(group), C(mode) (without one a folder
        keeps its own) and C(stage). A file comes as C(template) or C(source), files of the role, and C(instance), the name of the one it is for.
        One that Jupyter is to check first has C(checked).
      - On the host each has V(text), V(new_mode), and the command for V(check) instead; the action plugin sets them.
    type: list
    elements: dict
    required: true
  instances:
    description: The instances, complete, as M(remote.notebooks.jupyter_state) returns them. A file of no instance is rendered with the first one.
    type: list
    elements: dict
    default: []
  manifest:
    description: The list of what is on the host, for the file that holds it.
    type: list
    elements: dict
    default: []
extends_documentation_fragment:
  - remote.notebooks.attributes.host
attributes:
  check_mode:
    description: Says what it would change.
    support: full
  diff_mode:
    description: Shows the texts.
    support: full
"""

EXAMPLES = r"""
- name: The units of the service stage
  remote.notebooks.jupyter_files:
    things: "{{ state.things | selectattr('stage', 'eq', 'service') | selectattr('kind', 'in', ['directory', 'file']) }}"
    instances: "{{ state.instances }}"
"""

RETURN = r"""
paths:
  description: What was made or changed.
  type: list
  elements: str
  returned: success
"""

import contextlib
import os
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    module = AnsibleModule(
        {
            "things": {"type": "list", "elements": "dict", "required": True},
            "instances": {"type": "list", "elements": "dict", "default": []},
            "manifest": {"type": "list", "elements": "dict", "default": []},
        },
        supports_check_mode=True,
    )
    paths: list[str] = []
    diff: list[dict[str, str]] = []
    for thing in module.params["things"]:
        make = _directory if thing["kind"] == "directory" else _file
        try:
            changed, before = make(module, thing)
        except OSError as error:
            module.fail_json(msg=f"{thing['path']} cannot be made: {error.strerror}. Correct that on the host, and run again.", paths=paths)
        if changed:
            paths.append(thing["path"])
            header = {"before_header": thing["path"], "after_header": thing["path"]}
            diff.append({**header, "before": before, "after": thing["text"] if thing["kind"] == "file" else f"{thing['kind']}\n"})
    module.exit_json(changed=bool(paths), paths=paths, diff=diff)


def _directory(module: AnsibleModule, thing: dict[str, Any]) -> tuple[bool, str]:
    path = os.path.realpath(thing["path"])
    new = not os.path.isdir(path)
    if new and not module.check_mode:
        os.makedirs(path)
    changed = _attributes(module, path, {**thing, "mode": thing["mode"] or (thing["new_mode"] if new else None)}, new)
    return changed, "" if new else "directory, with other owner or mode\n"


def _file(module: AnsibleModule, thing: dict[str, Any]) -> tuple[bool, str]:
    path, text = thing["path"], thing["text"].encode()
    before = None
    if os.path.lexists(path) and not os.path.islink(path):
        with open(path, "rb") as file:
            before = file.read()
    new = before != text
    if new and not module.check_mode:
        # Beside the file: a folder for temporary files would have to be made first, and Ansible warns where it makes one.
        descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".ansible_tmp")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
            _check(module, thing, temporary)
            module.atomic_move(temporary, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
    changed = _attributes(module, path, thing, new)
    return changed, "" if before is None else before.decode(errors="replace")


def _check(module: AnsibleModule, thing: dict[str, Any], path: str) -> None:
    """Let the program of the server read a new file before it counts."""
    if not thing.get("check"):
        return
    code, out, err = module.run_command([path if word == "%s" else word for word in thing["check"]])
    if code:
        said = "\n".join(f"  {line}" for line in (out + err).strip().splitlines()[-12:])
        name = f"instance '{thing['instance']}': settings"
        module.fail_json(msg=f"{name}: Jupyter does not accept them, and the file on the host stays as it is. Correct them and run again.\n{said}")


def _attributes(module: AnsibleModule, path: str, thing: dict[str, Any], new: bool) -> bool:
    if new and module.check_mode:
        return True
    wanted = module.load_file_common_arguments({"path": path, "owner": thing["owner"], "group": thing["group"], "mode": thing["mode"]})
    return bool(module.set_fs_attributes_if_different(wanted, new))


if __name__ == "__main__":
    main()
