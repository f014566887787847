# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that run on a host, by their command lines."""

from __future__ import annotations

import glob
import os
import pwd
import re
from typing import Any, Iterator

from ..._host import other_account
from ..._host.processes import is_here
from .environments import SEAL

#: The mark in the command line of each server that this collection starts: ``python -X
#: remote_notebooks=<instance>:<revision> ...``.
#: Python ignores -X options it does not know; unlike the environment, the command line of a process may be read
#: without special rights
#: (proc(5)), and its children do not inherit it.
MARK = "remote_notebooks="
#: The name of an environment. An account can put any into the command line of a process.
ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
#: Of a command line. Ours are shorter, those of other accounts may have any length.
LARGEST_COMMAND = 4096
#: As many processes of one instance are told of.
SEVERAL = 20


def sessions(names: dict[str, str], owners: dict[str, str]) -> list[str]:
    """Return the instances whose account has a tmux server of the name that theirs would have (tmux(1), -L)."""
    try:
        with open("/proc/net/unix", encoding="utf-8", errors="replace") as file:
            bound = {line.split()[-1] for line in file if "/tmux-" in line}
    except OSError:
        return []
    found = []
    for instance, session in names.items():
        try:
            uid = pwd.getpwnam(owners[instance]).pw_uid if owners[instance] else os.geteuid()
        except KeyError:
            continue  # is created in this run
        if f"/tmp/tmux-{uid}/{session}" in bound:  # noqa: S108 - where tmux has it
            found.append(instance)
    return found


def commands() -> list[tuple[int, list[str]]]:
    """Return process id and first words of the command line of each process. Read once: a busy host has hundreds."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb", buffering=0) as file:
                found.append((int(name), file.read(LARGEST_COMMAND).decode("utf-8", "replace").split("\0")))
        except OSError:
            pass  # gone by now
    return found


def used(folders: list[str], started: list[tuple[int, list[str]]], uids: set[int]) -> list[str]:
    """Return those of ``folders`` that a process runs the Python of: a server, a kernel, a program started in a
    terminal.

    :param uids: the accounts whose processes count. Command lines of others keep no environment alive.
    """
    found = set()
    for pid, words in started:
        folder = os.path.dirname(os.path.dirname(words[0]))
        if folder in folders and uid_of(pid) in uids and is_here(pid):
            found.add(folder)
    return sorted(found)


def servers(
    site: str, owners: dict[str, set[int]], started: list[tuple[int, list[str]]], mains: set[str | None]
) -> list[dict[str, Any]]:
    """Find the servers that run now out of the environments in ``site``, by the mark in their command line, and by
    whose they are.

    A process chooses its own command line. So it only identifies a process among an account's own:
    one of another account is a stranger, with any name, and so is a container's. The returned
    ``environment`` lies in ``site``.

    :param owners: by instance, the accounts it may run as.
    :param mains: process ids, as text, that systemd says its units have. Those come first: where an account runs
        several of one name, that one is the server.
    """
    found: list[dict[str, Any]] = []
    for pid, words in started:
        if len(words) < 3 or words[1] != "-X" or not words[2].startswith(MARK):
            continue
        instance, _colon, revision = words[2][len(MARK) :].partition(":")
        environment, uid = _environment(words[0], os.path.expanduser(site)), uid_of(pid)
        if not environment or uid not in owners.get(instance, ()) or not is_here(pid) or not _runs(pid, words[0]):
            continue
        found.append(
            {
                "pid": pid,
                "uid": uid,
                "instance": instance,
                "revision": revision if revision.isalnum() and len(revision) < 100 else "",
                "environment": environment,
                "started": started_at(pid),
                "trial": _trial(environment),
                "notebook7": _has_notebook_7(environment),
                "tmux": any(command.startswith("tmux") for _pid, command in ancestors(pid)),
            }
        )
    found.sort(key=lambda server: (str(server["pid"]) not in mains, server["pid"]))
    several = {
        instance: [server for server in found if server["instance"] == instance][:SEVERAL] for instance in owners
    }
    return [server for server in found if server in several[server["instance"]]]


def _trial(environment_path: str) -> float:
    """Return how many seconds it took this host to try an environment (:mod:`_jupyter.build`); 0 where that is not
    known."""
    try:
        return float(other_account.content(os.path.join(environment_path, f"{SEAL}.trial"), 20))
    except (OSError, ValueError):
        return 0.0


def _has_notebook_7(environment_path: str) -> bool:
    """Tell whether an environment holds Notebook 7 or newer, which any package may bring along. The extension
    nbclassic looks for it at its start, and then leaves the path /tree to it."""
    pattern = os.path.join(glob.escape(environment_path), "lib/python3*/site-packages/notebook-*.dist-info")
    majors = [re.match(r"notebook-(\d+)", os.path.basename(path)) for path in glob.glob(pattern)]
    return any(major and int(major.group(1)) >= 7 for major in majors)


def uid_of(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None  # gone by now


def _environment(python_path: str, site: str) -> str:
    """Return the environment in ``site`` that an interpreter is the Python of; empty where it is of none."""
    folder = os.path.dirname(os.path.dirname(python_path))
    named = ENVIRONMENT.fullmatch(os.path.basename(folder))
    return folder if named and python_path == f"{folder}/bin/python" and os.path.dirname(folder) == site else ""


def _runs(pid: int, python_path: str) -> bool:
    """Tell whether a process runs an interpreter; where it may not be looked at (root of a container, without
    CAP_SYS_PTRACE) that is believed."""
    try:
        program = os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return True
    # After an update of the system's Python the file is another one, and the process goes on.
    known = program[: -len(" (deleted)")] if program.endswith(" (deleted)") else program
    return known == os.path.realpath(python_path) or not os.path.exists(python_path)


def words_of(pid: int) -> list[str]:
    with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
        return file.read(LARGEST_COMMAND).decode("utf-8", "replace").split("\0")


def ancestors(pid: int) -> Iterator[tuple[int, str]]:
    """Yield process id and command name of the parent of ``pid``, of its parent, and so on (proc_pid_stat(5))."""
    while pid > 1:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                pid = int(file.read().rpartition(")")[2].split()[1])
            with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                yield pid, file.read().strip()
        except OSError:
            return


def started_at(pid: int) -> float:
    """Return when a process began, in seconds since the epoch (field 22 of proc_pid_stat(5), after the boot)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            ticks = int(file.read().rpartition(")")[2].split()[19])
        with open("/proc/stat", encoding="ascii") as file:
            boot = next(int(line.split()[1]) for line in file if line.startswith("btime"))
    except OSError:
        return 0.0
    return boot + ticks / os.sysconf("SC_CLK_TCK")
