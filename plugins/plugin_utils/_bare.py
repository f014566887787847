# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One program for the host's Python, sent through its standard input: the observation without Ansible's module machinery.

A module costs the host the start of Python, the unpacking of an archive and the import of ``ansible.module_utils.basic``, and the control
node one more round trip to find an interpreter: two thirds of a run that has nothing to do. The same files of ``module_utils`` run here.
"""

from __future__ import annotations

import binascii
import json
import os
import shlex
import zlib
from typing import Any

#: Where the sources lie: they are read, and not imported, for they run on the host.
FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "module_utils")
#: Each after those it imports; after the observation, what is compiled only where a firewall, or a tunnel account, is to be read.
OBSERVATION = ("_options", "_processes", "_observe")
FIREWALL = ("_errors", "_firewall_filter", "_firewall_rules", "_firewall_steps", "_firewall_host")
TUNNEL = ("_errors", "_tunnel_names", "_tunnel", "_tunnel_host")
MODULES = (*OBSERVATION, *FIREWALL, *TUNNEL)

#: Begins the line of the answer: a login shell may say something of its own before it.
ANSWER = "remote.notebooks "

_PROGRAM = """\
import binascii, json, os, subprocess, sys, types, zlib

sources = %(sources)r
probe = json.loads(%(probe)r)
package = types.ModuleType("remote_notebooks")
package.__path__ = []
sys.modules[package.__name__] = package


def load(name):
    module = types.ModuleType("remote_notebooks." + name)
    module.__package__ = package.__name__
    sys.modules[module.__name__] = module
    setattr(package, name, module)
    exec(compile(zlib.decompress(binascii.a2b_base64(sources[name])), name + ".py", "exec"), module.__dict__)
    return module


def run(command):
    environment = dict(os.environ, LANGUAGE="C", LANG="C", LC_ALL="C")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def firewall():
    return [load(name) for name in %(firewall)r][-1].read(run)


def tunnel(asked):
    return [load(name) for name in %(tunnel)r][-1].read(run=run, **asked)


os.umask(0o077)
try:
    answer = {"report": [load(name) for name in %(observation)r][-1].report(probe, run, firewall, tunnel)}
except OSError as error:
    answer = {"msg": "Cannot read the state of this host: %%s. Run with become, or set jupyter_scope: user." %% error}
print("\\n" + %(answer)r + json.dumps(dict(answer, python=sys.executable)))
"""


def _packed() -> dict[str, str]:
    packed = {}
    for name in MODULES:
        with open(os.path.join(FOLDER, f"{name}.py"), "rb") as file:
            packed[name] = binascii.b2a_base64(zlib.compress(file.read(), 3), newline=False).decode()
    return packed


#: The files, packed: a host unpacks what it needs, and the way there may be a slow one. Once a run: Ansible forks for each host afterwards.
SOURCES = _packed()


def program(probe: dict[str, Any]) -> bytes:
    """Return the program that answers ``probe`` (:func:`_state.probe`)."""
    what = {"sources": SOURCES, "probe": json.dumps(probe)}
    return (_PROGRAM % {**what, "observation": OBSERVATION, "firewall": FIREWALL, "tunnel": TUNNEL, "answer": ANSWER}).encode()


def command(interpreters: list[str]) -> str:
    """Return the shell command that runs a program with the first of ``interpreters`` there is."""
    names = " ".join(shlex.quote(name) for name in interpreters)
    text = f'for name in {names}; do found=$(command -v "$name") && exec "$found" -I -S -; done; echo \'python interpreter not found\' >&2; exit 127'
    return f"/bin/sh -c {shlex.quote(text)}"


def answer(text: str) -> dict[str, Any] | None:
    """Return what the program said: ``report`` or ``msg``, and ``python``, the interpreter; None where it did not come to that."""
    lines = [line for line in text.splitlines() if line.startswith(ANSWER)]
    return dict(json.loads(lines[-1][len(ANSWER) :])) if lines else None
