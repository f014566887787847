# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try a new environment before anything relies on it: ``probe_environment.py FOLDER [ACCOUNT] < packages``, one
requirement a line.

Started by root it first becomes ACCOUNT, because a server has to do with that account's rights. Then the programs of
Jupyter print their version while a kernel is started, imports the modules of the packages, and computes. Files in the
account's home are left out of it. One problem a line; ends with 1 if there is any. Run it with the environment's own
Python.
"""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import pwd
import queue
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_client.blocking.client import BlockingKernelClient
    from jupyter_client.manager import KernelManager

#: The programs of Jupyter, and the modules that each imports as a whole: no kernel has to do that again, which takes a
#: slow host seconds.
PROGRAMS = {
    "jupyter-server": {"jupyter_server"},
    "jupyter-lab": {"jupyterlab", "jupyter_server"},
    "jupyter-notebook": {"notebook"},
}
#: The client of ACME has an environment of its own.
CLIENT = "certbot=="
#: A caller that stops this is no slow machine, and the caller has a limit of its own, beyond.
SECONDS = 600
#: Runs in the kernel, and leaves there the modules that do not import, with the reason.
CODE = """
import importlib, json
_bad = []
for _package, _module in {modules!r}:
    try:
        importlib.import_module(_module)
    except BaseException as _error:
        _bad.append([_package, _module, type(_error).__name__ + ": " + str(_error)])
"""
#: The expected reply: the kernel computes, and has imported.
ANSWER = "json.dumps([6 * 7, _bad])"


def become(account: str) -> None:
    """Give up root for good."""
    entry = pwd.getpwnam(account)
    os.initgroups(account, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ.update(USER=account, LOGNAME=account)


def modules(requirement: str) -> Iterator[str]:
    """Name the top-level modules that the package of a requirement brings, by the list of files it was installed
    with."""
    try:
        files = importlib.metadata.files(re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0]) or []
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return  # a bare address: the installer knows its name, and nobody else
    parts = [file.parts for file in files]
    names = {part[0] for part in parts if part[1:] == ("__init__.py",)}
    names |= {part[0].split(".")[0] for part in parts if len(part) == 1 and part[0].endswith((".py", ".so"))}
    yield from sorted(name for name in names if name.isidentifier() and not name.startswith("_"))


def programs(folder: str) -> dict[str, subprocess.Popen]:
    """Start the programs that this environment has, as servers are, to say their version. One of which another imports
    everything is left out."""
    there = {name: path for name in PROGRAMS if os.path.exists(path := os.path.join(folder, "bin", name))}
    commands = {
        name: path for name, path in there.items() if not any(PROGRAMS[name] < PROGRAMS[other] for other in there)
    }
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    run = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "run_jupyter.py")]
    return {name: subprocess.Popen([*run, path, "--version"], **pipes) for name, path in commands.items()}


def versions(started: dict[str, subprocess.Popen]) -> Iterator[str]:
    for name, program in started.items():
        try:
            _out, said = program.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            program.kill()
            yield f"{name} --version: no answer within {SECONDS} s"
            continue
        if program.returncode:
            yield f"{name} --version: {(said.strip().splitlines() or ['no answer'])[-1]}"


def client(folder: str) -> list[str]:
    """Start the program of an environment without kernels, to say its version."""
    command = [sys.executable, os.path.join(folder, "bin", "certbot"), "--version"]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return list(versions({"certbot": subprocess.Popen(command, **pipes)}))


def kernel(requirements: list[str], imported: set[str]) -> Iterator[str]:
    """Start a kernel and ask it once. The result comes with the reply: a client that listens to its output first
    waits until there is none."""
    # As a server will start it. Isolated, Python does not look beside the script.
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # nor does anything of its own belong there
    import kernel_channels

    sys.dont_write_bytecode = writes
    from jupyter_client.manager import KernelManager

    kernel_channels.protect()
    pairs = [
        (requirement, module)
        for requirement in requirements
        for module in modules(requirement)
        if module not in imported
    ]
    manager = KernelManager()
    try:
        manager.start_kernel()
    except Exception as error:
        yield f"no kernel starts: {type(error).__name__}: {error}"
        return
    client = manager.blocking_client()
    client.start_channels(iopub=False, stdin=False, hb=False, control=False)
    try:
        asked = client.execute(
            CODE.format(modules=pairs), store_history=False, allow_stdin=False, user_expressions={"answer": ANSWER}
        )
        result, bad = answer(reply(manager, client, asked))
        if result != 42:
            yield f"a kernel starts and does not compute: {result}"
        for package, module, reason in bad:
            # Some import in a process of their own only: setuptools, where another package has brought the standard
            # library's distutils.
            if subprocess.run(
                [sys.executable, "-c", f"import {module}"], check=False, capture_output=True, timeout=SECONDS
            ).returncode:
                yield f"package '{package}': import {module}: {reason}"
    except (TimeoutError, ValueError) as error:
        yield f"a kernel starts and gives no answer: {error}"
    finally:
        client.stop_channels()
        if manager.is_alive():
            manager.signal_kernel(signal.SIGKILL)
        manager.finish_shutdown(pollinterval=0.01)
        manager.cleanup_resources()


def reply(manager: KernelManager, client: BlockingKernelClient, asked: str) -> dict:
    """Wait for the reply to a message, as long as the kernel lives."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            message = client.get_shell_msg(timeout=1)
        except queue.Empty:
            if not manager.is_alive():
                raise TimeoutError("it ended") from None
            continue
        if message["parent_header"].get("msg_id") == asked:
            return dict(message["content"])
    raise TimeoutError(f"within {SECONDS} s")


def answer(content: dict) -> tuple[object, list]:
    """Return the content of an ``execute_reply``
    (https://jupyter-client.readthedocs.io/en/stable/messaging.html#execution-results)."""
    said = content.get("user_expressions", {}).get("answer", content)
    if said.get("status") != "ok":
        return f"{said.get('ename')}: {said.get('evalue')}", []
    return tuple(json.loads(ast.literal_eval(said["data"]["text/plain"])))


def main() -> int:
    folder, account = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    requirements = [line.strip() for line in sys.stdin if line.strip()]
    if account and os.geteuid() == 0:
        become(account)
    os.chdir("/")
    with tempfile.TemporaryDirectory() as home:
        for name in [name for name in os.environ if name.startswith(("JUPYTER", "IPYTHON", "PYTHON"))]:
            del os.environ[name]
        os.environ.update(HOME=home, PYTHONNOUSERSITE="1", PATH=f"{folder}/bin:/usr/local/bin:/usr/bin:/bin")
        if all(requirement.startswith(CLIENT) for requirement in requirements):
            found = client(folder)
        else:
            started = programs(folder)
            imported = {module for name in started for module in PROGRAMS[name]}
            found = [*kernel(requirements, imported), *versions(started)]
    for problem in found:
        print(problem, file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
