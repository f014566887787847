# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._plan.plan import resolve
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import (
    compare,
    network_rules,
    probe,
    refusals,
    resources,
    services,
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
        "used": [],
        "servers": [],
        "shadows": {},
        "aside": [],
        "unusable": [],
        "astray": [],
        "sessions": [],
        "listeners": {},
        "units": {},
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


def test_a_folder_that_its_account_cannot_use_is_refused_with_the_line_to_type():
    report = {**bare(), "unusable": ["lab"]}
    report["accounts"]["ann"] = {
        "uid": 1001,
        "group": "ann",
        "home": "/home/ann",
        "comment": "",
        "shares_group": False,
        "home_is": "usable",
    }
    said = refusals.refusals(plan({"name": "lab", "user": "ann", "root_dir": "/srv/it's"}), report)
    assert said == [
        "instance 'lab': root_dir: /srv/it's is there, and 'ann' cannot read and write in it. "
        "On the host: sudo chown ann: '/srv/it'\"'\"'s' - or choose another folder."
    ]


def test_what_an_account_does_to_its_own_folder_stops_nobody_but_a_first_run():
    assert [said.partition(" is there")[0] for said in refusals.refusals(plan(), {**bare(), "astray": ["lab"]})] == [
        "instance 'lab': root_dir: /home/jupyter/notebooks"
    ]
    _instances, _things, report = settled(plan())
    report["astray"] = ["lab"]
    assert refusals.refusals(plan(), report) == []
    assert any(
        "root_dir: /home/jupyter/notebooks is there, and 'jupyter' cannot" in remark
        for remark in state_remarks.remarks(plan(), report)
    )


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
    report.update(servers=[server], listeners={"8888": {**LISTENER, "uid": server["uid"]}})
    # It goes in this run, as the inventory says.
    assert bool(refusals.refusals(plan({"name": "lab"}, {"name": "bob", "state": "absent"}), report)) is refused


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


@pytest.mark.parametrize(
    ("scope", "system", "keeper", "attach"),
    [
        pytest.param(
            "system", {}, "systemd", "sudo -u jupyter tmux -S /run/jupyter-lab/tmux attach", id="root and systemd"
        ),
        pytest.param(
            "system", {"systemd": False}, "", "sudo -u jupyter tmux -L jupyter-lab attach", id="root without systemd"
        ),
        pytest.param(
            "user",
            {"uid": 1000},
            "systemd_user",
            "tmux -S /run/user/1000/jupyter-lab/tmux attach",
            id="the account's own systemd",
        ),
        pytest.param(
            "user", {"uid": 1000, "polkit": False}, "", "tmux -L jupyter-lab attach", id="an account that may not stay"
        ),
    ],
)
def test_tmux_is_kept_by_systemd_where_that_can_be(scope, system, keeper, attach):
    (instance,) = state_instances.complete(plan(scope=scope, service_manager="tmux"), bare(**system))
    assert (instance["keeper"], instance["attach"]) == (keeper, attach)


@pytest.mark.parametrize(
    ("scope", "system", "told"),
    [
        ("system", {}, []),
        ("system", {"systemd": False}, ["neither systemd nor cron"]),
        ("system", {"systemd": False, "commands": {"cron": "/usr/sbin/cron"}}, []),
        ("user", {"uid": 1000, "polkit": False, "commands": {"tmux": "/usr/bin/tmux"}}, ["loginctl enable-linger"]),
    ],
)
def test_a_server_that_no_boot_starts_is_told(scope, system, told):
    remarks = state_remarks.remarks(plan(scope=scope), bare(**system))
    assert [text in remark for text, remark in zip(told, remarks, strict=True)] == [True] * len(told)


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


def test_a_file_that_is_missing_from_the_environment_is_named():
    the_plan = plan()
    instances, things, report = settled(the_plan)
    report["environments"][instances[0]["environment"]]["missing"] = [
        "lib/python3.13/site-packages/nbclassic/__init__.py"
    ]
    texts = [change["text"] for change in compare.differences(the_plan, things, instances, report)]
    assert any("nbclassic/__init__.py" in text for text in texts)


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


@pytest.mark.parametrize(
    ("system", "given", "message"),
    [
        pytest.param({"id": "alpine"}, {}, "is not supported", id="unknown system"),
        pytest.param({"uid": 1000, "user": "debian"}, {}, "'debian' is not root", id="no root"),
        pytest.param(
            {"systemd": False, "pid1": "sh"},
            {"service_manager": "systemd"},
            "process 1 is sh",
            id="systemd where it does not run",
        ),
        pytest.param(
            {},
            {"access": "direct", "login_throttle": True, "service_manager": "tmux"},
            "login_throttle: it reads the log that systemd keeps, and this server runs under tmux",
            id="a log that fail2ban cannot read",
        ),
        pytest.param({}, {"user": "alice"}, "instance 'lab': user: there is no account 'alice'", id="unknown user"),
    ],
)
def test_refusals_of_the_host(system, given, message):
    report = bare(**system)
    report["accounts"]["alice"] = None
    assert any(message in problem for problem in refusals.refusals(plan({"name": "lab", **given}), report))


@pytest.mark.parametrize(
    ("scope", "pip", "kind", "refused"),
    [
        ("user", "", "environment", True),
        ("user", "", "file", False),
        ("user", "/usr/lib/pip.whl", "environment", False),
        ("system", "", "environment", False),
    ],
)
def test_a_python_without_pip_needs_one_of_the_control_node_where_no_package_can_be_installed(
    scope, pip, kind, refused
):
    refusal = refusals.pip_refusal(plan(scope=scope), bare(ensurepip=False), [{"kind": kind}], pip)
    assert ("apt-get install python3-venv" in refusal) is refused


@pytest.mark.parametrize(
    ("python", "message"),
    [
        ({"path": None, "version": None, "open": False}, "there is no 'python3' on this host"),
        ({"path": "/usr/bin/python3", "version": [3, 9], "open": True}, "is Python 3.9, and Jupyter needs 3.10"),
        ({"path": "/root/py/bin/python3", "version": [3, 12], "open": False}, "only root can reach"),
    ],
)
def test_refusals_of_the_interpreter(python, message):
    report = bare()
    report["pythons"]["python3"] = python
    (problem,) = refusals.refusals(plan(), report)
    assert problem.startswith("instance 'lab': python: ")
    assert message in problem


@pytest.mark.parametrize(
    ("version", "problems"),
    [
        pytest.param([3, 8], 0, id="what its packages accept"),
        pytest.param([3, 13], 0, id="today's Python"),
        pytest.param([3, 7], 1, id="older still"),
    ],
)
def test_notebook_6_runs_where_lab_does_not(version, problems):
    report = bare()
    report["pythons"]["python3"] = {**PYTHON, "version": version}
    assert len(refusals.refusals(plan({"name": "lab", "interface": "notebook6"}), report)) == problems


def test_notebook_6_is_started_by_its_own_program_with_its_own_file():
    (item,), things = wanted(plan({"name": "lab", "interface": "notebook6"}), bare())
    assert item["command"] == f"{item['environment']}/bin/jupyter-notebook"
    assert "/etc/remote-notebooks/lab/jupyter_notebook_config.py" in {thing.get("path") for thing in things}
    assert "/etc/remote-notebooks/lab/jupyter_server_config.py" not in {thing.get("path") for thing in things}


SERVER = {"pid": 7, "uid": 999, "instance": "lab", "revision": "x", "started": 1.0, "tmux": False}


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


def test_no_account_of_a_server_has_a_hand_in_what_tries_its_environment():
    """By its rights it could end the trial, and with it everybody's upgrade, or go on beside it, outside of its
    unit."""
    _instances, things = wanted(
        plan({"name": "lab"}, {"name": "bob", "port": 8889, "user": "bob", "create_user": True}), bare()
    )
    assert {thing["account"] for thing in things if thing["kind"] == "environment"} == {"nobody"}


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


@pytest.mark.parametrize(
    ("scope", "system", "manager"),
    [
        ("system", {}, "systemd"),
        ("system", {"systemd": False}, "tmux"),
        ("user", {"uid": 1000, "user_manager": True}, "systemd_user"),
        ("user", {"uid": 1000, "user_manager": True, "polkit": False}, "tmux"),
        ("user", {"uid": 1000, "user_manager": True, "polkit": False, "lingers": True}, "systemd_user"),
        ("user", {"uid": 1000, "user_manager": False}, "tmux"),
    ],
)
def test_the_service_manager_is_chosen_by_what_runs(scope, system, manager):
    (instance,) = state_instances.complete(plan(scope=scope), bare(**system))
    assert instance["service_manager"] == manager


def test_scope_user_stays_below_the_home_folder():
    system = {"uid": 1000, "user": "ann", "group": "ann", "home": "/home/ann", "user_manager": False}
    instances, things = wanted(plan(scope="user"), bare(**system))
    assert all(thing["path"].startswith("/home/ann/") for thing in things if "path" in thing)
    assert {thing["owner"] for thing in things if "owner" in thing} == {"ann"}
    assert instances[0]["tmux"][0] == "tmux"


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


def test_a_server_restarts_for_what_keeps_others_out_of_its_kernels():
    instances, things, _report = settled(plan())
    before = state_manifest.revision(instances[0], things, "start it")
    next(thing for thing in things if thing.get("path") == "/opt/remote-notebooks/libexec/kernel_channels.py")[
        "digest"
    ] = "other"
    assert before != state_manifest.revision(instances[0], things, "start it")


@pytest.mark.parametrize(
    ("given", "manifest", "words"),
    [
        pytest.param({}, [], [], id="nothing to say of a tunnel"),
        pytest.param(
            {"access": "direct", "plain_http": True, "allowed_sources": ["192.168.1.0/24"]},
            [],
            ["port 8888 reads the password and every cell. Only 192.168.1.0/24"],
            id="plain HTTP",
        ),
        pytest.param(
            {},
            [{"id": "file x", "instance": "lab", "path": "/etc/remote-notebooks/lab/tls.pem"}],
            ["pki_revoke=web1/lab"],
            id="TLS is left",
        ),
        pytest.param(
            {"access": "direct"},
            [{"id": "file x", "instance": "lab", "path": "/etc/remote-notebooks/lab/tls.pem"}],
            [],
            id="TLS stays",
        ),
        pytest.param(
            {"settings": {"KernelManager": {"transport_encryption": "disabled"}}},
            [],
            ["'lab': every account of the host can read what its kernels print"],
            id="kernels in clear",
        ),
        pytest.param(
            {"settings": {"ServerKernelManager": {"transport": "tcp"}}},
            [],
            ["can read what those of its kernels that do not encrypt print"],
            id="some kernels in clear",
        ),
        pytest.param(
            {
                "settings": {
                    "KernelManager": {"transport": "ipc", "transport_encryption": "disabled"},
                    "ServerApp": {"transport": "tcp"},
                }
            },
            [],
            [],
            id="kernels on sockets",
        ),
    ],
)
def test_remarks(given, manifest, words):
    said = state_remarks.remarks(plan({"name": "lab", **given}), {**bare(), "manifest": manifest})
    assert len(said) == len(words)
    assert all(word in text for word, text in zip(words, said))


@pytest.mark.parametrize(
    ("instances", "told"),
    [
        (
            [{"name": "ann"}, {"name": "bob", "port": 2222}],
            ["ann and bob run as the same account, 'jupyter', in the same folder"],
        ),
        ([{"name": "ann", "user": "ann"}, {"name": "bob", "user": "bob", "port": 2222}], []),
        ([{"name": "ann", "root_dir": "~/a"}, {"name": "bob", "root_dir": "~/b", "port": 2222}], []),
    ],
)
def test_who_means_two_people_and_makes_one_account_is_told(instances, told):
    said = state_remarks.remarks(plan(*instances), bare())
    assert [text in remark for text, remark in zip(told, said, strict=True)] == [True] * len(told)


def test_a_proxy_stands_in_no_unit_and_in_no_diff():
    instances, things, _report = settled(plan({"name": "lab", "http_proxy": "http://ann:s3cret@proxy:3128"}))
    assert "s3cret" not in str(instances[0]["variables"])
    assert instances[0]["shut_variables"]["https_proxy"] == "http://ann:s3cret@proxy:3128"
    (file,) = [thing for thing in things if thing.get("path") == "/etc/remote-notebooks/lab/environment"]
    assert (file["secret"], file["mode"], file["owner"]) == (True, "0640", "root")


@pytest.mark.parametrize(
    ("home", "root", "writable", "hidden", "bound"),
    [
        pytest.param("/home/ann", "/home/ann/notebooks", ["/home/ann/notebooks"], [], ["/home/ann"], id="a usual home"),
        pytest.param("/home/ann", "/srv/data", ["/srv/data"], [], ["/home/ann"], id="a folder elsewhere"),
        pytest.param(
            "/home/ann", "/home/shared", ["/home/shared"], [], ["/home/ann", "/home/shared"], id="a folder among homes"
        ),
        pytest.param(
            "/data/home/ann",
            "/data/home/ann/n",
            ["/data/home/ann/n", "/data/home/ann"],
            ["/data/home"],
            ["/data/home/ann"],
            id="homes elsewhere",
        ),
        pytest.param(
            "/var/lib/ann",
            "/var/lib/ann/n",
            ["/var/lib/ann/n", "/var/lib/ann"],
            [],
            [],
            id="a home in a folder of the system",
        ),
    ],
)
def test_a_sandbox_leaves_an_account_its_own_folders(home, root, writable, hidden, bound):
    report = bare()
    report["accounts"]["ann"] = {
        "uid": 1001,
        "group": "ann",
        "home": home,
        "comment": "",
        "shares_group": False,
        "home_is": "usable",
    }
    (instance,) = state_instances.complete(plan({"name": "lab", "user": "ann", "root_dir": root}), report)
    assert (instance["writable"], instance["hidden"], instance["bound"]) == (writable, hidden, bound)


@pytest.mark.parametrize(
    ("home", "root", "writable"),
    [
        pytest.param("/home/ann", "", [], id="below /home"),
        pytest.param("/data/home/ann", "", ["/data/home/ann"], id="elsewhere"),
        pytest.param("/home/ann", "/srv/shared", ["/srv/shared"], id="notebooks outside"),
    ],
)
def test_a_sandbox_names_nothing_below_a_home_that_root_may_not_enter(home, root, writable):
    report = bare()
    report["accounts"]["ann"] = {
        "uid": 1001,
        "group": "ann",
        "home": home,
        "comment": "",
        "shares_group": False,
        "home_is": "private",
    }
    (instance,) = state_instances.complete(plan({"name": "lab", "user": "ann", "root_dir": root}), report)
    assert instance["writable"] == writable
    assert refusals.refusals(plan({"name": "lab", "user": "ann", "root_dir": root}), report) == []
    (problem,) = refusals.refusals(
        plan({"name": "lab", "user": "ann", "root_dir": root, "hardening": "strict"}), report
    )
    assert f"instance 'lab': hardening: strict: root of this host may not enter {home}" in problem
    assert "Write hardening: standard." in problem


@pytest.mark.parametrize(
    ("home", "is_what", "said"),
    [
        pytest.param(
            "/nonexistent",
            "missing",
            "the home of 'ann', /nonexistent, is not there, and Jupyter works in it. On the host: sudo install -d -o"
            " ann -g staff -m 0700 /home/ann && sudo usermod --home /home/ann ann - or name another user.",
            id="none, as adduser --system says it",
        ),
        pytest.param(
            "/data/home/ann",
            "missing",
            "On the host: sudo install -d -o ann -g staff -m 0700 /data/home/ann - or name",
            id="not made yet",
        ),
        pytest.param(
            "/bin",
            "another's",
            "/bin, belongs to another account, and Jupyter works in it. On the host: sudo install -d -o ann",
            id="a folder of the system",
        ),
    ],
)
def test_an_account_without_a_home_is_refused(home, is_what, said):
    report = bare()
    report["accounts"]["ann"] = {
        "uid": 1001,
        "group": "staff",
        "home": home,
        "comment": "",
        "shares_group": False,
        "home_is": is_what,
    }
    (problem,) = refusals.refusals(plan({"name": "lab", "user": "ann"}), report)
    assert said in problem


def test_a_home_that_its_account_has_shut_is_in_nobody_s_way():
    report = bare()
    report["accounts"]["ann"] = {
        "uid": 1001,
        "group": "ann",
        "home": "/home/ann",
        "comment": "",
        "shares_group": False,
        "home_is": "shut",
    }
    assert refusals.refusals(plan({"name": "lab", "user": "ann"}), report) == []
    assert any(
        "'ann' cannot read and write in its own home" in remark
        for remark in state_remarks.remarks(plan({"name": "lab", "user": "ann"}), report)
    )


def test_what_a_folder_is_called_is_no_wildcard():
    paths = probe.probe(plan({"name": "lab", "root_dir": "/srv/data [1]/*"}), texts=False)["paths"]
    assert "/srv/data [[]1]/[*]" in paths
    assert "/srv/data [[]1]" in paths


def test_what_the_environment_holds_comes_before_a_home():
    (instance,) = state_instances.complete(plan({"name": "lab"}), bare())
    assert instance["variables"]["JUPYTER_PATH"] == "/etc/remote-notebooks/lab/jupyter"
    assert instance["variables"]["JUPYTER_PREFER_ENV_PATH"] == "1"


ROOTLESS = {"uid": 1000, "user": "ann", "group": "ann", "home": "/home/ann"}


@pytest.mark.parametrize(
    ("provider", "access", "sources", "refused"),
    [
        pytest.param("auto", "direct", ["192.0.2.0/24"], True, id="nothing would hold them"),
        pytest.param("none", "direct", ["192.0.2.0/24"], False, id="somebody else filters, it was said"),
        pytest.param("auto", "direct", [], False, id="no promise was made"),
        pytest.param("auto", "tunnel", ["192.0.2.0/24"], False, id="nobody comes from a network"),
    ],
)
def test_without_root_sources_are_refused_unless_somebody_else_filters(provider, access, sources, refused):
    the_plan = plan({"name": "lab", "access": access, "allowed_sources": sources}, scope="user")
    the_plan["firewall"] = {"provider": provider, "enable": False}
    said = [problem for problem in refusals.refusals(the_plan, bare(**ROOTLESS)) if "allowed_sources" in problem]
    assert bool(said) is refused


def open_host(**changes):
    """The report of a host without a firewall."""
    empty = {
        "rules": [],
        "chains": [],
        "firewalld": {},
        "saved": {},
        "files": {},
        "links": [],
        "watched": [],
        "strange": [],
        "paths": {},
        "interfaces": ["eth0"],
    }
    return {"provider": "none", "installed": [], "systemd": True, "ssh": {}, "ssh_ports": [22], **empty, **changes}


@pytest.mark.parametrize(
    ("installed", "sources", "due"),
    [
        pytest.param([], ["192.0.2.0/24"], ["package nftables: absent, wanted"], id="it comes with us"),
        pytest.param(["nftables"], ["192.0.2.0/24"], [], id="it is there"),
        pytest.param([], [], [], id="a port for everybody needs none"),
    ],
)
def test_where_nothing_filters_the_tool_that_does_comes_with_us(installed, sources, due):
    the_plan = plan({"name": "lab", "access": "direct", "allowed_sources": sources, "addresses": ["192.0.2.7"]})
    report = {**bare(), "firewall": open_host(installed=installed)}
    instances, things = wanted(the_plan, report)
    texts = [change["text"] for change in compare.differences(the_plan, things, instances, report)]
    assert [text for text in texts if "nftables" in text and text.startswith("package")] == due


def test_a_port_that_another_rule_would_shut_is_refused_before_anything_is_done():
    drop = {
        "when": [["port", "in", ["8888"]]],
        "verdict": "drop",
        "target": "",
        "handle": 3,
        "comment": "",
        "limited": "",
    }
    chain = {
        "family": "inet",
        "table": "other",
        "name": "input",
        "hook": "input",
        "priority": 0,
        "policy": "accept",
        "rules": [drop],
    }
    the_plan = plan({"name": "lab", "access": "direct", "addresses": ["192.0.2.7"]})
    report = {**bare(), "firewall": open_host(provider="ufw", installed=["ufw", "nftables"], chains=[chain])}
    (said,) = refusals.refusals(the_plan, report)
    assert refusals.refusals({**the_plan, "verb": "report"}, report) == []
    assert (
        "rule blocked in ufw: tcp/8888 from anybody (a rule of chain input of table inet other drops it; let it through"
        " there: nft insert" in said
    )


def test_a_rule_that_waits_for_a_restart_keeps_no_verb_away():
    kept = {
        **{
            "protocol": "tcp",
            "port": "9000",
            "source": "",
            "interface": "",
            "zone": "",
            "limit": "",
            "comment": "remote.notebooks/jupyter",
        },
        **{"owner": "jupyter", "provider": "ufw", "live": True, "saved": True},
    }
    the_plan = plan({"name": "lab", "access": "direct", "addresses": ["192.0.2.7"]})
    report = {
        **bare(),
        "firewall": open_host(provider="ufw", installed=["ufw"], rules=[kept, {**kept, "port": "8888"}]),
    }
    changes = network_rules.rule_changes(the_plan, report)
    assert [change["text"] for change in changes] == ["rule unwanted in ufw: tcp/9000 from anybody"]
    assert network_rules.but_waiting_rules(the_plan, changes, report) == changes
    restart = {"kind": "service", "id": "service jupyter@lab.service"}
    assert network_rules.but_waiting_rules(the_plan, [restart, *changes], report) == [restart]


def test_a_rule_is_listed_until_it_is_gone():
    """A run reads the firewall where the list names a rule: else the one of a port that a busy server has not left yet
    would be forgotten."""
    report = bare()
    _instances, things = wanted(DIRECT, report)
    report["manifest"] = state_manifest.manifest(things)
    _instances, things = wanted(
        plan({"name": "lab"}, {"name": "two", "port": 9001, "access": "direct", "addresses": ["192.0.2.7"]}), report
    )
    listed = state_manifest.journal([*things, *network_rules.listed_rules(things, report)])
    assert [thing["id"].split()[1] for thing in listed if thing["kind"] == "rule"] == [
        "tcp/9001",
        "tcp/8888",
        "tcp/9000",
    ]


def test_where_all_servers_go_no_rule_waits():
    rule = {
        "protocol": "tcp",
        "port": "8888",
        "source": "",
        "interface": "",
        "zone": "",
        "limit": "",
        "comment": "remote.notebooks/jupyter",
    }
    report = {
        **bare(),
        "firewall": open_host(
            provider="ufw", rules=[{**rule, "owner": "jupyter", "provider": "ufw", "live": True, "saved": True}]
        ),
    }
    assert network_rules.standing_rules(UNINSTALL, report) == []
    assert [rule["port"] for rule in network_rules.standing_rules(plan({"name": "lab"}), report)] == ["8888"]


@pytest.mark.parametrize(
    ("system", "given", "throttled", "told"),
    [
        pytest.param({}, {}, True, "", id="it comes with us"),
        pytest.param(
            {"id": "opensuse-leap", "id_like": ["suse"]}, {}, True, "", id="it comes with us on SUSE's free ones"
        ),
        pytest.param(
            {},
            {"service_manager": "tmux"},
            False,
            "fail2ban reads the log that systemd keeps, and this runs under tmux",
            id="no log",
        ),
        pytest.param({"id": "rhel"}, {}, False, "Install fail2ban (RHEL: of EPEL", id="its owner has to add EPEL"),
        pytest.param(
            {"id": "sles", "id_like": ["suse"]}, {}, False, "SLES: of PackageHub)", id="its owner has to add PackageHub"
        ),
        pytest.param(
            {"id": "rhel", "commands": {**DEBIAN["commands"], "fail2ban-client": "/usr/bin/fail2ban-client"}},
            {},
            True,
            "",
            id="of EPEL",
        ),
        pytest.param({"id": "rhel"}, {"login_throttle": False}, False, "", id="nobody wants it"),
        pytest.param({}, {"access": "tunnel"}, False, "", id="no network leads there"),
        pytest.param(
            {},
            {"scope": "user"},
            False,
            "lab: nobody who guesses passwords is shut out. Only root can shut a port",
            id="without root",
        ),
        pytest.param({}, {"scope": "user", "login_throttle": False}, False, "", id="without root, and nobody wants it"),
        pytest.param(
            {},
            {"settings": {"ServerApp": {"trust_xheaders": True}}},
            False,
            "With trust_xheaders every client has the proxy's",
            id="behind a proxy",
        ),
    ],
)
def test_where_a_network_leads_to_a_server_guesses_count_without_a_word(system, given, throttled, told):
    said = {key: value for key, value in given.items() if key != "scope"}
    the_plan = plan(
        {"name": "lab", "access": "direct", "addresses": ["192.0.2.7"], **said}, scope=given.get("scope", "system")
    )
    report = bare(**system)
    instances, things = wanted(the_plan, report)
    assert instances[0]["login_throttle"] is throttled
    assert any(thing["id"] == "package fail2ban" for thing in things) is throttled
    said = [remark for remark in state_remarks.remarks(the_plan, report) if "nobody who guesses" in remark]
    assert bool(said) is bool(told)
    assert told in "".join(said)


@pytest.mark.parametrize(
    ("contact", "access", "listeners", "told"),
    [
        pytest.param({"connection": "local", "port": None}, "tunnel", {}, True, id="a desktop without one"),
        pytest.param({"connection": "local", "port": 2222}, "both", {"22": {}}, True, id="on another port"),
        pytest.param({"connection": "local", "port": None}, "tunnel", {"22": {}}, False, id="there is one"),
        pytest.param({"connection": "local", "port": None}, "direct", {}, False, id="nobody comes through one"),
        pytest.param({"connection": "ssh", "port": None}, "tunnel", {}, False, id="Ansible has come through one"),
    ],
)
def test_where_no_ssh_server_listens_that_is_said(contact, access, listeners, told):
    the_plan = {**plan({"name": "lab", "access": access, "addresses": ["192.0.2.7"]}), "contact": contact}
    report = {**bare(), "listeners": listeners}
    assert any("No SSH server listens" in remark for remark in state_remarks.remarks(the_plan, report)) is told
    assert (22 in probe.probe(the_plan, False)["ports"]) is (
        contact == {"connection": "local", "port": None} and access != "direct"
    )
