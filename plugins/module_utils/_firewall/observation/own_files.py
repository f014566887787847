# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files, links and processes of this role on a host, and foreign ones in their places. Runs on the host."""

from __future__ import annotations

import glob
import hashlib
import os

from ..._host.processes import is_here
from ..netfilter.unit import UNIT
from ..rules import FOLDER
from . import files
from .files import names_in
from .firewalld import ledger

UNITS = "/etc/systemd/system"


def _own_places() -> list[str]:
    return [os.path.dirname(FOLDER), FOLDER, *(os.path.join(FOLDER, name) for name in names_in(FOLDER)), UNIT]


def digests() -> dict[str, str]:
    found = {}
    for path in _own_places():
        if os.path.isfile(path):
            with open(path, "rb") as file:
                found[path] = hashlib.sha256(file.read()).hexdigest()
    return found


def strange() -> list[str]:
    """Foreign resources at paths of ours: no file or folder, or a file without our first line."""
    links = [f"{UNITS}/{target}.wants/{name}" for target, name in _own_wants()]
    astray = [
        path
        for path in links
        if not os.path.islink(path) or os.path.basename(os.readlink(path)) != os.path.basename(UNIT)
    ]
    return sorted([path for path in _own_places() if os.path.lexists(path) and not _is_ours(path)] + astray)


def _is_ours(path: str) -> bool:
    if FOLDER.startswith(path):
        return os.path.isdir(path) and not os.path.islink(path)
    if not os.path.isfile(path) or os.path.islink(path):
        return False
    if path.endswith(".firewalld.json"):
        return ledger(path) is not None
    # Only files that this role writes are its own. Others may keep files beside them.
    return (
        not path.endswith((".nft", ".hooks.sh", ".service"))
        or "role remote.notebooks.firewall" in files.text_of(path)[:300]
    )


def _own_wants() -> list[tuple[str, str]]:
    targets = ("nftables.service", "sysinit.target")
    return [
        (one, name)
        for one in targets
        for name in names_in(f"{UNITS}/{one}.wants")
        if name.startswith("remote-notebooks-firewall@")
    ]


def links_at_boot() -> list[str]:
    return [f"{UNITS}/{target}.wants/{name}" for target, name in _own_wants()]


def watched() -> list[str]:
    scripts = {path: os.path.basename(path).split(".")[0] for path in glob.glob(f"{FOLDER}/*.hooks.sh")}
    running = (
        (name, files.text_of(f"/proc/{name}/cmdline").split("\0")[1:3])
        for name in names_in("/proc")
        if scripts and name.isdigit()
    )
    return sorted(
        {
            scripts[words[0]]
            for name, words in running
            if len(words) == 2 and words[0] in scripts and words[1] == "watch" and _is_of_unit(name, scripts[words[0]])
        }
    )


def _is_of_unit(pid: str, owner: str) -> bool:
    """Tell whether a process is root's, in the control group of an owner's unit: anybody can give a process the words
    of the watcher."""
    unit = os.path.basename(UNIT).replace("@", f"@{owner}")
    groups = files.text_of(f"/proc/{pid}/cgroup").splitlines()
    try:
        root = os.stat(f"/proc/{pid}").st_uid == 0
    except OSError:
        return False  # gone by now
    # Below user@ are the units of an account's own systemd.
    return root and is_here(pid) and any(line.endswith(f"/{unit}") and "/user@" not in line for line in groups)
