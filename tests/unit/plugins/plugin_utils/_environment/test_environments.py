# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PlanError
from ansible_collections.remote.notebooks.plugins.plugin_utils._environment import environments
from ansible_collections.remote.notebooks.plugins.plugin_utils._environment.environments import (
    KEEP,
    choose,
    require_change,
    unneeded,
)

NEW = {**KEEP, "do": "new", "stamp": "T9"}
BACK = {**KEEP, "do": "back", "stamp": "T9", "environments": {"lab": "/envs/aaa-T1"}}
PREVIOUS = {**KEEP, "do": "previous", "stamp": "T9"}


def known(*names, unsealed=()):
    """Environments in the order in which they were built."""
    found = {
        f"/envs/{name}": {"sealed": True, "missing": [], "built": 100.0 + number} for number, name in enumerate(names)
    }
    return {**found, **{f"/envs/{name}": {"sealed": False, "missing": []} for name in unsealed}}


def slot(link=None, lock=None, name="lab"):
    return {"slot": name, "key": "aaa", "lock": lock, "link": f"/envs/{link}" if link else None}


THREE = known("aaa", "aaa-T1", "aaa-T2", "bbb")
# An upgrade to T1, back again, an upgrade to T2: T2 took the place of the first one.
AGAIN = known("aaa", "aaa-T1", "aaa-T2")
AGAIN["/envs/aaa-T2"]["before"] = "/envs/aaa"


@pytest.mark.parametrize(
    ("a_slot", "there", "aim", "wanted"),
    [
        pytest.param(slot(), known(), KEEP, "aaa", id="a bare host gets the plain name"),
        pytest.param(slot(), known(), NEW, "aaa", id="an upgrade of a bare host installs it"),
        pytest.param(slot("aaa-T1"), THREE, KEEP, "aaa-T1", id="the link says which one, also after a rollback"),
        pytest.param(slot(), THREE, KEEP, "aaa-T2", id="a lost link leads to the newest again"),
        pytest.param(slot("bbb"), THREE, KEEP, "aaa-T2", id="packages taken back find what was built for them"),
        pytest.param(
            slot("aaa-T3"), known("aaa", unsealed=["aaa-T3"]), KEEP, "aaa-T3", id="a damaged one is built in its place"
        ),
        pytest.param(slot("aaa"), THREE, NEW, "aaa-T9", id="an upgrade makes another one"),
        pytest.param(
            slot("aaa"), THREE, {**NEW, "instances": ["two"]}, "aaa", id="an upgrade of another instance does not"
        ),
        pytest.param(
            slot("aaa", name="lab.own"),
            THREE,
            {**NEW, "instances": ["lab"]},
            "aaa-T9",
            id="kernels go with their instance",
        ),
        pytest.param(
            slot("aaa-T1"), THREE, {**NEW, "same": ["/envs/aaa-T9"]}, "aaa-T1", id="nothing newer leaves it where it is"
        ),
        pytest.param(slot("aaa-T2"), THREE, PREVIOUS, "aaa-T1", id="a rollback goes to the one before"),
        pytest.param(slot("aaa-T1"), THREE, PREVIOUS, "aaa", id="a second rollback goes one further"),
        pytest.param(slot("aaa-T2"), AGAIN, PREVIOUS, "aaa", id="a rollback never leads to what was rolled back from"),
        pytest.param(
            slot("aaa-T2"), {**AGAIN, **known(unsealed=["aaa"])}, PREVIOUS, "aaa-T1", id="unless nothing else is left"
        ),
        pytest.param(slot("aaa"), THREE, PREVIOUS, "aaa", id="a kernel without an earlier one stays"),
        pytest.param(slot("aaa-T9"), THREE, BACK, "aaa-T1", id="a failed upgrade goes back to where it came from"),
        pytest.param(slot("aaa", "0123456789"), THREE, KEEP, "aaa-01234567", id="a lock file decides"),
        pytest.param(
            slot("aaa", "0123456789"), THREE, NEW, "aaa-01234567", id="also in an upgrade, which has renewed it before"
        ),
    ],
)
def test_which_environment_a_server_runs_in(a_slot, there, aim, wanted):
    assert choose(a_slot, "/envs", there, aim) == f"/envs/{wanted}"


def test_there_may_be_nothing_to_go_back_to():
    links = {"lab": "/envs/aaa", "lab.own": "/envs/bbb", "two": "/envs/ccc"}
    with pytest.raises(PlanError) as caught:
        require_change({**links, "two": "/envs/ccc-T1"}, links, {}, PREVIOUS)
    assert str(caught.value).startswith("instance 'lab': there is nothing to go back to: no upgrade has replaced")
    assert "two" not in str(caught.value)


@pytest.mark.parametrize(
    ("chosen", "locks", "aim"),
    [
        pytest.param({"lab": "/envs/aaa"}, {}, KEEP, id="nobody asked for a rollback"),
        pytest.param(
            {"lab": "/envs/aaa"}, {}, {**PREVIOUS, "instances": ["two"]}, id="the rollback is of another instance"
        ),
        pytest.param({"lab": "/envs/aaa", "lab.own": "/envs/bbb-T1"}, {}, PREVIOUS, id="a kernel of it goes back"),
        pytest.param({"lab": "/envs/aaa"}, {"lab": "x"}, PREVIOUS, id="its lock went back before"),
    ],
)
def test_a_rollback_that_has_something_to_do(chosen, locks, aim):
    assert require_change(chosen, {"lab": "/envs/aaa", "lab.own": "/envs/bbb"}, locks, aim) is None


@pytest.mark.parametrize(
    ("there", "wanted", "used", "keep", "aim", "gone"),
    [
        pytest.param(["aaa"], ["aaa"], [], 1, KEEP, [], id="the one in use stays"),
        pytest.param(["aaa", "aaa-T1"], ["aaa-T1"], [], 1, KEEP, [], id="one to roll back to stays"),
        pytest.param(["aaa", "aaa-T1", "aaa-T2"], ["aaa-T2"], [], 1, KEEP, ["aaa"], id="the oldest goes"),
        pytest.param(
            ["aaa", "aaa-T1", "aaa-T2"], ["aaa-T2"], ["aaa"], 1, KEEP, [], id="never one that a process runs in"
        ),
        pytest.param(["aaa", "aaa-T1"], ["aaa-T1"], [], 0, KEEP, ["aaa"], id="none is kept where none is wanted"),
        pytest.param(["aaa", "aaa-T1", "bbb", "ccc"], ["aaa-T1", "bbb"], [], 1, KEEP, [], id="each wish keeps its own"),
        pytest.param(
            ["ccc", "ddd", "aaa"], ["aaa"], [], 1, KEEP, ["ccc"], id="of what nobody wants any more the newest stays"
        ),
        pytest.param(
            ["aaa", "aaa-T1", "aaa-T9"], ["aaa-T1"], [], 1, BACK, ["aaa-T9"], id="an upgrade that failed leaves nothing"
        ),
    ],
)
def test_which_environments_go(there, wanted, used, keep, aim, gone):
    paths = [[f"/envs/{name}" for name in names] for names in (wanted, used)]
    assert unneeded(*(paths[0], known(*there), paths[1]), keep, aim) == [f"/envs/{name}" for name in gone]


def test_what_a_rollback_leads_to_stays_and_not_what_was_rolled_back_from():
    assert unneeded(["/envs/aaa-T2"], AGAIN, [], 1, KEEP) == ["/envs/aaa-T1"]


def test_what_the_next_environment_takes_the_place_of_stays_and_not_what_was_rolled_back_from():
    assert unneeded(["/envs/aaa-0123"], known("aaa", "aaa-T1"), ["/envs/aaa"], 1, KEEP, replaced=["/envs/aaa"]) == [
        "/envs/aaa-T1"
    ]


def test_what_is_being_built_is_nobodys_to_remove():
    assert unneeded(["/envs/aaa"], known("aaa", unsealed=["bbb"]), [], 0, KEEP) == []


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(({"path": "/usr/bin/python3.13", "version": [3, 11]}, ["a"]), id="another interpreter"),
        pytest.param(({"path": "/usr/bin/python3", "version": [3, 13]}, ["a"]), id="another version of Python"),
        pytest.param(({"path": "/usr/bin/python3", "version": [3, 11]}, ["b"]), id="other packages"),
    ],
)
def test_what_went_in_is_in_the_name(other):
    assert environments.key({"path": "/usr/bin/python3", "version": [3, 11]}, ["a"]) != environments.key(*other)
