# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._jupyter import report as jupyter_report
from prometheus_client.parser import text_string_to_metric_families

NOW = 1_800_000_000.0
DAY = 86400


def server(**other):
    return {
        "host": "web1",
        "instance": "lab",
        "url": "https://web1:8888/",
        "service": "jupyter@lab.service",
        "running": True,
        "jupyterlab": "4.6.6",
        "jupyter_server": "2.21.1",
        "environment": "0a1b2c3d4e5f",
        "started": NOW - DAY - 7200,
        "uptime": DAY + 7200,
        "kernels": 3,
        "busy": ["the kernel of thesis.ipynb"],
        "certificate_expires": NOW + 90 * DAY + 60,
        "certificate_valid": 397,
        "restart_due": "",
        "gpu": "",
        **other,
    }


STOPPED = {
    "running": False,
    "started": None,
    "uptime": None,
    "kernels": None,
    "busy": None,
    "jupyterlab": None,
    "jupyter_server": None,
}
DRIFT = {
    "instance": "lab",
    "what": "content",
    "text": "file /etc/x: content is another, wanted its own",
    "lines": ["-c.a = 1", "+c.a = 2"],
}
HOST_DRIFT = {
    "instance": "",
    "what": "mode",
    "text": "directory /etc/remote-notebooks: mode is 0777, wanted 0755",
    "lines": [],
}


def one(*servers, host="web1", drift=()):
    return {"host": host, "servers": list(servers), "drift": list(drift)}


@pytest.mark.parametrize(
    ("given", "cells"),
    [
        pytest.param(
            server(),
            ["web1", "lab", "running", "4.6.6", "0a1b2c3d4e5f", "1d 2h", "3", "1", "90 days", "0", "-", "-"],
            id="running",
        ),
        pytest.param(
            server(**STOPPED),
            ["web1", "lab", "stopped", "-", "0a1b2c3d4e5f", "-", "-", "-", "90 days", "0", "-", "-"],
            id="stopped",
        ),
        pytest.param(
            server(certificate_expires=None, restart_due="its environment was damaged", kernels=0, busy=[]),
            ["web1", "lab", "running", "4.6.6", "0a1b2c3d4e5f", "1d 2h", "0", "0", "-", "0", "due", "-"],
            id="without a certificate, due for a restart",
        ),
        pytest.param(
            server(certificate_expires=NOW - DAY),
            ["web1", "lab", "running", "4.6.6", "0a1b2c3d4e5f", "1d 2h", "3", "1", "-1 days", "0", "-", "-"],
            id="an expired certificate",
        ),
    ],
)
def test_a_line_of_the_table(given, cells):
    header, line = jupyter_report.table([one(given)], NOW)
    assert header.split()[:3] == ["host", "server", "state"]
    assert [cell for cell in line.split("  ") if cell.strip()] and [
        cell.strip() for cell in line.split("  ") if cell.strip()
    ] == cells


@pytest.mark.parametrize(
    ("left", "valid", "within", "expected"),
    [
        (29, 397, 30, ["the certificate of lab ends on 2027-02-13"]),
        (30, 397, 30, []),
        pytest.param(-1, 397, 30, ["the certificate of lab ended on 2027-01-14"], id="it has ended"),
        pytest.param(3, 6, 30, [], id="short-lived, with half of it left"),
        pytest.param(1, 6, 30, ["the certificate of lab ends on 2027-01-16"], id="short-lived, with a sixth left"),
    ],
)
def test_certificates_that_end_soon(left, valid, within, expected):
    found = one(server(certificate_expires=NOW + left * DAY, certificate_valid=valid))
    assert jupyter_report.endings(found, within, NOW) == expected
    assert jupyter_report.endings(one(server(certificate_expires=None, certificate_valid=None)), within, NOW) == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0, "0s"),
        (59, "59s"),
        (61, "1m 1s"),
        (3600, "1h 0m"),
        (93784, "1d 2h"),
    ],
)
def test_duration(seconds, text):
    assert jupyter_report.duration(seconds) == text


def test_what_stands_below_the_table():
    drift = [DRIFT, HOST_DRIFT, {**DRIFT, "lines": [f"+line {number}" for number in range(8)]}]
    assert jupyter_report.sentences(one(server(restart_due="what it was started from has changed"), drift=drift)) == [
        "web1/lab: busy is the kernel of thesis.ipynb",
        "web1/lab: a restart is due, because what it was started from has changed",
        "web1: file /etc/x: content is another, wanted its own",
        "    -c.a = 1",
        "    +c.a = 2",
        "web1: directory /etc/remote-notebooks: mode is 0777, wanted 0755",
        "web1: file /etc/x: content is another, wanted its own",
        *(f"    +line {number}" for number in range(6)),
        "    and 2 more lines",
    ]


@pytest.mark.parametrize(
    ("overviews", "silent", "text"),
    [
        pytest.param([one(server())], [], "1 server on 1 host; no difference from the inventory.", id="all is well"),
        pytest.param(
            [one(server(), server(**STOPPED), drift=[DRIFT]), one(server(), host="web2")],
            ["web3"],
            "3 servers on 2 hosts; 1 stopped; 1 difference from the inventory (site.yml mends them); no answer from"
            " web3.",
            id="something is to do",
        ),
    ],
)
def test_the_last_line(overviews, silent, text):
    assert jupyter_report.summary(overviews, silent) == text


def samples(text):
    """Read the textfile as a collector does."""
    return {
        (sample.name, *(sample.labels[name] for name in ("host", "instance") if name in sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_metrics_collector_reads_the_textfile():
    drift = [DRIFT, HOST_DRIFT]
    text = jupyter_report.textfile(
        [one(server(), server(instance="night", **STOPPED), drift=drift)], ["web3"], NOW
    ).decode()
    assert text.endswith("\n")
    found = samples(text)
    assert {key: value for key, value in found.items() if key[0] != "remote_notebooks_info"} == {
        ("remote_notebooks_up", "web1", "lab"): 1,
        ("remote_notebooks_up", "web1", "night"): 0,
        ("remote_notebooks_start_time_seconds", "web1", "lab"): NOW - DAY - 7200,
        ("remote_notebooks_kernels", "web1", "lab"): 3,
        ("remote_notebooks_busy", "web1", "lab"): 1,
        ("remote_notebooks_certificate_expiry_timestamp_seconds", "web1", "lab"): NOW + 90 * DAY + 60,
        ("remote_notebooks_certificate_expiry_timestamp_seconds", "web1", "night"): NOW + 90 * DAY + 60,
        ("remote_notebooks_restart_due", "web1", "lab"): 0,
        ("remote_notebooks_restart_due", "web1", "night"): 0,
        ("remote_notebooks_drift", "web1", "lab"): 1,
        ("remote_notebooks_drift", "web1", "night"): 0,
        ("remote_notebooks_host_drift", "web1"): 2,
        ("remote_notebooks_host_answered", "web1"): 1,
        ("remote_notebooks_host_answered", "web3"): 0,
        ("remote_notebooks_report_timestamp_seconds",): NOW,
    }


def test_each_metric_is_explained_once_and_its_samples_stand_together():
    text = jupyter_report.textfile([one(server()), one(server(host="web2"), host="web2")], [], NOW).decode()
    names = [line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    together = [name for place, name in enumerate(names) if place == 0 or names[place - 1] != name]
    assert len(together) == len(set(together))
    for kind in ("HELP", "TYPE"):
        assert [line.split(" ")[2] for line in text.splitlines() if line.startswith(f"# {kind} ")] == together


def test_a_label_may_hold_any_text():
    odd = 'a "quoted" \\ name\nof two lines'
    text = jupyter_report.textfile([one(server(environment=odd, host=odd), host=odd)], [], NOW).decode()
    labels = [
        sample.labels
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.endswith("_info")
    ]
    assert labels == [
        {
            "host": odd,
            "instance": "lab",
            "jupyterlab": "4.6.6",
            "jupyter_server": "2.21.1",
            "environment": odd,
            "service": "jupyter@lab.service",
        }
    ]


def test_the_json_holds_everything():
    overviews = [one(server(), drift=[DRIFT])]
    assert json.loads(jupyter_report.as_json(overviews, ["web3"], NOW)) == {
        "written": "2027-01-15T08:00:00Z",
        "hosts": overviews,
        "silent": ["web3"],
    }


def test_the_overview_joins_what_was_read_and_compared():
    item = {
        "name": "lab",
        "interface": "lab",
        "tls": "acme",
        "keeper": "systemd",
        "unit": "jupyter@lab.service",
        "session": "jupyter-lab",
        "environment": "/opt/envs/new",
        "devices": "auto",
    }
    report = {
        "servers": [{"pid": 7, "instance": "lab", "started": 1000.0}],
        "paths": {"/etc/x": {"text": "a = 1\nb = 2\n"}},
        "devices": {"classes": {}, "cards": []},
        "acme": {"lab": {"failures": 2}},
        "details": {
            "now": 1060.5,
            "processes": {"7": {"environment": "/opt/envs/old", "kernels": 1, "busy": []}},
            "versions": {"/opt/envs/old": {"jupyterlab": "4.6.5", "jupyter_server": "2.21.0"}},
        },
    }
    compared = {
        "servers": [{"instance": "lab", "url": "https://web1:8888/"}],
        "steps": [{"instance": "lab", "step": "restart", "why": "what it was started from has changed"}],
        "texts": {"/etc/x": "a = 1\nb = 3\n"},
        "changes": [
            {
                "id": "file /etc/x",
                "stage": "configure",
                "instance": "lab",
                "what": "content",
                "text": "file /etc/x differs",
            },
            {
                "id": "file /opt/manifest.json",
                "stage": "manifest",
                "instance": "",
                "what": "content",
                "text": "follows from the others",
            },
        ],
    }
    presented = SimpleNamespace(not_after=datetime.fromtimestamp(NOW, timezone.utc), days=397)
    assert jupyter_report.overview({"host": "web1"}, [item], compared, report, {"lab": presented}) == {
        "host": "web1",
        "servers": [
            {
                "host": "web1",
                "instance": "lab",
                "url": "https://web1:8888/",
                "service": "jupyter@lab.service",
                "running": True,
                # Of the running servers, not of the wanted ones.
                "environment": "old",
                "jupyterlab": "4.6.5",
                "jupyter_server": "2.21.0",
                "started": 1000.0,
                "uptime": 60,
                "kernels": 1,
                "busy": [],
                "gpu": "",
                "certificate_expires": NOW,
                "certificate_valid": 397,
                "renewals_refused": 2,
                "restart_due": "what it was started from has changed",
            }
        ],
        "drift": [{"instance": "lab", "what": "content", "text": "file /etc/x differs", "lines": ["-b = 2", "+b = 3"]}],
    }


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('c.IdentityProvider.token = "s3cret"', "c.IdentityProvider.token = ********"),
        ("c.ServerApp.password = u'argon2:s3cret'", "c.ServerApp.password = ********"),
        ('"GITHUB_TOKEN": "s3cret", "A": "b"', '"GITHUB_TOKEN": ********'),
        ("Environment=AWS_SECRET_ACCESS_KEY=s3cret", "Environment=AWS_SECRET_ACCESS_KEY=********"),
        ("index = https://ann:s3cret@mirror.example.org/", "index = https://ann:********@mirror.example.org/"),
        ('c.IdentityProvider.token = ""', 'c.IdentityProvider.token = ""'),
        ("c.X.allow_password_change = True", "c.X.allow_password_change = True"),
        ("c.ServerApp.port = 8888", "c.ServerApp.port = 8888"),
    ],
)
def test_a_report_shows_no_secret_that_somebody_wrote_into_a_file(line, shown):
    lines = jupyter_report._lines("/etc/x", {"/etc/x": "a = 1\n"}, {"/etc/x": {"text": f"a = 1\n{line}\n"}})
    assert lines == [f"-{shown}"]


def test_notebook_6_has_a_version_too():
    item = {
        "name": "old",
        "interface": "notebook6",
        "tls": "none",
        "keeper": "systemd",
        "unit": "u",
        "session": "s",
        "environment": "/opt/envs/six",
        "devices": "false",
    }
    details = {"now": 0, "processes": {}, "versions": {"/opt/envs/six": {"notebook": "6.5.7"}}}
    report = {"servers": [], "paths": {}, "devices": {"classes": {}}, "details": details}
    compared = {"servers": [{"instance": "old", "url": "https://web1:8888/"}], "steps": [], "texts": {}, "changes": []}
    assert (
        jupyter_report.overview({"host": "web1"}, [item], compared, report, {})["servers"][0]["jupyterlab"] == "6.5.7"
    )
