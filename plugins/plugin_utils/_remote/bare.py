# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that reads the state of a host, sent through the standard input of the host's Python: the work of the
module ``jupyter_state``, without Ansible's module machinery.

A module costs the control node an archive of ``ansible.module_utils`` and one more round trip to find an interpreter,
and the host the unpacking and the import of that: two thirds of a run that has nothing to do. The same files of
``module_utils`` run here.
"""

from __future__ import annotations

import binascii
import functools
import json
import os
import shlex
import zlib
from typing import Any

from ansible import constants as C
from ansible.plugins.action import ActionBase

from ...module_utils._errors import AnswerError
from ...module_utils._plain import printable
from .._input import answers, words
from . import contact

#: Where the sources lie: they are read, and not imported, for they run on the host.
FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(__file__))), "module_utils")

#: Begins the line of the answer: a login shell may say something of its own before it.
ANSWER = "remote.notebooks "

_PROGRAM = """\
import binascii, json, os, subprocess, sys, types, zlib
from importlib.machinery import ModuleSpec

sources = %(sources)r
asked = json.loads(%(asked)r)
os.environ.update(json.loads(%(environment)r))


class Sources:  # finder and loader in one
    @staticmethod
    def find_spec(name, path=None, target=None):
        if not name.startswith("remote_notebooks."):
            return None
        return ModuleSpec(name, Sources, is_package=name.partition(".")[2] not in sources)

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        name = module.__name__.partition(".")[2]
        if name in sources:  # what is no source is the package of some
            text = zlib.decompress(binascii.a2b_base64(sources[name]))
            exec(compile(text, name.replace(".", "/") + ".py", "exec"), module.__dict__)


package = sys.modules["remote_notebooks"] = types.ModuleType("remote_notebooks")
package.__path__ = []
sys.meta_path.append(Sources)


def run(command):
    environment = dict(os.environ, LANGUAGE="C", LANG="C", LC_ALL="C")
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def firewall():
    from remote_notebooks._firewall.observation import report
    return report.read(run)


def tunnel(asked):
    from remote_notebooks._tunnel import host as _tunnel_host
    return _tunnel_host.read(run=run, **asked)


from remote_notebooks._jupyter.observation import report as observation
os.umask(0o077)
try:
    answer = {"report": observation.report(asked, run, firewall, tunnel)}
except OSError as error:
    answer = {"msg": observation.trouble(error)}
print("\\n" + %(answer)r + json.dumps(dict(answer, python=sys.executable)))
"""

#: So much of the output of a program without an answer is shown.
LAST = 4000


def _folder(name: str) -> tuple[str, ...]:
    """Return all sources in a folder of ``module_utils``."""
    files = sorted(os.listdir(os.path.join(FOLDER, *name.split("."))))
    return tuple(f"{name}.{file[:-3]}" for file in files if file.endswith(".py"))


#: The sources of the program. A host compiles those for firewalls and for tunnel accounts only if the probe asks for
#: them.
SOURCES = (
    *("_errors", "_host.homes", "_host.other_account", "_host.ownership", "_host.processes"),
    *("_jupyter.config_file", *_folder("_jupyter.program"), *_folder("_jupyter.observation")),
    *("_firewall.packet_filter", "_firewall.rules", "_firewall.chains", "_firewall.netfilter.unit"),
    *_folder("_firewall.observation"),
    *("_tunnel.names", "_tunnel.accounts", "_tunnel.server_config"),
    *("_tunnel.sshd", "_tunnel.trial", "_tunnel.host"),
)


@functools.cache
def _packed() -> dict[str, str]:
    """Return the sources, packed: a host unpacks the ones that it needs, and the way there may be a slow one."""
    packed = {}
    for name in SOURCES:
        with open(os.path.join(FOLDER, *name.split(".")) + ".py", "rb") as file:
            packed[name] = binascii.b2a_base64(zlib.compress(file.read(), 3), newline=False).decode()
    return packed


_packed()  # once a run: Ansible forks for each host afterwards


def program(probe: dict[str, Any], environment: dict[str, str]) -> bytes:
    """Return a program that reads what ``probe`` asks for (:func:`_state.probe.probe`), with these variables in its
    environment. Its answer is ``report`` or ``msg``."""
    values = {"sources": _packed(), "asked": json.dumps(probe), "environment": json.dumps(environment)}
    return (_PROGRAM % {**values, "answer": ANSWER}).encode()


def command(interpreters: list[str]) -> str:
    """Return the shell command that runs a program with the first of ``interpreters`` there is."""
    names = " ".join(shlex.quote(name) for name in interpreters)
    text = (
        f'for name in {names}; do found=$(command -v "$name") && exec "$found" -I -S -; done; echo'
        f" '{contact.NO_PYTHON}' >&2; exit 127"
    )
    return f"/bin/sh -c {shlex.quote(text)}"


def answer(text: str) -> dict[str, Any] | None:
    """Return the output of the program, and ``python``, the interpreter. None if there was none."""
    if len(text) > words.MOST:
        raise AnswerError(f"it has {len(text)} characters, and {words.MOST} are the most that make sense")
    lines = [line for line in text.splitlines() if line.startswith(ANSWER)]
    if not lines:
        return None
    said = answers.parse(lines[-1][len(ANSWER) :])
    if not isinstance(said, dict):
        raise AnswerError("it is no dictionary")
    return said


def ask(action: ActionBase, variables: dict[str, Any], probe: dict[str, Any]) -> dict[str, Any] | None:
    """Ask the host of an action for its state. Return the answer, or None where the connection cannot carry the
    program: a module then does the same.

    A program that did not come to an answer is returned as Ansible returns a module of that kind: ``module_stderr`` and
    ``module_stdout``.

    :param variables: those of the task.
    :returns: :func:`_input.answers.observed`, and ``python``, the interpreter, or None where that is no path to run
        again.
    :raises AnsibleActionFail: where the answer is of another shape.
    """
    # A program through standard input has the same requirements as pipelining.
    if not action._is_pipelining_enabled("new"):
        return None
    environment: dict[str, str] = {}
    action._compute_environment_string(environment)
    # Through standard input as well: a variable of a play may be a password, and everybody can read a command line.
    sent = program(probe, {name: str(value) for name, value in environment.items()})
    said = action._low_level_execute_command(command(_interpreters(action, variables)), in_data=sent)
    try:
        found = answer(said["stdout"])
        if found is None:
            return {
                key: printable(said[of][-LAST:], keep="\n\t")
                for key, of in (("module_stderr", "stderr"), ("module_stdout", "stdout"))
            }
        python = answers.python(found.pop("python", None))
        return {**answers.observed(probe)(found, "answer"), "python": python}
    except AnswerError as error:
        raise answers.refused(variables.get("inventory_hostname", "The host"), error) from None


def _interpreters(action: ActionBase, variables: dict[str, Any]) -> list[str]:
    """Return the Pythons to try, by Ansible's own rule: the one that is set, or that was found before, else those it
    looks for."""
    named = action._templar.template(C.config.get_config_value("INTERPRETER_PYTHON", variables=variables))
    if named and not str(named).startswith("auto"):
        return [str(named)]
    found = variables.get("ansible_facts", {}).get("discovered_interpreter_python")
    return (
        [str(found)] if found else list(C.config.get_config_value("INTERPRETER_PYTHON_FALLBACK", variables=variables))
    )
