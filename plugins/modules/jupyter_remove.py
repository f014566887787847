#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_remove
short_description: Remove resources that earlier runs created on a host (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Removes folders, files, links, and accounts that the role created, and gives files that were moved aside their name
    back.
  - Files of an account are removed with that account's rights, wherever a link in its home leads. Root removes
    a path only if root alone can change every part of it.
  - An account goes with its home, and neither goes where something lies in it that no run, no server and no C(useradd)
    put there.
  - Never leaves the file system on which it began below a folder of an account. Resources that cannot be removed stay,
    and are listed.
options:
  things:
    description:
      - The resources to remove, in this order, as M(remote.notebooks.jupyter_state) returns them in
        RV(remote.notebooks.jupyter_state#module:orphans).
      - Folders, files, links, environments and traces have C(path), and C(owner) or none; a folder that others may use
        as well has C(shared), and goes only when it is empty. A shadow has C(origin), C(backup) and C(mover), a
        stranger the first two. An account has its name in C(id).
      - Any other folder is removed without its unlisted content. At the path of a folder of an account, a link and a
        mount
        point stay.
    type: list
    elements: dict
    required: true
  prefix:
    description: The folder that goes with all that is in it, and so do those below it.
    type: str
    default: ""
  traces:
    description: The files that servers and kernels write below a home, as relative paths. A trace in another place is
      not removed.
    type: list
    elements: str
    default: []
  comment:
    description: The comment of an account that the role created. Any other account stays.
    type: str
    default: ""
extends_documentation_fragment:
  - remote.notebooks.attributes.host
attributes:
  check_mode:
    description: Reports the resources to remove.
    support: full
  diff_mode:
    description: Names the resources to remove.
    support: none
"""

EXAMPLES = r"""
- name: Remove what is no longer wanted
  remote.notebooks.jupyter_remove:
    things: "{{ state.orphans | reverse }}"
    traces: [.jupyter, .ipython]
"""

RETURN = r"""
removed:
  description: The removed resources.
  type: list
  elements: str
  returned: success
remarks:
  description: The resources that stay, with reasons.
  type: list
  elements: str
  returned: success
"""

import fcntl
import os
import pwd
import stat
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._host import homes, leftover_work, other_account, ownership, trees

#: How long an installer may go on, in seconds.
PATIENCE = 900


def main() -> None:
    module = AnsibleModule(
        {
            "things": {"type": "list", "elements": "dict", "required": True},
            "prefix": {"type": "str", "default": ""},
            "traces": {"type": "list", "elements": "str", "default": []},
            "comment": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    removed: list[str] = []
    remarks: list[str] = []
    if module.params["prefix"] and not module.check_mode:
        _wait_for_builders(module, module.params["prefix"])
    for thing in module.params["things"]:
        name = thing["id"].split(" ", 1)[1]
        try:
            gone, remark = _remove(module, thing, name)
        except (OSError, KeyError) as error:
            gone, remark = (
                False,
                f"{name} stays: {error.strerror if isinstance(error, OSError) else 'its account is gone'}.",
            )
        removed += [name] if gone else []
        remarks += [remark] if remark else []
    module.exit_json(changed=bool(removed), removed=removed, remarks=remarks)


def _wait_for_builders(module: AnsibleModule, prefix: str) -> None:
    """If all environments are removed, wait for processes that an interrupted run has left at work there."""
    paths = {thing["path"] for thing in module.params["things"] if thing.get("path")}
    installer = os.path.join(prefix, "installer")
    lock = os.path.join(installer, "lock")  # as _build.alone has it
    if installer not in paths or not os.path.exists(lock):
        return
    with open(lock) as site:
        for _second in range(PATIENCE):
            try:
                fcntl.flock(site, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                time.sleep(1)
    module.fail_json(
        msg=(
            f"An installer of an earlier run is at work below {prefix}, for {PATIENCE // 60} minutes now. Let it end,"
            " then run again."
        )
    )


def _remove(module: AnsibleModule, thing: dict[str, Any], name: str) -> tuple[bool, str]:
    """Remove one resource. Return whether it changed anything, and remarks."""
    if thing["kind"] == "account":
        return _account(module, name)
    if thing["kind"] == "shadow":
        return _shadow(module, thing)
    if thing["kind"] == "stranger":
        return _stranger(module, thing)
    path, hidden = thing["path"], False
    try:
        os.lstat(path)
    except PermissionError:
        hidden = True  # a home may shut root out
    except OSError:
        return False, ""
    owner = _owner(thing)
    if (
        hidden
        and owner
        and not other_account.call(owner.pw_name, lambda: os.path.lexists(path), seconds=ownership.SECONDS)
    ):
        return False, ""
    strange = _strange(thing, owner, module.params["traces"])
    if strange:
        return False, f"{path} stays: {strange}."
    if module.check_mode:
        return True, ""
    if thing.get("shared"):
        return trees.remove_empty_folder(path, owner)
    if owner is not None or thing.get("keep"):
        return trees.remove_as_owner(path, owner or pwd.getpwuid(os.geteuid()))
    prefix = module.params["prefix"]
    if (
        thing["kind"] == "directory"
        and os.path.isdir(path)
        and not os.path.islink(path)
        and not (prefix and f"{path}/".startswith(f"{prefix}/"))
    ):
        return trees.remove_folder(trees.ours(path))
    trees.remove_tree(trees.ours(path))
    return True, ""


def _owner(thing: dict[str, Any]) -> pwd.struct_passwd | None:
    """Return the account whose rights are enough, and all there should be; None where that is the one we are."""
    if os.geteuid() != 0 or thing.get("owner", "root") == "root" or not (thing.get("keep") or thing.get("shared")):
        return None
    return pwd.getpwnam(thing["owner"])


def _strange(thing: dict[str, Any], owner: pwd.struct_passwd | None, traces: list[str]) -> str:
    """Return why a path cannot be the account's resource of an earlier run. Empty if it can, or belongs to no account.
    account."""
    if not thing.get("keep"):
        return ""
    if owner is None and os.geteuid() == 0:
        return "nobody's notebooks belong to root"
    home = (owner or pwd.getpwuid(os.geteuid())).pw_dir
    if f"{home}/".startswith(f"{thing['path']}/"):
        return "there is a home in it"
    found = (
        trees.replaced(thing["path"])
        if owner is None
        else other_account.call(owner.pw_name, lambda: trees.replaced(thing["path"]), seconds=ownership.SECONDS)
    )
    if found:
        return str(found)
    if thing["kind"] == "trace" and thing["path"] not in {os.path.join(home, trace) for trace in traces}:
        return f"that is not where '{thing['owner']}' keeps it"
    return ""


def _shadow(module: AnsibleModule, thing: dict[str, Any]) -> tuple[bool, str]:
    if not os.path.lexists(thing["backup"]) or os.path.lexists(thing["origin"]):
        return False, ""
    if not module.check_mode:
        ownership.rename(thing["backup"], thing["origin"], thing["mover"])
    return True, ""


def _stranger(module: AnsibleModule, thing: dict[str, Any]) -> tuple[bool, str]:
    """Give a resource that was moved aside its name back."""
    origin, backup = thing["origin"], thing["backup"]
    if not os.path.lexists(backup):
        return False, ""
    if os.path.lexists(origin) and not module.check_mode:
        return False, f"{backup} keeps that name: something else is at {origin} now."
    if not module.check_mode:
        folder = ownership.ours(os.path.dirname(origin))
        ownership.rename(
            os.path.join(folder, os.path.basename(backup)), os.path.join(folder, os.path.basename(origin)), ""
        )
    return True, ""


def _account(module: AnsibleModule, name: str) -> tuple[bool, str]:
    """Remove an account of ours, with its processes and its home."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return False, ""
    if entry.pw_gecos.split(",")[0] != module.params["comment"] or entry.pw_uid == 0:
        return False, f"The account '{name}' stays: it does not look like the one that was created here."
    if module.check_mode:
        return True, ""
    strangers = homes.strangers(name, entry.pw_dir, [])
    if strangers:  # since the host was read, or that could not be removed before
        return (
            False,
            (
                f"The account '{name}' stays, for its home {entry.pw_dir} holds what no run of ours put there:"
                f" {', '.join(strangers)}."
            ),
        )
    leftover_work.end_processes(entry)
    leftover_work.end_jobs(name)
    remark = _home(entry)
    module.run_command(["userdel", name], check_rc=True)
    return True, remark


def _home(entry: pwd.struct_passwd) -> str:
    """Remove the home of an account; return why it stays. Where somebody has led the account elsewhere since, that is
    not ours."""
    home = entry.pw_dir
    try:
        found = os.lstat(home)
    except OSError:
        return ""
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != entry.pw_uid:
        return f"{home}, the home of '{entry.pw_name}', stays: it is a link, or belongs to another account."
    try:
        return trees.remove_as_owner(home, entry)[1]
    except OSError as error:
        return f"{home} stays: {error.strerror}. Look, and remove it by hand."


if __name__ == "__main__":
    main()
