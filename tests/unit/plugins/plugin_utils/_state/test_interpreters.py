# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Python that the host lacks: refused, or installed by uv, and kept as long as an environment needs it."""

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import compare, manifest, refusals, resources
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import instances as state_instances

from .test_state import bare, plan

PYTHONS = "/opt/remote-notebooks/pythons"
OLD, NEW = f"{PYTHONS}/cpython-3.12.16-linux-x86_64-gnu", f"{PYTHONS}/cpython-3.12.17-linux-x86_64-gnu"
ABSENT = {"path": None, "version": None, "open": False}
THERE = {"path": "/usr/bin/python3.12", "version": [3, 12], "open": True}


def host(found=None, *, links=None, builds=None, **named):
    report = bare()
    report["pythons"].update({"3.12": dict(found or ABSENT), **named})
    report["interpreters"] = {"links": links or {}, "builds": builds or {}}
    return report


def built(wanted, report):
    """Return interpreter and version to install of each environment."""
    things = resources.things(wanted, state_instances.complete(wanted, report), report, {}, {})
    return [(thing["python"], thing["download"]) for thing in things if thing["kind"] == "environment"]


def wish(**more):
    return plan({"name": "lab", "python": "3.12", **more})


OURS = (f"{PYTHONS}/3.12/bin/python3", "3.12")


@pytest.mark.parametrize(
    ("downloads", "report", "expected"),
    [
        pytest.param(True, host(), OURS, id="the host lacks it"),
        pytest.param(True, host(THERE), ("/usr/bin/python3.12", ""), id="the host has it"),
        pytest.param(True, host(THERE, links={"3.12": OLD}), OURS, id="the host got it later"),
        pytest.param(True, host(THERE, links={"3.12": ""}), ("/usr/bin/python3.12", ""), id="a link to nothing"),
        pytest.param(False, host(THERE, links={"3.12": OLD}), ("/usr/bin/python3.12", ""), id="no longer wanted"),
    ],
)
def test_which_interpreter_an_environment_is_built_on(downloads, report, expected):
    assert built(wish(python_downloads=downloads), report) == [expected]


def test_a_kernel_may_have_one_of_its_own():
    wanted = plan({"name": "lab", "python_downloads": True, "kernels": [{"name": "old", "python": "3.12"}]})
    assert built(wanted, host()) == [("/usr/bin/python3", ""), OURS]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param(
            {"python": "3.12"},
            "instance 'lab': python: there is no '3.12' on this host. Install it, say python_downloads: true to have uv"
            " install one, or leave python out for the system's own.",
            id="a version",
        ),
        pytest.param(
            {"kernels": [{"name": "old", "python": "3.12"}]},
            "instance 'lab': kernels: kernel 'old': there is no '3.12' on this host. Install it, say python_downloads:"
            " true to have uv install one, or leave python out.",
            id="a version for a kernel",
        ),
        pytest.param(
            {"python": "pypy", "python_downloads": True},
            "instance 'lab': python: there is no 'pypy' on this host. Install it, or leave python out for the system's"
            " own.",
            id="a name",
        ),
        pytest.param(
            {"python": "3.7", "python_downloads": True},
            f"instance 'lab': python: {PYTHONS}/3.7/bin/python3 is Python 3.7, and Jupyter needs 3.10.",
            id="a version that is too old",
        ),
    ],
)
def test_what_no_run_can_install_is_refused_before_a_change(given, message):
    report = host(pypy=dict(ABSENT), **{"3.7": dict(ABSENT)})
    (said,) = refusals.refusals(plan({"name": "lab", **given}), report)
    assert said.startswith(message)


def test_with_the_option_there_is_nothing_to_refuse():
    assert refusals.refusals(wish(python_downloads=True), host()) == []


def left(wanted, report):
    things = resources.things(wanted, state_instances.complete(wanted, report), report, {}, {})
    return [thing["id"] for thing in manifest.orphans(wanted, things, report) if thing["kind"] != "file"]


KEY = state_instances.slots(wish(python_downloads=True), host())[0]["key"]
ENVIRONMENTS = "/opt/remote-notebooks/envs"
NOW, BEFORE, OTHER = f"{ENVIRONMENTS}/{KEY}-T2", f"{ENVIRONMENTS}/{KEY}-T1", f"{ENVIRONMENTS}/0000000000aa"


def used(*environments, builds, links):
    report = host(builds=builds, links=links)
    for number, path in enumerate(environments):
        report["environments"][path] = {"sealed": True, "missing": [], "built": number}
    link = {"kind": "link", "mode": "0777", "owner": "root", "group": "root", "modified": 1.0, "target": NOW}
    report["paths"]["/opt/remote-notebooks/current/lab"] = link
    return report


@pytest.mark.parametrize(
    ("report", "wanted", "gone"),
    [
        pytest.param(
            used(BEFORE, NOW, builds={OLD: [BEFORE], NEW: [NOW]}, links={"3.12": NEW}),
            wish(python_downloads=True),
            [],
            id="an old environment is kept for a rollback, and its build with it",
        ),
        pytest.param(
            used(BEFORE, NOW, builds={OLD: [BEFORE], NEW: [NOW]}, links={"3.12": NEW}),
            {**wish(python_downloads=True), "keep_environments": 0},
            [f"interpreter {OLD}", f"environment {BEFORE}"],
            id="it goes after the last environment on it",
        ),
        pytest.param(
            used(OTHER, NOW, builds={f"{PYTHONS}/cpython-3.11.9": [], NEW: [NOW]}, links={"3.11": "", "3.12": NEW}),
            wish(python_downloads=True),
            [f"interpreter {PYTHONS}/3.11", f"interpreter {PYTHONS}/cpython-3.11.9"],
            id="another version was wanted before, and a run was cut off",
        ),
        pytest.param(
            used(NOW, builds={OLD: [], NEW: [NOW]}, links={"3.12": NEW}),
            wish(),
            [f"interpreter {PYTHONS}/3.12", f"interpreter {OLD}"],
            id="the host's own is wanted now: the environment is kept, and its build",
        ),
    ],
)
def test_a_build_stays_as_long_as_an_environment_needs_it(report, wanted, gone):
    if not wanted["instances"][0]["python_downloads"]:
        report["pythons"]["3.12"] = dict(THERE)
    assert left(wanted, report) == gone


def test_uninstall_removes_all_of_them_after_the_environments():
    report = used(BEFORE, NOW, builds={OLD: [BEFORE], NEW: [NOW]}, links={"3.12": NEW})
    wanted = {**wish(python_downloads=True), "instances": [], "absent": ["lab"]}
    found = [change["id"] for change in compare.differences(wanted, [], [], report)]
    assert found[:3] == [f"interpreter {PYTHONS}/3.12", f"interpreter {OLD}", f"interpreter {NEW}"]
    assert sorted(found[3:]) == [f"environment {BEFORE}", f"environment {NOW}"]
