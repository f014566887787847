# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import (
    refusals,
)
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import remarks as state_remarks

from .._state.test_state import OURS, bare, plan

LISTENER = {"pid": 7, "uid": 1001, "account": "bob", "command": "python", "loopback": True, "everywhere": False}


@pytest.mark.parametrize(
    ("server", "listed", "refused"),
    [
        pytest.param({"pid": 7, "uid": 1000, "instance": "lab"}, [], False, id="its own server"),
        pytest.param({"pid": 7, "uid": 1000, "instance": "old"}, [], False, id="another one of its account"),
        pytest.param({"pid": 7, "uid": 1001, "instance": "bob"}, [], True, id="the server of another person"),
        pytest.param({"pid": 7, "uid": 1001, "instance": "bob"}, [8888], False, id="one that we gave this port"),
        pytest.param({"pid": 7, "uid": 1001, "instance": "bob"}, [8889], True, id="one that we gave another port"),
        pytest.param({"pid": 8, "uid": 1000, "instance": "lab"}, [], True, id="no server"),
    ],
)
def test_who_holds_a_port_is_told_by_more_than_a_mark(server, listed, refused):
    report = bare()
    report["accounts"]["jupyter"] = {
        "uid": 1000,
        "group": "jupyter",
        "home": "/home/jupyter",
        "comment": OURS,
        "shares_group": False,
        "home_is": "usable",
    }
    report["manifest"] = [
        {"id": "service jupyter@bob.service", "kind": "service", "instance": "bob", "port": port} for port in listed
    ]
    report.update(servers=[{**server, "notebook7": False}], listeners={"8888": {**LISTENER, "uid": server["uid"]}})
    # It goes in this run, as the inventory says.
    assert bool(refusals.refusals(plan({"name": "lab"}, {"name": "bob", "state": "absent"}), report)) is refused


SERVER = {"pid": 7, "uid": 999, "instance": "lab", "revision": "x", "started": 1.0, "tmux": False, "notebook7": False}


@pytest.mark.parametrize(
    ("listener", "servers", "message"),
    [
        pytest.param(
            {"pid": 812, "command": "nginx", "uid": 33, "account": "www-data"},
            [],
            "8888 is used by nginx (process 812)",
            id="another program",
        ),
        pytest.param(
            {"pid": None, "command": None, "uid": 33, "account": "www-data"},
            [],
            "the account 'www-data'",
            id="a process that cannot be told",
        ),
        pytest.param(
            {
                "pid": 812,
                "command": "python3",
                "uid": 33,
                "account": "www-data",
                "unit": "jupyter.service",
                "users": False,
            },
            [],
            "8888 is used by python3 (process 812 of jupyter.service). Stop that for good, else it has the port again"
            " after a boot (sudo systemctl disable --now jupyter.service), or choose another port.",
            id="an old unit, enabled",
        ),
        pytest.param(
            {
                "pid": None,
                "command": None,
                "uid": 1001,
                "account": "ann",
                "unit": "my\\x2dnotes.service",
                "users": True,
            },
            [],
            "a process of the account 'ann', my\\x2dnotes.service by the look of it. Stop that for good, else it has"
            " the port again after a boot (as 'ann': systemctl --user disable --now 'my\\x2dnotes.service'), or choose"
            " another port.",
            id="a unit of an account, whose process cannot be told",
        ),
        pytest.param(
            {"pid": 7, "command": "python", "uid": 999, "account": "jupyter"}, [SERVER], None, id="our own server"
        ),
        pytest.param(
            {"pid": None, "command": None, "uid": 999, "account": "jupyter"}, [SERVER], None, id="our own account"
        ),
    ],
)
def test_a_port_in_use(listener, servers, message):
    report = bare()
    report["listeners"], report["servers"] = {"8888": {**listener, "loopback": True, "everywhere": False}}, servers
    problems = refusals.refusals(plan(), report)
    assert [message in problem for problem in problems] == ([True] if message else [])


@pytest.mark.parametrize(
    ("where", "refused"),
    [
        ({"loopback": True, "everywhere": False}, True),
        ({"loopback": False, "everywhere": True}, True),
        ({"loopback": False, "everywhere": False}, False),
    ],
    ids=["where clients are sent", "everywhere", "elsewhere"],
)
def test_a_port_is_taken_where_a_server_needs_it(where, refused):
    report = bare()
    report["listeners"] = {"8888": {"pid": 66, "command": "evil", "uid": 1001, "account": "bob", **where}}
    assert bool(refusals.refusals(plan(), report)) is refused


@pytest.mark.parametrize(
    ("uid", "port", "stops"),
    [(1001, 8888, False), (0, 8888, True), (1001, 8889, True)],
    ids=["an account", "root", "a new port"],
)
def test_an_account_that_takes_the_port_of_a_server_stops_no_run(uid, port, stops):
    """Any account can, at any time, from its kernel: the run goes on for all others, a new password for that very
    account with it."""
    report = bare()
    report["manifest"] = [{"id": "service jupyter@lab.service", "kind": "service", "instance": "lab", "port": port}]
    report["listeners"] = {
        "8888": {"pid": 66, "command": "evil", "uid": uid, "account": "bob", "loopback": True, "everywhere": False}
    }
    said = [
        refusals.refusals(plan(), report),
        [remark for remark in state_remarks.remarks(plan(), report) if "port" in remark],
    ]
    problem = "instance 'lab': port: 8888 is used by evil (process 66). Stop that, or choose another port."
    assert said == ([[problem], []] if stops else [[], [problem]])
