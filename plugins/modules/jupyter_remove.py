#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_remove
short_description: Remove what earlier runs made on a host
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Removes folders, files, links, and accounts that the role made, and gives files that were moved aside their name
    back.
  - What belongs to an account is removed with that account's rights, whatever a link in its home leads to. Root removes
    by name only where root alone can change what the name leads to.
  - An account goes with its home, and neither goes where something lies in it that no run, no server and no C(useradd)
    put there.
  - Never leaves the file system it began on below a folder of an account. What cannot be removed stays, and is named.
options:
  things:
    description:
      - What goes, in this order, as M(remote.notebooks.jupyter_state) returns it in
        RV(remote.notebooks.jupyter_state#module:orphans).
      - Folders, files, links, environments and traces have C(path), and C(owner) or none; a folder that others may use
        as well has C(shared), and goes only when it is empty. A shadow has C(origin), C(backup) and C(mover), a
        stranger the first two. An account has its name in C(id).
      - Any other folder goes without what nobody has listed. In the place of a folder of an account, a link and a mount
        point stay.
    type: list
    elements: dict
    required: true
  prefix:
    description: The folder that goes with all that is in it, and so do those below it.
    type: str
    default: ""
  traces:
    description: What servers and kernels write below a home, as relative paths. Of a trace that is elsewhere nothing is
      removed.
    type: list
    elements: str
    default: []
  comment:
    description: What an account is described with that the role made. Any other one stays.
    type: str
    default: ""
extends_documentation_fragment:
  - remote.notebooks.attributes.host
attributes:
  check_mode:
    description: Says what it would remove.
    support: full
  diff_mode:
    description: Names what goes.
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
  description: What is gone.
  type: list
  elements: str
  returned: success
remarks:
  description: What stays, and why.
  type: list
  elements: str
  returned: success
"""

import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._host import homes, other_account, ownership
from ..module_utils._host.processes import end_ours, is_here

#: How long a tree of an account may take to go, in seconds: notebooks may be millions of files, and the account can
#: stop what runs with its rights.
SECONDS = 3600
#: How long an installer may go on, in seconds.
PATIENCE = 900
#: How often the processes of an account are looked for until there are none.
LOOKS = 50


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
        _end_builders(module, module.params["prefix"])
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


def _end_builders(module: AnsibleModule, prefix: str) -> None:
    """End what compiles an environment that goes. Where all of them go, wait for what a run that was cut off has left
    at work there."""
    paths = {thing["path"]: thing["kind"] for thing in module.params["things"] if thing.get("path")}
    for path in (path for path, kind in paths.items() if kind == "environment"):
        end_ours(path, os.path.join(prefix, "libexec"))
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
    """Remove one thing. Return whether anything went, and what a person should know."""
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
        return _empty_folder(path, owner)
    if owner is not None or thing.get("keep"):
        return _of_an_account(path, owner or pwd.getpwuid(os.geteuid()))
    prefix = module.params["prefix"]
    if (
        thing["kind"] == "directory"
        and os.path.isdir(path)
        and not os.path.islink(path)
        and not (prefix and f"{path}/".startswith(f"{prefix}/"))
    ):
        return _folder(_ours(path))
    _tree(_ours(path))
    return True, ""


def _owner(thing: dict[str, Any]) -> pwd.struct_passwd | None:
    """Return the account whose rights are enough, and all there should be; None where that is the one we are."""
    if os.geteuid() != 0 or thing.get("owner", "root") == "root" or not (thing.get("keep") or thing.get("shared")):
        return None
    return pwd.getpwnam(thing["owner"])


def _strange(thing: dict[str, Any], owner: pwd.struct_passwd | None, traces: list[str]) -> str:
    """Say why a thing cannot be what an earlier run has left of an account; empty where it can, or is none of an
    account."""
    if not thing.get("keep"):
        return ""
    if owner is None and os.geteuid() == 0:
        return "nobody's notebooks belong to root"
    home = (owner or pwd.getpwuid(os.geteuid())).pw_dir
    if f"{home}/".startswith(f"{thing['path']}/"):
        return "there is a home in it"
    found = (
        _found(thing["path"])
        if owner is None
        else other_account.call(owner.pw_name, lambda: _found(thing["path"]), seconds=ownership.SECONDS)
    )
    if found:
        return str(found)
    if thing["kind"] == "trace" and thing["path"] not in {os.path.join(home, trace) for trace in traces}:
        return f"that is not where '{thing['owner']}' keeps it"
    return ""


def _found(path: str) -> str:
    """Say what somebody has put into the place of a folder that a run of ours has made; empty where it is a folder
    still."""
    if os.path.islink(path):
        return f"it is a link, to {os.readlink(path)}, and that was made by somebody else"
    return "a file system is mounted there" if os.path.ismount(path) else ""


def _ours(path: str) -> str:
    return os.path.join(ownership.ours(os.path.dirname(path)), os.path.basename(path))


def _tree(path: str) -> None:
    """Remove what root alone could have put there. Inside, no link is followed (shutil.rmtree), whoever may have made
    it."""
    if stat.S_ISDIR(os.lstat(path).st_mode):
        # The seal of an environment goes first: a folder that is half gone must not look whole.
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(path, "remote-notebooks.json"))
        shutil.rmtree(path)
    else:
        os.unlink(path)


def _folder(path: str) -> tuple[bool, str]:
    """Remove a folder of ours, whose listed content is gone; what else is in it is somebody's, and so it stays."""
    for name in os.listdir(path):
        if ".ansible_tmp" in name:  # of a run that was cut off
            os.unlink(os.path.join(path, name))
    left = sorted(os.listdir(path))
    if not left:
        os.rmdir(path)
        return True, ""
    return False, f"{path} stays, because of what is in it, and was made by no run of ours: {', '.join(left[:5])}."


def _empty_folder(path: str, owner: pwd.struct_passwd | None) -> tuple[bool, str]:
    try:
        if owner is None:
            os.rmdir(_ours(path))
        else:
            try:
                other_account.call(owner.pw_name, lambda: os.rmdir(path), seconds=ownership.SECONDS)
            except PermissionError:
                _rmdir(path, owner.pw_uid)
    except OSError:
        return False, ""  # others use it, or it is somebody's: in both cases it is not ours to speak of
    return True, ""


def _of_an_account(path: str, owner: pwd.struct_passwd) -> tuple[bool, str]:
    """Remove a tree with the rights of its owner; the folder itself, where that lies in a folder of root's, as root
    once it is empty."""
    other_account.call(owner.pw_name, lambda: _rm(path), seconds=SECONDS)
    if not os.path.lexists(path):
        return True, ""
    try:
        _rmdir(path, owner.pw_uid)
    except OSError as error:
        return (
            True,
            (
                f"{path} stays, as far as '{owner.pw_name}' cannot remove it: {error.strerror}. Look, and remove it by"
                " hand."
            ),
        )
    return True, ""


def _rm(path: str) -> None:
    """Remove a tree as whoever this process is; how much of it went, is looked at afterwards."""
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    # What it made unwritable is its own to make writable again. A link at the end would be followed.
    if not os.path.islink(path):
        subprocess.run(
            ["chmod", "--recursive", "--silent", "u+rwX", "--", path],
            check=False,
            env=environment,
            stderr=subprocess.DEVNULL,
        )
    # Below may lie a disk of somebody, or a storage far away.
    subprocess.run(
        ["rm", "--recursive", "--force", "--one-file-system", "--", path],
        check=False,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _rmdir(path: str, uid: int) -> None:
    """Remove an empty folder of an account from a folder of root's."""
    real = _ours(path)
    found = os.lstat(real)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid:
        raise PermissionError(1, "it is another account's, or a link")
    os.rmdir(real)


def _shadow(module: AnsibleModule, thing: dict[str, Any]) -> tuple[bool, str]:
    if not os.path.lexists(thing["backup"]) or os.path.lexists(thing["origin"]):
        return False, ""
    if not module.check_mode:
        ownership.rename(thing["backup"], thing["origin"], thing["mover"])
    return True, ""


def _stranger(module: AnsibleModule, thing: dict[str, Any]) -> tuple[bool, str]:
    """Give what was there before us its name back."""
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
        return False, f"The account '{name}' stays: it does not look like the one that was made here."
    if module.check_mode:
        return True, ""
    strangers = homes.strangers(name, entry.pw_dir, [])
    if strangers:  # since the host was looked at, or what could not be removed before
        return (
            False,
            (
                f"The account '{name}' stays, for its home {entry.pw_dir} holds what no run of ours put there:"
                f" {', '.join(strangers)}."
            ),
        )
    _end_processes(entry)
    _end_jobs(name)
    remark = _home(entry)
    module.run_command(["userdel", name], check_rc=True)
    return True, remark


def _end_jobs(name: str) -> None:
    """Remove what an account has left with cron and at: that would run for the next account of its name, or of its
    number."""
    quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with contextlib.suppress(OSError):  # there is no cron
        subprocess.run(["crontab", "-r", "-u", name], check=False, stdout=subprocess.DEVNULL, **quiet)
    with contextlib.suppress(OSError):  # there is no at
        # A line is: number, date and time, queue, account (at(1)).
        lines = (
            subprocess.run(["atq"], check=False, stdout=subprocess.PIPE, **quiet)
            .stdout.decode("utf-8", "replace")
            .splitlines()
        )
        jobs = [
            words[0] for words in map(str.split, lines) if len(words) > 2 and words[-1] == name and words[0].isdigit()
        ]
        if jobs:
            subprocess.run(["atrm", *jobs], check=False, stdout=subprocess.DEVNULL, **quiet)


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
        return _of_an_account(home, entry)[1]
    except OSError as error:
        return f"{home} stays: {error.strerror}. Look, and remove it by hand."


def _end_processes(entry: pwd.struct_passwd) -> None:
    for _look in range(LOOKS):
        pids = [pid for pid in filter(str.isdigit, os.listdir("/proc")) if _is_of(pid, entry.pw_uid)]
        if not pids:
            return
        with contextlib.suppress(OSError):
            other_account.call(entry.pw_name, lambda: _kill(pids), seconds=ownership.SECONDS)  # noqa: B023
        time.sleep(0.1)


def _is_of(pid: str, uid: int) -> bool:
    """Tell whether an account may end a process: also one of a program such as su, which is root's by now and was
    started by the account."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            told = dict(line.split(":", 1) for line in file if line.startswith(("Uid:", "State:")))
        return str(uid) in told["Uid"].split() and told["State"].split()[0] != "Z" and is_here(pid)
    except (OSError, KeyError):
        return False  # gone by now


def _kill(pids: list[str]) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(int(pid), signal.SIGKILL)


if __name__ == "__main__":
    main()
