# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a hub about kernels on other hosts, below the account's own data of Jupyter.

``<kernel of the hub>.json`` names the kernel there. kernel_bridge.py writes it, and locks it until its end.
``<kernel of the hub>.notebook`` has the path of the notebook. The server writes it (remote_kernels.py), because it
alone knows: JupyterLab renames a new notebook, and the classic pages tell its name late. By both of them a notebook
finds its kernel again after the hub was killed.
``left-<kernel there>.json`` is a kernel whose host was away when its notebook was closed. The server ends it later.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from jupyter_core.paths import jupyter_data_dir

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

LEFT = "left-"
#: Seconds after which nobody comes back to a kernel: the server there has ended it by then (kernel_keys.py).
OLD = 7 * 24 * 3600


def folder() -> str:
    return os.path.join(jupyter_data_dir(), "remote-kernels")


class Memory:
    """The file of one kernel of the hub. Where the account can write none, it remembers nothing."""

    def __init__(self, connection_file: str, server: str, kernel: str) -> None:
        """
        :param connection_file: that of the hub's kernel: ``kernel-<identifier>.json``.
        :param server: host and instance.
        """
        name = os.path.basename(connection_file)
        self._path = os.path.join(folder(), name[len("kernel-") :] if name.startswith("kernel-") else name)
        self._place = {"server": server, "kernel": kernel}
        self._file = _hold(self._path)

    def read(self) -> str:
        """Return the kernel there that this one, or an earlier one of the same notebook, has left without a farewell;
        empty without one."""
        if self._file is None:
            return ""
        own = _known(self._file, self._place)
        notebook = _text(_notebook(self._path))
        if own or not notebook:
            return own
        for path in glob.glob(os.path.join(glob.escape(folder()), "*.json")):
            if path != self._path and _text(_notebook(path)) == notebook:
                other = _hold(path)
                if other is not None:  # its bridge has ended
                    found = _known(other, self._place)
                    if found:
                        self.write(found)
                        _remove(path)
                    os.close(other)
                    if found:
                        return found
        return ""

    def write(self, kernel: str) -> None:
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, json.dumps({**self._place, "id": kernel}).encode(), 0)

    def forget(self) -> None:
        """There is no kernel any more. The file goes at the end: until then another one may come."""
        if self._file is not None:
            os.ftruncate(self._file, 0)

    def close(self) -> None:
        """Remove the file if there is no kernel."""
        if self._file is not None and not os.fstat(self._file).st_size:
            with contextlib.suppress(OSError):
                os.remove(self._path)


class Notebooks:
    """The server's part: it writes which notebook each kernel of another host belongs to, whenever that changes."""

    def __init__(self, app: ServerApp, is_remote: Callable[[str], bool]) -> None:
        self._app, self._is_remote = app, is_remote
        self._written: dict[str, str] = {}
        manager = app.session_manager
        for name in ("save_session", "update_session", "delete_session"):
            setattr(manager, name, self._then_write(getattr(manager, name)))
        _remove_old()

    def _then_write(self, change: Callable[..., Any]) -> Callable[..., Any]:
        async def changed(*arguments: Any, **more: Any) -> Any:
            answer = await change(*arguments, **more)
            try:
                await self._write()
            except Exception as error:  # the notebook works without it
                self._app.log.error("The notebooks of kernels on other hosts cannot be written down: %s", error)
            return answer

        return changed

    async def _write(self) -> None:
        found = {
            str(session["kernel"]["id"]): os.path.join(self._app.root_dir, str(session["path"]).strip("/"))
            for session in await self._app.session_manager.list_sessions()
            if session.get("type") == "notebook" and self._is_remote(session["kernel"]["name"])
        }
        for kernel, path in found.items():
            if self._written.get(kernel) != path:
                os.makedirs(folder(), mode=0o700, exist_ok=True)
                with _private(os.path.join(folder(), f"{uuid.UUID(kernel)}.notebook")) as file:
                    file.write(path)
        for kernel in self._written.keys() - found.keys():
            _remove(os.path.join(folder(), f"{kernel}.notebook"))
        self._written = found


def leave(server: str, kernel: str) -> None:
    """Record a kernel that has to be ended once its host answers again."""
    with contextlib.suppress(OSError):
        os.makedirs(folder(), mode=0o700, exist_ok=True)
        with _private(os.path.join(folder(), f"{LEFT}{kernel}.json")) as file:
            json.dump({"server": server}, file)


def left(server: str) -> Iterator[tuple[str, str]]:
    """Yield file and kernel of each that has to be ended in a server."""
    for path in glob.glob(os.path.join(glob.escape(folder()), f"{LEFT}*.json")):
        with contextlib.suppress(ValueError, LookupError, TypeError):
            if json.loads(_text(path))["server"] == server:
                yield path, str(uuid.UUID(os.path.basename(path)[len(LEFT) : -len(".json")]))


def _notebook(path: str) -> str:
    return f"{path[: -len('.json')]}.notebook"


def _text(path: str) -> str:
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return file.read(4096)
    return ""


def _private(path: str) -> Any:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w", encoding="utf-8")


def _known(file: int, place: dict[str, str]) -> str:
    """Return the kernel in an open file, if it is one of that place."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
        found = json.loads(os.pread(file, 4096, 0))
        if {key: found[key] for key in place} == place:
            return str(uuid.UUID(found["id"]))
    return ""


def _remove(path: str) -> None:
    for each in (path, _notebook(path)) if path.endswith(".json") else (path,):
        with contextlib.suppress(OSError):
            os.remove(each)


def _remove_old() -> None:
    """Remove the files of kernels to which nobody has come back."""
    for path in glob.glob(os.path.join(glob.escape(folder()), "*")):
        with contextlib.suppress(OSError):
            if time.time() - os.stat(path).st_mtime > OLD:
                file = _hold(path) if path.endswith(".json") else None
                if file is not None:
                    os.close(file)
                if file is not None or not os.path.exists(f"{path.rpartition('.')[0]}.json"):
                    os.remove(path)


def _hold(path: str) -> int | None:
    """Open a file and lock it. None if another program has it, or the account can write none."""
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.stat(path).st_ino == os.fstat(descriptor).st_ino:
                    return descriptor
            except FileNotFoundError:
                pass  # the program before has just removed it
            except OSError:
                os.close(descriptor)
                return None
            os.close(descriptor)
    except OSError:
        return None
