# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The work of each stage."""

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._state.work import work

PREFIX = "/opt/remote-notebooks"
SYSTEM = {"home": "/root", "user": "root", "group": "root", "ensurepip": True}
PLAN = {"prefix": PREFIX, "scope": "system", "firewall_rules": []}
LAB = {
    "name": "lab",
    "port": 8888,
    "tls": "private_ca",
    "environment": f"{PREFIX}/envs/a",
    "libexec": f"{PREFIX}/libexec",
    "local_url": "https://127.0.0.1:8888/",
    "timeout": 0,
    "installer": "uv",
    "index_url": "",
    "python_downloads": False,
    "python_mirror": "",
    "ca_bundle": "",
    "http_proxy": "",
}
MANIFEST = {
    "id": f"file {PREFIX}/manifest.json",
    "kind": "file",
    "stage": "manifest",
    "path": f"{PREFIX}/manifest.json",
}


def thing(identity: str, stage: str = "configure", **more) -> dict:
    kind, _blank, name = identity.partition(" ")
    path = {"path": name} if name.startswith("/") else {}
    return {"id": identity, "kind": kind, "stage": stage, "instance": "", **path, **more}


def step(**more) -> dict:
    return {
        "instance": "lab",
        "name": "jupyter@lab.service",
        "manager": "systemd",
        "pid": 7,
        "uid": 99,
        "when": "idle",
    } | {
        "why": "its environment was damaged",
        **more,
    }


def state(things=(), *, orphans=(), steps=(), **more) -> dict:
    return {
        "things": list(things),
        "changes": [{"id": one["id"]} for one in things],
        "stages": list(dict.fromkeys(one["stage"] for one in things)),
        "orphans": list(orphans),
        "steps": list(steps),
        "instances": [LAB],
        "report": {"system": SYSTEM, "servers": [], "paths": {}, "units": {}},
        "pip": "",
        **more,
    }


def ids(things) -> list[str]:
    return [one["id"] for one in things]


OLD_SERVICE = thing("service jupyter@old.service", instance="old", manager="systemd", user="jupyter")
LAB_FILE = thing("file /etc/remote-notebooks/lab/x", instance="lab")
SHARED_FILE = thing(f"file {PREFIX}/libexec/x")
OLD_ENVIRONMENT = thing(f"environment {PREFIX}/envs/b")


@pytest.mark.parametrize(
    ("busy", "removed"),
    [
        pytest.param("{}", [OLD_ENVIRONMENT, SHARED_FILE, LAB_FILE], id="everything that is left over"),
        pytest.param('{"7": ["a kernel"]}', [OLD_ENVIRONMENT], id="a busy server keeps its resources"),
        pytest.param(
            'some words first\n{"7": []}', [OLD_ENVIRONMENT, SHARED_FILE, LAB_FILE], id="the last line counts"
        ),
    ],
)
def test_a_postponed_restart_keeps_its_resources(busy, removed):
    left = [OLD_SERVICE, LAB_FILE, SHARED_FILE, OLD_ENVIRONMENT]
    found = work(state(orphans=left, steps=[step()]), PLAN, busy=busy)
    assert ids(found["remove"]["files"]) == ids(removed)
    assert found["remove"]["passwords"] == ["old"]


def test_a_removal_ends_with_the_manifest_and_the_folders_above_it():
    """An account can delay a removal until somebody stops it: the next run has to know the remaining resources."""
    paths = ["/opt", PREFIX, f"{PREFIX}/libexec", "/etc/remote-notebooks/lab", f"{PREFIX}/manifest.json"]
    left = [thing("account bob"), *(thing(f"directory {path}") for path in paths)]
    left[1]["shared"] = True
    removal = work(state(orphans=left), PLAN)["remove"]
    assert [one["path"] for one in removal["files"]] == ["/etc/remote-notebooks/lab", f"{PREFIX}/libexec"]
    assert [one.get("path") for one in removal["last"]] == [None, f"{PREFIX}/manifest.json", PREFIX, "/opt"]


@pytest.mark.parametrize(
    ("steps", "busy", "postponed", "waits"),
    [
        pytest.param([], "", [], [], id="nothing to restart"),
        pytest.param([step()], '{"7": []}', [], [], id="an idle server"),
        pytest.param(
            [step()],
            '{"7": ["a kernel", "a terminal"]}',
            ["lab"],
            [
                "note: lab: a restart is due, because its environment was damaged."
                " It goes on as it was started, with the settings of that time.",
                "  Busy: a kernel, a terminal. The next run asks again;"
                " set restart to always to have it restarted now.",
            ],
            id="a busy server",
        ),
        pytest.param([step(when="now")], '{"7": ["a kernel"]}', [], [], id="a restart that does not wait"),
        pytest.param(
            [step(when="later")],
            "",
            ["lab"],
            [
                "note: lab: a restart is due, because its environment was damaged."
                " It goes on as it was started, with the settings of that time.",
                "  Its restart policy is never: set it to always to have it restarted now.",
            ],
            id="a policy of never",
        ),
    ],
)
def test_which_restarts_wait(steps, busy, postponed, waits):
    found = work(state(steps=steps, manifest=["end"], journal=["until then"]), PLAN, busy=busy)
    assert (found["postponed"], found["waits"]) == (postponed, waits)
    assert found["manifest"] == (["until then"] if postponed else ["end"])
    assert [one["instance"] for one in found["steps"]] == [
        one["instance"] for one in steps if one["instance"] not in postponed
    ]
    assert found["reload"] is bool(postponed)


@pytest.mark.parametrize(
    "busy",
    [
        pytest.param("sh: 1: python: not found", id="no JSON"),
        pytest.param("[" * 200_000, id="deep"),
        pytest.param("[]", id="a list"),
        pytest.param("null", id="nothing"),
        pytest.param('{"7": "a kernel"}', id="a text for a list"),
        pytest.param('{"7": [7]}', id="a number for a text"),
        pytest.param('{"7": [["a kernel"]]}', id="a list for a text"),
        pytest.param('{"x": []}', id="no process"),
        pytest.param(f'{{"7": ["{"a" * 501}"]}}', id="a long text"),
        pytest.param(f'{{"7": [{", ".join(["1"] * 101)}]}}', id="a long list"),
        pytest.param(f'{{"7": {"9" * 5000}}}', id="a number of 5,000 digits"),
    ],
)
def test_a_server_counts_as_busy_where_the_answer_is_none(busy):
    """To restart it might end somebody's work, and a failure here would end the run for every host."""
    found = work(state(steps=[step(), step(when="now", instance="lab")]), PLAN, busy=busy)
    assert found["postponed"] == ["lab"]
    assert found["waits"][1].startswith("  Busy: what could not be asked. The next run asks again;")


def test_the_work_of_a_server_shows_every_character():
    found = work(state(steps=[step()]), PLAN, busy='{"7": ["\\u001b[2J"]}')
    assert found["waits"][1].startswith("  Busy: \\x1b[2J. ")


def test_a_step_knows_how_to_wait_for_its_server():
    (found,) = work(state(steps=[step(when="now")], instances=[{**LAB, "timeout": 300}]), PLAN)["steps"]
    assert found["ready"] == [
        f"{PREFIX}/envs/a/bin/python",
        f"{PREFIX}/libexec/wait_ready.py",
        f"{LAB['local_url']}api",
    ]
    assert found["seconds"] == ["300"]


def test_the_kernels_are_asked_by_the_account_that_they_had():
    found = work(state(steps=[step(), step(when="later", pid=8)]), PLAN)["idle"]
    assert found == {
        "program": [f"{PREFIX}/envs/a/bin/python", "-I", f"{PREFIX}/libexec/busy_kernels.py"],
        "servers": ["7:99"],
    }


SCRIPT = thing(f"file {PREFIX}/libexec/x", "install")
UNIT = thing("file /etc/systemd/system/jupyter@.service", "service")
SETTINGS = thing("file /etc/remote-notebooks/lab/c.py", "configure", checked=True)


@pytest.mark.parametrize(
    ("tags", "skip_tags", "early"),
    [
        pytest.param(["all"], [], True, id="a whole run"),
        pytest.param(["all"], ["jupyter_verify"], True, id="a run without the check"),
        pytest.param(["all"], ["jupyter_install"], False, id="a run that skips a stage"),
        pytest.param(["jupyter_configure"], [], False, id="a run of one stage"),
    ],
)
def test_files_come_early_where_no_tag_keeps_the_stages_apart(tags, skip_tags, early):
    found = work(state([MANIFEST | {"instance": ""}, SCRIPT, SETTINGS, UNIT]), PLAN, tags=tags, skip_tags=skip_tags)
    assert (SCRIPT in found["journal"], SCRIPT in found["install"]) == (early, not early)
    assert (UNIT in found["configure"], UNIT in found["service"]) == (early, not early)


def test_scripts_come_early_only_with_a_manifest_to_write():
    found = work(state([SCRIPT, SETTINGS]), PLAN)
    assert (SCRIPT in found["journal"], SCRIPT in found["install"]) == (False, True)


def test_the_configuration_comes_in_an_order_that_a_refusal_leaves_whole():
    things = [
        thing("link /opt/remote-notebooks/current/lab"),
        SETTINGS,
        thing("file /etc/remote-notebooks/lab/token", secret=True),
        thing("file /etc/remote-notebooks/lab/kernel.json", spec={}),
        thing("shadow /etc/jupyter/x.py"),
        thing("directory /etc/remote-notebooks/lab"),
    ]
    found = work(state(things), PLAN)["configure"]
    assert [(one["kind"], one["path"].rsplit("/", 1)[-1] if "path" in one else "") for one in found] == [
        ("directory", "lab"),
        ("file", "kernel.json"),
        ("shadow", "x.py"),
        ("file", "token"),
        ("file", "c.py"),
        ("link", "lab"),
    ]


def test_a_stranger_in_the_place_of_the_manifest_is_moved_first():
    here, other = (
        thing(f"stranger {path}", "manifest", due=True, origin=path) for path in (f"{PREFIX}/manifest.json", "/opt/x")
    )
    there = thing("stranger /opt/y", "manifest", due=False, origin="/opt/y")
    found = work(state([other, here, there]), PLAN)["journal"]
    assert [one.get("origin", one["path"]) for one in found] == [
        f"{PREFIX}/manifest.json",
        PREFIX,
        f"{PREFIX}/manifest.json",
        "/opt/x",
    ]


@pytest.mark.parametrize(
    ("system", "pip", "due", "expected"),
    [
        ({"ensurepip": True}, "", ["tmux"], ["tmux"]),
        ({"ensurepip": False}, "", ["R"], ["venv", "R"]),
        ({"ensurepip": False}, "pip.whl", [], []),
    ],
)
def test_packages_of_an_installation(system, pip, due, expected):
    things = [thing(f"package {name}", "install") for name in due]
    found = work(state(things, pip=pip, report={"system": {**SYSTEM, **system}, "servers": []}), PLAN)["packages"]
    assert found == {"install": expected, "firewall": [], "throttle": []}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param({}, {}, id="nothing is said"),
        pytest.param(
            {"index_url": "http://index.example.org/simple"},
            {
                "UV_DEFAULT_INDEX": "http://index.example.org/simple",
                "PIP_INDEX_URL": "http://index.example.org/simple",
                "PIP_TRUSTED_HOST": "index.example.org",
            },
            id="an index without TLS",
        ),
        pytest.param(
            {"index_url": "https://index.example.org/simple", "ca_bundle": "/etc/ca.pem", "http_proxy": "http://p:1"},
            {
                "UV_DEFAULT_INDEX": "https://index.example.org/simple",
                "PIP_INDEX_URL": "https://index.example.org/simple",
                "SSL_CERT_FILE": "/etc/ca.pem",
                "PIP_CERT": "/etc/ca.pem",
                "HTTPS_PROXY": "http://p:1",
                "HTTP_PROXY": "http://p:1",
            },
            id="an index with an authority of its own",
        ),
        pytest.param(
            {"python_downloads": True, "python_mirror": "https://mirror.example.org/python"},
            {"UV_PYTHON_DOWNLOADS": "manual", "UV_PYTHON_INSTALL_MIRROR": "https://mirror.example.org/python"},
            id="a mirror of builds of Python",
        ),
    ],
)
def test_the_variables_of_an_installer(item, expected):
    things = [thing(f"environment {PREFIX}/envs/a", "install", slot="lab.r")]
    (found,) = work(state(things, instances=[{**LAB, **item}]), PLAN)["environments"]
    own = {
        "UV_CACHE_DIR": f"{PREFIX}/installer/cache",
        "PIP_CACHE_DIR": f"{PREFIX}/installer/pip",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_LINK_MODE": "copy",
    }
    assert found["variables"] == own | expected
    assert (found["label"], found["installer"]) == ("instance 'lab', kernel r", "uv")


def test_fail2ban_gets_its_ports_in_a_file_that_the_next_run_sees_as_unfinished():
    ports = thing("file /etc/fail2ban/jail.d/x", "throttle", template="fail2ban_jail.conf.j2", mode="0644")
    rule = thing("file /etc/fail2ban/filter.d/x", "throttle", source="fail2ban_filter.conf", mode="0644")
    found = work(state([ports, rule]), PLAN)
    assert [(one["id"], one["mode"]) for one in found["throttle"]] == [(rule["id"], "0644"), (ports["id"], "0600")]
    assert found["jails"] == [ports]


def test_only_servers_that_run_are_stopped():
    left = [
        OLD_SERVICE,
        thing("service jupyter@gone.service", instance="gone", manager="systemd", user="jupyter"),
        thing("service jupyter-t", instance="t", manager="tmux", user="ann", tmux=["tmux", "-L", "jupyter-t"]),
    ]
    report = {
        "system": SYSTEM,
        "units": {"jupyter@old.service": {"LoadState": "loaded"}, "jupyter@gone.service": {"LoadState": "not-found"}},
        "servers": [{"instance": "t", "pid": 5, "uid": 1000}, {"instance": "t", "pid": 6, "uid": 1000}],
    }
    assert work(state(orphans=left, report=report), PLAN)["stop"] == {
        "units": [{"name": "jupyter@old.service", "scope": "system"}],
        "sessions": [
            {"name": "jupyter-t", "tmux": ["tmux", "-L", "jupyter-t"], "pid": 5, "uid": 1000, "account": "ann"}
        ],
    }


def test_a_removal_tells_the_programs_that_hold_our_resources():
    left = [
        thing("daemon fail2ban", alone=True),
        thing("package tmux"),
        thing("mask jupyter"),
        thing("linger ann"),
        thing("shadow /etc/jupyter/x"),
        OLD_SERVICE,
    ]
    found = work(state(orphans=left), PLAN)["remove"]
    assert (found["daemons"], found["masks"], found["lingers"]) == (["fail2ban"], ["jupyter"], ["ann"])
    assert (found["packages"], found["reload_systemd"], found["reload_fail2ban"]) == (True, True, False)
    shared = work(state(orphans=[thing("daemon fail2ban", alone=False)]), PLAN)["remove"]
    assert (shared["daemons"], shared["reload_fail2ban"], shared["packages"]) == ([], True, False)


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        pytest.param([], [1, 2], id="the run failed before a server started: the rules from before"),
        pytest.param(["other"], [1, 8888], id="rules of servers that did start"),
        pytest.param(["lab", "other"], [1, 2], id="no server started"),
    ],
)
def test_the_rules_that_stay_open_after_a_failure(failed, expected):
    plan = {**PLAN, "firewall_rules": [{"port": 8888}, {"port": 2}]}
    instances = [LAB, {**LAB, "name": "other", "port": 2}]
    former = [{"port": 2}] if failed != ["other"] else []
    found = work(state(standing_rules=[{"port": 1}], former_rules=former, instances=instances), plan, failed=failed)
    assert [rule["port"] for rule in found["open_after_failure"]] == expected


def test_the_file_of_the_manifest_before_a_run():
    path = {"digest": "d", "mode": "0644", "owner": "root", "group": "root", "kind": "file"}
    report = {"system": SYSTEM, "servers": [], "paths": {f"{PREFIX}/manifest.json": path}}
    assert work(state(report=report), PLAN)["manifest_before"] == ["d", "0644", "root", "root"]
    assert work(state(), PLAN)["manifest_before"] == ["", "", "", ""]
