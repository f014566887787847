# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compile the modules of an environment to bytecode: ``compile_environment.py``, run with the environment's own Python.

Nobody but its owner may write there, so each process compiles for itself the imported modules that are not compiled
now. First come the modules that a server and a kernel may import, on all cores. Then this prints ``ready``, lets go of
its output, and goes on with the rest at the lowest priority, on one. Files that do not compile, templates for example,
stay as they are.
"""

from __future__ import annotations

import compileall
import os
import re
import sysconfig

#: The modules that no start imports, by the path below site-packages: half of the work for the default packages. A
#: guess that is wrong costs time, and no more.
LATER = re.compile(
    r"(^|/)tests?/|/pydevd_attach_to_process/"
    r"|^(pip|pygments/lexers"
    r"|jedi|parso|prompt_toolkit|wcwidth"  # completion, and IPython in a terminal
    r"|nbconvert|bleach|tinycss2|bs4|soupsieve|mistune"  # another format of a notebook
    r"|cffi|pycparser|lark)/"
)


def modules() -> tuple[list[str], list[str]]:
    """Return the paths of all modules: those that come first, and the rest."""
    first, rest = [], []
    for top in sorted({os.path.realpath(sysconfig.get_path(name)) for name in ("purelib", "platlib")}):
        for folder, folders, names in os.walk(top):
            folders[:] = [name for name in folders if name != "__pycache__"]
            for path in (os.path.join(folder, name) for name in names if name.endswith(".py")):
                if not os.path.isfile(path):
                    continue  # a link to nowhere
                (rest if LATER.search(os.path.relpath(path, top)) else first).append(path)
    return first, rest


def compiled(paths: list[str]) -> None:
    for path in paths:
        compileall.compile_file(path, quiet=2)


def together(paths: list[str]) -> None:
    """Compile on all cores, which then end at about the same time: each gets as many large ones as the others."""
    processes, cores = [], len(os.sched_getaffinity(0))
    paths.sort(key=os.path.getsize, reverse=True)
    for number in range(cores):
        process = os.fork()
        if process == 0:
            try:
                compiled(paths[number::cores])
            finally:
                os._exit(0)  # nothing of the work that this process would do at its end
        processes.append(process)
    for process in processes:
        os.waitpid(process, 0)


def main() -> None:
    first, rest = modules()
    together(first)
    print("ready", flush=True)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.nice(19)
    compiled(rest)


if __name__ == "__main__":
    main()
