# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import (
    probe,
    refusals,
)
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import remarks as state_remarks

from .test_state import PYTHON, bare, plan, settled


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


@pytest.mark.parametrize(
    ("root", "more", "refused"),
    [
        pytest.param("/home/team/nb", {"hardening": "strict"}, True, id="among homes"),
        pytest.param("/home/team/nb", {"hardening": "standard"}, False, id="another profile"),
        pytest.param("/srv/team/nb", {"hardening": "strict"}, False, id="elsewhere, where nothing is bound"),
        pytest.param("", {"hardening": "strict", "data_dirs": ["/home/team/nb"]}, True, id="data among homes"),
        pytest.param("/home/jupyter/nb", {"hardening": "strict"}, False, id="below its own home"),
    ],
)
def test_no_folder_is_bound_where_an_account_can_put_a_link(root, more, refused):
    the_plan = plan({"name": "lab", "root_dir": root, **more})
    report = {**bare(), "loose": ["/home/team/nb", "/srv/team/nb", "/home/jupyter/nb"]}
    asked = probe.probe(the_plan, texts=False)["bound"]
    assert ("/home/team/nb" in asked) is refused
    said = refusals.refusals(the_plan, report)
    assert said == (
        [
            "instance 'lab': hardening: strict: /home/team/nb is in a folder that an account can change, and systemd,"
            " which is root, follows links there. Choose a folder in one that only root can change, or write hardening:"
            " standard."
        ]
        if refused
        else []
    )


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
        pytest.param(
            {"systemd": False, "pid1": "sh"},
            {"port": 443},
            "port: 443 is reserved for root, and only systemd can give it to a server. It does not run here (process 1"
            " is sh)",
            id="a port of root without systemd",
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
