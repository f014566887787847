# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The work that the first action of a run does for all forks of Ansible."""

from __future__ import annotations

import os
import subprocess
import sys
import types

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.remote.notebooks.plugins.action import jupyter_plan

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


@pytest.mark.parametrize(
    ("verb", "made", "known", "looks"),
    [
        pytest.param("", "certificates", ["ann", "bob"], False, id="a run again"),
        pytest.param("", "certificates", ["ann"], True, id="a certificate for a server that is new here"),
        pytest.param("", "tunnel_forwards", [], True, id="a key for one"),
        pytest.param("", "", [], False, id="nothing is made for it here before the host is read"),
        *(
            pytest.param(verb, "", ["ann", "bob"], True, id=verb)
            for verb in ("rotate_password", "upgrade", "rollback", "renew")
        ),
        pytest.param("uninstall", "", ["ann", "bob"], False, id="uninstall"),
    ],
)
def test_when_the_host_is_looked_at_before_anything_is_made_here(tmp_path, verb, made, known, looks):
    for name in known:
        (tmp_path / f"{name}.hash").touch()
    plan = {
        "verb": verb,
        "certificates": [],
        "tunnel_forwards": {},
        "instances": [{"name": "ann"}, {"name": "bob"}],
        **({made: ["x"]} if made else {}),
    }
    assert jupyter_plan._has_to_look(plan, str(tmp_path)) is looks


def test_uninstall_is_about_all_there_is():
    assert "ann alone say state: absent" in jupyter_plan._only(["ann"], {"verb": "uninstall"})[0]
    assert jupyter_plan._only([], {"verb": "uninstall"}) == jupyter_plan._only(["ann"], {"verb": "upgrade"}) == []


@pytest.mark.parametrize("pattern", ["gone", "~gpu(", "gpus:!gpu1"])
@pytest.mark.parametrize("verb", ["", "uninstall"])
def test_a_pattern_without_a_host_is_told_and_keeps_nobody_from_an_uninstall(verb, pattern, monkeypatch):
    monkeypatch.setattr("ansible.constants.HOST_PATTERN_MISMATCH", "error")  # as in the project's own ansible.cfg
    action = types.SimpleNamespace(_loader=DataLoader())
    defaults = {"remote_kernels": [pattern]}
    groups = {"all": ["hub", "gpu1"], "gpus": ["gpu1"]}
    problems = jupyter_plan.ActionModule._find_servers(action, verb, defaults, [], {"groups": groups})
    told = f"jupyter_remote_kernels: '{pattern}' matches no host of the inventory. Name a host, a group or a pattern of"
    assert problems == ([] if verb else [f"{told} them."])
