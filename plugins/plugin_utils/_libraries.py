# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The libraries that the Python of Ansible must have: checked by the first action of every run, all at once,
before anything is done."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import importlib.util
import re
import shlex
import sys

from ansible.errors import AnsibleActionFail

#: The name of the package, the module to import, and the least version. meta/ee-requirements.txt says the same to
#: ansible-builder.
NEEDED = {
    "argon2-cffi": ("argon2", "25"),
    "bcrypt": ("bcrypt", "4"),
    "cryptography": ("cryptography", "45"),
    "idna": ("idna", "3.7"),
    "libpass": ("passlib", "1.9"),  # or passlib, whose place it takes
    "ruamel.yaml": ("ruamel.yaml", "0.18"),
    "segno": ("segno", "1.6"),
    "uv": ("uv", "0.13"),
    "websocket-client": ("websocket", "1.9"),
}
KEYS = ("bcrypt", "cryptography", "idna")
#: By the first word of an action's name, which is its role's; the others need none, here.
OF = {
    "jupyter": tuple(name for name in NEEDED if name != "ruamel.yaml"),
    "new": ("ruamel.yaml",),
    "pki": KEYS,
    "tunnel": KEYS,
}


def require(action: str) -> None:
    """Raise AnsibleActionFail, with all that is missing for the role of an action and the line that installs it."""
    missing = _missing(action.partition("_")[0])
    if not missing:
        return
    wanted = shlex.join(f"{name}>={NEEDED[name][1]}" for name, _found in missing)
    told = ", ".join(
        f"{name} ({found} is there, {NEEDED[name][1]} or newer is needed)" if found else name for name, found in missing
    )
    python = shlex.quote(sys.executable)
    pip = f"{python} -m pip install" if importlib.util.find_spec("pip") else f"pip --python {python} install"
    raise AnsibleActionFail(
        f"The Python that runs Ansible on this machine lacks what this collection needs: {told}. Nothing was done."
        f" Install it with\n  {pip} {wanted}"
    )


@functools.cache
def _missing(role: str) -> list[tuple[str, str]]:
    """Return each library that a role lacks, and the version there is where that is too old."""
    found = []
    for name in OF.get(role, ()):
        module, least = NEEDED[name]
        if not _is_there(module):
            found.append((name, ""))
            continue
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # it came another way, and is there
        if _numbers(version) < _numbers(least):
            found.append((name, version))
    return found


def _is_there(module: str) -> bool:
    with contextlib.suppress(ModuleNotFoundError):  # of the package that it is in
        return importlib.util.find_spec(module) is not None
    return False


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


_missing("jupyter")  # once a run: Ansible forks for each host afterwards
