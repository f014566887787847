# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let the hubs of other hosts start kernels in this server: each has a key that opens the interface of kernels and
nothing else.

The keys are in ``kernel_keys.json`` beside the server's settings, by the name of the hub, as SHA-256: nothing on this
host opens another one. A key has 256 random bits, so that a slow hash would add nothing. The file is read again after
each change of it, so that a new hub needs no restart.

A kernel can do what its account can. A key adds no more to that, and takes no part of it away: it gives no terminal, no
file, no page and no login. It ends, with its open connections, once the file has it no more. remote_kernels.py is the
other side.

A hub ends its kernels itself. One that it cannot end, because it never comes back or was gone before the kernel had
started, is ended here after three days in which nobody was connected to it and nothing ran in it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import platform
import re
import time
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.auth.identity import PasswordIdentityProvider, User
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import ensure_async, url_path_join
from tornado import web
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.websocket import WebSocketHandler
from traitlets import Integer, Unicode

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp
    from jupyter_server.services.kernels.kernelmanager import MappingKernelManager
    from tornado.web import RequestHandler

#: The resources below ``api/`` that a key opens.
OPEN = re.compile(r"api/(kernels|remote-kernels|durable-outputs)(/[\w/-]*)?\Z")
#: The file is small: fifty hubs take 5 KB.
LONGEST = 1024 * 1024
#: Milliseconds between two looks whether the key of an open connection still counts.
LOOK = 2000
#: Seconds between two looks for kernels that nobody will end.
ROUND = 3600
#: The names of GPUs, as the driver by NVIDIA lists them.
CARDS, MOST_CARDS = "/proc/driver/nvidia/gpus", 16


class KernelKeys(PasswordIdentityProvider):
    """The login of this server, and beside it the keys of hubs."""

    key_file = Unicode("", help="The file with the digests of the keys, by hub.").tag(config=True)
    # A weekend passes: a hub that was switched off on Friday finds its kernels on Monday.
    abandoned_after = Integer(
        3 * 24 * 3600, help="Seconds without a cell and a connection after which a hub's kernel is ended."
    ).tag(config=True)

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._read: tuple[tuple[int, int], dict[str, str]] = ((0, 0), {})
        #: The hub that started a kernel, and when that was last in use (seconds of time.monotonic).
        self._started: dict[str, tuple[str, float]] = {}

    def get_user(self, handler: RequestHandler) -> Any:
        hub = self.hub(handler)
        if hub is None:
            return super().get_user(handler)
        handler._token_authenticated = True  # a program sends it, and no page of another site can
        if isinstance(handler, WebSocketHandler):
            self._watch(handler, hub)
        elif handler.request.method == "POST":
            self._remember(handler, hub)
        return User(username=f"hub {hub}", name=f"The hub {hub}")

    def hub(self, handler: RequestHandler) -> str | None:
        """Return the name of the hub that a request comes from, or None."""
        scheme, _blank, key = handler.request.headers.get("Authorization", "").partition(" ")
        base = handler.settings.get("base_url", "/")
        path = handler.request.path
        if scheme.lower() != "token" or not path.startswith(base) or not OPEN.match(path[len(base) :]):
            return None
        digest = hashlib.sha256(key.strip().encode()).hexdigest()
        return next((hub for hub, known in self.digests().items() if hmac.compare_digest(known, digest)), None)

    def _watch(self, line: WebSocketHandler, hub: str) -> None:
        """End a connection soon after its key is withdrawn: it was asked for at the beginning only."""
        digest = self.digests().get(hub)

        def look() -> None:
            if line.ws_connection is not None and self.digests().get(hub) != digest:
                line.close(1008, "the key was withdrawn")
            if line.ws_connection is None or line.ws_connection.is_closing():
                timer.stop()

        timer = PeriodicCallback(look, LOOK)
        # The handshake comes after this.
        IOLoop.current().call_later(LOOK / 1000, timer.start)

    def _remember(self, handler: RequestHandler, hub: str) -> None:
        """Remember the kernel that a request starts, also if nobody waits for the answer any more."""
        finish = handler.on_finish

        def on_finish() -> None:
            finish()
            if handler.get_status() == 201:  # created: Location names it
                self._started[handler._headers.get("Location", "").rpartition("/")[2]] = hub, time.monotonic()

        handler.on_finish = on_finish  # type: ignore[method-assign]

    async def end_abandoned(self, kernels: MappingKernelManager) -> None:
        """End the kernels of hubs that nobody has used for ``abandoned_after`` seconds."""
        now = time.monotonic()
        for kernel, (hub, used) in list(self._started.items()):
            if kernel not in kernels:
                del self._started[kernel]
                continue
            model = kernels.kernel_model(kernel)
            if model["connections"] or model["execution_state"] == "busy":
                self._started[kernel] = hub, now
            elif now - used >= self.abandoned_after:
                self.log.warning("The kernel %s is ended: its hub %s has left it", kernel, hub)
                await ensure_async(kernels.shutdown_kernel(kernel))

    def digests(self) -> dict[str, str]:
        """Return the digest of each hub's key. Without a file that can be read, no key opens anything."""
        try:
            state = os.stat(self.key_file)
            stamp = (state.st_mtime_ns, state.st_ino)
            if self._read[0] != stamp:
                with open(self.key_file, encoding="utf-8") as file:
                    found = json.loads(file.read(LONGEST))
                self._read = (stamp, {str(hub): str(digest) for hub, digest in found.items()})
        except (OSError, ValueError, AttributeError) as error:
            self.log.error("The keys of hubs cannot be read, and none is accepted: %s", error)
            self._read = ((0, 0), {})
        return self._read[1]


class About(APIHandler):
    """What a hub shows of this server's kernels."""

    auth_resource = "kernelspecs"

    @web.authenticated
    @authorized
    async def get(self) -> None:
        specs = self.kernel_spec_manager.get_all_specs()
        found = await specs if hasattr(specs, "__await__") else specs
        kernels = {
            name: {"display_name": each["spec"]["display_name"], "language": each["spec"]["language"]}
            for name, each in found.items()
            if not each["spec"].get("metadata", {}).get("remote_kernel")  # a hub passes no other's kernels on
        }
        self.finish(
            {
                "default": self.kernel_manager.default_kernel_name,
                "kernels": kernels,
                "python": platform.python_version(),
                "cards": cards(),
            }
        )


def cards() -> list[str]:
    """Return the names of the GPUs, as many as there are."""
    found = []
    for folder in sorted(os.listdir(CARDS))[:MOST_CARDS] if os.path.isdir(CARDS) else ():
        try:
            with open(f"{CARDS}/{folder}/information", encoding="utf-8", errors="replace") as file:
                lines = file.read(4096).splitlines()
        except OSError:
            continue
        found += [line.partition(":")[2].strip()[:60] for line in lines if line.startswith("Model:")]
    return found


def load(app: ServerApp) -> None:
    app.web_app.add_handlers(".*$", [(url_path_join(app.base_url, "api/remote-kernels"), About)])
    keys = app.identity_provider
    seconds = min(ROUND, keys.abandoned_after)
    # It lives as long as the server.
    PeriodicCallback(lambda: keys.end_abandoned(app.kernel_manager), 1000 * seconds).start()


_load_jupyter_server_extension = load


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "kernel_keys"}]
