# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the first action of a run does for all that Ansible forks afterwards."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import gc, os
from ansible_collections.remote.notebooks.plugins.action import jupyter_plan
loaded = gc.get_freeze_count()
print(loaded > 10000, flush=True)
since = [[] for _number in range(5000)]
print(gc.get_freeze_count() == loaded, flush=True)
if os.fork() == 0:
    print(gc.get_freeze_count() >= loaded + 5000, gc.isenabled(), flush=True)
    os._exit(0)
os.wait()
"""


def test_nobody_looks_for_garbage_in_what_is_loaded_and_a_fork_not_in_what_it_inherits():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["True"] * 4
