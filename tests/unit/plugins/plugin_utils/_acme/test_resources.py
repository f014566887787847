# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources of a host that gets its certificates by itself, and their comparison."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._acme import findings as acme_findings
from ansible_collections.remote.notebooks.plugins.plugin_utils._acme import options as acme
from ansible_collections.remote.notebooks.plugins.plugin_utils._acme import resources as acme_resources
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import (
    manifest,
    refusals,
)
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import probe as state_probe
from ansible_collections.remote.notebooks.plugins.plugin_utils._state.remarks import remarks
from ansible_collections.remote.notebooks.plugins.plugin_utils._state.work import work

from .._state.test_state import found, plan, settled, wanted

LAB = {"name": "lab", "access": "direct", "tls": "acme", "addresses": ["lab.example.org"], "login_throttle": False}
PLAN = plan(LAB)
ORDER = acme.order(PLAN["instances"][0])["id"]
STATUS = {
    "id": ORDER,
    "not_after": 1796175334.0,
    "served": True,
    "failures": 0,
    "error": "",
    "tried": 1.0,
    "next": 0.0,
}
TLS = "file /etc/remote-notebooks/lab/tls.pem"
TIMER = "timer remote-notebooks-acme.timer"


def host(**status):
    instances, things, report = settled(PLAN)
    report["acme"] = {"lab": {**STATUS, **status}}
    report["units"]["remote-notebooks-acme.timer"] = {"ActiveState": "active", "UnitFileState": "enabled"}
    return instances, things, report


def test_a_settled_host_has_nothing_to_do_whatever_its_certificate_is():
    instances, things, report = host()
    report["paths"]["/etc/remote-notebooks/lab/tls.pem"]["digest"] = "of the renewal of last night"
    assert found(PLAN, instances, things, report) == []


@pytest.mark.parametrize(
    ("status", "differing"),
    [
        ({"id": "0" * 16}, [(TLS, "certificate")]),
        ({"failures": 3, "error": "no"}, [(TLS, "renewal")]),
    ],
)
def test_what_is_due(status, differing):
    instances, things, report = host(**status)
    assert found(PLAN, instances, things, report) == differing


def test_a_certificate_that_was_never_ordered_is_due():
    instances, things, report = host()
    report["acme"] = {}
    assert found(PLAN, instances, things, report) == [(TLS, "certificate")]


def test_a_timer_that_is_off_is_due():
    instances, things, report = host()
    report["units"]["remote-notebooks-acme.timer"] = {"ActiveState": "inactive", "UnitFileState": "disabled"}
    assert found(PLAN, instances, things, report) == [(TIMER, "timer")]


def test_the_work_writes_orders_before_it_runs_the_client():
    instances, things, _report = host()
    state = {
        "report": {
            "system": {"home": "/root", "user": "root", "group": "root", "ensurepip": True},
            "paths": {},
            "servers": [],
        },
        "things": things,
        "changes": [{"id": thing["id"]} for thing in things if thing["stage"] == "certificate"],
        "stages": ["certificate"],
        "steps": [],
        "orphans": [],
        "instances": instances,
        "pip": "",
    }
    done = work(state, PLAN)["certificate"]
    kinds = [thing["kind"] for thing in done["files"]]
    assert kinds == sorted(kinds), "folders come first"
    assert TLS not in {thing["id"] for thing in done["files"]}
    client = "/opt/remote-notebooks/current/lab.@acme"
    script = "/opt/remote-notebooks/libexec/acme_renew.py"
    assert done["command"] == [f"{client}/bin/python", "-I", script, "obtain", "/opt/remote-notebooks/acme"]
    assert done["timer"] == ["remote-notebooks-acme.timer"]


def test_the_library_on_the_host_can_be_imported_alone(tmp_path):
    """All that the firewall's view imports goes along, and nothing of Ansible is needed."""
    _instances, things, _report = host()
    for thing in things:
        if thing.get("source", "").startswith("/") and "/lib/notebooks/" in thing["path"]:
            target = tmp_path / thing["path"].partition("/lib/")[2]
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(thing["source"], encoding="utf-8") as file:
                target.write_text(file.read())
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from notebooks._firewall import temporary"
    # -S: without the libraries of this environment, Ansible among them.
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_systemd_cron_asks():
    instances, things, _report = settled(PLAN, systemd=False)
    assert instances[0]["keeper"] == ""
    (cron,) = [thing for thing in things if thing.get("template") == "acme_cron.j2"]
    assert cron["path"] == "/etc/cron.d/remote-notebooks-ACME" and 0 <= cron["spec"]["minute"] < 60
    assert not [thing for thing in things if thing["kind"] == "timer"]


def test_keys_of_the_client_are_never_read():
    probe = state_probe.probe(PLAN, True)
    mine = [path for path in probe["paths"] if "/acme" in path]
    assert not [path for path in mine if path.endswith("/acme/*") or "certbot" in path]
    assert {"orders.json", "lab.eab", "lab.dns-key"} <= set(probe["secret"])
    assert probe["acme"] == "/opt/remote-notebooks/acme/status.json"
    assert 80 in probe["ports"]
    assert 80 not in state_probe.probe(plan({**LAB, "acme_webroot": "/var/www"}), True)["ports"]
    assert state_probe.probe(plan(), True)["acme"] == ""


def test_all_of_it_goes_with_the_last_order():
    _instances, _things, report = host()
    private = plan({**LAB, "tls": "private_ca"})
    gone = {thing["id"] for thing in manifest.orphans(private, wanted(private, copy.deepcopy(report))[1], report)}
    assert {
        TIMER,
        "directory /opt/remote-notebooks/acme",
        "file /etc/systemd/system/remote-notebooks-acme.timer",
    } <= gone
    assert TLS not in gone


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"listeners": {"80": {"pid": 7, "command": "nginx", "loopback": True, "everywhere": True, "uid": 0}}},
            "acme_challenge: the authority asks at port 80, which is used by nginx (process 7). Write the folder that",
        ),
        ({"pythons": {"python3": {"path": "/usr/bin/python3", "version": [3, 9], "open": True}}}, "needs Python 3.10"),
    ],
)
def test_what_stops_a_run_before_its_first_change(change, words):
    _instances, _things, report = host()
    report.update(copy.deepcopy(change))
    assert words in " ".join(refusals.refusals(PLAN, report))


def test_a_renewal_at_this_moment_is_no_stranger():
    _instances, _things, report = host()
    report["listeners"] = {
        "80": {"pid": 7, "command": "certbot", "loopback": True, "everywhere": True, "uid": 0, "account": "root"}
    }
    assert refusals.refusals(PLAN, report) == []


def test_refused_renewals_are_told():
    _instances, _things, report = host(failures=2, error="Connection refused")
    (said,) = acme_findings.remarks(PLAN, report)
    assert said == (
        "instance 'lab': the last 2 renewals of its certificate were refused: Connection refused. It ends 2026-12-02."
    )


def test_the_end_of_a_certificate_reaches_the_last_lines():
    _instances, _things, report = host()
    known = {"authority": {}, "certificates": {"web2/lab": {"not_after": "x"}}}
    assert acme_findings.with_ends(known, PLAN, report)["certificates"] == {
        "web2/lab": {"not_after": "x"},
        "web1/lab": {"not_after": "2026-12-02T01:35:34Z"},
    }


def test_secrets_come_from_files_of_the_control_node():
    given = {**LAB, "acme_eab_file": "/control/eab"}
    _instances, things = wanted(plan(given), settled(plan(given))[2])
    (eab,) = [thing for thing in things if thing["id"] == "file /opt/remote-notebooks/acme/lab.eab"]
    assert (eab["control"], eab["secret"], eab["mode"]) == ("/control/eab", True, "0600")
    assert acme_resources.FILES.keys() == {"eab", "ca.pem", "dns-key"}


def test_the_control_node_claims_no_certificate_that_it_never_had():
    _instances, _things, report = host()
    none = {**plan(), "instances": []}
    assert not [line for line in remarks(none, report) if "stays on the control node" in line]
    report["manifest"] = [thing for thing in report["manifest"] if "@acme" not in thing["id"]]
    assert [line for line in remarks(none, report) if "stays on the control node" in line]


def test_a_report_says_when_the_host_asks_again():
    _instances, _things, report = host()
    report["units"]["remote-notebooks-acme.timer"]["NextElapseUSecRealtime"] = "Wed 2026-12-02 04:35:52 UTC"
    assert acme_findings.remarks(PLAN, report) == []
    assert acme_findings.remarks({**PLAN, "verb": "report"}, report) == [
        "The host renews the certificate of lab by itself. It asks again at Wed 2026-12-02 04:35:52 UTC."
    ]


def test_a_server_with_another_certificate_is_told():
    _instances, _things, report = host(served=False)
    (said,) = acme_findings.remarks(PLAN, report)
    assert said.startswith("instance 'lab': port 8888 shows another certificate than the one that was issued.")
