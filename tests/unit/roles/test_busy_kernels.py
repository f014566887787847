# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answer of the program that asks kernels: the control node accepts it whatever an account has answered."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._input import answers

SCRIPT = Path(__file__).parents[3] / "roles" / "jupyter" / "files" / "busy_kernels.py"


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("busy_kernels", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def look(program):
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True)


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("print('[\"' + 'a' * 60_000 + '\"]')", id="a long text"),
        pytest.param("import json; print(json.dumps(['a'] * 10_000))", id="a long list"),
        pytest.param("import json; print(json.dumps(['\\x1b[2J']))", id="characters of a terminal"),
        pytest.param("print('[' * 60_000)", id="deep"),
        pytest.param("print('x' * 10_000_000)", id="no end"),
        pytest.param("print('{}')", id="no list"),
        pytest.param("print('[1]')", id="no text"),
        pytest.param("", id="nothing"),
    ],
)
def test_an_answer_of_an_account_keeps_no_other_server_from_its_restart(script, program):
    found = script.answered(look(program), 30)
    assert found
    said = json.dumps({"7": found, "8": []})
    assert answers.BUSY(answers.parse(said), "busy") == json.loads(said)
