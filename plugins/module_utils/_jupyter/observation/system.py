# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine: release, Pythons, PID 1, units of systemd."""

from __future__ import annotations

import grp
import importlib.util
import os
import pwd
import shutil
import socket
import stat
import sys
from typing import Any, Callable

Command = Callable[["list[str]"], "tuple[int, str, str]"]


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
            for name in ("tmux", "runuser", "loginctl", "cron", "crond", "R", "fail2ban-client", "nsupdate")
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


def units(names: list[str], user: bool, run: Command) -> dict[str, dict[str, str]]:
    """Return LoadState, ActiveState, SubState, UnitFileState, MainPID and NeedDaemonReload of each unit, and of a timer
    its next time, as systemd says them."""
    if not names:
        return {}
    # A login that did not come through PAM has no such variable (sudo, su, cron); pam_systemd(8) would have set it to
    # this.
    runtime = f"/run/user/{os.geteuid()}"
    ask = ["env", f"XDG_RUNTIME_DIR={runtime}", "systemctl", "--user"] if user else ["systemctl"]
    fields = "Id,LoadState,ActiveState,SubState,UnitFileState,MainPID,NeedDaemonReload,NextElapseUSecRealtime"
    code, out, err = run([*ask, "show", f"--property={fields}", *names])
    if code != 0:
        if user and os.path.exists(f"{runtime}/systemd/private"):
            raise OSError(
                f"the systemd of this account does not answer: {err.strip()}"
            )  # and its program is unknown, which is not the same as none
        return {}
    blocks = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in out.strip().split("\n\n")
    ]
    return {block["Id"]: block for block in blocks if "Id" in block}
