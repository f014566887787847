# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removal only on request: the changes that each plan may make on each host, as tables."""

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._jupyter import removal


def service(name, user=None):
    return {
        "id": f"service jupyter@{name}.service",
        "kind": "service",
        "instance": name,
        "user": user or name,
        "port": 8888,
        "manager": "systemd",
    }


def account(name):
    return {"id": f"account {name}", "kind": "account", "instance": ""}


def notebooks(name):
    path = f"/home/{name}/notebooks"
    return {"id": f"directory {path}", "kind": "directory", "instance": name, "path": path, "owner": name, "keep": True}


def plan(*present, absent=(), prune=False, verb="", keep_notebooks=True):
    return {
        "instances": [{"name": name} for name in present],
        "absent": list(absent),
        "prune": prune,
        "verb": verb,
        "keep_notebooks": keep_notebooks,
    }


def report(*names, entries=0, strangers=(), homes=("ann", "bob")):
    """The host of two people, each with a server, an account of ours, and a home."""
    manifest = [thing for name in names for thing in (account(name), notebooks(name), service(name))]
    paths = {f"/home/{name}/notebooks": {"kind": "directory", "entries": entries} for name in names}
    return {
        "manifest": manifest,
        "paths": paths,
        "homes": {name: {"path": f"/home/{name}", "strangers": list(strangers)} for name in homes},
    }


TWO = report("ann", "bob")


@pytest.mark.parametrize(
    ("the_plan", "told"),
    [
        pytest.param(plan("ann", "bob"), [], id="the inventory names all"),
        pytest.param(
            plan("lab"),
            ["ann (port 8888, account ann), bob (port 8888, account bob)", "state: absent", "jupyter_prune=true"],
            id="none of them",
        ),
        pytest.param(plan("ann"), ["bob (port 8888, account bob)", "Nothing was changed"], id="one of them"),
        pytest.param(plan(), ["ann (port 8888, account ann), bob"], id="the inventory is empty"),
        pytest.param(plan("ann", absent=["bob"]), [], id="the other is said to go"),
        pytest.param(plan("ann", prune=True), [], id="told to prune"),
        pytest.param(plan("ann", "bob", "new"), [], id="the main job makes a third"),
        pytest.param(plan(prune=True, verb="uninstall"), [], id="uninstall"),
        pytest.param(plan("lab", verb="report"), [], id="a report only says it"),
        *(
            pytest.param(plan("ann", "bob", verb=verb), [], id=f"{verb} with all")
            for verb in ("rotate_password", "upgrade", "rollback", "renew", "backup")
        ),
        *(
            pytest.param(
                plan("lab", verb=verb),
                [
                    f"{verb}.yml creates no server and removes none",
                    "ann (port 8888, account ann), bob",
                    "lab: not here",
                    "Nothing was changed",
                ],
                id=f"{verb} with an inventory that knows nothing",
            )
            for verb in ("rotate_password", "upgrade", "rollback", "renew", "backup")
        ),
        pytest.param(
            plan("ann", absent=["bob"], verb="upgrade"),
            ["bob (port 8888, account bob): here, and the inventory says state: absent"],
            id="due to go",
        ),
        pytest.param(
            plan("ann", "bob", "new", verb="upgrade"),
            ["new: not here, though the inventory names them"],
            id="due to come",
        ),
        pytest.param(
            plan("ann", prune=True, verb="upgrade"), ["bob (port 8888, account bob): here"], id="a verb does not prune"
        ),
    ],
)
def test_who_may_go_on(the_plan, told):
    problems = removal.refusals(the_plan, TWO)
    assert bool(problems) is bool(told)
    assert [text for text in told if text not in problems[0]] == []


def test_a_verb_makes_nothing_on_a_bare_host():
    assert "lab: not here" in removal.refusals(plan("lab", verb="renew"), report())[0]
    assert removal.refusals(plan("lab"), report()) == []


def ids(things):
    return sorted(thing["id"] for thing in things)


@pytest.mark.parametrize(
    ("the_plan", "found", "stays"),
    [
        pytest.param(plan(absent=["ann"]), report("ann"), [], id="said to go, and empty"),
        pytest.param(
            plan(absent=["ann"]),
            report("ann", entries=1),
            ["account ann", "directory /home/ann/notebooks"],
            id="notebooks keep their account",
        ),
        pytest.param(
            plan(absent=["ann"], keep_notebooks=False), report("ann", entries=1), [], id="notebooks are said to go, too"
        ),
        pytest.param(
            plan(absent=["ann"], keep_notebooks=False),
            report("ann", entries=1, strangers=["mine.txt"]),
            ["account ann"],
            id="a file of somebody's in the home",
        ),
        pytest.param(
            plan(prune=True, keep_notebooks=False),
            report("ann", strangers=["mine.txt"]),
            ["account ann"],
            id="not even pruned",
        ),
        pytest.param(plan("ann"), report("ann"), ["account ann"], id="the server stays and has another account now"),
        pytest.param(
            plan("ann", keep_notebooks=False),
            report("ann", entries=1),
            ["account ann", "directory /home/ann/notebooks"],
            id="the server stays and has another folder now",
        ),
        pytest.param(
            plan("ann", prune=True, keep_notebooks=False), report("ann", entries=1), [], id="that, and told to prune"
        ),
        pytest.param(plan(absent=["ann"]), report("ann", homes=()), [], id="an account that is not there"),
    ],
)
def test_what_outlives_a_server(the_plan, found, stays):
    assert ids(removal.staying(the_plan, found, found["manifest"])) == stays


def test_an_account_goes_with_the_last_of_its_servers():
    found = report("ann")
    found["manifest"].append(service("night", "ann"))
    assert "account ann" in ids(removal.staying(plan("night", absent=["ann"]), found, [account("ann")]))
    assert removal.staying(plan(absent=["ann", "night"]), found, [account("ann")]) == []


@pytest.mark.parametrize(
    ("the_plan", "found", "told"),
    [
        pytest.param(plan(absent=["ann"]), report("ann", homes=["ann"]), [], id="it goes"),
        pytest.param(plan(absent=["ann"]), report("ann", entries=1, homes=["ann"]), [], id="its notebooks stay"),
        pytest.param(
            plan(absent=["ann"]),
            report("ann", strangers=["a", "b"], homes=["ann"]),
            ["holds what no run of ours put there: a, b."],
            id="its home",
        ),
        pytest.param(plan("ann"), report("ann", homes=["ann"]), ["no server uses it any more"], id="nobody said it"),
    ],
)
def test_accounts_that_stay_are_named(the_plan, found, told):
    remarks = removal.remarks(the_plan, found)
    assert [text in remark for text, remark in zip(told, remarks, strict=True)] == [True] * len(told)


def change(identity, stage="configure", what="content", instance="ann", found="another"):
    return {
        "id": identity,
        "kind": identity.split(" ")[0],
        "stage": stage,
        "what": what,
        "instance": instance,
        "found": found,
        "text": identity,
    }


HASH = change("file /etc/remote-notebooks/ann/hashed_password")
UNIT = change("file /etc/systemd/system/jupyter@ann.service.d/instance.conf", "service")
LIST = change("file /opt/remote-notebooks/manifest.json", "manifest", instance="")
CONFIG = change("file /etc/remote-notebooks/ann/jupyter_server_config.py")


@pytest.mark.parametrize(
    ("verb", "changes", "refused"),
    [
        *(
            pytest.param(verb, [], [], id=f"{verb} where nothing differs")
            for verb in ("rotate_password", "upgrade", "rollback", "renew")
        ),
        pytest.param(
            "upgrade", [change("service jupyter@ann.service", "service", "revision")], [], id="a restart that waits"
        ),
        pytest.param(
            "upgrade",
            [change("environment /opt/e", "remove", "unwanted", "", "present")],
            [],
            id="an environment that nobody uses",
        ),
        pytest.param(
            "upgrade",
            [change("environment /opt/e", "install", "environment", "", "unfinished")],
            [],
            id="one that a run was building",
        ),
        pytest.param("renew", [change("file /etc/remote-notebooks/ann/tls.pem")], [], id="a certificate"),
        pytest.param(
            "renew",
            [change("file /etc/remote-notebooks/ann/tls.pem", "remove", "unwanted")],
            ["tls.pem"],
            id="no certificate any more",
        ),
        pytest.param("rotate_password", [HASH, UNIT], [], id="a rotation that was cut off"),
        pytest.param("upgrade", [UNIT, LIST], [], id="an upgrade that was cut off"),
        pytest.param("upgrade", [UNIT, CONFIG, LIST], ["jupyter_server_config.py"], id="that, and other settings"),
        pytest.param("renew", [UNIT, LIST], ["instance.conf"], id="another run that was cut off"),
        pytest.param("upgrade", [HASH, UNIT], ["hashed_password", "instance.conf"], id="an upgrade sets no password"),
        pytest.param("rotate_password", [UNIT], ["instance.conf"], id="another unit"),
        pytest.param("rotate_password", [HASH, UNIT, CONFIG], ["jupyter_server_config.py"], id="other settings"),
        pytest.param(
            "upgrade",
            [change("environment /opt/e", "install", "environment", "", "absent")],
            ["/opt/e"],
            id="other packages",
        ),
        pytest.param("renew", [change("rule 8888/tcp", "firewall", "unwanted", "")], ["8888/tcp"], id="another access"),
        pytest.param("renew", [change("tunnel ipad", "tunnel", "unwanted", "")], ["ipad"], id="a tunnel account less"),
        pytest.param(
            "rollback", [change(f"file /{n}") for n in range(7)], ["/4", "and 2 more", "run site.yml first"], id="many"
        ),
        pytest.param("", [CONFIG], [], id="the main job mends it"),
    ],
)
def test_a_verb_changes_its_subject_alone(verb, changes, refused):
    problems = removal.beyond(verb, changes)
    assert bool(problems) is bool(refused)
    assert [text for text in refused if text not in problems[0]] == []
