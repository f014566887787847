# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check a Jupyter server configuration before it replaces the old one: ``check_config.py FILE [ACCOUNT]``.

Jupyter skips a file with a syntax error, and ignores an option it does not know: a server would start without password
or TLS. So this loads FILE as the server would, and compares every section and option with the classes that are
installed here. Started by root it reads FILE first, then becomes ACCOUNT, because the server must be able to do the
same. No file in the account's home is run or counts: that would be its code outside of its unit, and its
word on settings that are the plan's. Binds no port. One problem a line; ends with 1 if there is any, and with 75 where
the account is not able to have it checked. Run it with the Python of the environment that will run the server, and
through run_jupyter.py, as the server.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import os
import pwd
import sys
import tempfile
from collections.abc import Iterator

os.environ["TRAITLETS_APPLICATION_RAISE_CONFIG_FILE_ERROR"] = "1"

#: Where the classes live that a configuration may set; a package that is not installed has nothing to set.
MODULES = (
    "jupyter_server.serverapp",
    "jupyter_server.auth.identity",
    "jupyter_server.services.contents.largefilemanager",
    "jupyter_server_terminals.terminalmanager",
    "jupyterlab.labapp",
    "nbclassic.notebookapp",
    "notebook.app",
    "kernel_keys",
    "remote_kernels",
)
#: The same for Notebook 6. jupyter_server lies beside it, but the server that runs would skip its names.
MODULES_6 = ("notebook.notebookapp", "notebook.services.contents.largefilemanager", "notebook.terminal")


def is_notebook_6() -> bool:
    """Tell whether this environment runs the server that ended with Notebook 6."""
    return (
        importlib.util.find_spec("notebook") is not None
        and importlib.util.find_spec("notebook.notebookapp") is not None
    )


def become(account: str) -> None:
    """Give up root for good."""
    entry = pwd.getpwnam(account)
    os.initgroups(account, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ.update(HOME=entry.pw_dir, USER=account, LOGNAME=account)


def descendants(parent: type) -> Iterator[type]:
    for child in parent.__subclasses__():
        yield child
        yield from descendants(child)


def unknown(config: dict[str, dict[str, object]]) -> list[str]:
    """Say which sections and options no class has a use for.

    The modules are imported one by one until all are known: those of JupyterLab take a third of the check. The last are
    the extensions that other packages have brought: they have classes of their own, and the server would load them.
    """
    found: list[str] = []
    for module in MODULES_6 if is_notebook_6() else itertools.chain(MODULES, extensions()):
        try:
            importlib.import_module(module)
        except Exception:  # noqa: S112 - an extension may fail in any way; the server reports it, and runs without it
            continue
        known = known_options()
        found = [f"unknown section {section}" for section in config if section not in known]
        found += [
            f"unknown option {section}.{option}"
            for section, options in config.items()
            for option in options
            if section in known and option not in known[section]
        ]
        if not found:
            break
    return found


def extensions() -> Iterator[str]:
    """Name the extensions that are enabled here."""
    from jupyter_core.paths import jupyter_config_path
    from jupyter_server.extension.config import ExtensionConfigManager

    enabled = ExtensionConfigManager(read_config_path=jupyter_config_path()).get_jpserver_extensions()
    yield from sorted(name for name, on in enabled.items() if on)


def known_options() -> dict[str, set[str]]:
    """Map each configurable class that is loaded to the options that may stand under its name: its own, and its
    children's."""
    from traitlets.config import Configurable

    options: dict[str, set[str]] = {}
    for child in descendants(Configurable):
        names = set(child.class_traits(config=True))
        for ancestor in child.__mro__:
            if issubclass(ancestor, Configurable):
                options.setdefault(ancestor.__name__, set()).update(names)
    return options


def problems(path: str) -> Iterator[str]:
    from traitlets.config.loader import PyFileConfigLoader

    try:
        config = PyFileConfigLoader(os.path.basename(path), os.path.dirname(path)).load_config()
    except Exception as error:
        yield f"does not load: {type(error).__name__}: {error}"
        return
    yield from unknown(config)
    yield from server_problems(path)


def is_open_6(arguments: list[str]) -> bool:
    """Let Notebook 6 read the file, and tell whether it would let everybody in; its own initialize() would bind the
    port."""
    from jupyter_core.application import JupyterApp
    from notebook.notebookapp import NotebookApp

    application = NotebookApp()
    JupyterApp.initialize(application, arguments)
    return not application.password and not application.token


def is_open(arguments: list[str]) -> bool:
    """Let the server itself read the file, up to the point where it would bind its port, and tell whether it would let
    everybody in."""
    from jupyter_server.serverapp import ServerApp

    application = ServerApp()
    application.initialize(arguments, find_extensions=False, new_httpserver=False)
    return not application.identity_provider.auth_enabled


def server_problems(path: str) -> list[str]:
    """Say why a server would not start with the file, or start for everybody."""
    tries, folders = (
        (is_open_6, ("NotebookApp.notebook_dir",))
        if is_notebook_6()
        else (is_open, ("ServerApp.root_dir", "ServerApp.preferred_dir"))
    )
    found = []
    # The folder of the notebooks is the account's, and may be gone or shut at any moment. That is no fault of the
    # settings.
    for elsewhere in ([], [f"--{folder}={os.path.dirname(path)}" for folder in folders]):
        try:
            return ["authentication is off"] if tries([f"--config={path}", *elsewhere]) else []
        except SystemExit as error:
            found.append(f"the server refuses to start (exit code {error.code})")
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}")
    return found[:1]


def main() -> int:
    try:
        return checked()
    except OSError as error:
        print(error, file=sys.stderr)
        return 75  # EX_TEMPFAIL of sysexits.h


def checked() -> int:
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    if len(sys.argv) > 2 and os.geteuid() == 0:
        become(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        for name in [name for name in os.environ if name.startswith(("JUPYTER", "IPYTHON"))]:
            del os.environ[name]
        os.environ.update(
            dict.fromkeys(("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"), folder)
        )
        path = os.path.join(folder, "jupyter_server_config.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        found = list(problems(path))
    for problem in found:
        print(problem, file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
