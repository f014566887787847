# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stranger in the place of every managed thing."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import accounts as tunnel_accounts
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import difference as tunnel_difference
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import refusals as tunnel_refusals
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import manifest as state_manifest
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import refusals, resources

from .._state.test_state import OURS, THROTTLED, TMUX, bare, found, plan, settled, wanted

DAY = ".before-remote-notebooks-20261130"
#: Somebody's file, folder or link, with something in it.
THEIRS = {"mode": "0644", "owner": "root", "group": "root", "modified": 1.0}
STRANGERS = {
    "file": {**THEIRS, "kind": "file", "digest": "theirs"},
    "folder": {**THEIRS, "kind": "directory", "mode": "0755", "entries": 2},
    "link": {**THEIRS, "kind": "link", "target": "/srv/elsewhere", "directory": True, "entries": 1},
}
RICH = plan(
    {
        "name": "lab",
        "access": "direct",
        "login_throttle": True,
        "token": "t" * 32,
        "http_proxy": "http://proxy.example.org:3128",
        "kernels": [{"name": "old", "python": "python3", "packages": ["numpy"]}],
    },
    {"name": "two", "port": 9000, "user": "ann", "root_dir": "/srv/ann", "service_manager": "tmux"},
)
CRON = plan(service_manager="tmux")
ROOTLESS = plan(scope="user")
HOSTS = {
    "rich": (RICH, {}),
    "throttled": (THROTTLED, {}),
    "tmux": (TMUX, {}),
    "without systemd": (
        CRON,
        {"systemd": False, "user_manager": False, "commands": {"tmux": "/usr/bin/tmux", "cron": "/usr/sbin/cron"}},
    ),
    "rootless": (ROOTLESS, {"uid": 1000, "user": "ann", "home": "/home/ann", "group": "ann"}),
}
#: Resources without a path of their own: they are compared, and their owner known, by the output of the host's own
#: programs say.
PLACELESS = {"account", "package", "rule", "daemon", "linger", "found", "trace"}


def of(name):
    the_plan, system = HOSTS[name]
    report = bare(**system)
    report["accounts"]["ann"] = {
        "uid": 1001,
        "group": "ann",
        "home": "/home/ann",
        "comment": "Ann",
        "shares_group": False,
        "home_is": "usable",
    }
    return the_plan, report, wanted(the_plan, report)[1]


def place(thing):
    """The path of a resource, as the host's programs report it. Empty for those without a path, or with a shared
    one."""
    kind, name = thing["kind"], thing["id"].split(" ", 1)[1]
    if (
        kind in PLACELESS
        or (kind == "directory" and thing["mode"] is None)
        or (kind == "service" and thing["manager"] == "tmux")
    ):
        return ""
    if kind == "service":
        return f"{'/etc/systemd/system' if thing['manager'] == 'systemd' else '/home/ann/.config/systemd/user'}/{name}"
    return thing["path"] if kind != "mask" else ""


CASES = [(host, thing["id"], place(thing)) for host in HOSTS for thing in of(host)[2] if place(thing)]


def test_the_cases_are_of_every_kind():
    kinds = {identity.split(" ")[0] for _host, identity, _path in CASES}
    assert kinds == {"directory", "file", "link", "environment", "service"}
    every = {thing["kind"] for host in HOSTS for thing in of(host)[2]}
    assert every - kinds <= PLACELESS | {"mask"}
    paths = {path for _host, _identity, path in CASES}
    assert paths >= {
        "/etc/systemd/system/jupyter@.service",
        "/etc/systemd/system/jupyter@lab.service",
        "/etc/systemd/system/jupyter@lab.service.d",
        "/etc/fail2ban/filter.d/remote-notebooks.conf",
        "/etc/fail2ban/jail.d/remote-notebooks.conf",
        "/etc/cron.d/remote-notebooks-lab",
        "/opt/remote-notebooks",
        "/opt/remote-notebooks/libexec/wait_ready.py",
        "/etc/remote-notebooks/lab/token",
        "/etc/remote-notebooks/lab/jupyter/kernels/old/kernel.json",
        "/home/ann/.config/systemd/user/jupyter@.service",
    }


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize(("host", "identity", "path"), CASES)
def test_a_stranger_in_its_place_is_named_before_anything_changes(host, identity, path, stranger):
    the_plan, report, _things = of(host)
    report["paths"][path] = copy.deepcopy(STRANGERS[stranger])
    if identity.startswith("environment "):
        report["environments"][path] = {"sealed": False, "missing": []}
    assert refusals.refusals(the_plan, report) == [
        f"In the way, and created by no run of ours: {path}. Move it away, or set jupyter_replace_existing: true, which"
        f" renames it to <name>{DAY} beside it, and gives the old name back at uninstall."
    ]
    # A resource is ours if the manifest lists it, also after a change. The manifest lists it before it is created.
    report["manifest"] = state_manifest.journal(wanted(the_plan, {**report, "paths": bare()["paths"]})[1])
    assert refusals.refusals(the_plan, report) == []


def test_what_is_left_of_a_folder_that_was_deleted_is_ours():
    """Somebody deletes /opt/remote-notebooks, and with it the list: servers and settings are still those of an earlier
    run."""
    the_plan, (_instances, _things, report) = plan(), settled(plan())
    gone = [path for path in report["paths"] if f"{path}/".startswith("/opt/remote-notebooks/")]
    assert "/opt/remote-notebooks/libexec" in gone
    report["paths"] = {path: state for path, state in report["paths"].items() if path not in gone}
    report["manifest"], report["environments"] = [], {}
    assert refusals.refusals(the_plan, report) == []


@pytest.mark.parametrize(("host", "identity", "path"), CASES)
def test_a_stranger_goes_aside_and_comes_back(host, identity, path):
    the_plan, report, _things = of(host)
    the_plan = {**the_plan, "replace_existing": True}
    report["paths"][path] = copy.deepcopy(STRANGERS["file"])
    if identity.startswith("environment "):
        report["environments"][path] = {"sealed": False, "missing": []}
    assert refusals.refusals(the_plan, report) == []
    instances, things = wanted(the_plan, report)
    assert [thing for thing in things if thing["kind"] == "stranger"] == [
        {
            **{"id": f"stranger {path}", "kind": "stranger", "stage": "manifest", "instance": ""},
            **{"origin": path, "backup": f"{path}{DAY}", "due": True},
        }
    ]
    changes = found(the_plan, instances, things, report)
    assert (f"stranger {path}", "name") in changes
    if not identity.startswith("service "):
        assert next(what for change, what in changes if change == identity) in (
            "absent",
            identity.split(" ")[0],
            "unfinished",
            "environment",
        )
    # Cut off between the list and the move.
    cut = {**report, "manifest": state_manifest.journal(things)}
    again = wanted({**the_plan, "today": "20270101"}, cut)[1]
    assert [thing["backup"] for thing in again if thing["kind"] == "stranger" and thing["due"]] == [f"{path}{DAY}"]
    # Moved: by a run that was cut off then, and by one that was not.
    for listed in (state_manifest.journal(things), state_manifest.manifest(things)):
        report = {**cut, "manifest": listed, "aside": [path, f"{path}{DAY}"]}
        for asked in (the_plan, {**the_plan, "replace_existing": False}):
            later = wanted(asked, report)[1]
            assert [thing["due"] for thing in later if thing["kind"] == "stranger"] == [False]
            assert not any(thing["kind"] == "stranger" for thing in state_manifest.orphans(asked, later, report))
    nothing = {**the_plan, "instances": [], "prune": True, "tunnel_forwards": {}}
    assert f"stranger {path}" in {thing["id"] for thing in state_manifest.orphans(nothing, [], report)}
    # After the loss of the backup, the existing resource is kept, which is ours.
    report = {**report, "manifest": state_manifest.manifest(things), "aside": [path]}
    assert [thing["due"] for thing in wanted(the_plan, report)[1] if thing["kind"] == "stranger"] == [False]


def test_what_stood_in_the_place_of_the_list_comes_back_with_the_last_of_ours():
    """As long as notebooks are kept, so is the list that names them."""
    report = bare()
    the_plan = {**plan(), "replace_existing": True}
    report["paths"]["/opt/remote-notebooks"] = STRANGERS["folder"]
    things = wanted(the_plan, report)[1]
    _instances, _things, report = settled(plan())
    report.update(manifest=state_manifest.manifest(things), aside=[f"/opt/remote-notebooks{DAY}"])
    nothing = {**the_plan, "instances": [], "prune": True}
    left = resources.things(nothing, [], report, {}, {})
    assert "stranger /opt/remote-notebooks" in {thing["id"] for thing in left}
    assert "stranger /opt/remote-notebooks" not in {
        thing["id"] for thing in state_manifest.orphans(nothing, left, report)
    }
    nothing["keep_notebooks"] = False
    assert "stranger /opt/remote-notebooks" in {
        thing["id"] for thing in state_manifest.orphans(nothing, resources.things(nothing, [], report, {}, {}), report)
    }


def test_all_are_named_at_once_and_what_lies_in_them_is_not():
    report = bare()
    for path in ("/etc/systemd/system/jupyter@.service", "/opt/remote-notebooks", "/opt/remote-notebooks/libexec"):
        report["paths"][path] = STRANGERS["folder"]
    said = refusals.refusals(plan(), report)
    assert [one.partition(". ")[0] for one in said] == [
        "In the way, and created by no run of ours: /etc/systemd/system/jupyter@.service, /opt/remote-notebooks"
    ]


@pytest.mark.parametrize(
    ("paths", "refused"),
    [
        pytest.param(
            {"/opt/remote-notebooks": {**STRANGERS["folder"], "entries": 0}},
            False,
            id="a run was cut off after its first folder",
        ),
        pytest.param(
            {"/opt/remote-notebooks": {**STRANGERS["folder"], "entries": 0, "owner": "ann"}},
            True,
            id="an empty one of somebody else",
        ),
        pytest.param(
            {
                "/etc/remote-notebooks": {**STRANGERS["folder"], "entries": 1},
                "/etc/remote-notebooks/firewall": STRANGERS["folder"],
            },
            False,
            id="the role firewall was here first",
        ),
    ],
)
def test_a_folder_of_ours_may_be_there(paths, refused):
    report = bare()
    report["paths"].update(paths)
    assert bool(refusals.refusals(plan(), report)) is refused


def test_a_lost_list_makes_no_stranger_of_what_is_ours():
    _instances, _things, report = settled(RICH)
    report["accounts"]["ann"] = {
        "uid": 1001,
        "group": "ann",
        "home": "/home/ann",
        "comment": "Ann",
        "shares_group": False,
        "home_is": "usable",
    }
    report["manifest"] = []
    assert refusals.refusals(RICH, report) == []


UNIT = {"LoadState": "loaded", "ActiveState": "inactive", "UnitFileState": "disabled"}


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        pytest.param(
            lambda report: report["units"].update({"jupyter@lab.service": {**UNIT, "ActiveState": "active"}}),
            "sudo systemctl disable --now jupyter@lab.service",
            id="a unit at work",
        ),
        pytest.param(
            lambda report: report["units"].update({"jupyter@lab.service": {**UNIT, "UnitFileState": "enabled"}}),
            "sudo systemctl disable --now jupyter@lab.service",
            id="a unit that starts at boot",
        ),
        pytest.param(
            lambda report: report["paths"].update({"/home/jupyter": STRANGERS["folder"]}),
            "There is no account 'jupyter', and a folder",
            id="a home",
        ),
    ],
)
def test_what_is_at_work_is_not_moved(spoil, says, replace):
    report = bare()
    spoil(report)
    assert [says in said for said in refusals.refusals({**plan(), "replace_existing": replace}, report)] == [True]


def test_somebody_s_tmux_is_not_ended():
    report = {**bare(**HOSTS["without systemd"][1]), "sessions": ["lab"]}
    report["accounts"]["jupyter"] = {
        "uid": 999,
        "group": "jupyter",
        "home": "/home/jupyter",
        "comment": OURS,
        "shares_group": False,
        "home_is": "usable",
    }
    assert ["tmux -L jupyter-lab kill-server" in said for said in refusals.refusals(CRON, report)] == [True]
    _instances, _things, report = settled(CRON, **HOSTS["without systemd"][1])
    assert refusals.refusals(CRON, {**report, "sessions": ["lab"]}) == []


def test_an_account_of_the_name_of_ours_is_somebody_s():
    report = bare()
    report["accounts"]["jupyter"] = {
        "uid": 1001,
        "group": "jupyter",
        "home": "/home/jupyter",
        "comment": "Jo",
        "shares_group": False,
        "home_is": "usable",
    }
    assert [said.partition(",")[0] for said in refusals.refusals(plan(), report)] == [
        "There is an account 'jupyter' on this host already"
    ]
    replacing = {**plan(), "replace_existing": True}
    assert refusals.refusals(replacing, report) == []
    things = wanted(replacing, report)[1]
    assert not any(thing["kind"] == "account" for thing in things)
    # Used once, it is used without a word.
    report["manifest"] = state_manifest.manifest(things)
    assert refusals.refusals(plan(), report) == []


def test_a_mask_that_was_there_stays():
    _instances, things, report = settled(plan())
    assert any(thing["kind"] == "mask" for thing in things)
    assert any(thing["kind"] == "mask" for thing in wanted(plan(), report)[1])
    report["manifest"] = [thing for thing in report["manifest"] if thing["kind"] != "mask"]
    assert not any(thing["kind"] == "mask" for thing in wanted(plan(), report)[1])
    report["paths"]["/etc/systemd/system/user@999.service"] = STRANGERS["file"]
    assert [said.partition(". ")[0] for said in refusals.refusals(plan(), report)] == [
        "In the way, and created by no run of ours: /etc/systemd/system/user@999.service"
    ]


# --- a folder of notebooks
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["folder", "link"])
@pytest.mark.parametrize(
    ("root", "path"),
    [("/srv/shared", "/srv/shared"), ("/", "/"), ("~/work", "/home/ann/work"), ("~/", "/home/ann/")],
    ids=["shared", "everything", "in a home", "a home"],
)
def test_a_folder_that_was_there_is_not_ours_to_remove(root, path, kind):
    the_plan = plan({"name": "lab", "user": "ann", "root_dir": root})
    report = bare()
    report["accounts"]["ann"] = {
        "uid": 1001,
        "group": "ann",
        "home": "/home/ann",
        "comment": "Ann",
        "shares_group": False,
        "home_is": "usable",
    }
    report["paths"][path] = {**STRANGERS[kind], "owner": "ann"}
    _instances, things = wanted(the_plan, report)
    assert not any(thing.get("keep") and thing["path"] == path for thing in things)
    report["manifest"] = state_manifest.manifest(things)
    assert f"found {path}" in {thing["id"] for thing in wanted(the_plan, report)[1]}
    nothing = {**the_plan, "instances": [], "prune": True, "keep_notebooks": False}
    assert not any(thing.get("path") == path for thing in state_manifest.orphans(nothing, [], report))
    assert state_manifest.kept({**nothing, "keep_notebooks": True}, [], report) == []


def test_a_disk_that_is_not_mounted_is_not_made_anew():
    the_plan = plan({"name": "lab", "root_dir": "/srv/disk"})
    report = bare()
    report["paths"]["/srv/disk"] = STRANGERS["folder"]
    report["manifest"] = state_manifest.manifest(wanted(the_plan, report)[1])
    del report["paths"]["/srv/disk"]
    assert refusals.refusals(the_plan, report) == [
        "instance 'lab': root_dir: /srv/disk was there before the first run, and is gone. Mount it or create it again,"
        " or choose another folder."
    ]
    assert not any(thing.get("path") == "/srv/disk" for thing in wanted(the_plan, report)[1])


def test_the_home_of_an_account_of_ours_holds_nobody_else_s():
    _instances, _things, report = settled(plan())
    report["manifest"] = []
    assert any(thing.get("keep") and thing["path"] == "/home/jupyter/notebooks" for thing in wanted(plan(), report)[1])


@pytest.mark.parametrize(
    ("root", "user", "owner", "cure"),
    [
        ("/srv/a b", "ann", "root", "On the host: sudo chown ann: '/srv/a b' - or"),
        ("/srv/bob", "ann", "bob", "On the host: sudo setfacl -m u:ann:rwx /srv/bob - or"),
        ("/", "ann", "root", "It is the system's: name a folder below it, which is created for the account, or"),
        (
            "/srv/new",
            "jupyter",
            "root",
            "leave root_dir out in a first run. Then, on the host: sudo chown jupyter: /srv/new - or",
        ),
    ],
)
def test_the_line_to_type_takes_a_folder_from_nobody(root, user, owner, cure):
    report = {**bare(), "unusable": ["lab"]}
    report["accounts"]["ann"] = {
        "uid": 1001,
        "group": "ann",
        "home": "/home/ann",
        "comment": "",
        "shares_group": False,
        "home_is": "usable",
    }
    report["paths"][root] = {**STRANGERS["folder"], "owner": owner}
    assert [
        cure in said for said in refusals.refusals(plan({"name": "lab", "user": user, "root_dir": root}), report)
    ] == [True]


# --- the firewall
# ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "others", "strange"),
    [
        ("/etc/remote-notebooks/firewall/jupyter.nft", [], True),
        ("/etc/remote-notebooks/firewall/jupyter.firewalld.json", [], True),
        ("/etc/remote-notebooks/firewall/web.nft", [], False),
        ("/etc/systemd/system/remote-notebooks-firewall@.service", [], True),
        ("/etc/systemd/system/remote-notebooks-firewall@.service", ["/etc/remote-notebooks/firewall/web.nft"], False),
    ],
)
def test_a_stranger_in_the_place_of_a_firewall_s_file(path, others, strange):
    the_plan, report = plan(access="direct"), bare()
    for each in (path, *others):
        report["paths"][each] = STRANGERS["file"]
        if each.startswith("/etc/remote-notebooks/"):
            report["paths"].update(
                {
                    "/etc/remote-notebooks": {**STRANGERS["folder"], "entries": 1},
                    "/etc/remote-notebooks/firewall": STRANGERS["folder"],
                }
            )
    assert [path in said for said in refusals.refusals(the_plan, report)] == [True] * strange
    things = wanted({**the_plan, "replace_existing": True}, report)[1]
    assert [thing["origin"] for thing in things if thing["kind"] == "stranger"] == [path] * strange
    report["manifest"] = state_manifest.manifest(things)
    assert refusals.refusals(the_plan, report) == []
    # Its place is ours while there are rules of ours.
    report["aside"] = [f"{path}{DAY}"]
    assert len([thing for thing in wanted(the_plan, report)[1] if thing["kind"] == "stranger"]) == strange
    without = {**plan(access="tunnel"), "prune": True}
    assert [
        thing["id"]
        for thing in state_manifest.orphans(without, wanted(without, report)[1], report)
        if thing["kind"] == "stranger"
    ] == ([f"stranger {path}"] * strange)


# --- tunnel accounts
# ---------------------------------------------------------------------------------------------------

FREE = {
    "accounts": {"ipad": None},
    "groups": [],
    "owned": [],
    "keys": {"ipad": None},
    "block": "",
    "place": "/etc/ssh/sshd_config.d/00-remote-notebooks-jupyter.conf",
    "error": "",
    "effective": {"ipad": {"values": {}, "origins": {}}},
    "address": "",
    "loose": [],
    "anyone": {"values": {}, "origins": {}},
    "host_keys": [],
}
IPAD = tunnel_accounts.resolve("jupyter", [{"name": "ipad", "permit_open": [8888]}])
KEYS = {"text": "ssh-ed25519 AAAA\n", "mode": "0644", "owner": "root"}
TUNNEL_CASES = {
    "keys": ({"keys": {"ipad": KEYS}}, "/etc/ssh/remote-notebooks/ipad"),
    "the server's configuration": (
        {"block": "Banner /etc/issue\n"},
        "/etc/ssh/sshd_config.d/00-remote-notebooks-jupyter.conf",
    ),
}


@pytest.mark.parametrize(("stranger", "path"), TUNNEL_CASES.values(), ids=TUNNEL_CASES)
def test_a_stranger_in_the_place_of_a_tunnel_s_file(stranger, path):
    assert tunnel_refusals.refusals(IPAD, FREE, "jupyter", False) == []
    report = {**FREE, **stranger}
    assert tunnel_refusals.refusals(IPAD, report, "jupyter", False) == [
        f"In the way, and created by no run of this role: {path}. Move it away."
    ]
    assert (
        tunnel_difference.difference([], {**report, "accounts": {}, "keys": {}}, "jupyter") == []
    )  # and never removed
    the_plan = {**plan(tunnel_accounts=["ipad"]), "tunnel": {"accounts": IPAD, "override": False}}
    host = {**bare(), "tunnel": report}
    assert [said.partition(". ")[0] for said in refusals.refusals(the_plan, host)] == [
        f"In the way, and created by no run of ours: {path}"
    ]
    replacing = {**the_plan, "replace_existing": True}
    assert refusals.refusals(replacing, host) == []
    things = wanted(replacing, host)[1]
    assert [thing["backup"] for thing in things if thing["kind"] == "stranger"] == [f"{path}{DAY}"]
    # Ours by now: the account exists, with all files that it was created with.
    host = {
        **host,
        "manifest": state_manifest.manifest(things),
        "aside": [f"{path}{DAY}"],
        "tunnel": {**FREE, "owned": ["ipad"], "keys": {"ipad": KEYS}},
    }
    assert [thing["due"] for thing in wanted(replacing, host)[1] if thing["kind"] == "stranger"] == [False]
