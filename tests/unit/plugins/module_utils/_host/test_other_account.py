# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that act for another one, and files that are none."""

from __future__ import annotations

import json
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._host import other_account
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import (
    accounts,
    configuration,
    manifest,
    paths,
)


def test_a_process_that_is_ended_is_no_answer():
    answer = other_account.begin(lambda: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(OSError, match="was ended"):
        answer()


def test_a_process_that_fails_is_no_answer(capfd):
    answer = other_account.begin(lambda: 1 / 0)
    with pytest.raises(OSError, match="was ended"):
        answer()
    assert capfd.readouterr().out == ""


def test_a_process_that_its_account_stops_is_not_waited_for():
    begun = time.monotonic()
    with pytest.raises(OSError, match="no answer in time"):
        other_account.call("", lambda: os.kill(os.getpid(), signal.SIGSTOP), seconds=0.5)
    assert time.monotonic() - begun < 5


def test_an_answer_has_a_length():
    with pytest.raises(OSError, match="does not end"):
        other_account.call("", lambda: "x" * 200_000, limit=1000)


def test_a_refusal_says_what_it_is_about():
    with pytest.raises(FileNotFoundError) as caught:
        other_account.call("", lambda: os.stat("/nowhere"))
    assert caught.value.filename == "/nowhere"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another account")
def test_root_is_given_up_for_good():
    assert other_account.call("nobody", lambda: [os.getresuid(), os.getresgid(), os.getgroups()]) == [
        [65534] * 3,
        [65534] * 3,
        [65534],
    ]


def fifo(path):
    os.mkfifo(path)


def zeros(path):
    path.symlink_to("/dev/zero")


def sparse(path):
    with path.open("wb") as file:
        file.truncate(1 << 40)


def deep_json(path):
    path.write_text("[" * 200_000)


def deep_python(path):
    path.write_text("-" * 200_000)


def long_python(path):
    path.write_text("a." * 200_000 + "b")


def sums(path):
    path.write_text("1+" * 200_000 + "1")


def folder(path):
    path.mkdir()


def kernel_memory(path):
    path.symlink_to("/proc/kcore")


HOSTILE = [fifo, zeros, sparse, deep_json, deep_python, long_python, sums, folder, kernel_memory]


@pytest.mark.parametrize("made", HOSTILE)
@pytest.mark.parametrize("name", ["jupyter_config.json", "jupyter_config.py"])
def test_a_file_that_is_none_is_a_remark_and_the_others_are_read(tmp_path, made, name):
    made(tmp_path / name)
    (tmp_path / "jupyter_lab_config.json").write_text(
        json.dumps({"ServerApp": {"port": 1}, "a b": {"c": 1}, "X": {"\x1b[2J": 1, "y" * 200: 2}})
    )
    begun = time.monotonic()
    found = configuration.options([f"{tmp_path}/jupyter_*"])()
    assert time.monotonic() - begun < 30
    assert found[f"{tmp_path}/jupyter_lab_config.json"] == {"options": ["ServerApp.port"], "error": ""}
    odd = found[f"{tmp_path}/{name}"]
    assert odd["options"] == []
    assert bool(odd["error"]) == (
        made not in (deep_python, long_python, sums) or name.endswith("json") or bool(odd["error"])
    )


@pytest.mark.parametrize("made", HOSTILE)
def test_a_file_of_ours_that_has_become_none_is_another_one(tmp_path, made):
    made(tmp_path / "manifest.json")
    assert manifest.manifest(f"{tmp_path}/manifest.json") == []
    if made in (fifo, sparse):
        assert paths.path(f"{tmp_path}/manifest.json").get("digest", "") == ""


@pytest.mark.parametrize(
    "entry",
    [
        [],
        {"id": "file /a", "kind": "file"},
        {"id": "file /a", "kind": "file", "instance": "", "path": "/opt/../home"},
        {"id": "file a", "kind": "file", "instance": "", "path": "a"},
        {"id": "file /a", "kind": "link", "instance": "", "path": "/a"},
        {"id": "file /a", "kind": "file", "instance": "", "path": ["/a"]},
    ],
)
def test_a_damaged_entry_of_the_list_is_none(tmp_path, entry):
    good = {"id": "file /opt/a", "kind": "file", "instance": "", "path": "/opt/a"}
    (tmp_path / "manifest.json").write_text(json.dumps({"things": [good, entry]}))
    assert manifest.manifest(f"{tmp_path}/manifest.json") == [good]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root asks for another account")
def test_a_folder_is_judged_by_what_its_account_can_do():
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        here = Path(name)
        here.chmod(0o755)
        for folder, uid, mode in (
            ("own", 65534, 0o700),
            ("home", 65534, 0o755),
            ("roots", 0, 0o755),
            ("open", 0, 0o777),
        ):
            (here / folder).mkdir()
            os.chown(here / folder, uid, uid)
            (here / folder).chmod(mode)
        (here / "home/link").symlink_to(here / "own")
        (here / "home/astray").symlink_to(here / "roots")
        (here / "home/dangling").symlink_to(here / "nowhere")
        roots = {
            name: ["nobody", f"{here}/{name}"]
            for name in ("own", "roots", "open", "home/link", "home/astray", "home/dangling", "home/none")
        }
        assert accounts.unusable(roots) == {"unusable": ["roots"], "astray": ["home/astray", "home/dangling"]}
        assert accounts.loose([f"{here}/roots", f"{here}/open/new", f"{here}/home/none"]) == [
            f"{here}/open/new",
            f"{here}/home/none",
        ]
        # An account that the run will create has the rights of every account.
        to_be = {name: ["no-such-account", f"{here}/{name}"] for name in ("roots", "open", "none")}
        assert accounts.unusable(to_be) == {"unusable": ["roots"], "astray": []}
        assert accounts.unusable({"lab": ["no-such-account", "~no-such-account/notebooks"]}) == {
            "unusable": [],
            "astray": [],
        }


@pytest.mark.skipif(os.geteuid() != 0, reason="without root what may not be looked at is a reason to give up")
def test_what_changes_under_the_eye_is_as_good_as_nothing(tmp_path, monkeypatch):
    (tmp_path / "circle").symlink_to("circle")
    assert paths.path(f"{tmp_path}/circle/below") is None
    (tmp_path / "link").symlink_to("/etc")
    monkeypatch.setattr(os, "readlink", lambda _name: os.stat("/proc/self/fd/nowhere/at all") and "")
    assert paths.path(f"{tmp_path}/link") is None

    def shut(_name):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "lstat", shut)
    assert paths.path(f"{tmp_path}/link") is None


@pytest.mark.parametrize("what", ["itself", "what it starts"])
def test_work_that_its_account_stops_is_given_up_long_before_its_time(monkeypatch, what):
    """A tree of notebooks may take an hour to go: an account must not be able to make a run wait as long."""
    monkeypatch.setattr(other_account, "STOPS", 1)
    stop = {
        "itself": lambda: os.kill(os.getpid(), signal.SIGSTOP),
        "what it starts": lambda: subprocess.run(["sh", "-c", "kill -STOP $$"], check=False).returncode,
    }[what]
    with pytest.raises(OSError, match="its account stops"):
        other_account.call("", stop, seconds=60)


SHUT = """
import json, sys
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import paths
probe, things = json.loads(sys.argv[1])
print(json.dumps(paths.shut(probe, things)))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root asks for another account")
def test_a_home_that_shuts_root_out_is_looked_at_as_its_account():
    """Without these two capabilities, root has the rights on a folder of mode 0700 that it has on an NFS server with
    root_squash."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        here = Path(name)
        here.chmod(0o755)
        for folder in ("home", "home/nb", "home/nb/more", "open", "other"):
            (here / folder).mkdir()
            os.chown(here / folder, 65534, 65534)
        (here / "home").chmod(0o700)
        (here / "other").chmod(0o700)
        os.chown(here / "other", 1, 1)
        probe = {
            "traces": [],
            "roots": {
                "a": ["nobody", f"{here}/home/nb"],
                "b": ["nobody", f"{here}/home/none"],
                "c": ["nobody", f"{here}/open"],
            },
        }
        things = [
            {"kind": "directory", "path": f"{here}/home/nb/more", "owner": "nobody", "keep": True},
            {"kind": "directory", "path": f"{here}/other/nb", "owner": "no-such-account", "keep": True},
        ]
        command = [
            "setpriv",
            "--bounding-set=-dac_override,-dac_read_search",
            sys.executable,
            "-c",
            SHUT,
            json.dumps([probe, things]),
        ]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        assert found[f"{here}/home/nb"]["entries"] == 1
        assert (found[f"{here}/home/none"], found[f"{here}/home/nb/more"]["kind"]) == (None, "directory")
        # Nobody may take it for missing, or for empty.
        assert (found[f"{here}/other/nb"]["kind"], found[f"{here}/other/nb"]["entries"]) == ("other", 1)
        assert f"{here}/open" not in found
        assert paths.shut(probe, things) == {}


def test_the_memory_of_the_caller_does_not_count():
    """A fork inherits the address space: the limit is for the memory that it adds."""
    with mmap.mmap(-1, 2 << 30):
        assert other_account.begin(lambda: len(bytes(1 << 24)), memory=1 << 28)() == 1 << 24
        with pytest.raises(OSError):
            other_account.begin(lambda: len(bytes(1 << 29)), memory=1 << 28)()
