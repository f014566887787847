# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels as data: from the settings of an instance to complete records, and to the file that Jupyter reads. Pure: no
I/O, no Ansible.

A *kernel* is ``{"name", "display_name", "language", "env", ...}`` and one of four kinds: with ``argv`` it is taken as
given; with ``environment`` it runs in an environment that somebody else created; with ``language: R`` it runs the
system's R; else it is a Python with an environment of its own (``python``, ``packages``).

The format is Jupyter's: https://jupyter-client.readthedocs.io/en/stable/kernels.html#kernel-specs
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._records import Kernel

KEYS = (
    "name",
    "display_name",
    "language",
    "python",
    "packages",
    "environment",
    "argv",
    "env",
    "interrupt_mode",
    "metadata",
)
BASE_PACKAGES = ("ipykernel", "pip")
#: How the manual of IRkernel starts it.
R_COMMAND = ("R", "--slave", "-e", "IRkernel::main()", "--args", "{connection_file}")

# The names that jupyter_client accepts, in lower case because clients compare them so.
_NAME = re.compile(r"[a-z0-9._-]+")
#: In the path of an environment. PATH separates folders by a colon, and Jupyter replaces the names in braces and behind
#: a dollar sign in a kernelspec.
_UNFIT = re.compile(r"[\x00-\x1f\x7f:${}]")


def complete(
    given: list[dict[str, Any]], python: str, wrong: Callable[[str], None], unknown: Callable[[str], str]
) -> list[Kernel]:
    """Return the kernels of an instance with every key filled in.

    :param python: the interpreter of the instance, for Python kernels that name none.
    :param wrong: called with one sentence for each mistake.
    :param unknown: gives the sentence about a key that does not exist.
    """
    kernels: list[Kernel] = []
    for entry in given:
        name = str(entry.get("name", ""))
        label = f"kernel '{name or '?'}': "
        for key in entry:
            if key not in KEYS:
                wrong(label + unknown(key))
        if not _NAME.fullmatch(name) or name.strip(".") == "":
            wrong(label + "give it a name of lower-case letters, digits, '-', '_' and '.', for example 'spark'.")
        if name in {kernel["name"] for kernel in kernels}:
            wrong(label + "there are two of that name. Give each its own.")
        kernels.append(_one(entry, name, python, functools.partial(_labelled, wrong, label)))
    return kernels


def _labelled(wrong: Callable[[str], None], label: str, text: str) -> None:
    wrong(label + text)


def _one(entry: dict[str, Any], name: str, python: str, wrong: Callable[[str], None]) -> Kernel:
    kernel: Kernel = {
        "name": name,
        "display_name": str(entry.get("display_name") or name),
        "language": str(entry.get("language") or ("" if entry.get("argv") else "python")),
        "env": entry.get("env") or {},
        "interrupt_mode": entry.get("interrupt_mode") or "signal",
        "metadata": entry.get("metadata") or {},
        "argv": None,
        "existing": "",
        "python": None,
        "packages": [],
    }
    if not isinstance(kernel["env"], dict) or not isinstance(kernel["metadata"], dict):
        wrong("env and metadata are mappings, for example env: {OMP_NUM_THREADS: '4'}.")
        kernel.update(env={}, metadata={})
    kernel["env"] = {str(key): str(value) for key, value in kernel["env"].items()}
    if kernel["interrupt_mode"] not in ("signal", "message"):
        wrong("interrupt_mode is 'signal' or 'message'.")
    own = {"python", "packages"} & {key for key, value in entry.items() if value}
    if entry.get("environment") is not None:
        kernel["existing"] = _existing(entry, kernel["language"], wrong)
        kernel["language"] = "python"
    elif entry.get("argv"):
        argv = entry["argv"]
        if not isinstance(argv, list) or not any("{connection_file}" in str(word) for word in argv):
            wrong("argv is the list of words that starts it, one of them '{connection_file}'.")
        else:
            kernel["argv"] = [str(word) for word in argv]
        if not kernel["language"]:
            wrong("with argv, say its language, too: clients choose the editor's mode and icons by it.")
        if own:
            wrong(
                f"{' and '.join(sorted(own))} belong to a Python kernel that the role installs. Leave out either them"
                " or argv."
            )
    elif kernel["language"].lower() == "r":
        kernel["language"], kernel["argv"] = "R", list(R_COMMAND)
        if own:
            wrong("R brings the system's own packages. Leave python and packages out.")
    elif kernel["language"] == "python":
        packages = entry.get("packages") or []
        if not isinstance(packages, list):
            wrong("packages is a list, for example [pandas].")
            packages = []
        kernel["python"] = str(entry.get("python") or python)
        kernel["packages"] = sorted({*BASE_PACKAGES, *map(str, packages)})
    else:
        wrong(
            f"language '{kernel['language']}' needs argv, the command that starts it; only Python and R are known here."
        )
    return kernel


def _existing(entry: dict[str, Any], language: str, wrong: Callable[[str], None]) -> str:
    """Return the path of an environment that is there, without a slash at its end."""
    path = str(entry["environment"])
    others = [key for key in ("packages", "python", "argv") if entry.get(key)]
    if others:
        wrong(
            f"environment: it names an environment that is there, and is not changed. Leave out either it or"
            f" {' and '.join(others)}."
        )
    if language not in ("", "python"):
        wrong(f"environment: a kernel of an environment is a Python. Leave language: {language} out.")
    if not path.startswith(("/", "~/")) or not path.strip("/~") or {".", ".."} & {*path.split("/")}:
        wrong(
            f"environment: '{path}' is no folder of an environment. Write its path from '/' or from '~/', the account's"
            " home, for example /opt/conda/envs/torch."
        )
    elif _UNFIT.search(path):
        wrong(f"environment: {path!r} holds a character that no kernelspec can hold. Rename the folder.")
    return re.sub("/+", "/", path).rstrip("/")


def spec(kernel: Kernel) -> dict[str, Any]:
    """Return the content of kernel.json. A Python kernel carries ``environment``, the path of its own or of the one
    that is there."""
    env = dict(kernel["env"])
    argv, metadata = kernel["argv"], kernel["metadata"]
    if kernel["python"] or kernel["existing"]:
        folder = kernel["environment"]
        argv = [f"{folder}/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        # A program that a cell starts with `!` comes from this environment, and not from the server's.
        env.setdefault("PATH", f"{folder}/bin:/usr/local/bin:/usr/bin:/bin")
        if kernel.get("conda"):
            # By it, compilers and libraries of conda find their files, as after `conda activate`.
            env.setdefault("CONDA_PREFIX", str(folder))
        metadata = {"debugger": True, **metadata}
    return {
        "argv": argv,
        "display_name": kernel["display_name"],
        "language": kernel["language"],
        "interrupt_mode": kernel["interrupt_mode"],
        "env": env,
        "metadata": metadata,
    }
