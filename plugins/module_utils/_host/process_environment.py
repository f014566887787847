# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of programs that we start on a host. Runs on the host.

``/etc/environment`` reaches programs under sudo, so a PYTHONPATH that somebody once set for other programs would decide
which an environment of ours imports, and a PIP_USER where its packages go. Which index, proxy, authority or constraint
counts stays the host's to say.
"""

from __future__ import annotations

import os
import re

_FOREIGN = re.compile(
    r"(?:PYTHON|JUPYTER|IPYTHON|CONDA)\w*|VIRTUAL_ENV|__PYVENV_LAUNCHER__"
    r"|PIP_(?:USER|TARGET|PREFIX|ROOT|SRC|PYTHON|EDITABLE|DRY_RUN|REPORT|NO_DEPS|REQUIREMENT|REQUIRE_VIRTUALENV|BREAK_SYSTEM_PACKAGES|QUIET|VERBOSE|LOG)"
    r"|UV_(?:PYTHON|SYSTEM_PYTHON|BREAK_SYSTEM_PACKAGES|PROJECT|PROJECT_ENVIRONMENT|WORKING_DIRECTORY|TARGET|PREFIX|NO_DEPS|MANAGED_PYTHON)"
)


def without_foreign() -> dict[str, str]:
    """Return the environment of this process without the variables that change imported modules, or the place of
    packages."""
    return {name: value for name, value in os.environ.items() if not _FOREIGN.fullmatch(name)}


def forget_foreign() -> None:
    """Remove these variables from the environment of this process, and so of its children."""
    for name in os.environ.keys() - without_foreign().keys():
        del os.environ[name]
