# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate finds the phrases of a log."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.remote.notebooks.plugins.module_utils._jupyter import build_steps

from tools import gate


def test_a_host_without_uv_says_what_the_gate_looks_for():
    assert f'remark = f"{gate.WITHOUT_UV}' in Path(build_steps.__file__).read_text()


def test_a_red_scenario_is_told_by_its_last_error():
    log = (
        "TASK [Try] ****\n[ERROR]: one that a scenario provokes\nfatal: [h]: FAILED! => \n    msg: no\n\n"
        "TASK [Compare] ****\n[ERROR]: Task failed: the one that counts\nOrigin: x\n\nfatal: [h]: FAILED! => \n"
        "    msg: not told twice\n\nPLAY RECAP ****\n"
    )
    assert gate.reason(log) == " (Compare: Task failed: the one that counts)"
    assert gate.reason("ok: [h]\n") == ""


def test_a_condition_of_ours_is_told_by_the_words_of_its_result():
    log = (
        "TASK [Publish] ****\nok: [h]\n\nTASK [Run a cell] ****\n[ERROR]: Task failed: Action failed: Unknown error.\n"
        "Origin: x\n\nfatal: [h]: FAILED! =>\n    cause: no_kernel\n    message: No kernel of lab within 60 s.\n"
    )
    assert gate.reason(log) == (
        " (Run a cell: Task failed: Action failed: Unknown error.: No kernel of lab within 60 s.)"
    )


def test_a_program_is_told_by_the_end_of_what_it_said():
    log = (
        "TASK [Open] ****\n[ERROR]: Task failed: Module failed: non-zero return code\nOrigin: x\n\n"
        f"fatal: [h]: FAILED! => \n    msg: non-zero return code\n    rc: 1\n    stderr: {'x' * 500} no line 79\n"
        "    stdout: cell 42\n"
    )
    told = gate.reason(log)
    assert told.startswith(" (Open: Task failed: Module failed: non-zero return code: cell 42: xxx")
    assert told.endswith("x no line 79)")
    assert len(told) < 500


def test_a_failure_of_an_older_ansible_is_told_by_the_words_of_its_result():
    log = (
        "TASK [Compare] ****\nfatal: [h]: FAILED! => \n    changed: false\n    msg: non-zero return code\n"
        "    stderr: ''\n    stdout: |-\n        1c1\n        > /var/backups\n    stdout_lines: <omitted>\n\n"
        "PLAY RECAP ****\nh : ok=2\n"
    )
    assert gate.reason(log) == " (Compare: non-zero return code: 1c1\n> /var/backups)"


def test_a_failure_without_a_result_of_its_own_is_not_told_by_an_earlier_one():
    before = "TASK [Try] ****\nfatal: [h]: FAILED! => \n    msg: provoked\n...ignoring\n\n"
    assert gate.reason(f"{before}[ERROR]: the playbook cannot be read\n") == " (Try: the playbook cannot be read)"
    loop = "TASK [Copy] ****\nok: [h] => (item=a)\nfailed: [h] (item=b) => \n    item: b\n    msg: no b\n\n"
    assert gate.reason(before + loop) == " (Copy: no b)"


def test_a_part_runs_alone_and_the_whole_leaves_its_table(monkeypatch, tmp_path, capsys):
    ran = []
    parts = {name: lambda name=name: ran.append(name) or f"{name} is over" for name in gate.PARTS}
    monkeypatch.setattr(gate, "PARTS", parts)
    monkeypatch.setattr(gate, "TABLE", tmp_path / "seconds.txt")
    monkeypatch.setattr(gate, "beside", lambda name: (name, 2.0, "RED: a reason" if name == "lint" else "ok"))
    monkeypatch.setattr("sys.argv", ["gate", "pytest"])
    assert gate.main() == 0
    assert (ran, capsys.readouterr().out.splitlines()[-1]) == (["setup", "pytest"], "pytest is over")
    monkeypatch.setattr("sys.argv", ["gate"])
    assert gate.main() == 1
    assert ran[2:] == ["setup", "molecule", "pytest"]
    assert (tmp_path / "seconds.txt").read_text().splitlines() == [
        "setup            0  ok",
        "lint             2  RED: a reason",
        "sanity           2  ok",
        "molecule         0  ok",
        "pytest           0  ok",
        "all              0  ",
    ]
