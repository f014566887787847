# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the other accounts of this machine out of the channels of kernels.

A kernel listens on ports of the loopback. Input has to be signed, but any program that connects to its output reads it,
and every account can connect. So the channels of a kernel are encrypted, where the kernel and the server's
jupyter_client know how (CurveZMQ: ipykernel 7.4, jupyter_client 8.10); any other kernel gets Unix sockets in a folder
that only its account can enter, or does not start. The settings are obeyed:
``KernelManager.transport: tcp`` lets kernels that do not encrypt listen in clear, and debuggers,
``transport_encryption: disabled`` all of them.

``protect()`` is called before a server starts (run_jupyter.py), and before an environment is tried
(probe_environment.py).
"""

from __future__ import annotations

import glob
import os
import re
import stat
import sys
import threading
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_client.manager import KernelManager
    from jupyter_client.provisioning import LocalProvisioner

#: The limit for the address of a socket (unix(7)), and the part that the name of a kernel's takes: "/", twelve
#: digits, "-" and a number.
LONGEST, LONGEST_NAME = 107, 18
#: The first ipykernel that encrypts.
ENCRYPTS = (7, 4)
#: How long a kernel may take to create its sockets before the log names the fault.
PATIENCE = 60.0
#: Starts ipykernel without its debugger. That listens on the loopback with any kind of channels, asks nobody for a key,
#: and once a person has used it it obeys any account of the machine, in the person's kernel. ipykernel_launcher is told
#: nothing else than by ``-m``.
WITHOUT_DEBUGGER = """\
import runpy, sys
if sys.path[0] == "":
    del sys.path[0]
sys.modules["debugpy.server"] = None  # as if it were not installed
try:
    import ipykernel.debugger
    ipykernel.debugger._is_debugpy_available = False
except ImportError:
    pass
del sys.modules["debugpy.server"]
runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)
"""
HOW_TO_ALLOW = (
    "jupyter_settings: {KernelManager: {transport: tcp}} lets kernels listen where every account of the host can read"
    " what they print."
)


def refused(reason: str) -> Exception:
    """Return an error whose text the browser shows; that of any other stays in the log."""
    from tornado.web import HTTPError

    return HTTPError(500, reason, reason="No channel that other accounts cannot read")


def said(manager: KernelManager) -> dict[str, str]:
    """Return the channels in the configuration itself, under any name of the class."""
    found = {}
    for name in ("transport", "transport_encryption"):
        for kind in type(manager).__mro__:
            section = manager.config.get(kind.__name__, {})
            if name in section:
                found.setdefault(name, str(section[name]).lower())
    return found


def ipykernel_version(argv: list[str]) -> tuple[int, ...] | None:
    """Return the version of ipykernel that a command starts, by the folders of its environment; None where that cannot
    be told."""
    if "ipykernel_launcher" not in argv and "ipykernel" not in argv:
        return None
    python = argv[0]
    prefix = os.path.dirname(os.path.dirname(python)) if os.path.isabs(python) else sys.prefix
    found = glob.glob(os.path.join(glob.escape(prefix), "lib", "python3*", "site-packages", "ipykernel-*.dist-info"))
    numbers = [re.match(r"ipykernel-(\d+)\.(\d+)", os.path.basename(path)) for path in found]
    versions = [(int(number[1]), int(number[2])) for number in numbers if number]
    return min(versions) if versions else None


def declares(metadata: dict[str, Any]) -> bool:
    """Tell whether a kernelspec says that its kernel encrypts."""
    ways = metadata.get("supported_encryption") or []
    return "curve" in [str(way).strip().lower() for way in ([ways] if isinstance(ways, str) else ways)]


def can_encrypt(manager: KernelManager) -> bool:
    """Tell whether both ends can: the server's library, and the kernel."""
    import zmq

    if "transport_encryption" not in manager.trait_names() or not zmq.has("curve"):
        return False
    spec = manager.kernel_spec
    version = ipykernel_version(spec.argv)
    return version >= ENCRYPTS if version else declares(spec.metadata or {})


def is_shut(folder: str) -> bool:
    """Tell whether nobody but this account and root can enter a folder."""
    state = os.lstat(folder)
    return stat.S_ISDIR(state.st_mode) and state.st_uid == os.geteuid() and not state.st_mode & 0o077


def socket_folder() -> str:
    """Return a folder for sockets that only this account can enter, with a path that is short enough."""
    from jupyter_core.paths import jupyter_runtime_dir

    places = [place for place in (jupyter_runtime_dir(), os.environ.get("XDG_RUNTIME_DIR", "")) if place]
    for place in places:
        folder = os.path.join(place, "sockets")
        if len(os.fsencode(folder)) + LONGEST_NAME > LONGEST:
            continue
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if not is_shut(folder):
            raise refused(
                f"{folder} is to be a folder that only its account can enter, for the sockets of kernels. Remove it,"
                " and start the kernel again."
            )
        return folder
    raise refused(
        f"The path of {' and of '.join(places)} is too long for Unix sockets, which this kernel needs: it does not"
        f" encrypt. Give the account a shorter home, or the kernel ipykernel 7.4 or newer. {HOW_TO_ALLOW}"
    )


def way(said: dict[str, str], encrypts: bool) -> str:
    """Choose between ``"curve"``, ``"ipc"`` and ``"plain"``, which is TCP in clear and only taken where the
    configuration says so."""
    if said.get("transport") == "ipc":
        return "ipc"
    if said.get("transport_encryption") == "disabled":
        return "plain"
    if encrypts:
        return "curve"
    return "plain" if said.get("transport") == "tcp" else "ipc"


def settle(manager: KernelManager) -> dict[str, str]:
    """Choose the channels of a kernel that is about to start. Return the arguments of the start beside its own
    arguments."""
    chosen = way(said(manager), can_encrypt(manager))
    if chosen == "curve":
        return {"transport_encryption": "required"}
    if chosen == "ipc":
        folder = socket_folder()
        if (
            os.path.dirname(manager.ip) != folder
        ):  # a kernel that restarts keeps its sockets: its clients go on to use them
            manager.cache_ports = False
            manager.transport = "ipc"
            manager.ip = os.path.join(folder, uuid.uuid4().hex[:12])
    return {}


def without_debugger(command: list[str]) -> list[str]:
    """Return the command of a kernel with the debugger left out, where it is one of ipykernel's own."""
    for place in range(len(command) - 1):
        if command[place] == "-m" and command[place + 1] in ("ipykernel_launcher", "ipykernel"):
            return [*command[:place], "-c", WITHOUT_DEBUGGER, *command[place + 2 :]]
    return command


def guarded(manager: KernelManager, command: list[str]) -> list[str]:
    """Return the command that a kernel is to be started with: where the settings let kernels listen on the loopback,
    the debugger may as well."""
    words = said(manager)
    return command if words.get("transport") == "tcp" or way(words, True) == "plain" else without_debugger(command)


def watch(manager: KernelManager, alive: Callable[[], bool]) -> None:
    """Report the fault if a kernel creates no socket: one without support for them ends, or waits for ever, and the
    browser shows no reason."""
    path = f"{manager.ip}-{manager.shell_port}"
    deadline = time.monotonic() + PATIENCE
    while not os.path.exists(path):
        if not alive() or time.monotonic() > deadline:
            manager.log.error(
                "The kernel %s makes no Unix socket: it ended, or does not know how. %s",
                manager.kernel_name,
                HOW_TO_ALLOW,
            )
            return
        time.sleep(0.5)


def protect() -> None:
    """Have every kernel of this process start with channels that no other account can read."""
    try:
        from jupyter_client.provisioning import LocalProvisioner
    except ImportError:
        _protect_before_provisioners()
        return
    before, launch = LocalProvisioner.pre_launch, LocalProvisioner.launch_kernel

    async def pre_launch(self: LocalProvisioner, **arguments: Any) -> dict[str, Any]:
        return dict(await before(self, **arguments, **(settle(self.parent) if self.parent else {})))

    async def launch_kernel(self: LocalProvisioner, cmd: list[str], **arguments: Any) -> Any:
        info = await launch(self, guarded(self.parent, cmd) if self.parent else cmd, **arguments)
        process = self.process
        if self.parent and self.parent.transport == "ipc" and process:
            # No task of asyncio: where a kernel is started without a loop, none would run it.
            threading.Thread(target=watch, args=(self.parent, lambda: process.poll() is None), daemon=True).start()
        return info

    LocalProvisioner.pre_launch, LocalProvisioner.launch_kernel = pre_launch, launch_kernel


def _protect_before_provisioners() -> None:
    """Do the same for jupyter_client 6, which encrypts nothing."""
    from jupyter_client.manager import KernelManager

    before = KernelManager.pre_start_kernel

    def pre_start_kernel(self: KernelManager, **arguments: Any) -> Any:
        settle(self)
        command, more = before(self, **arguments)
        return guarded(self, command), more

    KernelManager.pre_start_kernel = pre_start_kernel
