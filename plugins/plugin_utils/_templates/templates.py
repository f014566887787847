# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of the files on a host: the comparison and the writing use the same functions.

Jinja2 itself, with the settings and the filters of Ansible: its lookup of templates compiles each of them anew for each
host, which took a tenth of the control node's time for a host in a run without changes.
"""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING, Any, cast

import jinja2
from ansible import constants as C
from ansible.plugins.action import ActionBase
from ansible.plugins.filter import core

from ...module_utils._errors import FilesError
from .. import _files
from . import systemd_quoting
from .python_literal import python_literal

if TYPE_CHECKING:
    from .._records import HostInstance, Resource

TEMPLATES = os.path.join(os.path.dirname(__file__), "..", "..", "..", "roles", "jupyter", "templates")

#: Every host has these: they are compiled before Ansible forks.
COMMON = (
    "instance.conf.j2",
    "jupyter@.service.j2",
    "jupyter_server_config.py.j2",
    "limits.conf.j2",
    "manifest.json.j2",
)

#: Variables that would lead a server to other configuration and data, or its Python to other modules. A supervisor
#: takes them from /etc/environment (environment.d(5), PAM), a tmux that no systemd keeps from ~/.bashrc as well.
#: IPython imports from VIRTUAL_ENV.
FOREIGN_VARIABLES = (
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_CONFIG_PATH",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
    "JUPYTER_NO_CONFIG",
    "JUPYTER_PLATFORM_DIRS",
    "JUPYTER_GATEWAY_URL",
    "JUPYTERLAB_DIR",
    "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
    "IPYTHONDIR",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONUSERBASE",
    "PYTHONSAFEPATH",
    "PYTHONSTARTUP",
    "PYTHONWARNINGS",
    "PYTHONOPTIMIZE",
    "PYTHONINSPECT",
    "VIRTUAL_ENV",
)


class _Unknown(jinja2.StrictUndefined):
    """A variable that no template may use: it does not exist. The error is its name."""

    @property
    def _undefined_message(self) -> str:
        return str(self._undefined_name)


def _literal(value: Any) -> str:
    if isinstance(value, jinja2.Undefined):
        value._fail_with_undefined_error()
    return python_literal(value)


def _environment() -> jinja2.Environment:
    made = jinja2.Environment(  # noqa: S701, no HTML
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=_Unknown, trim_blocks=True, optimized=False
    )
    filters = core.FilterModule().filters()
    made.filters.update({name: filters[name] for name in ("comment", "quote", "to_nice_json")})
    made.filters["remote.notebooks.python_literal"] = _literal
    made.filters["systemd_quoted"] = lambda value, form: systemd_quoting.FORMS[form](value)
    for name in COMMON:
        made.get_template(name)
    return made


ENVIRONMENT = _environment()


def instance_of(thing: Resource, instances: list[HostInstance]) -> HostInstance:
    """Return the instance that a file is rendered for: its own, or the first where all share it."""
    first = next(iter(instances), cast("HostInstance", {}))
    return next((item for item in instances if item["name"] == thing["instance"]), first)


def render(
    action: ActionBase,
    variables: dict[str, Any],
    thing: Resource,
    instance: HostInstance,
    manifest: list[Resource],
) -> str:
    """Return the text of a file that is no secret.

    :param action: whose role holds the file. :param variables: those of the task. :param thing: with ``source`` or
        ``template``.
    :raises FilesError: where a source cannot be read, or a template names a variable that does not exist.
    """
    if thing.get("source"):
        return (_files.read(action._find_needle("files", thing["source"])) or b"").decode()
    around = {
        # The setting is one for all files; the variable may be a template of the user's.
        "ansible_managed": action._templar.template(
            variables.get("ansible_managed", C.config.get_config_value("DEFAULT_MANAGED_STR"))
        ),
        "foreign_variables": FOREIGN_VARIABLES,
    }
    try:
        template = ENVIRONMENT.get_template(thing["template"])
        text = template.render(around, instance=instance, manifest=manifest, thing=thing)
    except jinja2.UndefinedError as error:
        raise FilesError(_unknown_variable(error)) from error
    return text if text.endswith("\n") else f"{text}\n"


def _unknown_variable(error: jinja2.UndefinedError) -> str:
    """Return the message for a variable that does not exist: template, line and name."""
    frame = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(".j2")][-1]
    return (
        f"{os.path.basename(frame.filename)}, line {frame.lineno}: there is no variable '{error.message}'. "
        "An option reaches the templates once it stands in meta/argument_specs.yml of the role jupyter."
    )
