# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A closer look at the servers of a host, for a report: kernels, versions, certificates."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import socket
import time
from typing import Any

from ..._host import other_account, ownership
from .servers import ancestors, words_of
from .system import Command

#: The work of all servers together, in bytes of JSON; of one server, as so many names, each of so many characters.
MOST_WORK = 1 << 20
MANY, LONGEST = 100, 200


def _is_unchanged(environment_path: str) -> bool:
    """Tell whether nobody but the account that we are can have put another program into the place of an environment's
    Python."""
    try:
        ownership.ours(f"{environment_path}/bin")
        return os.lstat(f"{environment_path}/bin/python").st_uid == os.geteuid()
    except OSError:
        return False


def details(
    servers_found: list[dict[str, Any]], script: str, ports: dict[str, list[Any]], run: Command
) -> dict[str, Any]:
    """Look closer, for a report: the kernels of the servers, their versions, and the certificate that each port
    presents.

    :param script: ``busy_kernels.py`` of the role, which asks the kernels.
    :param ports: instance to address and port where it speaks TLS.

    ``processes`` is by process id as text; ``busy`` is None where the kernels could not be asked. ``now`` is this
    host's clock.
    """
    processes: dict[str, dict[str, Any]] = {}
    families = _kernel_files()
    share = MOST_WORK // max(len(servers_found), 1)
    for server in servers_found:
        pid, environment_path = str(server["pid"]), server["environment"]
        with contextlib.suppress(OSError):
            asked = [f"{environment_path}/bin/python", "-I", script, "0", f"{pid}:{server['uid']}"]
            code, out, _err = run(asked) if _is_unchanged(environment_path) else (1, "", "")
            processes[pid] = {
                "environment": environment_path,
                "kernels": len(families.get(server["pid"], ())),
                "busy": _within(share, _busy(out, pid)) if code == 0 else None,
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
    """Return the work of a server, by the last line of ``busy_kernels.py``. None if the line is no valid
    answer."""
    try:
        found = json.loads(said.strip().splitlines()[-1])[pid]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return list(found) if isinstance(found, list) and all(isinstance(each, str) for each in found) else None


def _within(share: int, work: list[str] | None) -> list[str] | None:
    """Return as much of the work of a server as fits. None if the server is busy and nothing fits."""
    kept = []
    for name in [each[:LONGEST] for each in (work or [])[:MANY]]:
        share -= len(json.dumps(name))
        if share < 0:
            break
        kept.append(name)
    return kept if kept or work == [] else None


def _kernel_files() -> dict[int, set[str]]:
    """Map each process to the connection files of the kernels below it; a forked helper of a kernel has the same
    one."""
    found: dict[int, set[str]] = {}
    for entry in glob.glob("/proc/[0-9]*/cmdline"):
        pid = int(entry.split("/")[2])
        try:
            names = [
                word
                for word in words_of(pid)
                if os.path.basename(word).startswith("kernel-") and word.endswith(".json")
            ]
        except OSError:
            continue  # gone by now
        for above, _command in ancestors(pid) if names else ():
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
    """Return the certificate that a port presents, as PEM, from any signer; None where nothing speaks TLS there."""
    import ssl

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    def certificate() -> str:
        with socket.create_connection((address, port), 5) as plain, context.wrap_socket(plain) as encrypted:
            return ssl.DER_cert_to_PEM_cert(encrypted.getpeercert(True) or b"")

    try:
        # Apart: the program on the port may send a byte every four seconds.
        return str(other_account.call("", certificate, seconds=10, limit=1 << 16))
    except OSError:
        return None
