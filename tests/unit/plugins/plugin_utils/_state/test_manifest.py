# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy

from ansible_collections.remote.notebooks.plugins.plugin_utils._state import (
    compare,
    resources,
)
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import manifest as state_manifest

from .test_services import CONFIG
from .test_state import DIRECT, TMUX, bare, plan, settled, wanted


def test_what_the_plan_no_longer_wants_is_removed_and_notebooks_stay():
    _instances, _things, report = settled(DIRECT)
    smaller = plan({"name": "lab"}, {"name": "two", "state": "absent"}, access="direct", login_throttle=False)
    instances, things = wanted(smaller, report)
    left = [change for change in compare.differences(smaller, things, instances, report) if change["stage"] == "remove"]
    assert "service jupyter@two.service" in {change["id"] for change in left}
    assert not any("notebooks" in change["id"].rpartition("/")[2] for change in left)
    assert not any("lab" in change["id"] for change in left)


#: The request of playbooks/uninstall.yml, and a home with only files of ours.
UNINSTALL = {**plan(), "instances": [], "prune": True, "verb": "uninstall"}
EMPTY_HOME = {"jupyter": {"path": "/home/jupyter", "strangers": []}}


def test_uninstall_removes_everything_but_notebooks_and_their_owner():
    _instances, things, report = settled(DIRECT)
    report["homes"] = EMPTY_HOME
    nothing = UNINSTALL
    kept = {"account jupyter", "directory /home/jupyter/notebooks"}
    gone = {thing["id"] for thing in state_manifest.orphans(nothing, [], report)}
    assert gone == {thing["id"] for thing in things if thing["kind"] != "rule"} - kept
    assert {thing["id"] for thing in state_manifest.kept(nothing, [], report)} == kept
    report["paths"]["/home/jupyter/notebooks"]["entries"] = 0
    assert {thing["id"] for thing in state_manifest.orphans(nothing, [], report)} == gone | kept
    report["paths"]["/home/jupyter/notebooks"]["entries"] = 3
    assert {
        thing["id"] for thing in state_manifest.orphans({**nothing, "keep_notebooks": False}, [], report)
    } == gone | kept


def test_what_stays_after_an_uninstall_is_still_listed_and_can_be_removed_later():
    _instances, _things, report = settled(DIRECT)
    shared = {"kind": "directory", "instance": "", "shared": True}
    report["manifest"] += [{**shared, "id": f"directory {path}", "path": path} for path in ("/opt", "/home/jupyter/x")]
    report["homes"] = EMPTY_HOME
    nothing = UNINSTALL
    assert {thing["id"] for thing in state_manifest.kept(nothing, [], report)} == {
        "account jupyter",
        "directory /home/jupyter/notebooks",
        "directory /opt",
    }
    things = resources.things(nothing, [], report, {}, {})
    assert [thing["id"] for thing in things] == [
        "directory /opt/remote-notebooks",
        "file /opt/remote-notebooks/manifest.json",
    ]
    report["manifest"] = state_manifest.manifest([*things, *state_manifest.kept(nothing, things, report)])
    report["environments"] = {}
    again = resources.things(nothing, [], report, {}, {})
    assert state_manifest.orphans(nothing, again, report) == []
    later = {**nothing, "keep_notebooks": False}
    assert resources.things(later, [], report, {}, {}) == []
    assert {thing["id"] for thing in state_manifest.orphans(later, [], report)} == {
        "account jupyter",
        "directory /home/jupyter/notebooks",
        "directory /opt",
        "directory /opt/remote-notebooks",
        "file /opt/remote-notebooks/manifest.json",
    }


def test_folders_that_others_may_use_are_ours_only_where_we_made_them():
    there = plan(scope="user", user="jupyter")
    report = bare(uid=1000, user="ann", home="/home/ann", group="ann")
    report["paths"]["/home/ann/.config"] = {
        "kind": "directory",
        "mode": "0700",
        "owner": "ann",
        "group": "ann",
        "entries": 3,
    }
    _instances, things = wanted(there, report)
    shared = [thing["path"] for thing in things if thing.get("shared")]
    assert shared == [
        "/home/ann/.local",
        "/home/ann/.local/share",
        "/home/ann/.config/systemd",
        "/home/ann/.config/systemd/user",
    ]
    assert [thing["path"] for thing in things if thing["kind"] == "trace"] == [
        "/home/ann/.ipython",
        "/home/ann/.jupyter",
        "/home/ann/.local/share/jupyter",
    ]


def test_only_packages_that_came_with_us_go_and_only_with_the_last_server():
    _instances, things, report = settled(TMUX)
    report["manifest"].append({"id": "package libevent", "kind": "package", "instance": "", "ours": True})
    assert not any(thing["kind"] == "package" for thing in state_manifest.orphans(TMUX, things, report))
    nothing = {**TMUX, "instances": [], "prune": True}
    assert [thing["id"] for thing in state_manifest.orphans(nothing, [], report) if thing["kind"] == "package"] == [
        "package libevent"
    ]


def test_an_account_that_was_there_before_is_never_ours():
    report = bare()
    report["accounts"]["jupyter"] = {"uid": 1000, "group": "users", "home": "/home/j", "comment": "Jo Upyter"}
    instances, things = wanted(plan(), report)
    assert not any(thing["kind"] == "account" for thing in things)
    assert instances[0]["root_dir"] == "/home/j/notebooks"
    assert instances[0]["group"] == "users"


def test_another_environment_or_setting_is_another_revision():
    instances, things, _report = settled(plan())
    (lab,) = instances
    first = state_manifest.revision(lab, things, "start it")
    assert first == state_manifest.revision(lab, copy.deepcopy(things), "start it")
    assert first != state_manifest.revision(lab, things, "start it otherwise")
    assert first != state_manifest.revision(
        {**lab, "environment": "/opt/remote-notebooks/envs/other"}, things, "start it"
    )
    for thing in things:
        if thing.get("path") == CONFIG:
            thing["digest"] = "other"
    assert first != state_manifest.revision(lab, things, "start it")


def test_what_only_lists_things_is_no_part_of_a_revision():
    """A server must not restart because another one came to the host, or left it."""
    instances, things, _report = settled(plan())
    before = state_manifest.revision(instances[0], things, "start it")
    for thing in things:
        if thing["stage"] not in ("configure", "service") and "digest" in thing and not thing.get("runs"):
            thing["digest"] = "other"
    assert before == state_manifest.revision(instances[0], things, "start it")
