# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the role ``jupyter``, out of its specification: the one list of them."""

from __future__ import annotations

import os
from typing import Any

from ansible.module_utils.common.yaml import yaml_load

PREFIX = "jupyter_"
#: The first option of the host as a whole; those before it may stand in an instance.
FIRST_OF_HOST = "jupyter_scope"
SPECIFICATION = os.path.join(
    os.path.dirname(__file__), "..", "..", "..", "roles", "jupyter", "meta", "argument_specs.yml"
)


def _read() -> dict[str, dict[str, Any]]:
    with open(SPECIFICATION, encoding="utf-8") as file:
        return dict(yaml_load(file)["argument_specs"]["main"]["options"])


#: By name, in the order of the specification. Read at the first import, once a run: Ansible forks for each host later.
OPTIONS = _read()
_NAMES = list(OPTIONS)
#: Keys of an instance besides ``name``: each has a host-wide ``jupyter_<key>``.
INSTANCE_KEYS = tuple(
    name.removeprefix(PREFIX) for name in _NAMES[: _NAMES.index(FIRST_OF_HOST)] if name != "jupyter_instances"
)
