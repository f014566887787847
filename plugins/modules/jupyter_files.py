#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_files
short_description: Create folders, small files and links, all in one go (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Brings the folders, files and links of a stage to the state that M(remote.notebooks.jupyter_state) lists them with.
    One module run for all of them, because each one more costs as much as all the writing together.
  - A file or a link is replaced by one rename (rename(2)), so that nobody reads half of it. The content of a secret is
    in no
    diff and no log.
  - Root opens a path only if root alone can change every part of it. If another account could put a link in
    the way, that is refused.
  - The settings of a server replace the old ones only when the server that will read them has accepted them.
options:
  things:
    description:
      - Things of kind C(directory), C(file), C(link), C(shadow) and C(stranger), in the order in which they are
        created.
      - Folders and files have C(path), C(owner), C(group), C(mode) and C(stage). A folder without a mode is there, or
        is created. An existing folder keeps its owner and mode. A folder below one of its owner is created with the
        owner's rights.
        A file comes as C(template) or C(source), files of the role, and C(instance), the name of the one it is for; a
        secret as C(secret) and C(control), its path on the control node. One that Jupyter is to check first has
        C(checked).
      - A link has C(path) and C(target). A shadow is a file that goes from C(origin) to C(backup), unless that is there
        already, with the rights of the account C(mover). A stranger is the resource that was at a path of ours, and is
        moved from
        C(origin) to C(backup), which must be free.
      - On the host each has V(text), V(new_mode), and the command for V(check) instead; the action plugin sets them.
    type: list
    elements: dict
    required: true
  instances:
    description: The instances, complete, as M(remote.notebooks.jupyter_state) returns them. A file of no instance is
      rendered with the first one.
    type: list
    elements: dict
    default: []
  secrets:
    description: The text of each secret, by its path on the host. The action plugin reads them.
    type: dict
    default: {}
  manifest:
    description: The manifest of the host, for the file that holds it.
    type: list
    elements: dict
    default: []
extends_documentation_fragment:
  - remote.notebooks.attributes.host
attributes:
  check_mode:
    description: Reports the changes without making them.
    support: full
  diff_mode:
    description: Shows the texts.
    support: full
"""

EXAMPLES = r"""
- name: The units of the service stage
  remote.notebooks.jupyter_files:
    things: "{{ state.things | selectattr('stage', 'eq', 'service') | selectattr('kind', 'in', ['directory',
        'file']) }}"
    instances: "{{ state.instances }}"
"""

RETURN = r"""
paths:
  description: The created or changed resources.
  type: list
  elements: str
  returned: success
remarks:
  description: Resources that could not be created or tested with the rights of an account, which affects only that
    account. Each is
    shown as a warning.
  type: list
  elements: str
  returned: success
"""

import contextlib
import errno
import grp
import os
import pwd
import tempfile
from typing import Any, Callable, Tuple

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._host import other_account, ownership, process_environment

#: How long an account may take to create a folder, in seconds. The account can stop any process with its rights.
SECONDS = 30
#: Exit codes of a check without a verdict: of timeout(1), and of check_config.py. Beyond 128 it was ended
#: by a signal.
STOPPED = (75, 124)
#: A file of ours that is longer than this, in bytes, and twice its expected length, has been replaced.
LARGEST = 1 << 20

#: Whether anything changed, and the diff of before and after.
Made = Tuple[bool, str, str]


def main() -> None:
    module = AnsibleModule(
        {
            "things": {"type": "list", "elements": "dict", "required": True},
            "instances": {"type": "list", "elements": "dict", "default": []},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "manifest": {"type": "list", "elements": "dict", "default": []},
        },
        supports_check_mode=True,
    )
    paths: list[str] = []
    remarks: list[str] = []
    diff: list[dict[str, str]] = []
    for thing in module.params["things"]:
        name = thing["path"] if "path" in thing else thing["origin"]
        try:
            changed, before, after = _MAKERS[thing["kind"]](module, thing)
            remarks += [thing["remark"]] if "remark" in thing else []
        except OSError as error:
            said = f"{name} cannot be created: {error.strerror}. Correct that on the host, and run again."
            if not _is_theirs(thing):
                module.fail_json(msg=said, paths=paths)
            remarks.append(said)  # a change that an account makes to its own folders does not affect other servers
            continue
        if changed:
            paths.append(name)
            diff.append({"before_header": name, "after_header": name, "before": before, "after": after})
    module.exit_json(changed=bool(paths), paths=paths, remarks=remarks, diff=diff)


def _directory(module: AnsibleModule, thing: dict[str, Any]) -> Made:
    if thing["mode"] is None:
        return _folder(module, thing)
    # Its own owner and mode are mended here; those of the folder it lies in must be right.
    path = os.path.join(ownership.ours(os.path.dirname(thing["path"])), os.path.basename(thing["path"]))
    if os.path.islink(path):
        path = ownership.ours(path)
    new = not os.path.isdir(path)
    if new and not module.check_mode:
        os.makedirs(path)
    return _attributes(module, path, thing, new), "" if new else "directory, with other owner or mode\n", "directory\n"


def _folder(module: AnsibleModule, thing: dict[str, Any]) -> Made:
    """Ensure that a folder exists. An existing folder keeps its owner and its mode, also behind a link: root gives away
    nothing that exists."""
    path, owner, mode = thing["path"], _number(thing["owner"], pwd.getpwnam), int(thing["new_mode"], 8)
    if os.geteuid() != 0 or owner == 0:
        there = os.path.isdir(path)
    else:
        there = bool(other_account.call(pwd.getpwuid(owner).pw_name, lambda: os.path.isdir(path), seconds=SECONDS))
    if there:
        return False, "", ""
    if not module.check_mode:
        if os.geteuid() != 0 or owner == 0:
            os.makedirs(ownership.ours(path), mode)
        elif ownership.way(path).stranger:
            other_account.call(pwd.getpwuid(owner).pw_name, lambda: os.makedirs(path, mode), seconds=SECONDS)
        else:
            ownership.make_folder(path, owner, _number(thing["group"], grp.getgrnam), mode)
    return True, "", "directory\n"


def _is_theirs(thing: dict[str, Any]) -> bool:
    """Tell whether a failed creation affects one account only, and that account may have caused it itself."""
    if os.geteuid() != 0:
        return False
    if thing["kind"] == "shadow":
        return bool(thing["mover"])
    return thing["kind"] == "directory" and thing["mode"] is None and _number(thing["owner"], pwd.getpwnam) != 0


def _number(name: str, lookup: Callable[[str], Any]) -> int:
    """Return the number of an account or a group, which may be given by its number."""
    return int(name) if name.isdigit() else int(lookup(name)[2])


def _file(module: AnsibleModule, thing: dict[str, Any]) -> Made:
    path, secret = ownership.ours(os.path.dirname(thing["path"])), thing.get("secret")
    text = (module.params["secrets"][thing["path"]] if secret else thing["text"]).encode()
    path = os.path.join(path, os.path.basename(thing["path"]))
    before = _before(path, len(text))
    new = before != text
    if new and not module.check_mode:
        # Beside the file: Ansible warns where it creates a folder for temporary files.
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
    if secret:
        return changed, "" if before is None else "a secret, another one or with other owner or mode\n", "a secret\n"
    return changed, "" if before is None else before.decode(errors="replace"), thing["text"]


def _before(path: str, length: int) -> bytes | None:
    """Return the content of a file. None if there is none, or another kind of resource, which a file then replaces."""
    if os.path.isdir(path) and not os.path.islink(path):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    try:
        return other_account.content(path, max(2 * length, LARGEST), follow=False)
    except OSError:
        return None


def _link(module: AnsibleModule, thing: dict[str, Any]) -> Made:
    target = thing["target"]
    path = os.path.join(ownership.ours(os.path.dirname(thing["path"])), os.path.basename(thing["path"]))
    before = os.readlink(path) if os.path.islink(path) else None
    if before == target:
        return False, "", ""
    if not module.check_mode:
        # link(2) and symlink(2) replace nothing, rename(2) does.
        temporary = f"{path}.ansible_tmp{os.getpid()}"
        os.symlink(target, temporary)
        try:
            os.rename(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise
    return True, "" if before is None else f"link to {before}\n", f"link to {target}\n"


def _shadow(module: AnsibleModule, thing: dict[str, Any]) -> Made:
    origin, backup = thing["origin"], thing["backup"]
    if not os.path.lexists(origin) or os.path.lexists(backup):
        return False, "", ""
    if not module.check_mode:
        ownership.rename(origin, backup, thing["mover"])
    return True, f"{origin}\n", f"{backup}\n"


def _stranger(module: AnsibleModule, thing: dict[str, Any]) -> Made:
    origin, backup = thing["origin"], thing["backup"]
    if not os.path.lexists(origin):
        return False, "", ""  # anybody who put it there has taken it away since
    folder = ownership.ours(os.path.dirname(origin))
    if not module.check_mode:
        ownership.rename(f"{folder}/{os.path.basename(origin)}", f"{folder}/{os.path.basename(backup)}", "")
    return True, f"{origin}\n", f"{backup}\n"


_MAKERS: dict[str, Callable[[AnsibleModule, dict[str, Any]], Made]] = {
    "directory": _directory,
    "file": _file,
    "link": _link,
    "shadow": _shadow,
    "stranger": _stranger,
}


def _check(module: AnsibleModule, thing: dict[str, Any], path: str) -> None:
    """Let the program of the server read a new file before it counts.

    It does so with the rights of the account, which can stop and end it: that is no verdict, and must be in nobody
    else's way.
    """
    if not thing.get("check"):
        return
    process_environment.forget_foreign()
    code, out, err = module.run_command([path if word == "%s" else word for word in thing["check"]])
    if os.geteuid() == 0 and (code in STOPPED or code >= 128 or code < 0):
        thing["remark"] = (
            f"{thing['path']} is new, and was not tried: something stopped what tries it, or its account is out of room"
            f" (code {code})."
        )
    elif code:
        said = "\n".join(f"  {line}" for line in (out + err).strip().splitlines()[-12:])
        name = f"instance '{thing['instance']}': settings"
        refused = "Jupyter does not accept them, and the file on the host stays as it is. Correct them and run again."
        module.fail_json(msg=f"{name}: {refused}\n{said}")


def _attributes(module: AnsibleModule, path: str, thing: dict[str, Any], new: bool) -> bool:
    if new and module.check_mode:
        return True
    attributes = {key: thing[key] for key in ("owner", "group", "mode")}
    wanted = module.load_file_common_arguments({"path": path, **attributes})
    return bool(module.set_fs_attributes_if_different(wanted, new))


if __name__ == "__main__":
    main()
