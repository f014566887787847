# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of Ansible in a terminal: what a person sees at its end, and in between."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import http.server
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pyte
import pytest
from ansible.release import __version__
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.uv_wheels import VERSION
from ansible_collections.remote.notebooks.plugins.plugin_utils._progress import screen as screen_module
from ansible_collections.remote.notebooks.plugins.plugin_utils._progress.run import Run

ANSIBLE = Path(sys.executable).with_name("ansible-playbook")
SECRET = "wrong-horse-right-stable"
#: Words that a host or an inventory could bring: rich's markup, a window's title, a cleared screen.
HOSTILE = r"[bold]b[/bold] \e]0;owned\a \e[2J \e[31mred"


@dataclass
class Seen:
    """The end of a run: the lines of the terminal, and the bytes it got."""

    code: int
    lines: list[str]
    raw: bytes
    moments: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def shown(terminal: pyte.HistoryScreen) -> list[str]:
    """The lines of a terminal, with those that have left it at the top."""
    columns = range(terminal.columns)
    above = ["".join(line[column].data for column in columns).rstrip() for line in terminal.history.top]
    return [*above, *(line.rstrip() for line in terminal.display)]


def run(
    folder: Path,
    play: str,
    *words: str,
    hosts: str = "localhost,",
    connection: str = "local",
    width: int = 80,
    height: int = 30,
    typed: tuple[tuple[str, str], ...] = (),
    interrupt: str = "",
    **variables: str,
) -> Seen:
    """Run a play in a terminal. ``typed``: an answer to each question. ``interrupt``: Ctrl-C when this text appears."""
    (folder / "play.yml").write_text(play)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_CONFIG": str(folder / "none.cfg"),
        "ANSIBLE_STDOUT_CALLBACK": "remote.notebooks.progress",
        "ANSIBLE_HOME": str(folder / "home"),
        "TERM": "xterm-256color",
        **variables,
    }
    environment.pop("NO_COLOR", None) if "NO_COLOR" not in variables else None
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    extra = ["-c", connection, "-e", f"ansible_python_interpreter={sys.executable}"]
    process = subprocess.Popen(
        [ANSIBLE, "-i", hosts, *extra, *words, "play.yml"],
        cwd=folder,
        env=environment,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
    )
    os.close(follower)
    terminal = pyte.HistoryScreen(width, height, history=5000, ratio=0.5)
    stream = pyte.ByteStream(terminal)
    data, answers, ends, moments = b"", list(typed), time.monotonic() + 120, []
    while time.monotonic() < ends:
        try:
            got = os.read(leader, 65536)
        except OSError:  # the last process has closed the terminal
            break
        if not got:
            break
        data += got
        stream.feed(got)
        now = "\n".join(line.rstrip() for line in terminal.display)
        moments.append(now)
        if answers and answers[0][0] in now:
            time.sleep(0.6)  # long enough for a drawing in the question's place
            os.write(leader, answers.pop(0)[1].encode())
        if interrupt and interrupt in now:
            interrupt = ""
            os.killpg(process.pid, signal.SIGINT)
    os.close(leader)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    process.kill()
    return Seen(process.wait(), shown(terminal), data, moments)


PLAY = f"""
- name: A play
  hosts: all
  gather_facts: false
  tasks:
    - name: Wait a moment
      ansible.builtin.command: sleep 1
      changed_when: false
    - name: Create a file
      ansible.builtin.copy:
        dest: "{{{{ playbook_dir }}}}/made"
        content: "new\\n"
        mode: "0600"
    - name: Use a secret
      ansible.builtin.command: echo {SECRET} {{{{ item }}}}
      loop: [{SECRET}]
      no_log: true
    - name: Report the state
      ansible.builtin.debug:
        msg: ["{HOSTILE}", "on the host: sudo {"word " * 20}end"]
    - name: Try a thing
      ansible.builtin.command: "false"
      ignore_errors: true
    - name: Succeed after all
      block:
        - name: Fail first
          ansible.builtin.fail:
            msg: not to be shown
      rescue:
        - name: Go on
          ansible.builtin.set_fact:
            x: 1
    - name: Report where to connect
      ansible.builtin.debug:
        msg: ["lab: http://localhost:8888/", "first:", "    ssh -N -L {"8888:localhost:8888 " * 6}me@host",
              "WARNING: h: the sources are NOT in force"]
      run_once: true
      vars:
        __any_shown: at_end
    - name: Fail at last
      ansible.builtin.fail:
        msg: "no space left\\ndelete a file"
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole"), PLAY, "--diff", width=60)


def test_a_run_shows_its_work_and_then_its_end(whole):
    assert whole.code == 2
    assert any(re.search(r"localhost +Wait a moment +\d s", moment) for moment in whole.moments)
    lines = [line for line in whole.lines if line]
    assert lines[0] == "A play"
    result, changed = (line for line in lines if line.startswith(("changed", "localhost: FAILED")))
    assert re.fullmatch(r"localhost: FAILED, 3 tasks changed it, \d+ s", result)
    assert changed == "changed: Create a file, Use a secret"
    assert "Wait a moment" not in whole.text  # the live lines are gone


def test_a_failure_is_shown_once_and_whole(whole):
    assert whole.text.count("no space left") == 1
    at = whole.lines.index("FAILED localhost: Fail at last")
    assert whole.lines[at + 1 : at + 3] == ["  no space left", "  delete a file"]
    assert not any("not to be shown" in moment for moment in whole.moments)
    assert "play.yml" not in whole.text


def test_a_difference_is_shown_whole(whole):
    assert "+new" in whole.lines


def test_the_last_lines_follow_the_result_and_commands_stay_whole(whole):
    command = f"    ssh -N -L {'8888:localhost:8888 ' * 6}me@host"
    at = whole.lines.index("lab: http://localhost:8888/")
    assert at > whole.lines.index("changed: Create a file, Use a secret")
    assert command.encode() + b"\r\n" in whole.raw  # the terminal breaks it, no program does
    assert b"localhost: on the host: sudo " + b"word " * 20 + b"end\r\n" in whole.raw
    assert next(line for line in reversed(whole.lines) if line) == "WARNING: h: the sources are NOT in force"
    assert b"\x1b[1;35mWARNING" in whole.raw or b"\x1b[35mWARNING" in whole.raw


def test_nothing_private_is_shown(whole):
    assert SECRET.encode() not in whole.raw


def test_text_of_others_is_text(whole):
    assert r"localhost: [bold]b[/bold] \x1b]0;owned\x07 \x1b[2J" in whole.text
    assert b"\x1b]0;" not in whole.raw
    assert b"\x1b[2J" not in whole.raw


def test_a_fleet_fits_one_screen(tmp_path):
    fleet = ",".join(f"host{number:03}" for number in range(200))
    play = """
- name: A fleet
  hosts: all
  gather_facts: false
  tasks:
    - name: Refuse some
      ansible.builtin.fail: {msg: "out of paper"}
      when: inventory_hostname in ["host007", "host042"]
"""
    seen = run(tmp_path, play, "-f", "20", hosts=fleet, height=24)
    lines = [line for line in seen.lines if line]
    assert len(seen.lines) == 24
    assert lines[0] == "A fleet"
    assert lines[1:5] == [
        "FAILED host007: Refuse some",
        "  out of paper",
        "FAILED host042: Refuse some",
        "  out of paper",
    ]
    assert re.match(r"200 hosts: 198 ok, 0 changed, ", lines[5])
    assert lines[6:] == ["FAILED 2: host007, host042"]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_work_of_a_fleet_fits_any_terminal(width):
    run = Run()
    for number in range(200):
        run.begin(
            f"host{number:03}", "Build the environment" if number < 150 else f"Do the work of number {number}", 0.0
        )
    for number in range(100):
        run.end(f"host{number:03}")
    run.fail("host007", "failed")
    lines = screen_module.drawing(list(run.hosts.values()), 90.0, width, 21).plain.split("\n")
    assert len(lines) <= 21
    assert max(len(line) for line in lines) <= width
    assert re.match(r" *50 +Build the environment +90 s", lines[0])
    assert re.match(r" *99 +wait for the other hosts", lines[-2])
    assert re.match(r" *1 +failed: host007", lines[-1])


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_name_of_a_task_gives_way_to_the_seconds(width):
    run = Run()
    run.begin("a-host-with-a-long-name.example.org", "Store the list of new packages, which is a long name " * 3, 0.0)
    (line,) = screen_module.drawing(list(run.hosts.values()), 61.0, width, 21).plain.split("\n")
    assert len(line) <= width
    assert line.endswith("61 s")


ASK = """
- name: A play
  hosts: all
  gather_facts: false
  tasks:
    - name: Ask the host
      ansible.builtin.command: "true"
"""
OUT_OF_REACH = "Failed to connect to the host via ssh: ssh: connect to host 127.0.0.1 port 9: Connection refused"


def test_an_unreachable_host_is_one_sentence_and_no_colour_is_none(tmp_path):
    seen = run(tmp_path, ASK, hosts="127.0.0.1:9,", connection="ssh", width=200, NO_COLOR="1")
    lines = [line for line in seen.lines if line]
    assert seen.code == 4
    assert len(lines) == 3
    assert lines[1] == f"OUT OF REACH 127.0.0.1: {OUT_OF_REACH}"
    assert lines[2].startswith("127.0.0.1: OUT OF REACH, ")
    assert re.findall(rb"\x1b\[[0-9;]*m", seen.raw) == []


def test_an_unreachable_host_is_one_sentence_of_a_log(tmp_path):
    seen = run(tmp_path, ASK, hosts="127.0.0.1:9,", connection="ssh", width=200, TERM="dumb")
    assert f"fatal: [127.0.0.1]: UNREACHABLE! => {OUT_OF_REACH}" in seen.lines
    assert seen.text.count("refused") == 1


def test_questions_can_be_answered(tmp_path):
    play = """
- name: A play
  hosts: all
  gather_facts: false
  vars_prompt:
    - {name: colour, prompt: Which colour, private: false}
  tasks:
    - name: Ask once more
      ansible.builtin.pause: {prompt: Which size}
      register: answer
    - name: Report the answers
      ansible.builtin.debug:
        msg: "{{ colour }} and {{ answer.user_input }}"
"""
    seen = run(tmp_path, play, typed=(("Which colour", "red\n"), ("Which size", "large\r")))
    assert seen.code == 0
    assert "localhost: red and large" in seen.text
    assert b"Ask once more" not in seen.raw.partition(b"Which size")[2].partition(b"large")[0]


BATCHES = """
- name: A play
  hosts: all
  gather_facts: false
  HOW
  tasks:
    - name: Wait a moment
      ansible.builtin.command: sleep 0.5
      changed_when: false
    - name: Refuse one
      ansible.builtin.fail: {msg: "out of paper"}
      when: inventory_hostname == "b"
"""


def remaining(seen):
    """The lines that stay on a terminal, whatever the seconds."""
    return [re.sub(r"\d+ s", "N s", line) for line in seen.lines if line]


def test_a_play_in_batches_has_its_name_once_and_names_the_hosts_that_it_did_not_reach(tmp_path):
    seen = run(tmp_path, BATCHES.replace("HOW", "serial: 1"), hosts="a,b,c,d,", height=14)
    assert remaining(seen) == [
        "A play",
        "FAILED b: Refuse one",
        "  out of paper",
        "a: ok, no change, N s",
        "b: FAILED, N s",
        "not started, after the failure of an earlier batch: c, d",
    ]
    working = {
        re.match(r"[a-d](?= +Wait)", line)[0]
        for moment in seen.moments
        for line in moment.split("\n")
        if "Wait" in line
    }
    assert working == {"a", "b"}
    assert not any(re.search(r"(?m)^a +Wait.*\nb +Wait", moment) for moment in seen.moments)


@pytest.mark.parametrize("strategy", ["free", "host_pinned"])
def test_hosts_that_do_not_wait_for_each_other_have_their_lines(tmp_path, strategy):
    seen = run(tmp_path, BATCHES.replace("HOW", f"strategy: ansible.builtin.{strategy}"), hosts="a,b,c,", height=14)
    assert any(re.search(r"(?m)^a +Wait.*\nb +Wait.*\nc +Wait", moment) for moment in seen.moments)
    assert remaining(seen) == [
        "A play",
        "FAILED b: Refuse one",
        "  out of paper",
        "a: ok, no change, N s",
        "b: FAILED, N s",
        "c: ok, no change, N s",
    ]


def test_passwords_are_asked_for_before_anything_is_drawn(tmp_path):
    asked = (("SSH password:", "secret-1\n"), ("BECOME password", "secret-2\n"), ("Vault password:", "secret-3\n"))
    words = ("--ask-pass", "--ask-become-pass", "--ask-vault-pass")
    seen = run(tmp_path, BATCHES.replace("HOW", "order: inventory"), *words, hosts="a,", typed=asked)
    assert seen.code == 0
    assert seen.lines[:4] == [
        "SSH password:",
        "BECOME password[defaults to SSH password]:",
        "Vault password:",
        "A play",
    ]
    assert any(moment.rstrip().endswith("\nBECOME password[defaults to SSH password]:") for moment in seen.moments)
    assert b"secret-" not in seen.raw


def test_an_interrupted_run_leaves_the_terminal_as_it_was(tmp_path):
    play = """
- name: A play
  hosts: all
  gather_facts: false
  tasks:
    - name: Wait for long
      ansible.builtin.command: sleep 60
"""
    seen = run(tmp_path, play, interrupt="Wait for long")
    assert seen.code == 99
    assert seen.raw.rfind(b"\x1b[?25h") > seen.raw.rfind(b"\x1b[?25l")
    assert "Wait for long" not in seen.text
    assert "User interrupted execution" in seen.text


def test_with_more_words_the_output_is_that_of_ansible(tmp_path):
    play = f"""
- name: A play
  hosts: all
  gather_facts: false
  tasks:
    - name: Use a secret
      ansible.builtin.set_fact: {{x: {SECRET}}}
      loop: [{SECRET}]
      no_log: true
    - name: Report where to connect
      ansible.builtin.debug: {{msg: ["lab: http://localhost:8888/"]}}
      vars: {{__any_shown: at_end}}
"""
    seen = run(tmp_path, play, "-v", width=120)
    lines = seen.lines
    assert any(line.startswith("TASK [Use a secret] ***") for line in lines)
    recap = next(at for at, line in enumerate(lines) if line.startswith("PLAY RECAP ***"))
    assert lines.index("lab: http://localhost:8888/") > recap
    assert SECRET.encode() not in seen.raw


LOG = f"""
- name: A play
  hosts: all
  gather_facts: false
  tasks:
    - name: Fail in words
      ansible.builtin.fail: {{msg: "h: packages: it's \\"quoted\\", see\\n  a second line\\nand a cure"}}
      ignore_errors: true
    - name: Fail in a loop
      ansible.builtin.command: sh -c "echo out; exit {{{{ item }}}}"
      loop: [0, 3]
      ignore_errors: true
    - name: Use a secret
      ansible.builtin.fail: {{msg: {SECRET}}}
      no_log: true
      ignore_errors: true
    - name: Read a variable
      ansible.builtin.set_fact:
        x: 1
        y: "{{{{ nothing }}}}"
"""


@pytest.mark.skipif(__version__.startswith("2.18"), reason="ansible-core 2.18 has other words and no column")
def test_in_a_log_each_failure_is_its_message_as_it_was_written_and_its_place(tmp_path):
    seen = run(tmp_path, LOG, width=400, TERM="dumb", NO_COLOR="1")
    place = f"  Origin: {tmp_path}/play.yml"
    text = "\n".join(seen.lines).replace(
        "The command exited with a non-zero return code.", "non-zero return code"
    )  # 2.21
    failures = text.partition("\n\nPLAY RECAP")[0].split("\n\nTASK ")[1:]
    assert [re.sub(r" \*+\n", "\n", failure) for failure in failures] == [
        "[Fail in words]\nfatal: [localhost]: FAILED! =>\n"
        f'  h: packages: it\'s "quoted", see\n    a second line\n  and a cure\n{place}:6:7\n...ignoring',
        "[Fail in a loop]\nchanged: [localhost] => (item=0)\nfailed: [localhost] (item=3) =>\n"
        f"  non-zero return code\n  out\n{place}:9:7\n...ignoring",
        "[Use a secret]\nfatal: [localhost]: FAILED! =>\n  the output has been hidden due to the fact that"
        f" 'no_log: true' was specified for this result\n{place}:13:7\n...ignoring",
        "[Read a variable]\nfatal: [localhost]: FAILED! =>\n  Finalization of task args for 'ansible.builtin.set_fact'"
        f" failed: Error while resolving value for 'y': 'nothing' is undefined\n{place}:20:12",
    ]
    assert SECRET.encode() not in seen.raw


def test_without_a_cursor_a_failure_of_a_role_is_printed_once_and_without_its_source(tmp_path):
    play = """
- name: A play
  hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.set_fact: {x: 1}
      loop: [1]
      no_log: true
    - ansible.builtin.import_role: {name: remote.notebooks.jupyter, rolespec_validate: false}
      vars: {jupyter_access: nonsense}
"""
    seen = run(tmp_path, play, width=400, TERM="dumb")
    assert any(line.startswith("PLAY RECAP ***") for line in seen.lines)
    assert seen.text.count("nonsense") == 1
    assert "censored" not in seen.text
    assert "Origin:" not in seen.text


BUILD = """
- name: A play
  hosts: all
  gather_facts: false
  tasks:
    - name: Build it
      remote.notebooks.jupyter_environment:
        name: instance 'lab'
        path: "{{ playbook_dir }}/envs/one"
        prefix: "{{ playbook_dir }}"
        python: "{{ ansible_playbook_python }}"
        packages: [tiny0, tiny1, tiny2, tiny3, tiny4, tiny5]
      environment:
        UV_DEFAULT_INDEX: http://me:SECRET@127.0.0.1:PORT/simple
        UV_CONCURRENT_DOWNLOADS: 1
        UV_CACHE_DIR: "{{ playbook_dir }}/cache"
        NO_PROXY: 127.0.0.1
"""


class SlowIndex(http.server.SimpleHTTPRequestHandler):
    """Needs most of a second for each wheel."""

    def do_GET(self):
        if self.path.endswith(".whl"):
            time.sleep(0.8)
        super().do_GET()

    def log_message(self, *_words):
        pass


@pytest.fixture
def slow_index(tmp_path):
    """The port of an index with the packages tiny0 to tiny5, each with a page of its own."""
    for number in range(6):
        name, folder = f"tiny{number}-1.0-py3-none-any.whl", tmp_path / f"index/simple/tiny{number}"
        folder.mkdir(parents=True)
        metadata = f"Metadata-Version: 2.1\nName: tiny{number}\nVersion: 1.0\n"
        with zipfile.ZipFile(folder / name, "w") as wheel:
            wheel.writestr(f"tiny{number}.py", "")
            wheel.writestr(f"tiny{number}-1.0.dist-info/METADATA", metadata)
            wheel.writestr(f"tiny{number}-1.0.dist-info/WHEEL", "Root-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"tiny{number}-1.0.dist-info/RECORD", "")
        (folder / f"{name}.metadata").write_text(metadata)
        (folder / "index.html").write_text(f'<a href="{name}" data-dist-info-metadata="true">{name}</a>')
    uv = tmp_path / f"installer/uv-{VERSION}/bin/uv"
    uv.parent.mkdir(parents=True)
    uv.symlink_to(Path(sys.executable).with_name("uv"))
    handler = functools.partial(SlowIndex, directory=str(tmp_path / "index"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_the_packages_of_an_environment_are_counted_while_they_come(tmp_path, slow_index):
    """Both hosts are this machine: one builds, and the other waits."""
    play = BUILD.replace("PORT", str(slow_index)).replace("SECRET", SECRET)
    seen = run(tmp_path, play, hosts="lab,gpu,", height=12)
    pattern = re.compile(r"(?m)^(lab|gpu)  Build it  ([█─]{8}) (\d) of 6 packages downloaded +\d+ s$")
    bars = [found.groups() for found in map(pattern.search, seen.moments) if found]
    first, other = bars[0][0], {"lab": "gpu", "gpu": "lab"}[bars[0][0]]
    counts = [int(count) for name, _bar, count in bars if name == first]
    assert len(set(counts)) >= 3
    assert counts == sorted(counts)
    assert {(len(drawn.rstrip("─")), count) for name, drawn, count in bars if name == first} == {
        (8 * count // 6, str(count)) for count in counts
    }
    assert any(re.search(rf"(?m)^{other}  Build it: wait for another run", moment) for moment in seen.moments)
    # This environment has no kernel to try.
    assert {line for line in seen.lines if line.startswith("FAILED")} == {
        f"FAILED {name}: Build it" for name in ("lab", "gpu")
    }
    assert SECRET.encode() not in seen.raw
    assert list((tmp_path / "envs").iterdir()) == []
