# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._plan.plan import resolve
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import (
    compare,
    refusals,
    resources,
)
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import instances as state_instances
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import manifest as state_manifest
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import remarks as state_remarks

from .._plan.test_plan import DEFAULTS

DEBIAN = {
    "id": "debian",
    "id_like": [],
    "name": "Debian GNU/Linux 13 (trixie)",
    "hostname": "web1",
    "machine": "x86_64",
    "libc": "glibc 2.41",
    "systemd": True,
    "pid1": "systemd",
    "user_manager": True,
    "lingers": False,
    "polkit": True,
    "uid": 0,
    "user": "root",
    "group": "root",
    "home": "/root",
    "ensurepip": True,
    "commands": {"tmux": "/usr/bin/tmux", "runuser": "/usr/sbin/runuser", "loginctl": "/usr/bin/loginctl"},
}
# The user's rules for the other roles. The action plugin adds them to the plan.
WISHES = {
    "firewall": {"provider": "auto", "enable": False},
    "tunnel": {"accounts": [], "override": False},
    "today": "20261130",
}
OURS = "Jupyter (remote.notebooks)"
PYTHON = {"path": "/usr/bin/python3", "version": [3, 13], "open": True}


def bare(**system):
    """Return the report of a host on which nothing of ours was ever done."""
    return {
        "system": {**DEBIAN, **system},
        "manifest": [],
        "pythons": {"python3": dict(PYTHON)},
        "accounts": {"jupyter": None},
        "homes": {},
        "paths": {
            path: {"kind": "directory", "mode": "0755", "owner": "root", "group": "root", "entries": 9}
            for path in ("/etc", "/opt")
        },
        "environments": {},
        "existing": {},
        "acme": {},
        "interpreters": {"builds": {}, "links": {}},
        "used": [],
        "servers": [],
        "shadows": {},
        "aside": [],
        "unusable": [],
        "astray": [],
        "loose": [],
        "sessions": [],
        "listeners": {},
        "units": {},
        "folders": {},
        "devices": {"classes": {}, "cards": []},
        "network": {"addresses": [], "senders": [], "published": "", "answers": True},
        "firewall": None,
        "tunnel": None,
    }


def plan(*instances, scope="system", **defaults):
    given = list(instances) or [{"name": "lab"}]
    return {**resolve("web1", scope, {**DEFAULTS, **defaults}, given), **WISHES}


def wanted(the_plan, report):
    """Do the work of the action plugin: complete, list, give every file a digest."""
    instances = state_instances.complete(the_plan, report)
    things = resources.things(the_plan, instances, report, {}, {})
    for thing in things:
        if thing["kind"] == "file":
            thing["digest"] = f"digest of {thing['path']}"
    for instance in instances:
        instance["revision"] = f"revision of {instance['name']}"
    return instances, things


def settled(the_plan, **system):
    """Return instances, things and the report of a host that is exactly as the plan wants it."""
    report = bare(**system)
    _instances, things = wanted(the_plan, report)
    for thing in things:
        name = thing["id"].split(" ", 1)[1]
        if thing["kind"] == "account":
            report["accounts"][name] = {
                "uid": 999,
                "group": name,
                "home": thing["home"],
                "home_is": "usable",
                "comment": "Jupyter (remote.notebooks)",
            }
        elif thing["kind"] == "environment":
            report["environments"][thing["path"]] = {"sealed": True, "missing": []}
        elif thing["kind"] == "linger":
            report["paths"][f"/var/lib/systemd/linger/{name}"] = {"kind": "file"}
        elif thing["kind"] == "mask":
            report["paths"]["/etc/systemd/system/user@999.service"] = {"kind": "link", "target": "/dev/null"}
        elif thing["kind"] == "service":
            pid = 1000 + len(report["servers"])
            server = {
                "pid": pid,
                "uid": 999,
                "instance": thing["instance"],
                "revision": f"revision of {thing['instance']}",
                "notebook7": False,
                "started": 2000.0,
            }
            report["servers"].append({**server, "tmux": thing["manager"] == "tmux"})
            report["units"][name] = {
                "MainPID": str(pid),
                "UnitFileState": "enabled",
                "NeedDaemonReload": "no",
                "LoadState": "loaded",
            }
        elif thing["kind"] == "package":
            report["system"]["commands"] = {
                **report["system"]["commands"],
                "fail2ban-client": "/usr/bin/fail2ban-client",
            }
        elif thing["kind"] == "daemon":
            report["units"][name] = {"ActiveState": "active", "UnitFileState": "enabled"}
        elif thing["kind"] in ("directory", "file", "link"):
            state = {
                "kind": thing["kind"],
                "mode": thing.get("mode") or "0700",
                "owner": thing.get("owner"),
                "group": thing.get("group"),
                "modified": 1000.0,
            }
            state.update(
                {
                    "file": {"digest": thing.get("digest")},
                    "link": {"target": thing.get("target")},
                    "directory": {"entries": 1},
                }[thing["kind"]]
            )
            report["paths"][thing["path"]] = state
    report["manifest"] = state_manifest.manifest(things)
    return (*wanted(the_plan, report), report)


def found(the_plan, instances, things, report):
    return [(change["id"], change["what"]) for change in compare.differences(the_plan, things, instances, report)]


DIRECT = plan({"name": "lab"}, {"name": "two", "port": 9000}, access="direct", login_throttle=False)
TMUX = plan(service_manager="tmux")
THROTTLED = plan(
    {"name": "lab"}, {"name": "two", "port": 9000, "access": "tunnel"}, access="direct", login_throttle=True
)


@pytest.mark.parametrize("the_plan", [DIRECT, TMUX, plan(), THROTTLED], ids=["direct", "tmux", "tunnel", "throttled"])
def test_nothing_differs_on_a_settled_host(the_plan):
    assert found(the_plan, *settled(the_plan)) == []


@pytest.mark.parametrize("the_plan", [DIRECT, TMUX, plan(), THROTTLED], ids=["direct", "tmux", "tunnel", "throttled"])
def test_whatever_a_run_makes_a_later_one_removes(the_plan):
    """Other paths in a damaged manifest stay, so that each path in which we create something must be known to be
    ours."""
    _instances, things, report = settled(the_plan)
    report["manifest"] = state_manifest.manifest(things)
    for a_plan in (the_plan, {**the_plan, "instances": []}):
        assert [remark for remark in state_remarks.remarks(a_plan, report) if "none of ours" in remark] == []


def test_on_a_bare_host_everything_differs():
    report = bare()
    instances, things = wanted(DIRECT, report)
    assert {thing["id"] for thing in things if thing["kind"] != "rule"} <= {
        identity for identity, _what in found(DIRECT, instances, things, report)
    }


DAMAGES = {
    "directory": [
        ("mode", lambda state: state.update(mode="0777")),
        ("owner", lambda state: state.update(owner="eve")),
    ],
    "file": [
        ("content", lambda state: state.update(digest="another", modified=3000.0)),
        ("mode", lambda state: state.update(mode="0666")),
        ("owner", lambda state: state.update(owner="eve")),
        ("group", lambda state: state.update(group="eve")),
        ("kind", lambda state: state.update(kind="link")),
    ],
    "link": [("target", lambda state: state.update(target="/elsewhere"))],
}


def path_damages():
    for thing in settled(DIRECT)[1]:
        for what, damage in DAMAGES.get(thing["kind"], []):
            if thing.get("mode", "") is not None:  # one without keeps its owner
                yield pytest.param(thing["id"], what, damage, id=f"{what} of {thing['id']}")


@pytest.mark.parametrize(("identity", "what", "damage"), list(path_damages()))
def test_a_damaged_path_is_all_that_differs(identity, what, damage):
    instances, things, report = settled(DIRECT)
    damage(report["paths"][identity.split(" ", 1)[1]])
    assert found(DIRECT, instances, things, report) == [(identity, what)]


@pytest.mark.parametrize(
    ("state", "differs"),
    [
        ({"kind": "directory", "mode": "2775", "owner": "eve", "group": "team", "entries": 3}, []),
        (
            {
                "kind": "link",
                "mode": "0777",
                "owner": "jupyter",
                "group": "jupyter",
                "target": "/data/nb",
                "directory": True,
                "entries": 1,
            },
            [],
        ),
        (
            {
                "kind": "link",
                "mode": "0777",
                "owner": "jupyter",
                "group": "jupyter",
                "target": "/gone",
                "directory": False,
                "entries": 1,
            },
            ["kind"],
        ),
        ({"kind": "file", "mode": "0777", "owner": "jupyter", "group": "jupyter", "digest": ""}, ["kind"]),
    ],
)
def test_a_folder_of_notebooks_that_is_there_is_its_owners(state, differs):
    instances, things, report = settled(DIRECT)
    report["paths"]["/home/jupyter/notebooks"] = state
    assert found(DIRECT, instances, things, report) == [("directory /home/jupyter/notebooks", what) for what in differs]


def vanish(report, thing):
    name = thing["id"].split(" ", 1)[1]
    if thing["kind"] == "environment":
        del report["environments"][name]
    elif thing["kind"] == "account":
        report["accounts"][name] = None
    elif thing["kind"] == "mask":
        del report["paths"]["/etc/systemd/system/user@999.service"]
    elif thing["kind"] == "service":
        report["servers"] = [server for server in report["servers"] if server["instance"] != thing["instance"]]
    else:
        del report["paths"][name]


@pytest.mark.parametrize("identity", [thing["id"] for thing in settled(DIRECT)[1] if thing["kind"] != "rule"])
def test_a_missing_thing_is_found(identity):
    instances, things, report = settled(DIRECT)
    vanish(report, next(thing for thing in things if thing["id"] == identity))
    # A vanished environment concerns the servers in it as well.
    assert {change for change, _what in found(DIRECT, instances, things, report)} >= {identity}
    if not identity.startswith("environment"):
        # Resources that are closed for an account are named by its number.
        also = ["mask jupyter"] if identity.startswith("account") else []
        assert [change for change, _what in found(DIRECT, instances, things, report)] == [identity, *also]


@pytest.mark.parametrize(
    ("instances", "masked"),
    [
        pytest.param([{"name": "lab"}], ["mask jupyter"], id="ours"),
        pytest.param([{"name": "lab", "user": "ann"}], [], id="one that was there"),
        pytest.param([{"name": "lab", "hardening": "none"}], [], id="open"),
        pytest.param([{"name": "lab"}, {"name": "two", "port": 9000, "hardening": "sudo"}], [], id="one of two open"),
        pytest.param([{"name": "lab", "hardening": "strict"}], ["mask jupyter"], id="strict"),
    ],
)
def test_an_account_of_ours_gets_no_systemd_of_its_own(instances, masked):
    report = bare()
    report["accounts"]["ann"] = {
        "uid": 1001,
        "group": "ann",
        "home": "/home/ann",
        "comment": "Ann",
        "shares_group": False,
        "home_is": "usable",
    }
    _instances, things = wanted(plan(*instances), report)
    assert [thing["id"] for thing in things if thing["kind"] == "mask"] == masked
    _instances, things = wanted(plan(*instances), bare(systemd=False, user_manager=False))
    assert not any(thing["kind"] == "mask" for thing in things)


def test_fail2ban_guards_the_ports_that_the_network_reaches():
    jail = next(
        thing for thing in settled(THROTTLED)[1] if thing["id"] == "file /etc/fail2ban/jail.d/remote-notebooks.conf"
    )
    assert jail["jails"] == [{"name": "lab", "unit": "jupyter@lab.service", "port": 8888}]


def thereafter(report):
    """fail2ban came with us, was no longer wanted, and is wanted again."""
    report["manifest"] = [{"id": "package fail2ban", "kind": "package", "instance": "", "ours": True}]


@pytest.mark.parametrize(
    ("history", "alone"),
    [
        pytest.param(lambda report: None, True, id="it came with us, the manifest says so"),
        pytest.param(thereafter, True, id="it came with us, the list of packages says so"),
        pytest.param(lambda report: report.update(manifest=[]), False, id="it was there before us"),
    ],
)
def test_the_jail_for_ssh_stays_off_only_where_fail2ban_came_with_us(history, alone):
    _instances, _things, report = settled(THROTTLED)
    history(report)
    jail = next(
        thing
        for thing in wanted(THROTTLED, report)[1]
        if thing["id"] == "file /etc/fail2ban/jail.d/remote-notebooks.conf"
    )
    assert jail["alone"] is alone


def test_a_fail2ban_that_was_stopped_is_found():
    instances, things, report = settled(THROTTLED)
    report["units"]["fail2ban.service"] = {"ActiveState": "failed", "UnitFileState": "disabled"}
    assert found(THROTTLED, instances, things, report) == [
        ("daemon fail2ban.service", "service"),
        ("daemon fail2ban.service", "start at boot"),
    ]


def test_accounts_that_share_a_group_do_not_read_each_others_secrets():
    report = bare()
    report["accounts"]["ann"] = {
        "uid": 1001,
        "group": "users",
        "home": "/home/ann",
        "comment": "",
        "shares_group": True,
        "home_is": "usable",
    }
    _instances, things = wanted(plan(user="ann", token="to-ken", access="direct"), report)
    mine = {
        thing["path"]: (thing["owner"], thing["mode"])
        for thing in things
        if thing.get("path", "").startswith("/etc/remote-notebooks/lab")
    }
    assert mine.pop("/etc/remote-notebooks/lab") == ("root", "0750")
    assert len(mine) == 4
    assert set(mine.values()) == {("ann", "0400")}


def test_an_account_is_made_only_where_that_was_asked_for():
    report = bare()
    report["accounts"]["ann"] = None
    asked = plan(user="ann", create_user=True)
    assert refusals.refusals(asked, report) == []
    _instances, things = wanted(asked, report)
    assert [thing["id"] for thing in things if thing["kind"] == "account"] == ["account ann"]
    report["accounts"]["ann"] = {
        "uid": 1001,
        "group": "ann",
        "home": "/home/ann",
        "comment": "Ann",
        "shares_group": False,
        "home_is": "usable",
    }
    _instances, things = wanted(asked, report)
    assert not any(thing["kind"] == "account" for thing in things)


def test_a_file_that_is_missing_from_the_environment_is_named():
    the_plan = plan()
    instances, things, report = settled(the_plan)
    report["environments"][instances[0]["environment"]]["missing"] = [
        "lib/python3.13/site-packages/nbclassic/__init__.py"
    ]
    texts = [change["text"] for change in compare.differences(the_plan, things, instances, report)]
    assert any("nbclassic/__init__.py" in text for text in texts)


def test_notebook_6_is_started_by_its_own_program_with_its_own_file():
    (item,), things = wanted(plan({"name": "lab", "interface": "notebook6"}), bare())
    assert item["command"] == f"{item['environment']}/bin/jupyter-notebook"
    assert "/etc/remote-notebooks/lab/jupyter_notebook_config.py" in {thing.get("path") for thing in things}
    assert "/etc/remote-notebooks/lab/jupyter_server_config.py" not in {thing.get("path") for thing in things}


def test_no_account_of_a_server_has_a_hand_in_what_tries_its_environment():
    """By its rights it could end the trial, and with it everybody's upgrade, or go on beside it, outside of its
    unit."""
    _instances, things = wanted(
        plan({"name": "lab"}, {"name": "bob", "port": 8889, "user": "bob", "create_user": True}), bare()
    )
    assert {thing["account"] for thing in things if thing["kind"] == "environment"} == {"nobody"}
