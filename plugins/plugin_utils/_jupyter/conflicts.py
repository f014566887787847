# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conflicting configuration files: their settings, and the precedence. Pure: no I/O, no Ansible.

Our file is passed with ``--config``. That stands in for every other ``jupyter_server_config``, and for nothing else:
``jupyter_config``,
``jupyter_lab_config`` and ``jupyter_notebook_config`` of each folder are merged in, option by option, below ours
(traitlets and jupyter_core; tried with jupyter_server 2.21.1 and JupyterLab 4.6). So options that ours leave open, they
decide.
"""

from __future__ import annotations

import posixpath
import shlex
from typing import TYPE_CHECKING

from .._migration.tables import GONE, new_name
from .._plan.settings import PLANNED_SETTINGS

if TYPE_CHECKING:
    from .._records import Conflict, Plan
    from .._report_records import ConfigFile, Report

#: Read beside ``--config``. jupyter_server_config is not, so its author may expect an effect that it does not have.
FOLDERS = ("/usr/local/etc/jupyter", "/etc/jupyter")
#: The same below a home. The second is where pip --user installs settings that a package brings (jupyter_core).
HOME_FOLDERS = (".jupyter", ".local/etc/jupyter")
NAMES = ("jupyter_config", "jupyter_server_config", "jupyter_lab_config", "jupyter_notebook_config")

#: The settings of our template beside :data:`_plan.settings.PLANNED_SETTINGS`.
OURS = {
    *PLANNED_SETTINGS,
    "ServerApp.open_browser",
    "ServerApp.quit_button",
    "ServerApp.allow_unauthenticated_access",
    "PasswordIdentityProvider.allow_password_change",
}


#: The suffix of a file that is moved aside, in the same folder.
SUFFIX = ".before-remote-notebooks"


def _folders(plan: Plan) -> list[str]:
    homes = sorted({f"~{item['user']}" for item in plan["instances"]})
    return [*FOLDERS, *(f"{home}/{folder}" for home in homes for folder in HOME_FOLDERS)] if homes else []


def places(plan: Plan) -> list[str]:
    """Return the files to look for, as patterns; a leading ``~`` is a home."""
    return [f"{folder}/{name}.{ending}" for folder in _folders(plan) for name in NAMES for ending in ("json", "py")]


def backups(plan: Plan) -> list[str]:
    """Return where files that were moved aside lie, as patterns."""
    return [path + SUFFIX for path in places(plan)]


def is_configuration(path: str) -> bool:
    """Tell whether a file that was looked at is one of those of :func:`places`."""
    return posixpath.basename(path).rpartition(".")[0] in NAMES


def is_read(path: str) -> bool:
    """Tell whether a server of ours may have read a file: ``--config`` stands in for every other
    jupyter_server_config."""
    return not path.rpartition("/")[2].startswith("jupyter_server_config")


def notable(plan: Plan, found: dict[str, ConfigFile]) -> dict[str, str]:
    """Return, by path, the remark about a file.

    :param found: by path ``{"options": ["Section.trait", ...], "error": str}``; no value ever leaves the host.
    """
    own = {
        f"{section}.{trait}"
        for item in plan["instances"]
        for section, traits in item["settings"].items()
        for trait in traits
    }
    said = {path: _about(path, found[path], own) for path in sorted(found) if is_configuration(path)}
    return {path: text for path, text in said.items() if text}


def movable(plan: Plan, report: Report) -> list[Conflict]:
    """Return the files that ``jupyter_shadows: move`` moves in this run: where they are, who moves them, whose they are
    (empty: the host's)."""
    if plan["shadows"] != "move":
        return []
    taken, homes = {*report["aside"]}, _homes(plan, report)
    found: list[Conflict] = []
    for path in notable(plan, report["shadows"]):
        folder = path.rpartition("/")[0]
        mover = _mover(plan, report, folder, homes)
        if mover is not None and path + SUFFIX not in taken:
            found.append({"origin": path, "mover": mover, "account": homes.get(folder, "")})
    return found


def moved(plan: Plan, report: Report) -> list[Conflict]:
    """Return the files that earlier runs moved and those that stay moved while a server of ours could read them: by
    their list, and by the existing files."""
    if not plan["instances"]:
        return []
    homes = _homes(plan, report)
    found: dict[str, Conflict] = {}
    for path in report["aside"]:
        folder = path.rpartition("/")[0]
        mover = _mover(plan, report, folder, homes)
        if path.endswith(SUFFIX) and mover is not None:
            found[path] = {"origin": path[: -len(SUFFIX)], "mover": mover, "account": homes.get(folder, "")}
    for thing in report["manifest"]:
        if thing.get("kind") == "shadow" and thing["account"] in ("", *homes.values()):
            listed: Conflict = {"origin": thing["origin"], "mover": thing["mover"], "account": thing["account"]}
            found.setdefault(thing["backup"], listed)
    return [found[path] for path in sorted(found)]


def _homes(plan: Plan, report: Report) -> dict[str, str]:
    """Return the account behind each configuration folder in a home; without root that is the account we are."""
    return {f"{home}/{folder}": user for user, home in homes_of(plan, report).items() for folder in HOME_FOLDERS}


def homes_of(plan: Plan, report: Report) -> dict[str, str]:
    """Return the home of each account that has a server; without root that is the account we are."""
    if plan["scope"] == "user":
        return {report["system"]["user"]: report["system"]["home"]}
    users = sorted({item["user"] for item in plan["instances"]})
    known = {user: report["accounts"].get(user) for user in users}
    return {user: account["home"] for user, account in known.items() if account}


def _mover(plan: Plan, report: Report, folder: str, homes: dict[str, str]) -> str | None:
    """Return the account that renames a file in ``folder``, empty for the one we are, or None where none of ours may.

    In a folder of theirs, people rename: root would follow a link of theirs anywhere.
    """
    user = homes.get(folder)
    if user is None:
        return "" if plan["scope"] == "system" and folder in FOLDERS else None
    owner = (report["paths"].get(folder) or {}).get("owner")
    if plan["scope"] == "user":
        return "" if owner == user else None
    return user if owner == user else ""


def remarks(plan: Plan, report: Report) -> list[str]:
    """Return a sentence for each file that a person should know of."""
    going, homes = {file["origin"] for file in movable(plan, report)}, _homes(plan, report)
    said = []
    for path, text in notable(plan, report["shadows"]).items():
        if path in going:
            said.append(f"{text} It is moved aside: {path}{SUFFIX}")
        elif plan["shadows"] == "move" and path + SUFFIX in report["aside"]:
            said.append(f"{text} It stays, because {path}{SUFFIX} holds an older one. Move one of the two away.")
        else:
            folder = path.rpartition("/")[0]
            how = (
                " (jupyter_shadows: move)"
                if plan["shadows"] == "report" and _mover(plan, report, folder, homes) is not None
                else ""
            )
            said.append(
                f"{text} Move it aside{how}, or turn it into variables: playbooks/migrate.yml -e"
                f" migrate_folder={folder}"
            )
    return [*said, *_stranded(plan, report), *_lost_folders(plan, report)]


def _stranded(plan: Plan, report: Report) -> list[str]:
    """Name the files that would get their old name back now, were it not taken."""
    staying = {file["origin"] for file in moved(plan, report)}
    return [
        f"{thing['backup']} keeps that name: something else is at {thing['origin']} now."
        for thing in report["manifest"]
        if thing.get("kind") == "shadow"
        and thing["origin"] not in staying
        and {thing["origin"], thing["backup"]} <= {*report["aside"]}
    ]


def _lost_folders(plan: Plan, report: Report) -> list[str]:
    """Name the folders of an account that a ``sudo jupyter`` of some day left to root."""
    said = []
    for user, home in homes_of(plan, report).items() if plan["instances"] else ():
        for folder in (f"{home}/.jupyter", f"{home}/.local/share/jupyter"):
            found = report["paths"].get(folder)
            if found and found["kind"] == "directory" and found["owner"] != user:
                said.append(
                    f"{folder} belongs to {found['owner']}, so servers of '{user}' cannot write there, and may not"
                    f" start. On the host: sudo chown -R {user}: {shlex.quote(folder)}"
                )
    return said


def _about(path: str, file: ConfigFile, own: set[str]) -> str:
    if file["error"]:
        return f"{path} cannot be read by Jupyter: {file['error']} It may keep JupyterLab from loading."
    if not is_read(path):
        return (
            f"{path} is not read by these servers, so it says in vain: {', '.join(file['options'])}."
            if file["options"]
            else ""
        )
    fatal = [
        option for option in file["options"] if option.startswith("NotebookApp.") and option.split(".", 1)[1] in GONE
    ]
    if fatal:
        return f"{path} may keep a server from starting: JupyterLab knows no {', '.join(fatal)}."
    beaten = [option for option in file["options"] if new_name(option) in OURS | own or option in OURS | own]
    held = [option for option in file["options"] if option not in beaten]
    said = [f"these servers obey it in: {', '.join(held)}"] if held else []
    said += [f"the plan wins over it in: {', '.join(beaten)}"] if beaten else []
    return f"{path}: {'; '.join(said)}." if said else ""
