# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the files of a host: the comparison and the writing ask the same place."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader

from ..module_utils import _files

#: What the templates use of the variables around them; the lookup copies all that it is given, for each file.
NEEDED = ("ansible_managed", "ansible_search_path", "__jupyter_foreign")


def instance_of(thing: dict[str, Any], instances: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the instance that a file is rendered for: its own, or the first where all share it."""
    return next((item for item in instances if item["name"] == thing["instance"]), next(iter(instances), {}))


def render(action: ActionBase, variables: dict[str, Any], thing: dict[str, Any], instance: dict[str, Any], manifest: list[dict[str, Any]]) -> str:
    """Return the text of a file that is no secret.

    :param action: whose role holds the file. :param variables: those of the task. :param thing: with ``source`` or ``template``.
    :raises FilesError: where a source cannot be read.
    """
    if thing.get("source"):
        return (_files.read(action._find_needle("files", thing["source"])) or b"").decode()
    lookup = lookup_loader.get("ansible.builtin.template", loader=action._loader, templar=action._templar)
    needed = {name: action._templar.template(variables[name]) for name in NEEDED if name in variables}
    own = {"instance": instance, "manifest": manifest, "thing": thing}
    return str(lookup.run([thing["template"]], variables=needed, template_vars=own)[0])
