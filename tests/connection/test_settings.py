# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that Jupyter knows: its own, and those of an extension."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._migration import tables

FILES = Path(__file__).parents[2] / "roles/jupyter/files"

#: Prints the classes that a configuration may name, and the options of ServerApp.
KNOWN = """
import json, sys
sys.path.insert(0, sys.argv[1])
import check_config
check_config.unknown({"Nowhere": {"nothing": 1}})
known = check_config.known_options()
traits = __import__("jupyter_server.serverapp").serverapp.ServerApp.class_traits(config=True)
print(json.dumps([sorted(known), sorted(traits)]))
"""
EXTENSION = """
from traitlets import Int
from traitlets.config import Configurable

class MyDisplay(Configurable):
    limit = Int(0).tag(config=True)

def _jupyter_server_extension_points():
    return [{"module": "my_display"}]
"""
CONFIGURATION = """
c.PasswordIdentityProvider.hashed_password = "sha1:0123456789ab:9ffede0825894254b2e042ea597d771089e11aed"
c.MyDisplay.limit = 1
"""


def test_migrate_knows_the_classes_of_jupyter(jupyter_python):
    done = subprocess.run([jupyter_python, "-c", KNOWN, FILES], check=True, capture_output=True, text=True)
    classes, options = json.loads(done.stdout)
    assert set(classes) - {"KernelKeys", "RemoteKernelSpecManager"} <= tables.OWN  # without ours
    assert set(options) == tables.SERVER


@pytest.fixture
def extension(jupyter_python):
    """An extension in the environment of the server. Returns the file that enables it there, as its package would."""
    prefix = jupyter_python.parent.parent
    (packages,) = prefix.glob("lib/python3*/site-packages")
    module = packages / "my_display.py"
    enabled = prefix / "etc/jupyter/jupyter_server_config.d/my_display.json"
    enabled.parent.mkdir(parents=True, exist_ok=True)
    module.write_text(EXTENSION)
    yield lambda on: enabled.write_text(json.dumps({"ServerApp": {"jpserver_extensions": {"my_display": on}}}))
    module.unlink()
    enabled.unlink()


def test_the_settings_of_an_extension_are_known_where_it_is_installed(jupyter_python, extension, tmp_path):
    (tmp_path / "config.py").write_text(CONFIGURATION)
    command = [jupyter_python, FILES / "check_config.py", tmp_path / "config.py"]
    said = []
    for on in (True, False):
        extension(on)
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "HOME": str(tmp_path)},
            cwd=tmp_path,
        )
        said.append(
            (done.returncode, "unknown section MyDisplay" in done.stderr, "" if done.returncode else done.stderr)
        )
    assert [each[:2] for each in said] == [(0, False), (1, True)], said
