# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess

import pytest

from tools import test_hosts


@pytest.mark.parametrize("name", ["plain", "my notebooks", "ann's; exit 9", "$HOME and more"])
def test_the_last_step_of_an_image_runs_from_any_folder(tmp_path, name):
    script = tmp_path / name / "finish.sh"
    script.parent.mkdir()
    script.write_text('#!/bin/sh\nprintf %s "$1"\n')
    script.chmod(0o755)

    # As mmdebstrap(1) runs a hook that is no program's path.
    done = subprocess.run(
        ["sh", "-c", test_hosts.hook(script), "exec", "/new root"], check=False, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout) == (0, "/new root")
