# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nightly job of a control node. A program takes the place of Ansible: the scenario smoke runs the real one."""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

PROGRAM = Path(__file__).parents[3] / "roles/schedule/files/nightly.py"
SPEC = importlib.util.spec_from_file_location("nightly", PROGRAM)
nightly = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(nightly)

REFUSED = """
TASK [remote.notebooks.jupyter : Compare the host with the plan] ***
fatal: [web1]: FAILED! =>\x20
  renew.yml changes certificates and nothing else.
  Run site.yml.
  Origin: /inventory/hosts.yml:3:5

TASK [Try] ***
ok: [web2]
failed: [web2] (item=lab) =>\x20
  No room is left.
fatal: [web3]: UNREACHABLE! => web3 cannot be reached: no answer.

PLAY RECAP ***
web1 : ok=4    changed=0
"""
CHECK = {
    "servers": [
        {"host": "web1", "instance": "lab", "way": "network", "verdict": "reachable", "cause": "ok"},
        {
            **{"host": "web2", "instance": "lab", "way": "tunnel", "verdict": "unreachable", "cause": "port_held"},
            **{"message": "TCP port 8888 is held by nc.", "cure": "End that process."},
        },
    ]
}
#: Prints its words, writes the result of a check, and fails where a file says so.
ANSIBLE = """#!/usr/bin/env python3
import json, os, pathlib, sys
step = pathlib.Path(sys.argv[-3]).stem
folder = pathlib.Path(sys.argv[0]).parent
with open(folder / "typed", "a") as file:
    print(json.dumps([sys.argv[1:], os.environ.get("ANSIBLE_STDOUT_CALLBACK"), os.environ.get("TOKEN")]), file=file)
if step == "check" and (folder / "check.result").exists():
    pathlib.Path(json.loads(sys.argv[-1])["check_json"]).write_text((folder / "check.result").read_text())
fails = folder / f"{step}.fails"
if fails.exists():
    print(fails.read_text())
    sys.exit(2)
print("ok")
"""


@pytest.fixture
def folder(tmp_path):
    """The folder that the role writes, whose Ansible is in ``bin``."""
    there = tmp_path / "my schedule"
    (there / "logs").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "metrics").mkdir()
    python = tmp_path / "bin/python"
    python.write_text(ANSIBLE)
    python.chmod(0o700)
    job = {
        **{"python": str(python), "playbooks": "/collection/playbooks", "inventories": ["/a b/hosts.yml", "web9,"]},
        **{"options": ["--vault-password-file=/v"], "expires_within": 21, "textfile_dir": str(tmp_path / "metrics")},
        **{"keep_logs": 2, "environment": {"TOKEN": "of the run"}},
    }
    (there / "job.json").write_text(json.dumps(job))
    (there / "notify.sh").write_text(
        f'{{ echo "$NOTEBOOKS_SUBJECT"; cat; }} >> "{tmp_path}/told"; exit $(cat code 2>&- || echo 0)\n'
    )
    return there


def run(folder):
    done = subprocess.run([sys.executable, PROGRAM], cwd=folder, check=False, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def told(folder):
    path = folder.parent / "told"
    text = path.read_text() if path.exists() else ""
    path.unlink(missing_ok=True)
    return text


def metrics(folder):
    text = (folder.parent / "metrics/remote_notebooks_schedule.prom").read_text()
    return {
        (sample.labels["playbook"] if sample.labels else family.name): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_night_without_a_fault_tells_nobody(folder):
    assert run(folder) == (0, "")
    assert told(folder) == ""
    assert (folder / "last").read_text().startswith("ok 20")
    typed = [json.loads(line) for line in (folder.parent / "bin/typed").read_text().splitlines()]
    words = ["-m", "ansible", "playbook", "--inventory", "/a b/hosts.yml", "--inventory", "web9,"]
    assert [line[0][:-1] for line in typed] == [
        [*words, "--vault-password-file=/v", f"/collection/playbooks/{step}.yml", "--extra-vars"]
        for step in ("renew", "check", "report")
    ]
    assert [json.loads(line[0][-1]) for line in typed] == [
        {"pki_renew": [], "jupyter_verify": False},
        {"expires_within": 21, "check_json": f"{folder}/check.json"},
        {
            **{"expires_within": 21, "report_json": f"{folder}/report.json"},
            "report_textfile": f"{folder.parent}/metrics/remote_notebooks.prom",
        },
    ]
    assert {tuple(line[1:]) for line in typed} == {("remote.notebooks.progress", "of the run")}
    seen = metrics(folder)
    assert [seen.pop(step) for step in ("renew", "check", "report")] == [1, 1, 1]
    assert seen["remote_notebooks_schedule_timestamp_seconds"] > 1_700_000_000


def test_a_failure_is_told_whole_and_its_end_once(folder):
    (folder.parent / "bin/renew.fails").write_text(REFUSED)
    (folder.parent / "bin/check.fails").write_text("fatal: [web2]: FAILED! => \n  the table above")
    (folder.parent / "bin/check.result").write_text(json.dumps(CHECK))
    code, said = run(folder)
    assert code == 1
    assert (folder / "last").read_text() == said
    assert told(folder) == f"notebooks: {said.splitlines()[0]}\n{said}"
    assert said.splitlines()[0].startswith("renew, check failed on ")
    assert said.splitlines()[1:-1] == [
        "",
        "renew (exit code 2):",
        "  web1: renew.yml changes certificates and nothing else.",
        "    Run site.yml.",
        "  web2: No room is left.",
        "  web3: web3 cannot be reached: no answer.",
        "",
        "check (exit code 2):",
        "  web2/lab (tunnel): unreachable (port_held)",
        "    TCP port 8888 is held by nc.",
        "    End that process.",
        "",
    ]
    log = Path(said.splitlines()[-1].removeprefix("The log: "))
    assert "=== renew" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600
    assert [metrics(folder)[step] for step in ("renew", "check", "report")] == [0, 0, 1]

    for name in ("renew.fails", "check.fails", "check.result"):
        (folder.parent / "bin" / name).unlink()
    assert run(folder) == (0, "")
    assert told(folder) == "notebooks: all is right again\nrenew, check and report succeed again.\n"
    assert run(folder) == (0, "")
    assert told(folder) == ""


def test_the_result_of_the_night_before_is_not_told(folder):
    (folder / "check.json").write_text(json.dumps(CHECK))
    (folder.parent / "bin/check.fails").write_text("[ERROR]: the playbook could not be found\n  at /x\n")
    _code, said = run(folder)
    assert "held by nc" not in said
    assert "  [ERROR]: the playbook could not be found\n    at /x\n" in said


def test_a_failure_without_words_has_the_end_of_the_log(folder):
    (folder.parent / "bin/report.fails").write_text("\n".join(f"line {number}" for number in range(9)))
    _code, said = run(folder)
    assert [line for line in said.splitlines() if "line" in line] == [f"  line {number}" for number in range(4, 9)]


def test_a_long_failure_is_cut(folder):
    lines = "\n".join(f"  {number}" for number in range(100))
    (folder.parent / "bin/report.fails").write_text(f"fatal: [web1]: FAILED! => \n{lines}")
    _code, said = run(folder)
    assert "    39\n  and 60 more lines in the log\n" in said


def test_a_message_that_nobody_receives(folder):
    (folder.parent / "bin/report.fails").write_text("fatal: [web1]: FAILED! => \n  No room.")
    (folder / "code").write_text("7")
    _code, said = run(folder)
    assert said.splitlines()[-1] == "schedule_notify failed: exit code 7."
    assert (folder / "last").read_text() == said


def test_a_folder_of_metrics_that_cannot_be_written(folder):
    (folder.parent / "metrics").rmdir()
    code, said = run(folder)
    assert code == 1
    assert said.startswith("schedule_textfile_dir: [Errno 2]")
    assert not (folder / "last").read_text().startswith("ok")


def test_the_newest_logs_stay(folder):
    for day in (1, 2, 3):
        (folder / f"logs/2020-01-0{day}T033000.log").write_text("")
    run(folder)
    names = sorted(path.name for path in (folder / "logs").iterdir())
    assert names[0] == "2020-01-03T033000.log"
    assert len(names) == 2


def test_a_job_that_cannot_write_is_told(folder):
    (folder / "logs").rmdir()
    (folder / "logs").write_text("no folder")
    code, said = run(folder)
    assert code == 1
    assert "The nightly job ended early" in said
    assert told(folder).startswith("notebooks: the nightly job ended early\nThe nightly job ended early")


def test_two_jobs_at_a_time(folder):
    with open(folder / "lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert run(folder) == (1, "The nightly job is running already.\n")


def test_a_playbook_without_an_end(folder, monkeypatch):
    (folder.parent / "bin/python").write_text("#!/bin/sh\necho 'fatal: [web1]: FAILED! => '; sleep 60 & sleep 60\n")
    monkeypatch.setattr(nightly, "LIMIT", 0.972)
    monkeypatch.chdir(folder)
    with open("logs/now.log", "ab") as log:
        output, reason = nightly.run("renew", json.loads(Path("job.json").read_text()), log)
    assert reason == "no end within 0.00027 hours"
    assert "fatal" in output
    # The group of processes is dead as well.
    assert not subprocess.run(["pgrep", "-g", "0", "sleep"], check=False, capture_output=True).stdout
    assert os.listdir("logs") == ["now.log"]


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ({"schedule_time": 210}, "schedule_time is '210'. Write hours and minutes, \"03:30\" for example, in quotes."),
        ({"schedule_manager": "launchd"}, "schedule_manager is launchd, and this machine has no launchd"),
        (
            {"schedule_dir": "inventory/group_vars/schedule"},
            "is in an inventory, and Ansible reads every file in there",
        ),
    ],
    ids=["YAML makes a number of 3:30", "a timer of another system", "a folder that is an inventory"],
)
def test_values_that_are_refused(tmp_path, variable, said):
    (tmp_path / "inventory/group_vars").mkdir(parents=True)
    (tmp_path / "inventory/hosts.yml").write_text("all: {hosts: {web1: {}}}\n")
    source = tmp_path / ("inventory" if "schedule_dir" in variable else "inventory/hosts.yml")
    variables = {name: str(tmp_path / value) if name.endswith("dir") else value for name, value in variable.items()}
    command = [Path(sys.executable).with_name("ansible-playbook"), "-i", source]
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "HOME": str(tmp_path)}
    done = subprocess.run(
        [*command, "playbooks/schedule.yml", "-e", json.dumps(variables)],
        check=False,
        capture_output=True,
        text=True,
        cwd=PROGRAM.parents[3],
        env=environment,
    )
    assert done.returncode == 2, done.stdout
    assert said in " ".join(done.stdout.split())
    assert not list(tmp_path.glob("**/schedule"))
