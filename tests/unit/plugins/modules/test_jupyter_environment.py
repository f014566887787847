# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module that builds and its action plugin, in real runs. The scenarios test the build itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter import build
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import environments

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - remote.notebooks.jupyter_environment:
        name: instance 'lab'
        path: "{{ here }}/envs/one"
        prefix: "{{ here }}"
        python: "{{ python }}"
        packages: [tiny]
        installer: pip
      environment:
        PIP_INDEX_URL: http://me:s3cret@127.0.0.1:9/simple
        PIP_EXTRA_INDEX_URL: ""
        PIP_CONFIG_FILE: /dev/null
        PIP_RETRIES: 1
        NO_PROXY: 127.0.0.1
"""


@pytest.fixture
def play(tmp_path):
    """Run the task with pipelining or without. Return the output of the run, and the task's result."""
    (tmp_path / "play.yml").write_text(PLAY)

    def run(pipelined, *options, python=sys.executable):
        values = json.dumps({"here": str(tmp_path), "python": python, "ansible_python_interpreter": python})
        program = Path(sys.executable).parent / "ansible-playbook"
        settings = {
            "ANSIBLE_PIPELINING": str(pipelined),
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_REMOTE_TMP": f"{tmp_path}/tmp",
            "ANSIBLE_NOCOLOR": "1",
        }
        command = [program, "-i", "localhost,", tmp_path / "play.yml", "-e", values, "-vvv", *options]
        done = subprocess.run(
            command, check=False, text=True, capture_output=True, cwd=tmp_path, env={**os.environ, **settings}
        )
        return done.stdout, json.loads(re.search(r"(?ms)=> (\{$.*?^\})", done.stdout).group(1))

    return run


@pytest.mark.parametrize("pipelined", [True, False])
def test_why_it_cannot_be_built_is_one_message(play, tmp_path, pipelined):
    said, result = play(pipelined)
    assert ("AnsiballZ" in said) is not pipelined  # a file on the host
    assert result["msg"].startswith(
        "instance 'lab': packages: the package index cannot be reached, or answers with an error."
    )
    assert list((tmp_path / "envs").iterdir()) == []


@pytest.mark.parametrize("pipelined", [True, False])
def test_the_password_of_an_index_is_in_no_command_line_and_in_no_log(play, pipelined):
    """Every account of the host can read a command line. A module writes its options into the log of the host."""
    said, result = play(pipelined)
    assert " EXEC " in said
    assert "s3cret" not in said
    assert build.ARGUMENTS["variables"]["no_log"]
    assert "***" not in result["msg"]  # one secret, and not each of its words


@pytest.mark.parametrize("pipelined", [True, False])
def test_one_that_is_whole_is_left_as_it_is(play, tmp_path, pipelined):
    (tmp_path / "envs" / "one").mkdir(parents=True)
    (tmp_path / "envs" / "one" / environments.SEAL).write_text('{"versions": {}, "files": {}}')
    for options in ([], ["--check"]):
        _said, result = play(pipelined, *options)
        assert {key: result[key] for key in ("changed", "same", "remark")} == {
            "changed": False,
            "same": False,
            "remark": "",
        }


def test_check_mode_says_that_it_would_build_and_does_not(play, tmp_path):
    _said, result = play(True, "--check")
    assert result["changed"]
    assert not (tmp_path / "envs").exists()


def test_a_module_without_a_result_is_one_message(play, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\ncat > /dev/null\necho Killed >&2\nexit 137\n")
    python.chmod(0o755)
    _said, result = play(True, python=str(python))
    first, *rest = result["msg"].splitlines()
    assert first == "instance 'lab': packages: the module that builds ended before its time. Run again."
    assert "  Killed" in rest
