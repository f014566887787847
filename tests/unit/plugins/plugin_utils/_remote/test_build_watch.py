# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions about a build, over Ansible's own connection to this machine."""

from __future__ import annotations

import os
import subprocess
import threading
import time

import pytest
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader
from ansible_collections.remote.notebooks.plugins.plugin_utils._progress import builds
from ansible_collections.remote.notebooks.plugins.plugin_utils._progress.builds import Count
from ansible_collections.remote.notebooks.plugins.plugin_utils._remote import build_watch


@pytest.fixture
def connection(tmp_path, monkeypatch):
    monkeypatch.setattr(builds.C, "DEFAULT_LOCAL_TMP", str(tmp_path))
    monkeypatch.setattr(build_watch, "FIRST", 0.1)
    monkeypatch.setattr(build_watch, "PAUSE", 0.1)
    builds.open_folder()
    return connection_loader.get("local", PlayContext())


def until(condition):
    ends = time.monotonic() + 10
    while not condition() and time.monotonic() < ends:
        time.sleep(0.05)
    return condition()


def test_the_steps_are_read_while_the_build_is_at_work(connection, tmp_path):
    file = tmp_path / "it's a file"
    with build_watch.watched(connection, "lab", str(file)):
        file.write_text('{"step": "download", "done": 1, "of": 2}')
        assert until(lambda: builds.read(["lab"]) == {"lab": Count("download", 1, 2)})
        file.write_text('{"step": "try", "done": 0, "of": 0}')
        assert until(lambda: builds.read(["lab"]) == {"lab": Count("try")})
    assert builds.read(["lab"]) == {}
    assert threading.active_count() == 1


def test_a_short_build_is_asked_nothing(connection, tmp_path, monkeypatch):
    monkeypatch.setattr(build_watch, "FIRST", 2)
    (tmp_path / "fifo").touch()
    began = time.monotonic()
    with build_watch.watched(connection, "lab", str(tmp_path / "fifo")):
        pass
    assert time.monotonic() - began < 0.5


def test_a_question_without_an_answer_is_ended(connection, tmp_path, monkeypatch):
    monkeypatch.setattr(build_watch, "LAST", 0.5)
    os.mkfifo(tmp_path / "silent")
    asks = ["pgrep", "-f", f"head -c 200 {tmp_path}/silent"]
    began = time.monotonic()
    with build_watch.watched(connection, "lab", str(tmp_path / "silent")):
        assert until(lambda: subprocess.run(asks, check=False, capture_output=True).returncode == 0)
    assert time.monotonic() - began < 8
    assert until(lambda: threading.active_count() == 1)


def test_a_connection_that_fails_is_asked_once_and_fails_no_build(connection, tmp_path):
    asked = []

    class Broken(type(connection)):
        def exec_command(self, *words, **more):
            asked.append(words)
            raise OSError("no such connection")

    connection.__class__ = Broken
    with build_watch.watched(connection, "lab", str(tmp_path / "file")):
        time.sleep(0.6)
    assert len(asked) == 1


def test_an_error_of_the_build_goes_on(connection, tmp_path):
    with pytest.raises(OSError, match="of the build"), build_watch.watched(connection, "lab", str(tmp_path / "file")):
        raise OSError("of the build")
    assert threading.active_count() == 1


@pytest.mark.parametrize(
    ("name", "screen", "wanted"), [("local", True, True), ("local", False, False), ("psrp", True, False)]
)
def test_when_a_host_is_asked(connection, tmp_path, name, screen, wanted):
    if not screen:
        (tmp_path / "remote-notebooks-builds").rmdir()
    connection.transport = name
    assert build_watch.is_wanted(connection) is wanted


def test_no_login_is_made_for_a_question(connection, tmp_path):
    """Without a connection to share (ControlPersist), each question would be a login."""
    (tmp_path / "cp").mkdir()
    (tmp_path / "ssh").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\nexec ssh "$@"\n')
    (tmp_path / "ssh").chmod(0o700)
    alone = connection_loader.get("ssh", PlayContext())
    values = {"host": "127.0.0.1", "port": 9, "control_path_dir": f"{tmp_path}/cp", "ssh_executable": f"{tmp_path}/ssh"}
    alone.set_options(direct=values)
    with build_watch.watched(alone, "lab", str(tmp_path / "file")):
        assert until((tmp_path / "asked").exists)
        time.sleep(0.5)
    (asked,) = (tmp_path / "asked").read_text().splitlines()
    assert asked.endswith("-O check 127.0.0.1")
