# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kind of output that a run has: a screen, or lines."""

from __future__ import annotations

import importlib.util
import os
import sys

from ansible import constants as C
from ansible import context


def has_screen(verbosity: int) -> bool:
    """Tell whether a person watches a terminal that can move its cursor, and nobody asked for more words."""
    return (
        verbosity == 0
        and not context.CLIARGS.get("step")
        and not C.config.get_config_value("ENABLE_TASK_DEBUGGER")
        and sys.stdout.isatty()
        and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
        and importlib.util.find_spec("rich") is not None
    )
