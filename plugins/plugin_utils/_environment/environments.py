# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which environment each server and each kernel runs in, and which ones may go. Pure: no I/O, no Ansible.

An environment is a folder that never changes once it is sealed. Its name tells its inputs: ``<key>`` for the
interpreter and the list of packages, ``<key>-<lock>`` where a lock file names every version, and ``<key>-<stamp>`` for
the versions that an upgrade of that time found without one. Several environments may therefore fit one wish. The link
of the *slot* (``lab``, or ``lab.spark`` for a kernel of it) says which is in use, and that is all the state there is.

An *aim* is the wish of a run beyond that::

    {"do": "keep" | "new" | "previous" | "back", "stamp": str, "instances": [str, ...], "environments": {slot: path},
    "same": [path, ...]}

``instances`` empty means all of them. ``back`` returns to ``environments``, after an upgrade that failed. ``same``
names the environment that ``new`` would have created and that turned out to hold nothing newer.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from typing import TYPE_CHECKING, Any

from ...module_utils._errors import PlanError

if TYPE_CHECKING:
    from .._records import Aim
    from .._report_records import Environment, Interpreter, Slot

    Known = dict[str, Environment]

KEEP: Aim = {"do": "keep", "stamp": "", "instances": [], "environments": {}, "same": []}


def key(python: Interpreter, packages: list[str]) -> str:
    """Return the common part of the names of all environments that fit this wish: 12 hexadecimal digits."""
    return hashlib.sha256(json.dumps([python["path"], python["version"], packages]).encode()).hexdigest()[:12]


def _fits(name: str, wish: str) -> bool:
    return name == wish or name.startswith(f"{wish}-")


def _age(known: Known) -> list[str]:
    """Return the paths of the sealed environments, the oldest first."""
    return sorted(
        (path for path, state in known.items() if state["sealed"]),
        key=lambda path: (known[path].get("built") or 0, path),
    )


def _before(known: Known, path: str | None) -> str | None:
    """Return the environment that this one replaced. After a rollback and another upgrade that is not the next older
    one: a rollback never leads there."""
    return known.get(path or "", {}).get("before")


def concerns(aim: Aim, instance: str) -> bool:
    """Tell whether an aim is about this instance."""
    return not aim["instances"] or instance in aim["instances"]


def choose(slot: Slot, folder: str, known: Known, aim: Aim) -> str:
    """Return the path of the environment that a slot is to run in.

    :param slot: ``{"slot": its name, "key": the key of the plan, "lock": digest of the lock file that names the
        versions, or None, "link": where its link leads now, or None}``.
    :param folder: where the environments lie.
    :param known: the content of ``folder``, as :func:`observation.environments.environment` describes it, by path.
    """
    name, wish, lock, link = slot["slot"], slot["key"], slot["lock"], slot["link"]
    if lock is not None:
        return f"{folder}/{wish}-{lock[:8]}"
    if aim["do"] == "back" and name in aim["environments"]:
        return str(aim["environments"][name])
    current = link if link and posixpath.dirname(link) == folder and _fits(posixpath.basename(link), wish) else None
    fitting = [path for path in _age(known) if _fits(posixpath.basename(path), wish)]
    if concerns(aim, name.split(".", maxsplit=1)[0]):
        if aim["do"] == "new" and current and f"{folder}/{wish}-{aim['stamp']}" not in aim["same"]:
            return f"{folder}/{wish}-{aim['stamp']}"
        if aim["do"] == "previous":
            before = _before(known, current)
            # A kernel that the last upgrades left alone has no earlier one, and stays.
            earlier = [before] if before in fitting else fitting[: fitting.index(current)] if current in fitting else []
            return earlier[-1] if earlier else str(current or f"{folder}/{wish}")
    # A current one that was damaged is built anew in its place; a lost link leads to the newest again.
    return current or (fitting[-1] if fitting else f"{folder}/{wish}")


def require_change(chosen: dict[str, str], links: dict[str, str], locks: dict[str, Any], aim: Aim) -> None:
    """Refuse a rollback that would change nothing of an instance. With a lock file, :mod:`lockfiles` has refused it
    before.

    :raises PlanError: naming the instances.
    """
    if aim["do"] != "previous":
        return
    moved = {slot.split(".", maxsplit=1)[0] for slot in chosen if slot in locks or chosen[slot] != links.get(slot)}
    stuck = sorted({slot for slot in chosen if "." not in slot and concerns(aim, slot)} - moved)
    if stuck:
        raise PlanError(
            "\n".join(
                f"instance '{name}': there is nothing to go back to: no upgrade has replaced an environment of these"
                " packages. To undo a change of packages or python, undo it in the inventory and run site.yml: the"
                " former environment is used again while it exists."
                for name in stuck
            )
        )


def unneeded(
    wanted: list[str], known: Known, used: list[str], keep: int, aim: Aim, *, replaced: list[str] | None = None
) -> list[str]:
    """Return the environments that may go: sealed, not wanted, run by nobody, and not among the first ``keep`` of their
    kind to go back to.

    Each current wish keeps its own environments. All others together are one kind. An environment without a seal is
    being built, or is left of an interrupted run: the next builder clears it away under the lock that
    both of them need.

    :param used: environments that a process runs in.
    :param replaced: those that are replaced by environments that this run is still to build.
    """
    wishes = {posixpath.basename(path).partition("-")[0] for path in wanted}
    kinds: dict[str, list[str]] = {}
    gone = []
    back = {_before(known, path) for path in wanted}.union(replaced or [])
    newest_first = list(reversed(_age(known)))
    for path in sorted(newest_first, key=lambda path: path not in back):
        if path in wanted:
            continue
        wish = posixpath.basename(path).partition("-")[0]
        if aim["do"] == "back" and aim["stamp"] and path.endswith(f"-{aim['stamp']}"):
            gone.append(path)  # the upgrade that failed
            continue
        kinds.setdefault(wish if wish in wishes else "", []).append(path)
    gone += [path for paths in kinds.values() for path in paths[keep:]]
    return [path for path in gone if path not in used]
