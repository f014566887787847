# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import report as observation
from ansible_collections.remote.notebooks.plugins.plugin_utils._check import diagnosis

from ...module_utils._firewall.test_compare import report as firewall
from .._state.test_state import plan

CLIENT = {"ssh": {"client": "198.51.100.7", "port": 22}}
RUNS = {
    "manifest": [{"id": "service jupyter@lab.service", "kind": "service"}],
    "servers": [{"pid": 7, "uid": 999, "instance": "lab", "trial": 4.0}],
    "listeners": {
        "8888": {"pid": 7, "command": "python", "uid": 999, "account": "jupyter", "loopback": False, "everywhere": True}
    },
    "units": {"jupyter@lab.service": {"LoadState": "loaded", "ActiveState": "active"}},
    "firewall": {**firewall(), **CLIENT},
    "accounts": {"jupyter": {"home": "/home/jupyter"}},
    "shadows": {},
}
STARTUP = "/home/jupyter/.ipython/profile_default/startup/00.py"
MINE = {"shadows": {STARTUP: {"options": [], "error": ""}}}
BROKEN = {"shadows": {"/home/jupyter/.jupyter/jupyter_config.json": {"options": [], "error": "line 1."}}}
OPEN_LOOPBACK = {"8888": {**RUNS["listeners"]["8888"], "loopback": True, "everywhere": False}}
NOBODY = {
    "servers": [],
    "listeners": {},
    "units": {"jupyter@lab.service": {"LoadState": "loaded", "ActiveState": "failed"}},
}
SQUATTER = {"8888": {**RUNS["listeners"]["8888"], "pid": 9, "command": "nginx"}}
SHUT = {"firewall": {**firewall(provider="ufw"), **CLIENT}}


@pytest.mark.parametrize(
    ("given", "cause", "report", "words"),
    [
        pytest.param({}, "tunnel_target_refused", {"manifest": []}, "nothing was installed", id="no run of ours"),
        pytest.param(
            {},
            "tunnel_target_refused",
            NOBODY,
            "no server of the instance 'lab' runs, and jupyter@lab.service is failed",
            id="it is down",
        ),
        pytest.param(
            {"access": "direct"},
            "refused",
            {**NOBODY, "listeners": SQUATTER},
            "the port is held by nginx (process 9 of the account 'jupyter')",
            id="down, another came",
        ),
        pytest.param(
            {"access": "direct"},
            "not_jupyter",
            {"listeners": SQUATTER},
            "8888 is held by nginx (process 9 of the account 'jupyter')",
            id="beside another",
        ),
        pytest.param(
            {},
            "not_jupyter",
            {"listeners": {"8888": {**SQUATTER["8888"], "unit": "jupyter.service", "users": False}}},
            "8888 is held by nginx (process 9 of the account 'jupyter', jupyter.service). Stop that for good, else it"
            " has the port again after a boot (sudo systemctl disable --now jupyter.service), or choose another port.",
            id="an old unit",
        ),
        pytest.param(
            {},
            "not_jupyter",
            {**NOBODY, "listeners": {"8888": {**SQUATTER["8888"], "unit": "jupyter@lab.service", "users": False}}},
            "held by nginx (process 9 of the account 'jupyter', jupyter@lab.service). Read its log",
            id="its own unit, which is not to be stopped for good",
        ),
        pytest.param({}, "no_answer", {"listeners": {}}, "nothing listens on TCP port 8888", id="it does not listen"),
        pytest.param(
            {"access": "direct"},
            "refused",
            {"listeners": OPEN_LOOPBACK},
            "on the loopback alone",
            id="left from the old mode",
        ),
        pytest.param(
            {}, "tunnel_target_refused", {"listeners": OPEN_LOOPBACK}, "", id="on the loopback, where it belongs"
        ),
        pytest.param(
            {"access": "direct"}, "timed_out", SHUT, "(ufw) does not let 198.51.100.7 in", id="the host's own firewall"
        ),
        pytest.param(
            {"access": "direct"},
            "timed_out",
            {},
            "cloud's security group, or forward it in the router",
            id="beyond the host",
        ),
        pytest.param({"access": "direct"}, "kernel_died", {}, "", id="no matter of packets"),
        pytest.param(
            {},
            "kernel_died",
            MINE,
            f"reads or runs these as well: {STARTUP}. Correct",
            id="a file that each kernel runs",
        ),
        pytest.param(
            {},
            "tunnel_target_refused",
            {**NOBODY, **BROKEN},
            "is failed. /home/jupyter/.jupyter/jupyter_config.json cannot be read by Jupyter: line 1. Correct it",
            id="down, by a broken file in a home",
        ),
        pytest.param(
            {"access": "direct"},
            "timed_out",
            {"firewall": None},
            "",
            id="without root nothing is claimed of the firewall",
        ),
    ],
)
def test_what_the_host_tells(given, cause, report, words):
    (item,) = plan({"name": "lab", "addresses": ["192.0.2.10"], **given})["instances"]
    said = diagnosis.explain(item, cause, {**RUNS, **report})
    assert words in said
    assert bool(said) is bool(words)


def test_a_look_asks_for_no_file_of_a_person():
    asked = diagnosis.probe(plan({"name": "lab", "access": "direct", "addresses": ["192.0.2.10"]}))
    assert (asked["paths"], asked["shadows"], asked["ports"], asked["firewall"]) == ([], [], [8888], True)


def test_the_host_can_answer_what_is_asked():
    """Run for real, here: a key that the observation wants and the look does not name would fail only where something
    is broken already."""
    probe = {**diagnosis.probe(plan({"name": "lab"})), "units": []}
    report = observation.report(probe, lambda _command: (1, "", ""), lambda: None, lambda _asked: None)
    assert diagnosis.explain(plan({"name": "lab"})["instances"][0], "refused", report).startswith(
        "On the host: nothing was installed"
    )


OWN = RUNS["listeners"]["8888"]
UNTOLD = {**OWN, "pid": None, "command": None}
BOB = {"uid": 1001, "account": "bob"}
BOBS = {**OWN, **BOB, "pid": 66, "command": "evil"}
ELSEWHERE = {**BOBS, "loopback": False, "everywhere": False}
TARGET = {"host": "web1", "instance": "lab", "way": "tunnel", "url": "http://localhost:8888/", "possible": True}


@pytest.mark.parametrize(
    ("asked", "trial", "before", "seconds"),
    [
        pytest.param(0, 4.0, None, 30, id="a usual host"),
        pytest.param(0, 40.0, None, 160, id="a slow one"),
        pytest.param(0, 1e9, None, 300, id="one that says anything"),
        pytest.param(0, -5.0, None, 30, id="or the contrary"),
        pytest.param(0, None, 160, 160, id="known from before"),
        pytest.param(0, None, None, 30, id="not known"),
        pytest.param(7, 40.0, 160, 7, id="the operator says"),
    ],
)
def test_a_check_has_the_time_that_suits_its_host(asked, trial, before, seconds):
    report = None if trial is None else {**RUNS, "servers": [{**RUNS["servers"][0], "trial": trial}]}
    target = {**TARGET, **({"seconds": before} if before else {})}
    (found,) = diagnosis.known([target], {**plan({"name": "lab"}), "timeout": asked}, report)
    assert found["seconds"] == seconds


@pytest.mark.parametrize(
    ("report", "proven", "who"),
    [
        pytest.param({}, True, "", id="the server"),
        pytest.param({"listeners": {}}, False, "", id="nobody, so anybody in a moment"),
        pytest.param(
            {"listeners": {"8888": ELSEWHERE}},
            False,
            "",
            id="another account where nobody is sent, so anybody in a moment",
        ),
        pytest.param(
            {"listeners": {"8888": {**OWN, "also": [ELSEWHERE]}}},
            True,
            "",
            id="another account where nobody is sent, beside the server",
        ),
        pytest.param(
            {"servers": [], "listeners": {"8888": BOBS}},
            False,
            "evil (process 66 of the account 'bob')",
            id="another account, the server is down",
        ),
        pytest.param(
            {"servers": [], "listeners": {"8888": {**OWN, "pid": 8}}},
            False,
            "process 8",
            id="the same account, and not the server",
        ),
        pytest.param(
            {"listeners": {"8888": {**OWN, "also": [BOBS]}}},
            False,
            "evil",
            id="another account at another address of the loopback",
        ),
        pytest.param({"listeners": {"8888": {**BOBS, "also": [OWN]}}}, False, "evil", id="and the other way round"),
        pytest.param(
            {"servers": [{"pid": 66, "uid": 1001, "instance": "bob"}], "listeners": {"8888": BOBS}},
            False,
            "evil",
            id="another one's server",
        ),
        pytest.param({"servers": [], "units": {"jupyter@lab.service": {"MainPID": "7"}}}, True, "", id="by its unit"),
        pytest.param(
            {"servers": [], "units": {"jupyter@lab.service": {"MainPID": "0"}}},
            False,
            "process 7",
            id="a unit that is down",
        ),
        pytest.param({"servers": [], "listeners": {"8888": UNTOLD}}, True, "", id="without root, its account"),
        pytest.param(
            {"servers": [], "listeners": {"8888": {**UNTOLD, **BOB}}},
            False,
            "a process of the account 'bob'",
            id="without root, another account",
        ),
    ],
)
def test_nothing_is_sent_before_it_is_known_who_listens(report, proven, who):
    (found,) = diagnosis.known([TARGET], plan({"name": "lab"}), {**RUNS, **report})
    assert found["proven"] is proven
    assert (found["stranger"] is not None) is bool(who)
    assert not who or (found["stranger"]["cause"] == "port_held" and who in found["stranger"]["message"])


@pytest.mark.parametrize(
    ("target", "tls", "proven"),
    [
        pytest.param({}, "none", False, id="plain HTTP through a tunnel"),
        pytest.param(
            {"way": "network", "url": "http://192.0.2.10:8888/"}, "none", False, id="plain HTTP over the network"
        ),
        pytest.param(
            {"url": "https://localhost:8888/"}, "private_ca", False, id="any certificate that names localhost"
        ),
        pytest.param(
            {"url": "https://localhost:8888/", "sha256": "ab" * 32}, "private_ca", True, id="this certificate"
        ),
        pytest.param(
            {"url": "https://localhost:8888/", "sha256": "ab" * 32}, "provided", False, id="another may have its key"
        ),
        pytest.param(
            {"way": "network", "url": "https://192.0.2.10:8888/"}, "private_ca", False, id="only the name of the host"
        ),
        pytest.param(
            {"way": "network", "url": "https://192.0.2.10:8888/", "sha256": "ab" * 32, "possible": False},
            "private_ca",
            False,
            id="no authority to verify it by",
        ),
    ],
)
def test_where_the_host_cannot_be_asked_only_a_certificate_of_its_own_proves(target, tls, proven):
    one = plan({"name": "lab"})
    one["instances"][0]["tls"] = tls
    (found,) = diagnosis.known([{**TARGET, **target}], one, None)
    assert (found["proven"], found["stranger"]) == (proven, None)
