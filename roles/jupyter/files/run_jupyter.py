# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a program of Jupyter, its kernels out of reach of other accounts and without its own rights, its pages
compressed, its outputs recorded, and without modules that it never uses: ``run_jupyter.py PROGRAM [ARGUMENT ...]``.

Where rfc3987_syntax is installed, and Jupyter brings it, jsonschema imports it to check international addresses
(``iri`` of JSON Schema's formats), and it compiles 35 grammars meanwhile: half of the time until a server answers
(jsonschema issue 1428). No schema of Jupyter has such an address. So the package is imported when something of it is
called, and not before. Run it with the environment's own Python.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import os
import re
import runpy
import sys
import types
from typing import Any

NAME = "rfc3987_syntax"
#: linux/prctl.h; prctl(2)
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4


class Postponed(types.ModuleType):
    """Stands in for the package until something of it is wanted."""

    def __getattr__(self, name: str) -> object:
        # importlib asks for some of these. Any other attribute needs the package itself.
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(whole(), name)

    @staticmethod
    def is_valid_syntax(term: str, value: str) -> bool:
        """Tell whether ``value`` is a ``term`` of RFC 3987. jsonschema takes this function by name, long before it
        calls it."""
        return bool(whole().is_valid_syntax(term, value))


def whole() -> types.ModuleType:
    """Import the package itself."""
    if isinstance(sys.modules.get(NAME), Postponed):
        del sys.modules[NAME]
    return importlib.import_module(NAME)


def postpone() -> None:
    """Have the package, where there is one, imported on demand."""
    spec = importlib.util.find_spec(NAME)
    if spec is not None:
        module = Postponed(NAME)
        module.__spec__, module.__path__ = spec, spec.submodule_search_locations
        sys.modules[NAME] = module


def beside(name: str) -> types.ModuleType:
    """Import a module that lies beside this one. Root runs this too, and no list would know its bytecode."""
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        return importlib.import_module(name)
    finally:
        sys.dont_write_bytecode = writes


def protect() -> None:
    """Keep other accounts out of the kernels; an environment without jupyter_client starts none."""
    if importlib.util.find_spec("jupyter_client") is not None:
        beside("kernel_channels").protect()


def lighten() -> None:
    """Send the files of pages compressed; an environment without tornado serves none."""
    if importlib.util.find_spec("tornado") is not None:
        beside("light_pages").serve()


def record() -> None:
    """Let the settings name the extension that records outputs: it lies beside this file, where Python would not look
    for it."""
    if importlib.util.find_spec("jupyter_server") is not None:
        beside("browser_connections")
        beside("cell_outputs")
        beside("output_recorder")
        beside("durable_outputs")


def pair(arguments: list[str]) -> None:
    """Let the settings name the parts by which hubs start kernels here, and this hub elsewhere, if their files are
    there."""
    for word in arguments:
        folder = os.path.dirname(word[len("--config=") :]) if word.startswith("--config=") else ""
        for name, needed in (("kernel_keys", ()), ("remote_kernels", ("kernel_answers", "kernel_servers"))):
            if folder and os.path.exists(os.path.join(folder, f"{name}.json")):
                for each in (*needed, name):
                    beside(each)


def keep_capabilities() -> None:
    """Keep the right to a port below 1024 (``AmbientCapabilities=`` of the unit) to this process: the kernels and
    terminals that it starts do not inherit it.

    :raises OSError: where the kernel refuses that; such a server must not start.
    """
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        if not re.search(r"^CapAmb:\s*0*[1-9a-f]", file.read(), re.MULTILINE):
            return
    ctypes = importlib.import_module("ctypes")
    if ctypes.CDLL(None, use_errno=True).prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, f"prctl, PR_CAP_AMBIENT_CLEAR_ALL: {os.strerror(number)}")


def take_variables(arguments: list[str]) -> None:
    """Take the variables that no unit and no command line may show from the file beside the server's settings, where
    there is one."""
    for word in arguments:
        if word.startswith("--config="):
            path = os.path.join(os.path.dirname(word[len("--config=") :]), "environment")
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    variables = json.load(file)
                os.environ.update(variables)
                silence(
                    {
                        password
                        for value in variables.values()
                        for password in re.findall(r"://[^/@:]*:([^/@]+)@", value)
                    }
                )


def forgive_kernels() -> None:
    """Let a file that does not load end the server alone: a kernel whose account has a broken ipython_config.py says
    so, and runs without it."""
    if importlib.util.find_spec("traitlets") is not None:
        importlib.import_module("traitlets.config.application")  # takes the variable when it is imported
        os.environ.pop("TRAITLETS_APPLICATION_RAISE_CONFIG_FILE_ERROR", None)


def silence(passwords: set[str]) -> None:
    """Keep passwords out of the log: JupyterLab writes there which proxy it uses."""
    make = logging.getLogRecordFactory()

    def made(*words: Any, **more: Any) -> logging.LogRecord:
        record = make(*words, **more)
        said = record.getMessage()
        if any(password in said for password in passwords):
            for password in passwords:
                said = said.replace(password, "********")
            record.msg, record.args = said, ()
        return record

    if passwords:
        logging.setLogRecordFactory(made)


def main() -> None:
    keep_capabilities()
    take_variables(sys.argv[1:])
    postpone()
    protect()
    lighten()
    record()
    pair(sys.argv[1:])
    forgive_kernels()
    del sys.argv[0]
    sys.path[0] = os.path.dirname(sys.argv[0])  # as if Python had been given the program
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
