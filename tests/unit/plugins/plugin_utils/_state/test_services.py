# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import (
    compare,
    services,
)
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import manifest as state_manifest

from .test_state import DIRECT, found, plan, settled


@pytest.mark.parametrize(
    ("damage", "what", "step"),
    [
        pytest.param(lambda report: report["servers"].clear(), "service", "start", id="stopped"),
        pytest.param(
            lambda report: report["servers"][0].update(revision="old"),
            "revision",
            "restart",
            id="started from something else",
        ),
        pytest.param(
            lambda report: report["units"]["jupyter@lab.service"].update(UnitFileState="disabled"),
            "start at boot",
            "enable",
            id="disabled",
        ),
        pytest.param(
            lambda report: report["units"]["jupyter@lab.service"].update(NeedDaemonReload="yes"),
            "unit",
            "enable",
            id="not reloaded",
        ),
        pytest.param(
            lambda report: report["servers"][0].update(pid=1), "service", "start", id="started by hand beside systemd"
        ),
    ],
)
def test_a_service_gets_the_step_it_needs(damage, what, step):
    the_plan = plan()
    instances, things, report = settled(the_plan)
    damage(report)
    changes = compare.differences(the_plan, things, instances, report)
    assert [(change["id"], change["what"]) for change in changes] == [("service jupyter@lab.service", what)]
    (only,) = services.service_steps(things, changes, report)
    assert (only["name"], only["step"]) == ("jupyter@lab.service", step)


@pytest.mark.parametrize(
    ("found", "stale"),
    [
        pytest.param(None, False, id="no lock"),
        pytest.param(
            {"kind": "link", "target": "ann@laptop:42", "modified": 900.0}, False, id="a run of ours that lives"
        ),
        pytest.param(
            {"kind": "link", "target": "ann@laptop:666", "modified": 900.0}, True, id="a run of ours that is dead"
        ),
        pytest.param(
            {"kind": "link", "target": "bob@laptop:666", "modified": 900.0},
            False,
            id="somebody else here: not ours to judge",
        ),
        pytest.param({"kind": "link", "target": "ann@server:666", "modified": 900.0}, False, id="another control node"),
        pytest.param(
            {"kind": "link", "target": "ann@server:666", "modified": 900.0 - 7200},
            True,
            id="another control node, long ago",
        ),
        pytest.param({"kind": "file", "modified": 0.0}, False, id="not a lock of ours"),
    ],
)
def test_a_lock_is_stale_only_when_its_run_is_dead(found, stale):
    assert bool(services.stale_lock(found, "ann@laptop:1", 1000.0, alive=lambda pid: pid == 42)) is stale


def test_new_limits_are_read_by_systemd_and_restart_nothing():
    the_plan = plan()
    instances, things, report = settled(the_plan)
    report["paths"]["/etc/systemd/system/jupyter@lab.service.d/limits.conf"].update(digest="old", modified=1500.0)
    changes = compare.differences(the_plan, things, instances, report)
    assert [change["id"] for change in changes] == ["file /etc/systemd/system/jupyter@lab.service.d/limits.conf"]
    assert [step["step"] for step in services.service_steps(things, changes, report)] == ["enable"]


def moved(report):
    """The server runs, but not under the manager that is wanted."""
    report["units"].clear()


@pytest.mark.parametrize(
    ("restart", "damage", "when"),
    [
        pytest.param(
            "when_idle",
            lambda report: report["servers"][0].update(revision="old"),
            "idle",
            id="asks before it restarts",
        ),
        pytest.param("when_idle", moved, "idle", id="asks before it moves to another manager"),
        pytest.param("when_idle", lambda report: report["servers"].clear(), "now", id="starts a stopped one at once"),
        pytest.param(
            "when_idle",
            lambda report: next(iter(report["environments"].values())).update(missing=["a"]),
            "now",
            id="mends a damaged one at once",
        ),
        pytest.param(
            "when_idle",
            lambda report: report["units"]["jupyter@lab.service"].update(UnitFileState="off"),
            "now",
            id="enables at once",
        ),
        pytest.param(
            "always", lambda report: report["servers"][0].update(revision="old"), "now", id="always does not ask"
        ),
        pytest.param(
            "never", lambda report: report["servers"][0].update(revision="old"), "later", id="never leaves it"
        ),
        pytest.param("never", lambda report: report["servers"].clear(), "now", id="never starts a stopped one"),
    ],
)
def test_a_restart_waits_for_whom_it_would_interrupt(restart, damage, when):
    the_plan = plan(restart=restart)
    instances, things, report = settled(the_plan)
    damage(report)
    changes = compare.differences(the_plan, things, instances, report)
    (only,) = services.service_steps(things, changes, report)
    assert (only["when"], only["pid"]) == (when, 1000 if report["servers"] else 0)


CONFIG = "/etc/remote-notebooks/lab/jupyter_server_config.py"


@pytest.mark.parametrize(
    ("modified", "restarts"), [(1500.0, True), (2500.0, False)], ids=["before the server started", "after"]
)
def test_a_server_restarts_only_if_it_has_read_the_changed_file(modified, restarts):
    the_plan = plan()
    instances, things, report = settled(the_plan)
    report["paths"][CONFIG].update(digest="edited", modified=modified)
    changes = found(the_plan, instances, things, report)
    assert (f"file {CONFIG}", "content") in changes
    assert (("service jupyter@lab.service", "configuration") in changes) is restarts


def test_a_new_certificate_is_no_reason_to_restart():
    instances, things, report = settled(DIRECT)
    report["paths"]["/etc/remote-notebooks/lab/tls.pem"].update(digest="old", modified=1500.0)
    assert found(DIRECT, instances, things, report) == [("file /etc/remote-notebooks/lab/tls.pem", "content")]


def test_a_server_restarts_for_what_keeps_others_out_of_its_kernels():
    instances, things, _report = settled(plan())
    before = state_manifest.revision(instances[0], things, "start it")
    next(thing for thing in things if thing.get("path") == "/opt/remote-notebooks/libexec/kernel_channels.py")[
        "digest"
    ] = "other"
    assert before != state_manifest.revision(instances[0], things, "start it")
