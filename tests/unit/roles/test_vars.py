# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What roles/jupyter/vars concludes from the state of a host, rendered by Ansible itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

VARS = Path(__file__).parents[3] / "roles/jupyter/vars/main.yml"

OLD_SERVICE = {"id": "service jupyter@old.service", "kind": "service", "instance": "old"}
LAB_FILE = {"id": "file /etc/remote-notebooks/lab/x", "kind": "file", "instance": "lab"}
SHARED_FILE = {"id": "file /opt/remote-notebooks/libexec/x", "kind": "file", "instance": ""}
ENVIRONMENT = {"id": "environment /opt/remote-notebooks/envs/a", "kind": "environment", "instance": ""}


@pytest.mark.parametrize(
    ("busy", "gone"),
    [
        pytest.param("{}", [OLD_SERVICE, LAB_FILE, SHARED_FILE, ENVIRONMENT], id="everything that is left over"),
        pytest.param('{"7": ["a kernel"]}', [OLD_SERVICE, ENVIRONMENT], id="a busy server keeps what it was started from"),
    ],
)
def test_what_goes(busy, gone):
    loader = DataLoader()
    state = {
        "orphans": [OLD_SERVICE, LAB_FILE, SHARED_FILE, ENVIRONMENT],
        "steps": [{"instance": "lab", "pid": 7, "when": "idle"}],
    }
    variables = {**loader.load_from_file(str(VARS), trusted_as_template=True), "__jupyter_state": state, "__jupyter_busy": {"stdout": busy}}
    templar = Templar(loader, variables=variables)

    assert templar.template(variables["__jupyter_gone"]) == gone
