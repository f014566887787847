# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a run, and the lines that stay."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.remote.notebooks.plugins.plugin_utils._progress import lines
from ansible_collections.remote.notebooks.plugins.plugin_utils._progress.run import AREAS, UNNAMED, Run, area

from tools import pictures

ROOT = Path(__file__).parents[5]
ROW = {"host": "a", "instance": "lab", "way": "tunnel", "verdict": "reachable", "cause": "ok"} | {
    "certificate_days": 90,
    "milliseconds": 5,
}
OK = {"ok": 1, "changed": 0, "failures": 0, "unreachable": 0}


def state(host: str, ends: str | None = None) -> dict:
    servers = [{"host": host, "instance": "lab", "tls": {"not_after": ends}}]
    page = f"the page to hand over: /h/{host}/lab.html"
    return {"servers": servers, "connect": [f"lab on {host}: https://{host}:8888/", page, "note: a note"]}


def test_each_stage_has_a_subject_or_is_a_book():
    stages = {path.stem for path in ROOT.glob("roles/jupyter/tasks/stages/*.yml")}
    assert stages - set(AREAS) - UNNAMED == set()
    assert set(AREAS) - stages == set()


@pytest.mark.parametrize(
    ("path", "subject"),
    [
        ("/x/remote/notebooks/roles/jupyter/tasks/stages/service.yml:9", "servers"),
        ("/x/remote/notebooks/roles/jupyter/tasks/stages/journal.yml:9", ""),
        ("/x/remote/notebooks/roles/firewall/tasks/change.yml:9", "firewall"),
        ("/home/ann/play.yml:9", "Do a thing"),
    ],
)
def test_the_subject_of_a_change(path, subject):
    assert area(path, "Do a thing") == subject


def test_the_end_of_a_run():
    run = Run()
    run.learn("remote.notebooks.jupyter_state", state("a", "2028-01-01T00:00:00Z"))
    run.learn("remote.notebooks.jupyter_state", state("b", "2027-01-01T00:00:00Z"))
    run.learn("remote.notebooks.jupyter_verdicts", {"servers": [ROW]})
    run.last_lines = [[*state("a")["connect"], "WARNING: a: shut"]]
    run.warnings = {"WARNING: a: shut": None}
    assert lines.ending(run) == [
        "",
        "host  instance  way     verdict    cause  cert. days  ms",
        "a     lab       tunnel  reachable  ok             90   5",
        "",
        "lab on a: https://a:8888/",
        "the page to hand over: /h/a/lab.html",
        "note: a note",
        "next certificate to end: lab on b, on 2027-01-01",
        "",
        "WARNING: a: shut",
    ]


def test_the_end_of_a_fleet_is_short():
    run = Run()
    for number in range(200):
        run.learn("remote.notebooks.jupyter_state", state(f"h{number}"))
        run.learn("remote.notebooks.jupyter_verdicts", {"servers": [{**ROW, "host": f"h{number}"}]})
    run.learn("remote.notebooks.jupyter_verdicts", {"servers": [{**ROW, "host": "h7", "verdict": "unreachable"}]})
    run.last_lines = [[*(line for number in range(200) for line in state(f"h{number}")["connect"][:2]), "left out: h9"]]
    assert lines.ending(run) == [
        "",
        "proof: 199 of 200 connections reach a kernel",
        "host  instance  way     verdict      cause  cert. days  ms",
        "h7    lab       tunnel  unreachable  ok             90   5",
        "",
        "the pages to hand over, one for each server: /h",
        "left out: h9",
    ]


def test_the_page_of_a_person_is_named_once_for_all_batches_of_hosts():
    run = Run()
    page, more = "the page of ann over all servers: /h/people/ann.html", "the page of ben over all servers: /h/b"
    run.last_lines = [["lab on a: https://a:8888/", page], ["lab on b: https://b:8888/", page, more]]
    assert lines.ending(run)[1:] == ["lab on a: https://a:8888/", "lab on b: https://b:8888/", page, more]


@pytest.mark.parametrize(
    ("counts", "dry", "said"),
    [
        ({}, False, "a: ok, no change, 2 s"),
        ({"changed": 1}, False, "a: ok, 1 task changed it, 2 s"),
        ({"changed": 2}, True, "a: ok, 2 tasks would change it, 2 s"),
        ({"failures": 1, "changed": 2}, False, "a: FAILED, 2 tasks changed it, 2 s"),
        ({"unreachable": 1}, False, "a: OUT OF REACH, 2 s"),
    ],
)
def test_the_result_of_a_host(counts, dry, said):
    assert lines.recap(Run(dry=dry), {"a": {**OK, **counts}}, 2.4) == [said]


@pytest.mark.parametrize(
    ("result", "said"),
    [
        pytest.param({"msg": "a\nb"}, ["  a", "  b"], id="all lines of the message"),
        pytest.param({"msg": "rc 1", "stderr": "why", "stdout": "why"}, ["  rc 1", "  why"], id="a text once"),
        pytest.param({"censored": "hidden", "changed": False}, ["  hidden"], id="a secret"),
        pytest.param({"msg": "\x1b[2J\u202e"}, [r"  \x1b[2J\u202e"], id="controls are shown"),
    ],
)
def test_a_failure(result, said):
    assert lines.failure("FAILED", "h", "Do it", result) == ["FAILED h: Do it", *said]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("FAILED a: Do it", "FAILED"),
        ("a: OUT OF REACH, 2 s", "OUT OF REACH"),
        ("WARNING: a: shut", "WARNING"),
        ("a: ok, no change, 2 s", "ok"),
        ("a: okay", ""),
        ("  FAILED", ""),
    ],
)
def test_the_word_that_decides_the_colour(line, word):
    assert lines.tone(line) == word


def test_the_picture_of_readme_is_that_of_these_lines():
    assert pictures.RUN_PICTURE.read_text() == pictures.run_picture(), "run: python -m tools.pictures"


def test_a_red_proof_leaves_the_page():
    """The tasks of the role in their order: a failed check of a server ends the run, and its page is there by then."""
    names = [task["name"] for task in yaml.safe_load((ROOT / "roles/jupyter/tasks/main.yml").read_text())]
    assert names.index("Write hand-off pages") < names.index("Check servers as a client")


def test_a_table_that_was_printed_is_not_printed_again():
    run = Run()
    run.learn("remote.notebooks.jupyter_verdicts", {"servers": [ROW]})
    run.learn("remote.notebooks.jupyter_verdict_table", {"bad": {}, "msg": ""})
    assert lines.ending(run) == []


def test_a_difference_obeys_nothing_and_keeps_its_tabs():
    assert lines.difference("\x1b[32m+\tnew\x1b[0m\n \x1b]0;x\x07\n") == ["+\tnew", r" \x1b]0;x\x07"]
