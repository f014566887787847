# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of roles/jupyter/vars, rendered by Ansible itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
VARS = ROOT / "roles/jupyter/vars/main.yml"
SYSTEM = {"home": "/root", "user": "root", "group": "root", "ensurepip": True}
STEP = {"instance": "lab", "name": "x", "manager": "systemd", "pid": 7, "uid": 1, "when": "idle", "why": "so"}
STATE = {
    "things": [{"id": "account jupyter", "kind": "account", "stage": "account", "home": "/home/jupyter"}],
    "changes": [{"id": "account jupyter"}],
    "stages": ["account"],
    "orphans": [{"id": "service old", "kind": "service", "instance": "old", "manager": "systemd"}],
    "steps": [STEP],
    "connect": ["lab: https://web1:8888/"],
    "instances": [
        {"name": "lab", "tls": "none", "environment": "/e", "libexec": "/l", "local_url": "http://x/", "timeout": 0}
    ],
    "report": {"system": SYSTEM, "servers": [], "units": {}},
    "pip": "",
}
PLAN = {"plan": {"prefix": "~/p", "scope": "user", "firewall_rules": []}}


#: Two hosts after the comparison; something is busy on the first.
PLAY = """
- hosts: all
  gather_facts: false
  connection: local
  vars_files: [VARS]
  vars:
    jupyter_timeout: 0
    inventory_dir: /elsewhere
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  tasks:
    - ansible.builtin.set_fact: {__jupyter_state: STATE, __jupyter_plan: PLAN}
    - ansible.builtin.set_fact: {__jupyter_busy: {stdout: '{"7": ["a kernel"]}'}}
      when: inventory_hostname == 'web1'
    - ansible.builtin.copy:
        content: "{{ {'work': __jupyter_work, 'end': __jupyter_end, 'refusal': __jupyter_refusal} | to_json }}"
        dest: FOLDER/{{ inventory_hostname }}.json
        mode: "0600"
"""


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vars")
    texts = {"VARS": str(VARS), "STATE": json.dumps(STATE), "PLAN": json.dumps(PLAN), "FOLDER": str(folder)}
    play = re.sub("VARS|STATE|PLAN|FOLDER", lambda found: texts[found[0]], PLAY)
    (folder / "play.yml").write_text(play)
    command = [Path(sys.executable).with_name("ansible-playbook"), "-i", "web1,web2,", folder / "play.yml"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout
    return {name: json.loads((folder / f"{name}.json").read_text()) for name in ("web1", "web2")}


@pytest.mark.parametrize(("host", "postponed", "steps"), [("web1", ["lab"], []), ("web2", [], ["lab"])])
def test_the_work_of_a_host(rendered, host, postponed, steps):
    work = rendered[host]["work"]
    assert (work["postponed"], work["accounts"]) == (postponed, STATE["things"])
    assert work["remove"]["passwords"] == ["old"]
    assert [step["server"]["name"] for step in work["steps"]] == steps
    assert work["manifest_paths"] == ["/root/p", "/root/p/manifest.json"]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param("web1", ["lab: https", "note: lab", "  Busy", "lab: https", "kept"], id="the first host speaks"),
        pytest.param("web2", ["lab: https", "kept"], id="any other host speaks for itself"),
    ],
)
def test_the_last_lines_of_a_run(rendered, host, expected):
    lines = rendered[host]["end"]
    assert [line[: len(start)] for line, start in zip(lines, expected, strict=True)] == expected
    assert rendered[host]["refusal"] == ""
