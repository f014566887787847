# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration beside ours: which file says what, and who wins. Pure: no I/O, no Ansible.

Our file is passed with ``--config``. That stands in for every other ``jupyter_server_config``, and for nothing else: ``jupyter_config``,
``jupyter_lab_config`` and ``jupyter_notebook_config`` of each folder are merged in, option by option, below ours (traitlets and jupyter_core;
tried with jupyter_server 2.21.1 and JupyterLab 4.6). So what ours leaves open, they decide.
"""

from __future__ import annotations

from typing import Any

from ._migration import GONE, new_name
from ._plan import PLANNED_SETTINGS

#: Read beside ``--config``; jupyter_server_config is not, so a person may believe in what nobody reads.
FOLDERS = ("/usr/local/etc/jupyter", "/etc/jupyter")
NAMES = ("jupyter_config", "jupyter_server_config", "jupyter_lab_config", "jupyter_notebook_config")

#: What our template sets beside :data:`_plan.PLANNED_SETTINGS`.
OURS = {
    *PLANNED_SETTINGS,
    "ServerApp.open_browser",
    "ServerApp.quit_button",
    "ServerApp.allow_unauthenticated_access",
    "PasswordIdentityProvider.allow_password_change",
}


def places(plan: dict[str, Any]) -> list[str]:
    """Return the files to look for, as patterns; a leading ``~`` is a home."""
    folders = [*FOLDERS, *sorted({f"~{item['user']}/.jupyter" for item in plan["instances"]})] if plan["instances"] else []
    return [f"{folder}/{name}.{ending}" for folder in folders for name in NAMES for ending in ("json", "py")]


def remarks(plan: dict[str, Any], found: dict[str, dict[str, Any]]) -> list[str]:
    """Return a sentence for each file that a person should know of.

    :param found: by path ``{"options": ["Section.trait", ...], "error": str}``; no value ever leaves the host.
    """
    own = {f"{section}.{trait}" for item in plan["instances"] for section, traits in item["settings"].items() for trait in traits}
    return [text for path in sorted(found) for text in [_remark(path, found[path], own)] if text]


def _remark(path: str, file: dict[str, Any], own: set[str]) -> str:
    aside = f"Move it aside, or turn it into variables: playbooks/migrate.yml -e migrate_folder={path.rsplit('/', 1)[0]}"
    if file["error"]:
        return f"{path} cannot be read by Jupyter: {file['error']} It may keep JupyterLab from loading. {aside}"
    if "jupyter_server_config" in path:
        return f"{path} is not read by these servers, so it says in vain: {', '.join(file['options'])}. {aside}" if file["options"] else ""
    fatal = [option for option in file["options"] if option.startswith("NotebookApp.") and option.split(".", 1)[1] in GONE]
    if fatal:
        return f"{path} may keep a server from starting: JupyterLab knows no {', '.join(fatal)}. {aside}"
    beaten = [option for option in file["options"] if new_name(option) in OURS | own or option in OURS | own]
    held = [option for option in file["options"] if option not in beaten]
    said = [f"these servers obey it in: {', '.join(held)}"] if held else []
    said += [f"the plan wins over it in: {', '.join(beaten)}"] if beaten else []
    return f"{path}: {'; '.join(said)}. {aside}" if said else ""
