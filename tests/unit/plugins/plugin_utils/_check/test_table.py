# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest
import yaml
from ansible_collections.remote.notebooks.plugins.plugin_utils._check import table

ROOT = Path(__file__).parents[5]
NOW = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)
TARGET = {
    "host": "web1",
    "instance": "lab",
    "way": "network",
    "url": "https://web1:8888/",
    "ca_file": "/pki/ca-bundle.pem",
    "ca_missing": False,
    "sha256": "ab" * 32,
    "proven": True,
    "stranger": None,
}
HELD = {
    "verdict": "unreachable",
    "cause": "port_held",
    "message": "TCP port 8888 of web1 is held by nc.",
    "cure": "End that process.",
}
ANSWER = {
    "verdict": "reachable",
    "cause": "ok",
    "message": "It runs code.",
    "cure": "Nothing to do.",
    "seconds": 1.234,
    "server_version": "2.21.1",
    "certificate": {"not_after": "2026-12-01T00:00:00Z", "days": 90, "sha256": "ab" * 32},
}


def row(answer, says="", **target):
    return table.row({**TARGET, **target}, answer, says, NOW)


def test_a_server_that_is_reachable():
    found = row(ANSWER)
    assert (found["verdict"], found["certificate_days"], found["milliseconds"]) == ("reachable", 9, 1234)
    assert table.is_good(found)


@pytest.mark.parametrize(
    ("answer", "target", "verdict", "cause", "words"),
    [
        pytest.param(
            {**ANSWER, "cause": "no_credentials"},
            {"proven": False},
            "unknown",
            "listener_unknown",
            "no password was sent",
            id="who is it?",
        ),
        pytest.param(
            None,
            {"proven": False, "stranger": HELD},
            "unreachable",
            "port_held",
            "held by nc",
            id="another account listens",
        ),
        pytest.param(
            {"failed": True, "msg": "No websocket-client."},
            {},
            "unknown",
            "check_failed",
            "websocket-client",
            id="no check was possible",
        ),
        pytest.param(
            None, {"ca_missing": True}, "unknown", "no_authority", "/pki/ca-bundle.pem", id="the authority is elsewhere"
        ),
        pytest.param(None, {}, "unknown", "no_way", "carries no tunnel", id="only the host's loopback leads there"),
    ],
)
def test_what_an_answer_comes_to(answer, target, verdict, cause, words):
    found = row(answer, **target)
    assert (found["verdict"], found["cause"]) == (verdict, cause)
    assert words in found["message"]


def test_the_table_stands_in_columns():
    bad = row(
        {**ANSWER, "verdict": "unreachable", "cause": "timed_out", "certificate": None, "seconds": 30.0},
        "On the host: x.",
        host="a-long-name",
    )
    assert table.table([row(ANSWER), bad]) == [
        "host         instance  way      verdict      cause      cert. days     ms",
        "web1         lab       network  reachable    ok                  9   1234",
        "a-long-name  lab       network  unreachable  timed_out           -  30000",
    ]
    assert table.sentences(bad) == [
        "a-long-name/lab network https://web1:8888/",
        "  It runs code.",
        "  Nothing to do.",
        "  On the host: x.",
    ]
    assert table.summary([row(ANSWER), bad], 7) == "1 of 2 not reachable."
    assert table.bad([row(ANSWER), bad], 7) == {
        "a-long-name": "lab (network) is unreachable (timed_out). The table above says what to do."
    }


@pytest.mark.parametrize(
    ("keeper", "expected"),
    [
        ("systemd", ["  What it says, on the host: journalctl -u jupyter@lab.service"]),
        ("systemd_user", ["  What it says, on the host: journalctl --user -u jupyter@lab.service"]),
        pytest.param(
            "", ["  What it says, on the host: sudo -u jupyter tmux -L jupyter-lab attach"], id="no systemd, no journal"
        ),
    ],
)
def test_where_a_server_has_said_more(keeper, expected):
    item = {
        "name": "lab",
        "keeper": keeper,
        "unit": "jupyter@lab.service",
        "attach": "sudo -u jupyter tmux -L jupyter-lab attach",
    }
    assert table.log({"instance": "lab"}, [{"name": "night"}, item]) == expected
    assert table.log({"instance": "-"}, [item]) == []


@pytest.mark.parametrize(
    ("days", "within", "ends"),
    [
        (90, 30, True),
        (90, 9, False),
        pytest.param(6, 30, False, id="short-lived: a third of six days"),
        pytest.param(30, 30, True, id="a third of thirty"),
        pytest.param(90, 0, False, id="never"),
    ],
)
def test_a_certificate_that_ends_soon(days, within, ends):
    answer = {**ANSWER, "certificate": {"not_after": "2026-12-01T00:00:00Z", "days": days, "sha256": "ab" * 32}}
    rows = [row(answer)]
    said = "the certificate of lab (network) ends in 9 days"
    assert table.bad(rows, within) == ({"web1": f"{said}. The table above says what to do."} if ends else {})
    assert table.endings(rows, within) == (
        [f"web1: {said}. renew.yml issues those of the private authority again."] if ends else []
    )
    assert table.summary(rows, within) == (
        "The server is reachable. 1 of 1 with a certificate that ends soon." if ends else "The server is reachable."
    )


def test_an_expired_certificate_is_told_by_its_cause_alone():
    expired = row({**ANSWER, "verdict": "untrusted", "cause": "expired"})
    assert table.endings([expired], 30) == []
    assert table.bad([expired], 30)["web1"].startswith("lab (network) is untrusted (expired).")


def test_an_inventory_that_is_refused_has_a_row():
    refused = table.refused("web2", "instance 'lab': port: 70000 is no TCP port.\n")
    assert table.table([refused])[1].split() == ["web2", "-", "-", "unknown", "inventory", "-", "-"]
    assert table.sentences(refused) == [
        "web2",
        "  instance 'lab': port: 70000 is no TCP port.",
        "  Correct the inventory.",
    ]
    assert table.bad([refused], 30) == {"web2": "the inventory is refused. The table above says what to do."}


def test_programs_get_the_same():
    found = json.loads(table.as_json([row(ANSWER)], NOW))
    assert (found["checked_at"], found["reachable"]) == ("2026-11-21T12:00:00Z", True)
    assert found["servers"][0]["cause"] == "ok"


def test_the_check_looks_for_the_authority_where_the_role_pki_keeps_it():
    """The role jupyter cannot read another role's default, so it repeats this one."""
    own = yaml.safe_load((ROOT / "roles/jupyter/vars/main.yml").read_text())["__jupyter_folders"]["pki"]
    assert own == "{{ pki_dir | default(lookup('remote.notebooks.operator_folder') ~ '/pki') }}"
    assert (
        yaml.safe_load((ROOT / "roles/pki/defaults/main.yml").read_text())["pki_dir"]
        == "{{ lookup('remote.notebooks.operator_folder') }}/pki"
    )
