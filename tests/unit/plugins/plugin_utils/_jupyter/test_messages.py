# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages of a run."""

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._jupyter.messages import closing, start_failure

REMARKS = ["note", "run: chown ann /x", "x.py cannot be read by Jupyter: a typo"]
STATE = {"connect": ["lab: https://web1:8888/"], "steps": []}


def test_why_a_unit_does_not_start():
    step = {"instance": "lab", "name": "jupyter@lab.service", "manager": "systemd"}
    found = start_failure(
        step, REMARKS, log="one\ntwo\x1b[0m", output="", errors="Job for x failed.\nSee the log.\nUnit is masked."
    )
    assert found == {
        "instance": "lab",
        "text": "instance 'lab': jupyter@lab.service does not start. Its last words:\n"
        "  one\n  two\\x1b[0m\n  Unit is masked.\n"
        "run: chown ann /x\nx.py cannot be read by Jupyter: a typo\n"
        "Correct what they name and run again. The whole log: journalctl -u jupyter@lab.service",
    }


def test_why_a_session_does_not_start():
    step = {"instance": "lab", "name": "jupyter-lab", "manager": "tmux"}
    assert start_failure(step, [], log="")["text"] == (
        "instance 'lab': the server in the tmux session jupyter-lab does not start. Its last words:\n  \n"
        "Correct what they name and run again."
    )


@pytest.mark.parametrize(
    ("hosts", "left", "folder", "dry", "expected"),
    [
        pytest.param([STATE], [], "/i", False, ["lab: https://web1:8888/"], id="one host"),
        pytest.param([STATE], [], "/i", True, [], id="check mode"),
        pytest.param(
            [STATE],
            [],
            "/home/ann",
            False,
            ["lab: https://web1:8888/", "kept: passwords, keys and pages of this run are in /home/ann"],
            id="a folder that is not beside the inventory",
        ),
        pytest.param([], [], "/home/ann", False, [], id="no server"),
        pytest.param(
            [],
            ["a", "b"],
            "/i",
            True,
            ["left out: a, b: unreachable or failed, see above. To run for them again: --limit a,b"],
            id="hosts that were left out",
        ),
    ],
)
def test_the_last_lines_of_a_run(hosts, left, folder, dry, expected):
    known = [{"state": state, "plan": {}, "busy": ""} for state in hosts]
    assert closing(known, left, folder, "/i", dry=dry) == expected


@pytest.mark.parametrize(
    ("number", "dry", "expected"),
    [
        pytest.param(1, False, ["the page of ann0 over all servers: /h/people/ann0.html"], id="a person"),
        pytest.param(13, False, ["the pages of 13 people over their servers: /h/people"], id="many people"),
        pytest.param(1, True, [], id="check mode"),
    ],
)
def test_the_last_lines_name_the_pages_of_people(number, dry, expected):
    people = {f"ann{each}": f"/h/people/ann{each}.html" for each in range(number)}
    known = [{"state": STATE, "plan": {}, "busy": ""}]
    assert closing(known, [], "/i", "/i", dry=dry, people=people)[1:] == expected


def test_the_last_lines_name_a_restart_that_waits():
    step = {"instance": "lab", "name": "x", "manager": "systemd", "pid": 7, "uid": 1, "when": "later", "why": "so"}
    state = {
        **STATE,
        "steps": [step],
        "changes": [],
        "stages": [],
        "orphans": [],
        "pip": "",
        "instances": [],
        "report": {"system": {"home": "/root", "user": "root", "group": "root", "ensurepip": True}, "servers": []},
    }
    plan = {"prefix": "/opt/remote-notebooks", "scope": "system", "firewall_rules": []}
    lines = closing([{"state": state, "plan": plan, "busy": ""}], [], "/i", "/i", dry=False)
    assert [line.partition(",")[0] for line in lines] == [
        "lab: https://web1:8888/",
        "note: lab: a restart is due",
        "  Its restart policy is never: set it to always to have it restarted now.",
    ]
