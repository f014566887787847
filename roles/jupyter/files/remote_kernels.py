# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List the kernels of other hosts beside the local ones: this server is a hub of kernels.

``remote_kernels.json`` beside the server's settings has the other servers, each with its address, its authority and a
key (kernel_keys.py). Whenever a page asks for the kernels, each server is asked in the background for its own. One that
does not answer stays in the list and is shown as away. kernel_bridge.py runs a kernel there.

The answers are data from another host (kernel_answers.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from kernel_answers import Answer
from kernel_memory import Notebooks, left
from kernel_servers import Gone, Server, read_servers, trust
from traitlets import Unicode

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

#: Seconds that a server has for its answer, and for which an answer is taken as true.
PATIENCE, FRESH = 4.0, 20.0
#: How long a page waits for the first answers. The next time it asks it gets the others.
FIRST = 2.0
#: Servers that are asked at a time, and the largest answer.
AT_ONCE, LONGEST = 16, 256 * 1024
MARK = "remote_kernel"
BRIDGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kernel_bridge.py")


class RemoteKernelSpecManager(KernelSpecManager):
    """The kernels of this server, and those of the others."""

    remote_file = Unicode("", help="The file with the other servers.").tag(config=True)

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._servers: tuple[tuple[int, int], dict[str, dict[str, str]]] = ((0, 0), {})
        self._answers: dict[str, Answer] = {}
        self._away: dict[str, str] = {}
        self._asked = -math.inf  # a clock that counts from the boot may be below FRESH
        self._asking: asyncio.Task[None] | None = None

    def servers(self) -> dict[str, dict[str, str]]:
        """Return the other servers, read again after each change of their file."""
        try:
            state = os.stat(self.remote_file)
            stamp = (state.st_mtime_ns, state.st_ino)
            if stamp != self._servers[0]:
                self._servers, self._asked = (stamp, read_servers(self.remote_file)), -math.inf
        except (OSError, ValueError, LookupError, TypeError) as error:
            self.log.error("The kernels of other hosts cannot be listed: %s", error)
            self._servers = ((0, 0), {})
        return self._servers[1]

    def remote(self) -> dict[str, tuple[str, str]]:
        """Return the server and the kernel there of each kernel that is not of this host."""
        servers = self.servers()
        found = {server: (server, "") for server in servers}
        for server in servers:
            answer = self._answers.get(server)
            for name in answer.kernels if answer else ():
                full = f"{server}-{name}".lower()
                # A server gives names to its own kernels only: `2` of the server `gpu` is none of the server `gpu-2`.
                taken = any(
                    full == other or full.startswith(f"{other}-") for other in servers if len(other) > len(server)
                )
                if name != answer.default and not taken:
                    found[full] = (server, name)
        return found

    # --- instead of the manager's own

    def find_kernel_specs(self) -> dict[str, str]:
        found: dict[str, str] = super().find_kernel_specs()
        logo = found.get("python3") or next(iter(found.values()), "")
        return {**dict.fromkeys(self.remote(), logo), **found}

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        place = self.remote().get(kernel_name)
        if place is None or kernel_name in super().find_kernel_specs():
            return super().get_kernel_spec(kernel_name)
        server, name = place
        host, answer = self.servers()[server]["host"], self._answers.get(server)
        title = answer.names(host, name or answer.default) if answer else host
        # A file that a person opened was written with this name. JupyterLab shows it at the notebook's corner.
        if server in self._away:
            title += " · away"
        return KernelSpec(
            argv=[sys.executable, BRIDGE, self.remote_file, server, name, "{connection_file}"],
            display_name=title,
            language=answer.language(name or answer.default) if answer else "python",
            interrupt_mode="message",
            metadata={MARK: host},
            resource_dir=super().find_kernel_specs().get("python3", ""),
        )

    async def get_all_specs(self) -> dict[str, Any]:  # type: ignore[override]
        self.ask()
        if self._asking and not self._answers.keys() >= self.servers().keys() - self._away.keys():
            await asyncio.wait([self._asking], timeout=FIRST)
        found = super().find_kernel_specs()
        specs = {name: super(RemoteKernelSpecManager, self).get_kernel_spec(name) for name in found}
        specs.update({name: self.get_kernel_spec(name) for name in self.remote() if name not in found})
        return {name: {"resource_dir": each.resource_dir, "spec": each.to_dict()} for name, each in specs.items()}

    # --- the other servers

    def ask(self) -> None:
        """Ask the servers in the background, unless that was done a moment ago."""
        if self._asking is None and time.monotonic() - self._asked > FRESH:
            self._asking = asyncio.ensure_future(self._ask_all())
            self._asking.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._asking, self._asked = None, time.monotonic()
        if not task.cancelled() and task.exception():
            self.log.error("The kernels of other hosts could not be asked for", exc_info=task.exception())

    async def _ask_all(self) -> None:
        from tornado.httpclient import AsyncHTTPClient

        client = AsyncHTTPClient(force_instance=True, max_clients=AT_ONCE, max_body_size=LONGEST)
        try:
            await asyncio.gather(*(self._ask(client, name, server) for name, server in self.servers().items()))
        finally:
            client.close()

    async def _ask(self, client: Any, name: str, server: dict[str, str]) -> None:
        try:
            answer = await client.fetch(
                f"{server['url']}api/remote-kernels",
                headers={"Authorization": f"token {server['key']}"},
                ssl_options=trust(server),
                connect_timeout=PATIENCE,
                request_timeout=PATIENCE,
                follow_redirects=False,
            )
            self._answers[name] = Answer(json.loads(answer.body))
            self._away.pop(name, None)
            for path, kernel in left(f"{server['host']}/{server['instance']}"):
                await self._end(name, path, kernel)
        except Exception as error:  # any fault of another host
            if name not in self._away:
                self.log.warning("The kernels of %s are away: %s", server["host"], error)
            self._away[name] = str(error)

    async def _end(self, name: str, path: str, kernel: str) -> None:
        """End a kernel whose host was away when its notebook was closed."""
        there = Server(self.remote_file, name)
        with contextlib.suppress(Gone):
            await there.call("DELETE", f"kernels/{kernel}")
        there.close()
        os.remove(path)


def load(app: ServerApp) -> None:
    """Have the server write down which notebook a kernel belongs to."""
    specs = app.kernel_spec_manager
    Notebooks(app, lambda name: name in specs.remote())


_load_jupyter_server_extension = load


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "remote_kernels"}]
