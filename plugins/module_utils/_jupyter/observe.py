# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the state of a host. Runs on the host, changes nothing, starts as few processes as it can.

Everything here describes; :mod:`_state.compare` compares and decides. Files before processes: a fork costs more than
all of /proc.
"""

from __future__ import annotations

import contextlib
import glob
import grp
import hashlib
import importlib.util
import ipaddress
import itertools
import json
import os
import posixpath
import pwd
import re
import shutil
import socket
import stat
import sys
import time
from typing import Any, Callable, Iterator

from .._host import other_account, ownership
from .._host.processes import is_here
from . import config_file

#: The mark in the command line of each server that this collection starts: ``python -X
#: remote_notebooks=<instance>:<revision> ...``.
#: Python ignores -X options it does not know; unlike the environment, the command line of a process may be read
#: without special rights
#: (proc(5)), and its children do not inherit it.
MARK = "remote_notebooks="

#: What an environment was sealed with: its packages, and every file with its size.
SEAL = "remote-notebooks.json"

#: In seconds since the epoch.
UNIT_NAME = re.compile(r"[A-Za-z0-9:_.\\@-]{1,200}\.service")
YEAR_9999 = 253_370_764_800.0
#: What is read of a file, in bytes. Ours are some kilobytes; a file of packages' sizes (SEAL) is some megabytes.
LARGEST = 1 << 24
LARGEST_SEAL = 1 << 26
#: Of a configuration file of Jupyter, and how long all of those of one account may take, in seconds.
LARGEST_OPTIONS = 1 << 20
SECONDS_OPTIONS = 10
#: Of a command line. Ours are shorter, others may be as long as their account likes.
LARGEST_COMMAND = 4096
#: As many processes of one instance are told of.
SEVERAL = 20
#: Of the entries of a folder no more are counted.
MANY = 1000
#: Stands in for an account that is not there yet.
NOBODY = "nobody"
#: What nobody here may look at.
UNKNOWN = {"kind": "other", "mode": "0000", "owner": "", "group": "", "modified": 0.0, "entries": 1}

Command = Callable[["list[str]"], "tuple[int, str, str]"]


def report(
    probe: dict[str, Any], run: Command, firewall: Callable[[], Any], tunnel: Callable[[dict[str, Any]], Any]
) -> dict[str, Any]:
    """Describe the host as far as ``probe`` asks (:func:`_state.probe.probe`). Raises OSError where this account may
    not look.

    :param firewall: reads the firewall; called only where the plan, or an earlier run, has something to do with one.
    :param tunnel: reads the accounts that can only forward, with ``owner`` and ``accounts``; likewise.
    """
    asked = probe.get("tunnel")
    things, machine, started, built = manifest(probe["manifest"]), system(), commands(), expand([probe["environments"]])
    sealed, told, owners = environments(built), options(probe["shadows"]), _owners(probe, things, machine)
    names = {*expand(probe["paths"])} | {thing["path"] for thing in things if thing.get("path")}
    services = {
        thing["id"].split(" ", 1)[1]
        for thing in things
        if thing["kind"] == "service" and thing.get("manager") != "tmux"
    }
    managed = units(sorted({*probe["units"], *services}), probe["user_units"], run) if machine["systemd"] else {}
    running = servers(probe["site"], owners, started, {unit.get("MainPID") for unit in managed.values()})
    walled = probe["firewall"] or any(thing["kind"] == "rule" for thing in things)
    if asked:
        asked, mark = {"owner": asked["owner"], "accounts": asked["accounts"]}, asked["mark"]
        tunnelled = machine["uid"] == 0 and bool(
            asked["accounts"] or any(entry.pw_gecos.split(",")[0] == mark for entry in pwd.getpwall())
        )
    said = {
        "tunnel": tunnel(asked) if asked and tunnelled else None,
        "firewall": firewall() if walled and machine["uid"] == 0 else None,
        "system": machine,
        "manifest": things,
        "pythons": {name: python(name, run) for name in probe["pythons"]},
        "accounts": {name: account(name) for name in probe["accounts"]},
        "homes": homes(things, probe["accounts"]),
        "paths": {
            **{
                name: path(name, text=probe["texts"] and os.path.basename(name) not in probe["secret"])
                for name in sorted(names)
            },
            **shut(probe, things),
        },
        "used": used(built, started, {uid for uids in owners.values() for uid in uids} | {0}),
        "servers": running,
        "aside": aside(probe["aside"], things),
        **unusable(probe["roots"]),
        "sessions": sessions(probe["sessions"], probe["owners"]),
        "listeners": listeners(probe["ports"], {server["pid"]: server["uid"] for server in running}),
        "units": managed,
    }
    said["shadows"] = told()
    said["environments"] = sealed()
    closer = probe.get("details")
    if closer:
        said["details"] = details(running, os.path.expanduser(closer["script"]), closer["ports"], run)
    return said


def trouble(error: OSError) -> str:
    """Say why the state of this host was not read, and what helps: more rights only where an account may not look."""
    cure = " Run with become, or set jupyter_scope: user." if isinstance(error, PermissionError) else ""
    return f"Cannot read the state of this host: {error}.{cure}"


def _owners(probe: dict[str, Any], things: list[dict[str, Any]], machine: dict[str, Any]) -> dict[str, set[int]]:
    """Return by instance the numbers of the accounts it may run as: the one of the plan, and the one of an earlier
    run."""
    listed = [
        (thing["instance"], thing["user"]) for thing in things if thing["kind"] == "service" and thing.get("user")
    ]
    found: dict[str, set[int]] = {}
    for instance, name in [*((instance, name) for instance, name in probe["owners"].items()), *listed]:
        with contextlib.suppress(KeyError):
            found.setdefault(instance, set()).add(pwd.getpwnam(name).pw_uid if name else machine["uid"])
    return found


def expand(names: list[str]) -> list[str]:
    """Return what exists of ``names``, which may begin with ``~`` and hold wildcards (glob(7))."""
    return [found for name in names for found in glob.glob(_pattern(name))]


def _pattern(name: str) -> str:
    """Return a pattern with the home in it; what a home is called is no wildcard."""
    home, slash, rest = name.partition("/")
    return glob.escape(os.path.expanduser(home)) + slash + rest if home.startswith("~") else name


def system() -> dict[str, Any]:
    """Describe the machine: release, Python, PID 1, the account we are, commands a service manager needs."""
    if not sys.platform.startswith("linux"):
        raise OSError(f"it runs {os.uname().sysname}, and servers of this collection run on Linux alone")
    release = {}
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                release = dict(line.rstrip().split("=", 1) for line in file if "=" in line)
            break
    account = pwd.getpwuid(os.geteuid())
    with open("/proc/1/comm", encoding="utf-8") as file:
        first = file.read().strip()
    return {
        "id": release.get("ID", "").strip('"'),
        "id_like": release.get("ID_LIKE", "").strip('"').split(),
        "name": release.get("PRETTY_NAME", sys.platform).strip('"'),
        "hostname": socket.gethostname(),
        "machine": os.uname().machine,
        "libc": _libc(),
        # Only where systemd is PID 1 does this folder exist (sd_booted(3)).
        "systemd": os.path.isdir("/run/systemd/system"),
        "pid1": first,
        "user_manager": os.path.exists(f"/run/user/{account.pw_uid}/systemd/private"),
        # Either it lingers already, or polkit may let the account say so for itself
        # (org.freedesktop.login1.set-self-linger).
        "lingers": os.path.exists(f"/var/lib/systemd/linger/{account.pw_name}"),
        "polkit": any(
            os.path.exists(f"{folder}/polkitd")
            for folder in ("/usr/lib/polkit-1", "/usr/libexec", "/usr/libexec/polkit-1")
        ),
        "uid": account.pw_uid,
        "user": account.pw_name,
        "group": grp.getgrgid(account.pw_gid).gr_name,
        "home": account.pw_dir,
        # Debian keeps it in a package of its own; without it no virtual environment gets a pip.
        "ensurepip": importlib.util.find_spec("ensurepip") is not None,
        "commands": {
            name: shutil.which(name)
            for name in ("tmux", "runuser", "loginctl", "cron", "crond", "R", "fail2ban-client")
        },
    }


def _libc() -> str:
    """Return for example ``glibc 2.36``; empty where the C library is another."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):
        return ""


def python(wanted: str, run: Command) -> dict[str, Any]:
    """Find the interpreter called ``wanted``: a path, a name on PATH, or ``3.12`` for ``python3.12``.

    ``python3`` is the one Ansible itself uses here. ``open`` tells whether every account may reach it: one below /root
    serves root alone.
    """
    name = f"python{wanted}" if wanted[:1].isdigit() else wanted
    path = getattr(sys, "_base_executable", sys.executable) if wanted == "python3" else shutil.which(name)
    if not path:
        return {"path": None, "version": None, "open": False}
    version: list[int] | None = list(sys.version_info[:2])
    if os.path.realpath(path) != os.path.realpath(sys.executable):
        code, out, _err = run([path, "-c", "import sys; print(*sys.version_info[:2])"])
        version = [int(part) for part in out.split()] if code == 0 else None
    return {"path": path, "version": version, "open": _is_open(os.path.realpath(path))}


def _is_open(path: str) -> bool:
    while path != "/":
        if not os.stat(path).st_mode & stat.S_IXOTH:
            return False
        path = os.path.dirname(path)
    return True


def account(name: str) -> dict[str, Any] | None:
    """Describe an account, or return None where there is none of that name."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    try:
        group = grp.getgrgid(entry.pw_gid).gr_name
    except KeyError:
        group = str(entry.pw_gid)
    return {
        "uid": entry.pw_uid,
        "group": group,
        "home": entry.pw_dir,
        "home_is": _home_is(entry),
        "comment": entry.pw_gecos,
        "shares_group": _is_shared(entry),
    }


def _home_is(entry: pwd.struct_passwd) -> str:
    """Tell whether an account can work in its home: ``usable``; ``private``, where root may not enter (root_squash of
    exports(5), FUSE); ``missing`` or ``another's``, which is an administrator's doing; or ``shut``, which may be its
    own."""
    look = other_account.begin(
        lambda: [os.path.isdir(entry.pw_dir), _works(entry.pw_dir)], entry.pw_name, seconds=SECONDS_OPTIONS
    )
    try:
        there, works = look()
        if there and works:
            return "usable" if _enters(entry.pw_dir) else "private"
        # Where the account can change the way to its home, it may have taken it away itself.
        if _is_others(entry.pw_dir):
            return "shut"
        return (
            "missing"
            if not os.path.lexists(entry.pw_dir)
            else "shut"
            if os.stat(entry.pw_dir).st_uid == entry.pw_uid
            else "another's"
        )
    except OSError:
        return "shut"


def _enters(home: str) -> bool:
    """Tell whether this process may go into a folder."""
    try:
        os.stat(os.path.join(home, "."))
    except PermissionError:
        return False
    except OSError:
        return True  # something else is amiss, and is found where it matters
    return True


def homes(things: list[dict[str, Any]], wanted: list[str]) -> dict[str, dict[str, Any]]:
    """Describe the home of each account that an earlier run made, and that none of ``wanted`` is: it may be about to
    go."""
    found = {}
    for name in [thing["id"].split(" ", 1)[1] for thing in things if thing["kind"] == "account"]:
        with contextlib.suppress(KeyError):
            home = pwd.getpwnam(name).pw_dir
            if name not in wanted:
                from .._host import homes as host_homes

                notebooks = [
                    thing["path"]
                    for thing in things
                    if thing.get("keep") and thing.get("path", "").startswith(f"{home}/")
                ]
                found[name] = {
                    "path": home,
                    "strangers": host_homes.strangers(name, home, [path[len(home) + 1 :] for path in notebooks]),
                }
    return found


def _is_shared(entry: pwd.struct_passwd) -> bool:
    """Tell whether another account is in the primary group of ``entry``, as far as this host lists them (a directory
    service may list none)."""
    try:
        members = set(grp.getgrgid(entry.pw_gid).gr_mem)
    except KeyError:
        members = set()
    return bool(members - {entry.pw_name}) or any(
        other.pw_gid == entry.pw_gid and other.pw_name != entry.pw_name for other in pwd.getpwall()
    )


def path(name: str, text: bool = False) -> dict[str, Any] | None:
    """Describe what is at ``name``, or return None. ``text`` adds the content of a small text file.

    In a folder of an account it may be another thing at any moment, and the way to it a circle, or a file system that
    shuts root out: that is as good as nothing, and no reason to give up.
    """
    try:
        return _path(name, text)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        if os.geteuid() != 0:
            raise
        return None


def _path(name: str, text: bool) -> dict[str, Any]:
    found = os.lstat(name)
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}
    state: dict[str, Any] = {
        "kind": kinds.get(stat.S_IFMT(found.st_mode), "other"),
        "mode": f"{stat.S_IMODE(found.st_mode):04o}",
        "owner": _name(pwd.getpwuid, found.st_uid),
        "group": _name(grp.getgrgid, found.st_gid),
        # Whoever owns a file may say any time, and some file systems keep what no calendar holds.
        "modified": max(0.0, min(found.st_mtime, YEAR_9999)),
    }
    if state["kind"] == "link":
        # Where it leads may not be looked into: it is not empty.
        state.update(target=os.readlink(name), directory=os.path.isdir(name), entries=1)
    elif state["kind"] == "directory":
        state["entries"] = _entries(name)
    elif state["kind"] == "file":
        content = _content(name)
        state["digest"] = "" if content is None else hashlib.sha256(content).hexdigest()
        if text:
            state["text"] = (content or b"").decode("utf-8", "replace")
    return state


def shut(probe: dict[str, Any], things: list[dict[str, Any]]) -> dict[str, dict[str, Any] | None]:
    """Describe what is of interest in homes that root may not enter (an NFS server's root_squash), with the rights of
    their accounts.

    What the account cannot look at either is something: nobody may take it for missing.
    """
    if os.geteuid() != 0:
        return {}
    by_account: dict[str, list[str]] = {}
    for account_name, folder in probe["roots"].values():
        names = [folder, *(f"~{account_name}/{trace}" for trace in probe["traces"])]
        by_account.setdefault(account_name, []).extend(
            above for name in names for above in _to(os.path.expanduser(name))
        )
    for thing in things:
        if (
            thing.get("path")
            and thing.get("owner") not in (None, "root")
            and (thing.get("keep") or thing.get("shared"))
        ):
            by_account.setdefault(thing["owner"], []).append(thing["path"])
    begun = []
    for account_name, names in by_account.items():
        hidden = sorted({name for name in names if name.startswith("/") and _is_hidden(name)})
        if hidden:
            begun.append((hidden, _begin_paths(hidden, account_name)))
    found: dict[str, dict[str, Any] | None] = {}
    for hidden, answer in begun:
        try:
            found.update(answer())
        except (OSError, KeyError):  # that account is gone
            found.update({name: dict(UNKNOWN) for name in hidden})
    return found


def _begin_paths(names: list[str], account_name: str) -> Callable[[], Any]:
    try:
        return other_account.begin(lambda: {name: path(name) for name in names}, account_name, seconds=SECONDS_OPTIONS)
    except KeyError:
        return lambda: pwd.getpwnam(account_name)  # says the same once more


def _to(name: str) -> list[str]:
    """Return a path, and the folders above it."""
    return [name, *(["/" + "/".join(name.split("/")[1:count]) for count in range(2, len(name.split("/")))])]


def _is_hidden(name: str) -> bool:
    try:
        os.lstat(name)
        if os.path.isdir(name):
            os.stat(f"{name}/.")
    except PermissionError:
        return True
    except OSError:
        pass
    return False


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
            continue  # is made in this run
        if f"/tmp/tmux-{uid}/{session}" in bound:  # noqa: S108 - where tmux has it
            found.append(instance)
    return found


def unusable(roots: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the instances whose folder of notebooks is there, and of no use to the account that is to work in it:
    ``unusable``, and ``astray`` where the account itself may have made it so. That must be in nobody else's way.

    :param roots: by instance the account, and its folder, which may begin with ``~``. It may be a link: what counts is
        what the account can do.
    """
    begun = []
    for instance, (account_name, folder) in roots.items():
        root = os.path.expanduser(folder)
        try:
            name, uid = account_name, pwd.getpwnam(account_name).pw_uid if account_name else os.geteuid()
        except KeyError:
            # It is made in this run, and will be in no group but its own: what it may do, every account may.
            name, uid = NOBODY, -1
        if not root.startswith("/"):
            continue  # in the home of an account that is not there yet
        if ownership.is_usable(root, uid) is None and os.path.lexists(root):
            look = other_account.begin(lambda root=root: _works(root), name, seconds=SECONDS_OPTIONS)  # type: ignore[misc]
            begun.append((instance, root, look))
    found: dict[str, list[str]] = {"unusable": [], "astray": []}
    for instance, root, look in begun:
        if not _answered(look):
            found["astray" if os.geteuid() == 0 and _is_others(root) else "unusable"].append(instance)
    return found


def _is_others(path: str) -> bool:
    """Tell whether somebody but root can change what a path leads to: all but its last name, whose owner is what is to
    be corrected."""
    try:
        return bool(ownership.way(os.path.dirname(path)).stranger)
    except OSError:
        return True


def _works(root: str) -> bool:
    return not os.path.lexists(root) or (os.path.isdir(root) and os.access(root, os.R_OK | os.W_OK | os.X_OK))


def _answered(look: Callable[[], Any]) -> bool:
    try:
        return bool(look())
    except OSError:
        return False


def _entries(name: str) -> int:
    """Count what is in a folder, up to :data:`MANY`. What may not be looked into is not empty: it belongs to
    somebody."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return 1
    try:
        with os.scandir(descriptor) as entries:
            return sum(1 for _entry in itertools.islice(entries, MANY))
    finally:
        os.close(descriptor)


def _content(name: str) -> bytes | None:
    """Return what is in a file of ours; None for what cannot be one, and is another file in any case."""
    try:
        return other_account.content(name, LARGEST, follow=False)
    except PermissionError:
        raise
    except OSError:
        return None


def _name(lookup: Callable[[int], Any], number: int) -> str:
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)


def environment(folder: str) -> dict[str, Any]:
    """Compare an environment with its seal.

    :returns: ``{"sealed": bool, "missing": [relative path, ...] (ten at most), "built": seconds since the epoch,
        "before": path or None}``;
        ``before`` is the environment whose place it took.
    """
    return environments([folder])()[folder]


def environments(folders: list[str]) -> Callable[[], dict[str, dict[str, Any]]]:
    """Begin to compare each environment with its seal (:func:`environment`); return what waits for the answer.

    To ask for the sizes of thousands of files is most of what a host has to do: other processes do it, one a core,
    while this one goes on.
    """
    found: dict[str, dict[str, Any]] = {}
    files: list[tuple[str, str, int]] = []
    for folder in folders:
        try:
            seal = json.loads(other_account.content(os.path.join(folder, SEAL), LARGEST_SEAL))
            files += [(folder, name, size) for name, size in seal["files"].items()]
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            found[folder] = {"sealed": False, "missing": []}
            continue
        found[folder] = {"sealed": True, "missing": [], "built": seal.get("built"), "before": seal.get("before")}
    share = len(files) // min(4, len(os.sched_getaffinity(0))) + 1
    parts = [files[first : first + share] for first in range(0, len(files), share)]
    answers = [other_account.begin(lambda part=part: _differing(part)) for part in parts]  # type: ignore[misc]

    def answer() -> dict[str, dict[str, Any]]:
        for folder, name in itertools.chain.from_iterable(each() for each in answers):
            found[folder]["missing"] = [*found[folder]["missing"], name][:10]
        return found

    return answer


def _differing(files: list[tuple[str, str, int]]) -> list[tuple[str, str]]:
    """Return folder and name of each file that is gone, or has another size."""
    differ = []
    for folder, part in itertools.groupby(files, lambda file: file[0]):
        top = os.open(folder, os.O_RDONLY)  # the kernel need not walk down to it for each name below it
        try:
            for _folder, name, size in part:
                try:
                    if os.stat(name, dir_fd=top).st_size == size:
                        continue
                except OSError:
                    pass
                differ.append((folder, name))
        finally:
            os.close(top)
    return differ


def manifest(name: str) -> list[dict[str, Any]]:
    """Return the list of things that earlier runs made here; empty where there was no run, or its list is lost.

    The packages that came to the system with them stand beside it, one name a line (``system_packages.sh`` of the
    role).
    """
    path = os.path.expanduser(name)
    try:
        things = json.loads(other_account.content(path, LARGEST))["things"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return []
    things = [thing for thing in things if _is_thing(thing)] if isinstance(things, list) else []
    if not things:
        return []
    try:
        with open(os.path.join(os.path.dirname(path), "installer", "packages"), encoding="utf-8") as file:
            names = file.read().split()
    except OSError:
        names = []
    return [
        *things,
        *({"id": f"package {package}", "kind": "package", "instance": "", "ours": True} for package in names),
    ]


def _is_thing(thing: Any) -> bool:
    """Tell whether an entry of the list is of the form that :func:`_state.manifest.manifest` gives it; a damaged one is
    none."""
    if not isinstance(thing, dict) or not all(isinstance(thing.get(key), str) for key in ("id", "kind", "instance")):
        return False
    paths = [thing[key] for key in ("path", "origin", "backup") if key in thing]
    return thing["id"].startswith(f"{thing['kind']} ") and all(
        isinstance(each, str) and each == os.path.abspath(each) for each in paths
    )


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

    :param uids: whose processes count. What anybody else writes into a command line keeps no environment alive.
    """
    found = set()
    for pid, words in started:
        folder = os.path.dirname(os.path.dirname(words[0]))
        if folder in folders and _uid(pid) in uids and is_here(pid):
            found.add(folder)
    return sorted(found)


def servers(
    site: str, owners: dict[str, set[int]], started: list[tuple[int, list[str]]], mains: set[str | None]
) -> list[dict[str, Any]]:
    """Find the servers that run now out of the environments in ``site``, by the mark in their command line, and by
    whose they are.

    A command line is what its process says of itself. So it tells only which of an account's own processes is meant:
    one of another account is a stranger, whatever it calls itself, and so is a container's. What is returned as
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
        environment, uid = _environment(words[0], os.path.expanduser(site)), _uid(pid)
        if not environment or uid not in owners.get(instance, ()) or not is_here(pid) or not _runs(pid, words[0]):
            continue
        found.append(
            {
                "pid": pid,
                "uid": uid,
                "instance": instance,
                "revision": revision if revision.isalnum() and len(revision) < 100 else "",
                "environment": environment,
                "started": _started(pid),
                "trial": _trial(environment),
                "tmux": any(command.startswith("tmux") for _pid, command in _ancestors(pid)),
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


def _uid(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None  # gone by now


def _environment(python_path: str, site: str) -> str:
    """Return the environment in ``site`` that an interpreter is the Python of; empty where it is of none."""
    folder = os.path.dirname(os.path.dirname(python_path))
    if (
        python_path != f"{folder}/bin/python"
        or os.path.dirname(folder) != site
        or os.path.basename(folder) in ("", ".", "..")
    ):
        return ""
    return folder


def _is_unchanged(environment_path: str) -> bool:
    """Tell whether nobody but the account that we are can have put another program into the place of an environment's
    Python."""
    try:
        ownership.ours(f"{environment_path}/bin")
        return os.lstat(f"{environment_path}/bin/python").st_uid == os.geteuid()
    except OSError:
        return False


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


def details(
    servers_found: list[dict[str, Any]], script: str, ports: dict[str, list[Any]], run: Command
) -> dict[str, Any]:
    """Look closer, for a report: what runs in the servers, which versions they are, and which certificate each port
    presents.

    :param script: ``busy_kernels.py`` of the role, which asks the kernels.
    :param ports: instance to address and port where it speaks TLS.

    ``processes`` is by process id as text; ``busy`` is None where the kernels could not be asked. ``now`` is this
    host's clock.
    """
    processes: dict[str, dict[str, Any]] = {}
    families = _kernel_files()
    for server in servers_found:
        pid, environment_path = str(server["pid"]), server["environment"]
        with contextlib.suppress(OSError):
            asked = [f"{environment_path}/bin/python", "-I", script, "0", f"{pid}:{server['uid']}"]
            code, out, _err = run(asked) if _is_unchanged(environment_path) else (1, "", "")
            processes[pid] = {
                "environment": environment_path,
                "kernels": len(families.get(server["pid"], ())),
                "busy": _busy(out, pid) if code == 0 else None,
            }
    return {
        "now": time.time(),
        "processes": processes,
        "versions": {
            folder: _versions(folder) for folder in {process["environment"] for process in processes.values()}
        },
        "presented": {name: _presented(*where) for name, where in ports.items()},
    }


def _busy(said: str, pid: str) -> list[str] | None:
    """Return what a server is busy with, by the last line that ``busy_kernels.py`` said; None where that is not what it
    says."""
    try:
        found = json.loads(said.strip().splitlines()[-1])[pid]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return list(found) if isinstance(found, list) and all(isinstance(each, str) for each in found) else None


def _words(pid: int) -> list[str]:
    with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
        return file.read(LARGEST_COMMAND).decode("utf-8", "replace").split("\0")


def _kernel_files() -> dict[int, set[str]]:
    """Map each process to the connection files of the kernels below it; a forked helper of a kernel has the same
    one."""
    found: dict[int, set[str]] = {}
    for entry in glob.glob("/proc/[0-9]*/cmdline"):
        pid = int(entry.split("/")[2])
        try:
            names = [
                word for word in _words(pid) if os.path.basename(word).startswith("kernel-") and word.endswith(".json")
            ]
        except OSError:
            continue  # gone by now
        for above, _command in _ancestors(pid) if names else ():
            found.setdefault(above, set()).update(names)
    return found


def _versions(folder: str) -> dict[str, str]:
    """Return the versions of Jupyter's own packages in an environment, by the folders pip leaves (PEP 376)."""
    found = {}
    for name in ("jupyterlab", "jupyter_server", "notebook"):
        for path in glob.glob(f"{folder}/lib/python3*/site-packages/{name}-*.dist-info"):
            found[name] = os.path.basename(path)[len(name) + 1 : -len(".dist-info")]
    return found


def _presented(address: str, port: int) -> str | None:
    """Return the certificate that a port presents, as PEM, whoever signed it; None where nothing speaks TLS there."""
    import ssl

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    def certificate() -> str:
        with socket.create_connection((address, port), 5) as plain, context.wrap_socket(plain) as encrypted:
            return ssl.DER_cert_to_PEM_cert(encrypted.getpeercert(True) or b"")

    try:
        # Apart: whoever holds the port may send a byte every four seconds.
        return str(other_account.call("", certificate, seconds=10, limit=1 << 16))
    except OSError:
        return None


def _ancestors(pid: int) -> Iterator[tuple[int, str]]:
    """Yield process id and command name of the parent of ``pid``, of its parent, and so on (proc_pid_stat(5))."""
    while pid > 1:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                pid = int(file.read().rpartition(")")[2].split()[1])
            with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                yield pid, file.read().strip()
        except OSError:
            return


def _started(pid: int) -> float:
    """Return when a process began, in seconds since the epoch (field 22 of proc_pid_stat(5), after the boot)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            ticks = int(file.read().rpartition(")")[2].split()[19])
        with open("/proc/stat", encoding="ascii") as file:
            boot = next(int(line.split()[1]) for line in file if line.startswith("btime"))
    except OSError:
        return 0.0
    return boot + ticks / os.sysconf("SC_CLK_TCK")


def listeners(ports: list[int], likely: dict[int, int]) -> dict[str, dict[str, Any]]:
    """Say who listens on each of ``ports``; a port nobody listens on is left out. Keys are decimal text.

    :param likely: process ids to look at first, and whose they are; all others only where those do not hold every
        socket.

    ``loopback`` tells that it is reached from the host itself only, ``everywhere`` that it listens at every address.
    Whoever listens at 127.0.0.2 and the like is left out: nobody is sent there, every account may do it, and it must be
    in nobody's way.
    ``pid`` and ``command`` are None where the process cannot be told: without root, and in containers without
    CAP_SYS_PTRACE.
    ``unit`` is the unit of systemd that has started it, where one has, and ``users`` tells that it is one of the
    account's own systemd. Where the process cannot be told it is the only unit that runs anything as that account;
    where there are several, none. Where several listen, each at another address, ``also`` holds those after the first
    one: what is at 127.0.0.1 need not be at ::1.
    """
    found: dict[str, dict[str, Any]] = {}
    owners: dict[str, list[dict[str, Any]]] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as file:
                rows = [line.split() for line in file][1:]
        except OSError:
            continue
        for row in rows:
            port = int(row[1].rpartition(":")[2], 16)
            if row[3] != "0A" or port not in ports:  # TCP_LISTEN (include/net/tcp_states.h)
                continue
            address = _address(row[1].rpartition(":")[0])
            if address.is_loopback and str(address) not in ("127.0.0.1", "::1"):
                continue
            where = {"loopback": address.is_loopback, "everywhere": address.is_unspecified}
            account = {"uid": int(row[7]), "account": _name(pwd.getpwuid, int(row[7]))}
            found[f"socket:[{row[9]}]"] = {"pid": None, "command": None, **where, **account}
            owners.setdefault(str(port), []).append(found[f"socket:[{row[9]}]"])
    sockets = dict(found)
    for pid in (*likely, *map(int, filter(str.isdigit, os.listdir("/proc")))):
        if not sockets:
            break
        try:
            for link in _opened(pid):
                owner = sockets.pop(link, None)
                if owner:
                    with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                        owner.update(pid=pid, command=_printable(file.read()), **_unit_of(pid))
        except PermissionError:
            # What holds for one process of another account holds for all of it (ptrace(2)): to ask hundreds of others
            # would tell no more.
            if likely.get(pid, os.geteuid()) != os.geteuid():
                sockets = {name: owner for name, owner in sockets.items() if owner["uid"] != likely[pid]}
        except OSError:
            continue  # gone by now
    for owner in found.values():
        if owner["pid"] is None:
            owner.update(_only_unit(owner["uid"]))
    return {port: _together(each) for port, each in owners.items()}


def _unit_of(pid: int | str) -> dict[str, Any]:
    """Return the service that a process belongs to, by its control group (systemd.resource-control(5)): anybody may
    read that."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as file:
            paths = [
                line.rstrip("\n").split(":", 2)[2]
                for line in file
                if line.startswith("0::") or ":name=systemd:" in line
            ]
    except (OSError, IndexError):
        return {}
    for path in paths:
        name = posixpath.basename(path)
        if UNIT_NAME.fullmatch(name) and not name.startswith("user@"):
            return {"unit": name, "users": "/user@" in path}
    return {}


def _only_unit(uid: int) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{pid}").st_uid == uid:
                unit = _unit_of(pid)
                found.setdefault(unit.get("unit", ""), unit)
    found.pop("", None)
    return next(iter(found.values())) if len(found) == 1 else {}


def _together(owners: list[dict[str, Any]]) -> dict[str, Any]:
    """Describe who listens on one port: once for each process, or account where that cannot be told, and kind of
    address."""
    # Any account may listen at an address of the host's own, as often as it likes: those who may be in a server's way
    # come first.
    owners.sort(key=lambda owner: not (owner["loopback"] or owner["everywhere"]))
    first, *others = {
        (owner["pid"], owner["uid"], owner["loopback"], owner["everywhere"]): owner for owner in owners
    }.values()
    return {**first, **({"also": others[:SEVERAL]} if others else {})}


def _printable(text: str) -> str:
    """Return a text that its process chose, without what a terminal would take for a command."""
    return "".join(character if character.isprintable() else "?" for character in text.strip())


def _opened(pid: int) -> Iterator[str]:
    """Yield what each open descriptor of a process is (proc_pid_fd(5)). Raises PermissionError where this account may
    not look."""
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed by now
            yield os.readlink(f"/proc/{pid}/fd/{descriptor}")


def _address(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Read an address of /proc/net/tcp or tcp6: hexadecimal, in words of the machine's own byte order (proc(5))."""
    words = [
        bytes.fromhex(address[start : start + 8])[:: -1 if sys.byteorder == "little" else 1]
        for start in range(0, len(address), 8)
    ]
    found = ipaddress.ip_address(b"".join(words))
    return getattr(found, "ipv4_mapped", None) or found


def options(patterns: list[str]) -> Callable[[], dict[str, dict[str, Any]]]:
    """Begin to say which options each configuration file of Jupyter sets, and what is wrong with it; return what waits
    for the answer.

    Names and no value, for that may be a hash. Nothing of it is executed. What lies in a home is listed and read with
    the rights of its account, in a process of its own: it may be a link to anywhere, a pipe, a device, endless, or
    nested so deeply that a parser gives up.
    """
    by_account: dict[str, list[str]] = {}
    for pattern in patterns:
        by_account.setdefault(pattern[1:].partition("/")[0] if pattern.startswith("~") else "", []).append(pattern)
    # An account that this run is to make has no home yet.
    there = {name: each for name, each in by_account.items() if not os.path.expanduser(f"~{name}").startswith("~")}
    begun = [(each, name, _begin_options(each, name)) for name, each in there.items()]

    def answer() -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for each, name, told in begun:
            alone: list[tuple[str, Callable[[], Any]]] = []
            try:
                found.update(told())
            except OSError:
                # One of them is to blame: each by itself. Those whose names are the account's to choose are left out.
                names = expand([pattern for pattern in each if "*" not in pattern])
                alone = [(path, _begin_options([glob.escape(path)], name)) for path in names]
            for path, one in alone:
                try:
                    found.update(one())
                except OSError as error:
                    found[path] = {"options": [], "error": f"it takes too long, or too much memory ({error.strerror})."}
        return found

    return answer


def _begin_options(patterns: list[str], account_name: str) -> Callable[[], Any]:
    def read() -> dict[str, dict[str, Any]]:
        return {name: _options_of(name) for name in expand(patterns)[:MANY]}

    return other_account.begin(
        read, account_name, seconds=SECONDS_OPTIONS, limit=LARGEST_OPTIONS, memory=other_account.MEMORY
    )


def _options_of(path: str) -> dict[str, Any]:
    try:
        text = other_account.content(path, LARGEST_OPTIONS).decode("utf-8", "replace")
        if os.path.basename(path) == "kernel.json":
            return {"options": [], "error": _kernel_error(text)}
        if path.endswith((".json", ".py")):
            return {"options": sorted(filter(config_file.is_name, config_file.parse(text, path)))[:MANY], "error": ""}
        return {"options": [], "error": ""}
    except OSError as error:
        return {"options": [], "error": f"{error.strerror}."}
    except ValueError as error:
        return {"options": [], "error": f"{_printable(str(error))[:200].rstrip('.')}."}


def _kernel_error(text: str) -> str:
    """Say why a kernelspec starts no kernel, as far as it tells (jupyter-client.readthedocs.io, "Kernel specs")."""
    spec = json.loads(text)
    command = spec.get("argv") if isinstance(spec, dict) else None
    if not isinstance(command, list) or not command or not isinstance(command[0], str):
        return "it names no program (argv)."
    if os.path.isabs(command[0]) and not os.path.exists(command[0]):
        return f"its program {_printable(command[0])[:200]} is not there."
    return ""


def aside(patterns: list[str], things: list[dict[str, Any]]) -> list[str]:
    """Return what there is of the files that runs have moved aside, under their new name, and of their old names in the
    manifest."""
    listed = [thing[key] for thing in things if thing["kind"] in ("shadow", "stranger") for key in ("origin", "backup")]
    return sorted({*expand(patterns), *filter(os.path.lexists, listed)})


def units(names: list[str], user: bool, run: Command) -> dict[str, dict[str, str]]:
    """Return LoadState, ActiveState, SubState, UnitFileState, MainPID and NeedDaemonReload of each unit, as systemd
    says them."""
    if not names:
        return {}
    # A login that did not come through PAM has no such variable (sudo, su, cron); pam_systemd(8) would have set it to
    # this.
    runtime = f"/run/user/{os.geteuid()}"
    ask = ["env", f"XDG_RUNTIME_DIR={runtime}", "systemctl", "--user"] if user else ["systemctl"]
    fields = "Id,LoadState,ActiveState,SubState,UnitFileState,MainPID,NeedDaemonReload"
    code, out, err = run([*ask, "show", f"--property={fields}", *names])
    if code != 0:
        if user and os.path.exists(f"{runtime}/systemd/private"):
            raise OSError(
                f"the systemd of this account does not answer: {err.strip()}"
            )  # and what it runs is not known, which is not nothing
        return {}
    blocks = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in out.strip().split("\n\n")
    ]
    return {block["Id"]: block for block in blocks if "Id" in block}
