# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the state of a host. Runs on the host, changes nothing, starts as few processes as it can.

Everything here describes; :mod:`_state` compares and decides. Files before processes: a fork costs more than all of /proc.
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
import pwd
import shutil
import socket
import stat
import sys
import time
from typing import Any, Callable, Iterator

from . import _options
from ._processes import is_here

#: The mark in the command line of each server that this collection starts: ``python -X remote_notebooks=<instance>:<revision> ...``.
#: Python ignores -X options it does not know; unlike the environment, the command line of a process may be read without special rights
#: (proc(5)), and its children do not inherit it.
MARK = "remote_notebooks="

#: What an environment was sealed with: its packages, and every file with its size.
SEAL = "remote-notebooks.json"

#: In seconds since the epoch.
YEAR_9999 = 253_370_764_800.0

Command = Callable[["list[str]"], "tuple[int, str, str]"]


def report(probe: dict[str, Any], run: Command, firewall: Callable[[], Any], tunnel: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Describe the host as far as ``probe`` asks (:func:`_state.probe`). Raises OSError where this account may not look.

    :param firewall: reads the firewall; called only where the plan, or an earlier run, has something to do with one.
    :param tunnel: reads the accounts that can only forward, with ``owner`` and ``accounts``; likewise.
    """
    asked = probe.get("tunnel")
    things, machine, started, built = manifest(probe["manifest"]), system(), commands(), expand([probe["environments"]])
    sealed, running = environments(built), servers(probe["environments"], started)
    names = {*expand(probe["paths"])} | {thing["path"] for thing in things if thing.get("path")}
    services = {thing["id"].split(" ", 1)[1] for thing in things if thing["kind"] == "service" and thing["manager"] != "tmux"}
    walled = probe["firewall"] or any(thing["kind"] == "rule" for thing in things)
    if asked:
        asked, mark = {"owner": asked["owner"], "accounts": asked["accounts"]}, asked["mark"]
        tunnelled = machine["uid"] == 0 and bool(asked["accounts"] or any(entry.pw_gecos.split(",")[0] == mark for entry in pwd.getpwall()))
    said = {
        "tunnel": tunnel(asked) if asked and tunnelled else None,
        "firewall": firewall() if walled and machine["uid"] == 0 else None,
        "system": machine,
        "manifest": things,
        "pythons": {name: python(name, run) for name in probe["pythons"]},
        "accounts": {name: account(name) for name in probe["accounts"]},
        "paths": {name: path(name, text=probe["texts"] and os.path.basename(name) not in probe["secret"]) for name in sorted(names)},
        "used": used(built, started),
        "servers": running,
        "shadows": options(expand(probe["shadows"])),
        "aside": aside(probe["aside"], things),
        "listeners": listeners(probe["ports"], {server["pid"]: server["uid"] for server in running}),
        "units": units(sorted({*probe["units"], *services}), probe["user_units"], run) if machine["systemd"] else {},
    }
    said["environments"] = sealed()
    closer = probe.get("details")
    if closer:
        said["details"] = details(running, os.path.expanduser(closer["script"]), closer["ports"], run)
    return said


def expand(names: list[str]) -> list[str]:
    """Return what exists of ``names``, which may begin with ``~`` and hold wildcards (glob(7))."""
    return [found for name in names for found in glob.glob(os.path.expanduser(name))]


def system() -> dict[str, Any]:
    """Describe the machine: release, Python, PID 1, the account we are, commands a service manager needs."""
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
        # Either it lingers already, or polkit may let the account say so for itself (org.freedesktop.login1.set-self-linger).
        "lingers": os.path.exists(f"/var/lib/systemd/linger/{account.pw_name}"),
        "polkit": any(os.path.exists(f"{folder}/polkitd") for folder in ("/usr/lib/polkit-1", "/usr/libexec", "/usr/libexec/polkit-1")),
        "uid": account.pw_uid,
        "user": account.pw_name,
        "group": grp.getgrgid(account.pw_gid).gr_name,
        "home": account.pw_dir,
        # Debian keeps it in a package of its own; without it no virtual environment gets a pip.
        "ensurepip": importlib.util.find_spec("ensurepip") is not None,
        "commands": {name: shutil.which(name) for name in ("tmux", "runuser", "loginctl", "cron", "crond", "R", "fail2ban-client")},
    }


def _libc() -> str:
    """Return for example ``glibc 2.36``; empty where the C library is another."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):
        return ""


def python(wanted: str, run: Command) -> dict[str, Any]:
    """Find the interpreter called ``wanted``: a path, a name on PATH, or ``3.12`` for ``python3.12``.

    ``python3`` is the one Ansible itself uses here. ``open`` tells whether every account may reach it: one below /root serves root alone.
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
    return {"uid": entry.pw_uid, "group": group, "home": entry.pw_dir, "comment": entry.pw_gecos, "shares_group": _is_shared(entry)}


def _is_shared(entry: pwd.struct_passwd) -> bool:
    """Tell whether another account is in the primary group of ``entry``, as far as this host lists them (a directory service may list none)."""
    try:
        members = set(grp.getgrgid(entry.pw_gid).gr_mem)
    except KeyError:
        members = set()
    return bool(members - {entry.pw_name}) or any(other.pw_gid == entry.pw_gid and other.pw_name != entry.pw_name for other in pwd.getpwall())


def path(name: str, text: bool = False) -> dict[str, Any] | None:
    """Describe what is at ``name``, or return None. ``text`` adds the content of a small text file."""
    try:
        found = os.lstat(name)
    except (FileNotFoundError, NotADirectoryError):
        return None
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
        state["target"] = os.readlink(name)
    elif state["kind"] == "directory":
        # What may not be looked into is not empty: it belongs to somebody.
        state["entries"] = len(os.listdir(name)) if os.access(name, os.R_OK) else 1
    elif state["kind"] == "file":
        with open(name, "rb") as file:
            content = file.read()
        state["digest"] = hashlib.sha256(content).hexdigest()
        if text:
            state["text"] = content.decode("utf-8", "replace")
    return state


def _name(lookup: Callable[[int], Any], number: int) -> str:
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)


def environment(folder: str) -> dict[str, Any]:
    """Compare an environment with its seal.

    :returns: ``{"sealed": bool, "missing": [relative path, ...] (ten at most), "built": seconds since the epoch, "before": path or None}``;
        ``before`` is the environment whose place it took.
    """
    return environments([folder])()[folder]


def environments(folders: list[str]) -> Callable[[], dict[str, dict[str, Any]]]:
    """Begin to compare each environment with its seal (:func:`environment`); return what waits for the answer.

    To ask for the sizes of thousands of files is most of what a host has to do: other processes do it, one a core, while this one goes on.
    """
    found: dict[str, dict[str, Any]] = {}
    files: list[tuple[str, str, int]] = []
    for folder in folders:
        try:
            with open(os.path.join(folder, SEAL), encoding="utf-8") as file:
                seal = json.load(file)
                files += [(folder, name, size) for name, size in seal["files"].items()]
        except (OSError, ValueError, KeyError):
            found[folder] = {"sealed": False, "missing": []}
            continue
        found[folder] = {"sealed": True, "missing": [], "built": seal.get("built"), "before": seal.get("before")}
    share = len(files) // min(4, len(os.sched_getaffinity(0))) + 1
    parts = [files[first : first + share] for first in range(0, len(files), share)]
    answers = [_apart(lambda part=part: _differing(part)) for part in parts]  # type: ignore[misc]

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


def _apart(function: Callable[[], Any]) -> Callable[[], Any]:
    """Let another process call ``function``; return what waits for its answer, and raises OSError where there is none."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            with open(writing, "w", encoding="ascii") as file:
                json.dump(function(), file)
            code = 0
        finally:
            os._exit(code)  # nothing of what this process would do at its end
    os.close(writing)

    def answer() -> Any:
        with open(reading, encoding="ascii") as file:
            text = file.read()
        if os.waitpid(pid, 0)[1] != 0:
            raise OSError("a process that looked at the files of the environments was ended")
        return json.loads(text)

    return answer


def manifest(name: str) -> list[dict[str, Any]]:
    """Return the list of things that earlier runs made here; empty where there was no run, or its list is lost.

    The packages that came to the system with them stand beside it, one name a line (``system_packages.sh`` of the role).
    """
    path = os.path.expanduser(name)
    try:
        with open(path, encoding="utf-8") as file:
            things = json.load(file)["things"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    if not isinstance(things, list):
        return []
    try:
        with open(os.path.join(os.path.dirname(path), "installer", "packages"), encoding="utf-8") as file:
            names = file.read().split()
    except OSError:
        names = []
    return [*things, *({"id": f"package {package}", "kind": "package", "instance": "", "ours": True} for package in names)]


def commands() -> list[tuple[int, list[str]]]:
    """Return process id and first words of the command line of each process. Read once: a busy host has hundreds."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb", buffering=0) as file:
                found.append((int(name), file.read(4096).decode("utf-8", "replace").split("\0")))
        except OSError:
            pass  # gone by now
    return found


def used(folders: list[str], started: list[tuple[int, list[str]]]) -> list[str]:
    """Return those of ``folders`` that a process runs the Python of: a server, a kernel, a program started in a terminal."""
    found = set()
    for pid, words in started:
        folder = os.path.dirname(os.path.dirname(words[0]))
        if folder in folders and is_here(pid):
            found.add(folder)
    return sorted(found)


def servers(environments: str, started: list[tuple[int, list[str]]]) -> list[dict[str, Any]]:
    """Find the servers that run now out of ``environments`` (``.../envs/*``), by the mark in their command line.

    Another account of this host may run one of the same name, out of its own home, and so may a container, out of the same path.
    """
    found, folder = [], os.path.dirname(os.path.expanduser(environments))
    for pid, words in started:
        if len(words) < 3 or words[1] != "-X" or not words[2].startswith(MARK) or not words[0].startswith(f"{folder}/"):
            continue
        try:
            uid = os.stat(f"/proc/{pid}").st_uid
        except OSError:
            continue  # gone by now
        if not is_here(pid):
            continue
        instance, _colon, revision = words[2][len(MARK) :].partition(":")
        found.append(
            {
                "pid": pid,
                "uid": uid,
                "instance": instance,
                "revision": revision,
                "started": _started(pid),
                "tmux": any(command.startswith("tmux") for _pid, command in _ancestors(pid)),
            }
        )
    return sorted(found, key=lambda server: int(server["pid"]))


def details(servers_found: list[dict[str, Any]], script: str, ports: dict[str, list[Any]], run: Command) -> dict[str, Any]:
    """Look closer, for a report: what runs in the servers, which versions they are, and which certificate each port presents.

    :param script: ``busy_kernels.py`` of the role, which asks the kernels.
    :param ports: instance to address and port where it speaks TLS.

    ``processes`` is by process id as text; ``busy`` is None where the kernels could not be asked. ``now`` is this host's clock.
    """
    processes: dict[str, dict[str, Any]] = {}
    families = _kernel_files()
    for server in servers_found:
        with contextlib.suppress(OSError):
            python_path = _words(server["pid"])[0]
            code, out, _err = run([python_path, "-I", script, "0", str(server["pid"])])
            processes[str(server["pid"])] = {
                "environment": os.path.dirname(os.path.dirname(python_path)),
                "kernels": len(families.get(server["pid"], ())),
                "busy": json.loads(out)[str(server["pid"])] if code == 0 else None,
            }
    return {
        "now": time.time(),
        "processes": processes,
        "versions": {folder: _versions(folder) for folder in {process["environment"] for process in processes.values()}},
        "presented": {name: _presented(*where) for name, where in ports.items()},
    }


def _words(pid: int) -> list[str]:
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().decode("utf-8", "replace").split("\0")


def _kernel_files() -> dict[int, set[str]]:
    """Map each process to the connection files of the kernels below it; a forked helper of a kernel has the same one."""
    found: dict[int, set[str]] = {}
    for entry in glob.glob("/proc/[0-9]*/cmdline"):
        pid = int(entry.split("/")[2])
        try:
            names = [word for word in _words(pid) if os.path.basename(word).startswith("kernel-") and word.endswith(".json")]
        except OSError:
            continue  # gone by now
        for above, _command in _ancestors(pid) if names else ():
            found.setdefault(above, set()).update(names)
    return found


def _versions(folder: str) -> dict[str, str]:
    """Return the versions of Jupyter's own packages in an environment, by the folders pip leaves (PEP 376)."""
    found = {}
    for name in ("jupyterlab", "jupyter_server"):
        for path in glob.glob(f"{folder}/lib/python3*/site-packages/{name}-*.dist-info"):
            found[name] = os.path.basename(path)[len(name) + 1 : -len(".dist-info")]
    return found


def _presented(address: str, port: int) -> str | None:
    """Return the certificate that a port presents, as PEM, whoever signed it; None where nothing speaks TLS there."""
    import ssl

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((address, port), 5) as plain, context.wrap_socket(plain) as encrypted:
            return ssl.DER_cert_to_PEM_cert(encrypted.getpeercert(True) or b"")
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

    :param likely: process ids to look at first, and whose they are; all others only where those do not hold every socket.

    ``loopback`` tells that it is reached from the host itself only.
    ``pid`` and ``command`` are None where the process cannot be told: without root, and in containers without CAP_SYS_PTRACE.
    Where several listen, each at another address, ``also`` holds those after the first one: what is at 127.0.0.1 need not be at ::1.
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
            if row[3] == "0A" and port in ports:  # TCP_LISTEN (include/net/tcp_states.h)
                account = {"uid": int(row[7]), "account": _name(pwd.getpwuid, int(row[7]))}
                found[f"socket:[{row[9]}]"] = {"pid": None, "command": None, "loopback": _is_loopback(row[1].rpartition(":")[0]), **account}
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
                        owner.update(pid=pid, command=file.read().strip())
        except PermissionError:
            # What holds for one process of another account holds for all of it (ptrace(2)): to ask hundreds of others would tell no more.
            if likely.get(pid, os.geteuid()) != os.geteuid():
                sockets = {name: owner for name, owner in sockets.items() if owner["uid"] != likely[pid]}
        except OSError:
            continue  # gone by now
    return {port: _together(each) for port, each in owners.items()}


def _together(owners: list[dict[str, Any]]) -> dict[str, Any]:
    """Describe who listens on one port: once for each process, or account where that cannot be told."""
    first, *others = {(owner["pid"], owner["uid"]): owner for owner in owners}.values()
    near = all(owner["loopback"] for owner in owners)
    return {**first, "loopback": near, **({"also": others} if others else {})}


def _opened(pid: int) -> Iterator[str]:
    """Yield what each open descriptor of a process is (proc_pid_fd(5)). Raises PermissionError where this account may not look."""
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed by now
            yield os.readlink(f"/proc/{pid}/fd/{descriptor}")


def _is_loopback(address: str) -> bool:
    """Read an address of /proc/net/tcp or tcp6: hexadecimal, in words of the machine's own byte order (proc(5))."""
    words = [bytes.fromhex(address[start : start + 8])[:: -1 if sys.byteorder == "little" else 1] for start in range(0, len(address), 8)]
    found = ipaddress.ip_address(b"".join(words))
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)


def options(names: list[str]) -> dict[str, dict[str, Any]]:
    """Say which options each configuration file of Jupyter sets: names, and no value, for that may be a hash. Nothing of it is executed."""
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        try:
            with open(name, encoding="utf-8", errors="replace") as file:
                found[name] = {"options": sorted(_options.parse(file.read(), name)), "error": ""}
        except (OSError, ValueError) as error:
            found[name] = {"options": [], "error": str(error)}
    return found


def aside(patterns: list[str], things: list[dict[str, Any]]) -> list[str]:
    """Return what there is of the files that runs have moved aside, under their new name, and of their old names in the manifest."""
    listed = [thing[key] for thing in things if thing["kind"] == "shadow" for key in ("origin", "backup")]
    return sorted({*expand(patterns), *filter(os.path.lexists, listed)})


def units(names: list[str], user: bool, run: Command) -> dict[str, dict[str, str]]:
    """Return LoadState, ActiveState, SubState, UnitFileState, MainPID and NeedDaemonReload of each unit, as systemd says them."""
    if not names:
        return {}
    scope = ["--user"] if user else []
    fields = "Id,LoadState,ActiveState,SubState,UnitFileState,MainPID,NeedDaemonReload"
    code, out, _err = run(["systemctl", *scope, "show", f"--property={fields}", *names])
    if code != 0:
        return {}
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in out.strip().split("\n\n")]
    return {block["Id"]: block for block in blocks if "Id" in block}
