# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as a playbook calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import PASSWORD

PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  tasks:
    - remote.notebooks.connection_check:
        url: URL
        password: "{{ lookup('ansible.builtin.file', 'password') }}"
      register: client
    - ansible.builtin.assert:
        that:
          - client is not changed
          - client.verdict == 'reachable'
          - client.cause == 'ok'
          - client.result == '42'
    - remote.notebooks.connection_check:
        url: http://127.0.0.1:1/
      register: nobody
    - ansible.builtin.assert:
        that:
          - nobody is not failed
          - nobody.verdict == 'unreachable'
"""


@pytest.mark.parametrize("mode", [[], ["--check"]], ids=["for real", "in check mode"])
def test_a_playbook_gets_the_verdict_and_no_log_gets_the_password(jupyter, tmp_path, mode):
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "check.yml").write_text(PLAYBOOK.replace("URL", f"http://127.0.0.1:{jupyter.port}/"))
    program = str(Path(sys.executable).parent / "ansible-playbook")
    environment = {**os.environ, "ANSIBLE_LOG_PATH": str(tmp_path / "log"), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        [program, "-vvvv", *mode, "check.yml"],
        check=False,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for text in (done.stdout, done.stderr, (tmp_path / "log").read_text()):
        assert PASSWORD not in text
        assert "staple" not in text
