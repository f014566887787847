# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wheels for hosts without a package index: the needed ones, and the name of their archive. Pure: no I/O, no
Ansible.

A lock file names versions and hashes; a wheel is for a Python version, a machine and a C library. An *order* says all
of it, and how to get there::

    {"folder": where the archives lie, "name": of the lock file, "python": "3.11", "machine": "x86_64", "libc": "glibc
    2.36",
     "index_url": str, "http_proxy": str}
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from typing import TYPE_CHECKING, Any, Dict

from ...module_utils._errors import LockError
from . import lockfile_text

if TYPE_CHECKING:
    from .._records import Instance
    from .._report_records import System

Order = Dict[str, Any]

#: The former names of the same wheels, before PEP 600 named them by the version of glibc.
OLD_NAMES = ("manylinux2014", "manylinux2010", "manylinux1")
#: The oldest glibc that a wheel can be created for (PEP 600).
OLDEST = 5


def order(lock: str, version: list[int], system: System, instance: Instance) -> Order:
    """Return the properties of a host that decide the wheels for a lock file.

    :param lock: the path of the lock file. The archives lie in ``wheels`` beside its folder: lock files go into git,
        wheels do not.
    :param system: the host, as :func:`observation.system.system` describes it.
    """
    name = posixpath.splitext(posixpath.basename(lock))[0]
    return {
        "folder": posixpath.join(posixpath.dirname(posixpath.dirname(posixpath.abspath(lock))), "wheels"),
        "name": name,
        "python": f"{version[0]}.{version[1]}",
        "machine": system["machine"],
        "libc": system["libc"],
        "index_url": instance["index_url"],
        "http_proxy": instance["http_proxy"],
    }


def family(wanted: Order) -> str:
    """Return how the names of all archives begin that take one another's place."""
    return f"{wanted['name']}-{wanted['libc'].replace(' ', '')}-"


def archive(wanted: Order, lock: str, uv: str) -> str:
    """Return the name of the archive, for example ``py3.11-x86_64-1a2b3c4d-glibc2.36-5e6f7a8b.tar``: another content
    has another name.

    :param lock: the text of the lock file. :param uv: the version of uv that goes along; empty for none.
    """
    content = hashlib.sha256(f"{lockfile_text.digest(lock)} {uv}".encode()).hexdigest()
    return f"{family(wanted)}{content[:8]}.tar"


def options(wanted: Order) -> list[str]:
    """Return the words that make pip choose for another machine.

    :raises LockError: for a host without glibc: nobody has tried the wheels for it.
    """
    found = re.fullmatch(r"glibc 2\.(\d+)", wanted["libc"])
    if not found:
        raise LockError(
            "this host's C library is not GNU's, and no wheels are carried to it. Leave wheelhouse out for it."
        )
    names = [*(f"manylinux_2_{minor}" for minor in range(int(found[1]), OLDEST - 1, -1)), *OLD_NAMES, "linux"]
    abi = f"cp{wanted['python'].replace('.', '')}"
    words = [
        "--only-binary",
        ":all:",
        "--no-deps",
        "--python-version",
        wanted["python"],
        "--implementation",
        "cp",
        "--abi",
        abi,
    ]
    return [*words, *(word for name in names for word in ("--platform", f"{name}_{wanted['machine']}"))]


def missing(said: str) -> str:
    """Return the requirement that pip found no wheel of; empty where it failed for another reason, such as an index
    that is away."""
    found = re.search(r"No matching distribution found for (\S+)", said)
    return found[1] if found and not re.search(r"Retrying|Cannot connect|CERTIFICATE_VERIFY_FAILED", said) else ""
