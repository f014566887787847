# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import instances as state_instances
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import (
    probe,
    refusals,
)

from .test_state import bare, plan, settled, wanted


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


def test_nobody_else_opens_a_file_of_the_installer():
    """Anybody who can open its lock can hold it: the installer of root would wait."""
    _instances, things = wanted(plan(), bare())
    (folder,) = [thing for thing in things if thing.get("path") == "/opt/remote-notebooks/installer"]
    assert (folder["mode"], folder["owner"]) == ("0700", "root")


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


def test_what_a_folder_is_called_is_no_wildcard():
    paths = probe.probe(plan({"name": "lab", "root_dir": "/srv/data [1]/*"}), texts=False)["paths"]
    assert "/srv/data [[]1]/[*]" in paths
    assert "/srv/data [[]1]" in paths


def test_no_text_of_a_secret_file_leaves_a_host():
    the_plan = plan({"name": "lab", "access": "direct", "http_proxy": "http://ann:s3cret@proxy:3128", "token": True})
    _instances, things, _report = settled(the_plan)
    secret = {thing["path"].rpartition("/")[2] for thing in things if thing.get("secret")}
    assert secret == {"environment", "hashed_password", "tls.pem", "token"}
    assert secret - set(probe.probe(the_plan, texts=True)["secret"]) == set()


def test_what_the_environment_holds_comes_before_a_home():
    (instance,) = state_instances.complete(plan({"name": "lab"}), bare())
    assert instance["variables"]["JUPYTER_PATH"] == "/etc/remote-notebooks/lab/jupyter"
    assert instance["variables"]["JUPYTER_PREFER_ENV_PATH"] == "1"
