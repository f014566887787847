# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the files of a host: the comparison and the writing ask the same place.

Jinja2 itself, with the settings and the filters of Ansible: its lookup of templates compiles each of them anew for each
host, which made a tenth of what a host costs the control node in a run that finds nothing to do.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

import jinja2
from ansible import constants as C
from ansible.plugins.action import ActionBase
from ansible.plugins.filter import core

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


def _environment() -> jinja2.Environment:
    made = jinja2.Environment(  # noqa: S701, no HTML
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, trim_blocks=True, optimized=False
    )
    filters = core.FilterModule().filters()
    made.filters.update({name: filters[name] for name in ("comment", "quote", "to_nice_json")})
    made.filters["remote.notebooks.python_literal"] = python_literal
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
    :raises FilesError: where a source cannot be read.
    """
    if thing.get("source"):
        return (_files.read(action._find_needle("files", thing["source"])) or b"").decode()
    around = {
        # The setting is one for all files; the variable may be a template of the user's.
        "ansible_managed": action._templar.template(
            variables.get("ansible_managed", C.config.get_config_value("DEFAULT_MANAGED_STR"))
        ),
        "__jupyter_foreign": action._templar.template(variables.get("__jupyter_foreign")),
    }
    text = ENVIRONMENT.get_template(thing["template"]).render(around, instance=instance, manifest=manifest, thing=thing)
    return text if text.endswith("\n") else f"{text}\n"
