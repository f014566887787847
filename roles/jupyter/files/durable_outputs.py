# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An extension of Jupyter Server: notebooks get the outputs of cells whose browser is gone, and pages show what such a
cell goes on to print.

A server loads it whose configuration names it (``ServerApp.jpserver_extensions``). output_recorder.py does the work,
live_outputs.js is the part of the pages.
"""

from __future__ import annotations

import asyncio
import os
import re
from typing import TYPE_CHECKING, Any

from output_recorder import Recorder

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

#: The script for pages, and its name among their extensions.
SCRIPT, EXTENSION = "live_outputs.js", "remote-notebooks-durable"


def serve(app: ServerApp, recorder: Recorder) -> None:
    """Have pages show what goes on to be printed: the script for them, and the answer that it needs."""
    from jupyter_server.auth.decorator import authorized
    from jupyter_server.base.handlers import APIHandler, JupyterHandler
    from jupyter_server.utils import url_path_join
    from tornado import web

    class Outputs(APIHandler):
        auth_resource = "kernels"

        @web.authenticated
        @authorized
        def get(self, kernel_id: str) -> None:
            outputs = self.get_argument("outputs", "1") == "1"
            words = (self.get_argument("session", ""), outputs, self.get_argument("id", ""))
            self.finish({"executions": recorder.waiting(kernel_id, *words)})

    class Script(JupyterHandler):
        @web.authenticated
        def get(self) -> None:
            self.set_header("Content-Type", "text/javascript; charset=UTF-8")
            with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), SCRIPT), encoding="utf-8") as file:
                self.finish(file.read())

    settings, base = app.web_app.settings, app.base_url
    places = (f"lab/extensions/{EXTENSION}/{SCRIPT}", f"nbextensions/{EXTENSION}/{SCRIPT}")
    app.web_app.add_handlers(
        ".*$",
        [
            (url_path_join(base, r"api/durable-outputs/([\w-]+)"), Outputs),
            *((url_path_join(base, re.escape(place)), Script) for place in places),
        ],
    )
    hook, manager = settings.get("page_config_hook"), settings["config_manager"]
    read = manager.get

    def page_config(handler: Any, config: dict[str, Any]) -> dict[str, Any]:
        """JupyterLab's list of its extensions."""
        config = hook(handler, config) if hook else config
        entry = {"name": EXTENSION, "load": SCRIPT, "extension": "./extension"}
        config["federated_extensions"] = [*config.get("federated_extensions", []), entry]
        return config

    def get(section: str) -> Any:
        """That of the classic pages."""
        found = read(section)
        if section == "notebook":
            name = f"{EXTENSION}/{SCRIPT.removesuffix('.js')}"
            found = {**found, "load_extensions": {**found.get("load_extensions", {}), name: True}}
        return found

    settings["page_config_hook"], manager.get = page_config, get


def load(app: ServerApp) -> None:
    """Have a server record the outputs of its kernels."""
    recorder = Recorder(app)
    kernels, connection = app.kernel_manager, app.kernel_websocket_connection_class
    watch, unwatch = kernels.start_watching_activity, kernels.stop_watching_activity
    connect, disconnect, incoming = connection.connect, connection.disconnect, connection.handle_incoming_message
    end = app.cleanup_kernels

    def start_watching_activity(kernel_id: str) -> None:
        watch(kernel_id)
        recorder.safely(recorder.watch, kernel_id)

    def stop_watching_activity(kernel_id: str) -> None:
        unwatch(kernel_id)
        recorder.safely(recorder.unwatch, kernel_id)

    def connected(self: Any) -> Any:
        recorder.safely(recorder.came, self.session_key, self)
        return connect(self)

    def disconnected(self: Any) -> None:
        disconnect(self)
        recorder.safely(recorder.went, self.session_key, self)

    def handle_incoming_message(self: Any, message: Any) -> None:
        recorder.safely(recorder.request, self.session_key, self.kernel_id, message)
        incoming(self, message)

    async def cleanup_kernels() -> None:
        # In a task of its own: the threads that write files end with the task that used them first (anyio), and this
        # one ends together with the loop, which would leave them waiting.
        await asyncio.ensure_future(recorder.write_all())
        await end()

    kernels.start_watching_activity, kernels.stop_watching_activity = start_watching_activity, stop_watching_activity
    connection.connect, connection.disconnect = connected, disconnected
    connection.handle_incoming_message = handle_incoming_message
    app.contents_manager.get, app.contents_manager.save = recorder.read, recorder.store
    app.cleanup_kernels = cleanup_kernels
    serve(app, recorder)


_load_jupyter_server_extension = load


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "durable_outputs"}]
