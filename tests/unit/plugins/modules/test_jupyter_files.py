# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders and files of a stage, created for real, through Ansible, on this machine."""

from __future__ import annotations

import getpass
import grp
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}", ansible_managed: "Kept by {{ 'us' | upper }}"}
  tasks:
    - block:
        - remote.notebooks.jupyter_files:
            things: "{{ things }}"
            instances:
              - {name: lab, memory_max: 1G, cpu_quota: '', tasks_max: '', timeout: 0, environment: /e, libexec: /run,
                 local_url: "http://l/"}
              - {name: second, memory_max: 2G, cpu_quota: '', tasks_max: 9, timeout: 9, scope: system, user: ada,
                 environment: "{{ here }}/env",
                 libexec: /run, local_url: "http://l/"}
            manifest: [{path: /opt/lab}]
          register: done
      always:
        - ansible.builtin.copy:
            content: "{{ done | to_json }}"
            dest: "{{ out }}"
            mode: "0600"
          check_mode: false
          diff: false
"""
SCRIPT = "print('{{ not a template }}')\n"
MINE = {
    "stage": "install",
    "instance": "",
    "mode": "0644",
    "owner": getpass.getuser(),
    "group": grp.getgrgid(os.getgid()).gr_name,
}
#: Kinds that nobody owns.
BARE = ("link", "shadow")


@pytest.fixture
def make(tmp_path):
    (tmp_path / "play.yml").write_text(PLAY)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "wait.py").write_text(SCRIPT)

    def run(*things, options=(), fails=False):
        values = {
            "things": [{**({} if thing["kind"] in BARE else MINE), **thing} for thing in things],
            "out": f"{tmp_path}/out",
            "here": f"{tmp_path}",
        }
        (tmp_path / "values.json").write_text(json.dumps(values))
        program = Path(sys.executable).parent / "ansible-playbook"
        command = [program, "-i", "localhost,", tmp_path / "play.yml", "-e", f"@{tmp_path}/values.json", *options]
        # As our ansible.cfg has it, on a host that Ansible has not been to.
        fresh = {**os.environ, "ANSIBLE_PIPELINING": "1", "ANSIBLE_REMOTE_TMP": f"{tmp_path}/never-made"}
        done = subprocess.run(
            command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=tmp_path, env=fresh
        )
        assert done.returncode == (2 if fails else 0), done.stdout
        (tmp_path / "said").write_bytes(done.stdout)
        return json.loads((tmp_path / "out").read_text())

    return run


def mode(path):
    return oct(path.stat().st_mode & 0o7777)


def test_what_is_not_there_is_made(make, tmp_path):
    home = tmp_path / "opt"
    things = [
        {"kind": "directory", "path": f"{home}", "mode": "0755"},
        {"kind": "directory", "path": f"{home}/kept", "mode": None},
        {
            "kind": "directory",
            "path": f"{home}/notebooks",
            "mode": None,
            "stage": "configure",
            "owner": str(os.getuid()),
        },
        {"kind": "file", "path": f"{home}/wait.py", "mode": "0755", "source": "wait.py"},
        {"kind": "file", "path": f"{home}/second", "template": "limits.conf.j2", "instance": "second"},
        {"kind": "file", "path": f"{home}/shared", "mode": "0600", "template": "limits.conf.j2"},
        {"kind": "file", "path": f"{home}/list", "template": "manifest.json.j2"},
    ]
    done = make(*things)
    assert done["changed"] and done["paths"] == [thing["path"] for thing in things]
    assert not done.get("warnings")
    assert sorted(path.name for path in home.iterdir()) == ["kept", "list", "notebooks", "second", "shared", "wait.py"]
    assert [mode(home / name) for name in ("", "kept", "notebooks")] == ["0o755", "0o755", "0o700"]
    assert [mode(home / name) for name in ("wait.py", "second", "shared")] == ["0o755", "0o644", "0o600"]
    assert (home / "wait.py").read_text() == SCRIPT
    ready = "# A server that does not answer is a failed start, with the reason in the journal.\nExecStartPost="
    second = f"{ready}{tmp_path}/env/bin/python /run/wait_ready.py http://l/api $MAINPID 9\nMemoryMax=2G\nTasksMax=9\n"
    assert (home / "second").read_text() == f"#\n# Kept by US\n#\n[Service]\n{second}"
    shared = f"{ready}/e/bin/python /run/wait_ready.py http://l/api $MAINPID\nMemoryMax=1G\n"
    assert (home / "shared").read_text() == f"#\n# Kept by US\n#\n[Service]\n{shared}"
    assert json.loads((home / "list").read_text()) == {"things": [{"path": "/opt/lab"}]}
    assert make(*things)["changed"] is False


@pytest.mark.parametrize("options", [[], ["--check"]], ids=["done", "said"])
def test_only_what_differs_is_mended(make, tmp_path, options):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("of somebody else\n")
    (tmp_path / "text").write_text("old\n")
    (tmp_path / "mode").write_text(SCRIPT)
    (tmp_path / "mode").chmod(0o606)
    (tmp_path / "link").symlink_to(elsewhere)
    (tmp_path / "right").write_text(SCRIPT)
    (tmp_path / "right").chmod(0o644)
    (tmp_path / "folder").mkdir(0o711)
    files = [
        {"kind": "file", "path": f"{tmp_path}/{name}", "source": "wait.py"}
        for name in ("text", "mode", "link", "right")
    ]
    done = make({"kind": "directory", "path": f"{tmp_path}/folder", "mode": None}, *files, options=[*options, "--diff"])
    assert [Path(path).name for path in done["paths"]] == ["text", "mode", "link"]
    assert done["diff"][0]["before"] == "old\n"
    assert done["diff"][0]["after"] == SCRIPT
    assert elsewhere.read_text() == "of somebody else\n"
    assert mode(tmp_path / "folder") == "0o711"
    if options:
        assert (tmp_path / "text").read_text() == "old\n"
        assert mode(tmp_path / "mode") == "0o606"
        assert (tmp_path / "link").is_symlink()
    else:
        assert (tmp_path / "text").read_text() == SCRIPT
        assert mode(tmp_path / "mode") == mode(tmp_path / "link") == "0o644"
        assert not (tmp_path / "link").is_symlink()


def test_what_stands_in_the_way_is_named(make, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    done = make({"kind": "file", "path": f"{tmp_path}/folder", "source": "wait.py"}, fails=True)
    assert done["failed"] and done["msg"].startswith(f"{tmp_path}/folder cannot be created: Is a directory.")
    done = make({"kind": "directory", "path": f"{tmp_path}/file"}, fails=True)
    assert done["failed"] and done["msg"].startswith(f"{tmp_path}/file cannot be created: File exists.")


CHECK = """#!/bin/sh
# As run_jupyter.py: the program, and what it gets: the file, the account.
echo "$@" >{home}/called
cp "$3" {home}/looked-at
echo "unknown option ServerApp.prot" >&2
exit {code}
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone has it checked with the rights of another account")
@pytest.mark.parametrize(
    ("code", "fails"), [(75, False), (124, False), (137, False), (1, True), (2, True), (127, True)]
)
def test_an_account_that_stops_the_check_of_its_settings_stops_nobody_else_s(make, tmp_path, code, fails):
    """An account can end every process with its rights. Its server is tested at its start, and the other instances go
    on."""
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\nexit {code}\n")
    python.chmod(0o755)
    config, other = tmp_path / "limits.conf", tmp_path / "other.conf"
    settings = {
        "kind": "file",
        "path": f"{config}",
        "template": "limits.conf.j2",
        "instance": "second",
        "checked": True,
        "mode": "0600",
    }
    done = make(settings, {**settings, "path": f"{other}", "checked": False}, fails=fails)
    assert (config.exists(), other.exists()) == (not fails, not fails)
    if not fails:
        assert done["remarks"] == [
            f"{config} is new, and was not tried: something stopped what tries it, or its account is out of room (code"
            f" {code})."
        ]


@pytest.mark.parametrize("code", [0, 1])
def test_settings_count_once_jupyter_has_accepted_them(make, tmp_path, code):
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(CHECK.format(home=tmp_path, code=code))
    python.chmod(0o755)
    config = tmp_path / "limits.conf"
    config.write_text("old\n")
    settings = {
        "kind": "file",
        "path": f"{config}",
        "template": "limits.conf.j2",
        "instance": "second",
        "checked": True,
        "mode": "0600",
    }
    done = make(settings, fails=bool(code))
    first, program, _file, account = (tmp_path / "called").read_text().split()
    assert (first, program, account) == ("/run/run_jupyter.py", "/run/check_config.py", "ada")
    new = (tmp_path / "looked-at").read_text()
    assert "MemoryMax=2G" in new
    assert config.read_text() == ("old\n" if code else new)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".ansible")]
    if code:
        assert done["msg"].startswith("instance 'second': settings: Jupyter does not accept them,")
        assert done["msg"].endswith("\n  unknown option ServerApp.prot")
    else:
        assert done["paths"] == [f"{config}"]
        assert mode(config) == "0o600"


@pytest.mark.parametrize("options", [[], ["--check"]], ids=["done", "said"])
def test_a_secret_is_written_and_never_said(make, tmp_path, options):
    """Not in the result, not in a diff, not in the output of the most verbose run."""
    (tmp_path / "here").write_text("correct horse\nbattery staple\n")
    secret = tmp_path / "secret"
    secret.write_text("the old one")
    thing = {"kind": "file", "path": f"{secret}", "secret": True, "control": f"{tmp_path}/here", "mode": "0640"}
    done = make(thing, options=[*options, "--diff", "-vvvv"])
    assert done["paths"] == [f"{secret}"]
    said = (tmp_path / "said").read_text() + json.dumps(done)
    assert f"{secret}" in said and "a secret" in said
    assert not [word for word in ("horse", "battery", "old one") if word in said]
    assert secret.read_text() == ("the old one" if options else "correct horse\nbattery staple\n")
    if not options:
        assert mode(secret) == "0o640"
        assert make(thing)["changed"] is False


def test_a_secret_that_is_gone_is_named(make, tmp_path):
    thing = {
        "kind": "file",
        "path": f"{tmp_path}/secret",
        "secret": True,
        "control": f"{tmp_path}/nowhere",
        "mode": "0640",
    }
    assert make(thing, fails=True)["msg"].startswith(f"{tmp_path}/nowhere is gone")


@pytest.mark.parametrize("options", [[], ["--check"]], ids=["done", "said"])
def test_a_link_is_replaced_and_a_file_moved_aside(make, tmp_path, options):
    for name in ("other", "config.py", "taken.py", "taken.py.before"):
        (tmp_path / name).write_text(name)
    (tmp_path / "other-link").symlink_to("elsewhere")
    (tmp_path / "right").symlink_to("/opt/envs/1")
    links = [
        {"kind": "link", "path": f"{tmp_path}/{name}", "target": "/opt/envs/1"}
        for name in ("new", "other", "other-link", "right")
    ]
    moved = [
        {"kind": "shadow", "origin": f"{tmp_path}/{name}", "backup": f"{tmp_path}/{name}.before", "mover": ""}
        for name in ("config.py", "taken.py", "never.py")
    ]
    done = make(*links, *moved, options=[*options, "--diff"])
    assert [Path(path).name for path in done["paths"]] == ["new", "other", "other-link", "config.py"]
    assert done["diff"][2]["before"] == "link to elsewhere\n"
    assert done["diff"][2]["after"] == "link to /opt/envs/1\n"
    assert (tmp_path / "taken.py.before").read_text() == "taken.py.before"
    assert (tmp_path / "config.py").exists() is bool(options)
    if options:
        assert os.readlink(tmp_path / "other-link") == "elsewhere"
        assert not (tmp_path / "new").is_symlink()
    else:
        assert {os.readlink(tmp_path / name) for name in ("new", "other", "other-link", "right")} == {"/opt/envs/1"}
        assert (tmp_path / "config.py.before").read_text() == "config.py"
        assert make(*links, *moved)["changed"] is False


def test_a_folder_in_the_place_of_a_link_stays(make, tmp_path):
    (tmp_path / "folder").mkdir()
    done = make({"kind": "link", "path": f"{tmp_path}/folder", "target": "/opt"}, fails=True)
    assert done["msg"].startswith(f"{tmp_path}/folder cannot be created: Is a directory.")
    assert [path.name for path in tmp_path.iterdir() if "ansible_tmp" in path.name] == []


@pytest.fixture
def ground():
    """Create a folder that every account can reach, with a home of nobody's and one of root's."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        here = Path(name)
        here.chmod(0o755)
        for folder, owner in (("home", 65534), ("etc", 0), ("srv", 0)):
            (here / folder).mkdir()
            os.chown(here / folder, owner, owner)
        (here / "home/notebooks").symlink_to(here / "etc")
        (here / "home/.local").symlink_to(here / "etc")
        (here / "etc/shadow").write_text("")
        yield here


def owners(folder):
    return {str(path.relative_to(folder)): (path.lstat().st_uid, mode(path)) for path in (folder, *folder.rglob("*"))}


NOBODYS = {"kind": "directory", "mode": None, "stage": "configure", "owner": "nobody", "group": "nogroup"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could be led astray")
@pytest.mark.parametrize(
    "name", ["home/notebooks", "home/.local", "home/notebooks/nb", "home/.local/share", "home/.local/share/nb"]
)
def test_root_gives_away_nothing_that_an_account_leads_it_to(make, ground, name):
    before = owners(ground / "etc")
    done = make({**NOBODYS, "path": f"{ground}/{name}"})
    assert done["changed"] is False
    # Only a resource that must be created, and cannot be, is reported. It stops no other server.
    assert [remark.partition(": ")[2] for remark in done["remarks"]] == (
        ["Permission denied. Correct that on the host, and run again."] if name.count("/") > 1 else []
    )
    assert owners(ground / "etc") == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could be led astray")
@pytest.mark.parametrize(
    "thing",
    [
        {"kind": "directory", "path": "home/notebooks/ours", "mode": "0755"},
        {"kind": "directory", "path": "home/ours", "mode": "0755"},
        {"kind": "file", "path": "home/notebooks/ours", "source": "wait.py"},
        {"kind": "file", "path": "home/ours", "source": "wait.py"},
        {"kind": "link", "path": "home/notebooks/ours", "target": "/opt"},
        {"kind": "link", "path": "open/ours", "target": "/opt"},
        {"kind": "file", "path": "team/ours", "source": "wait.py"},
    ],
)
def test_root_writes_nothing_where_another_account_can_put_a_link(make, ground, thing):
    for name, gid, rights in (("open", 0, 0o777), ("team", 65534, 0o770)):
        (ground / name).mkdir()
        os.chown(ground / name, 0, gid)
        (ground / name).chmod(rights)
    before = owners(ground)
    done = make({**thing, "path": f"{ground}/{thing['path']}"}, fails=True)
    assert "root does not work where others can put links in its way" in done["msg"]
    assert owners(ground) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes folders for others")
def test_a_folder_is_made_for_an_account_and_only_once(make, ground):
    (ground / "link").symlink_to("srv")
    things = [{**NOBODYS, "path": f"{ground}/{name}"} for name in ("srv/nb", "link/two", "srv/deep/er", "home/own/nb")]
    done = make(*things)
    assert done["paths"] == [thing["path"] for thing in things]
    made = owners(ground)
    assert {made[name] for name in ("srv/nb", "srv/two", "srv/deep/er", "home/own/nb", "home/own")} == {
        (65534, "0o700")
    }
    assert made["srv/deep"] == (0, "0o755")
    assert make(*things)["changed"] is False


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could give it away")
def test_what_is_there_keeps_owner_and_mode(make, ground):
    (ground / "srv").chmod(0o2775)
    before = owners(ground)
    assert make({**NOBODYS, "path": f"{ground}/srv"})["changed"] is False
    assert owners(ground) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could be led astray")
def test_root_renames_only_what_lies_in_a_folder_of_its_own(make, ground):
    (ground / "etc/a").write_text("a")
    moved = {"kind": "shadow", "origin": f"{ground}/home/notebooks/a", "backup": f"{ground}/home/notebooks/a.before"}
    assert "Permission denied" in make({**moved, "mover": "nobody"})["remarks"][0]
    assert "cannot be created" in make({**moved, "mover": ""}, fails=True)["msg"]
    (ground / "home/own").mkdir()
    os.chown(ground / "home/own", 65534, 65534)
    (ground / "home/own/a").write_text("a")
    assert (
        "belongs to 'nobody'"
        in make({**moved, "origin": f"{ground}/home/own/a", "backup": f"{ground}/home/own/b", "mover": ""}, fails=True)[
            "msg"
        ]
    )
    assert (
        make({**moved, "origin": f"{ground}/home/own/a", "backup": f"{ground}/home/own/b", "mover": "nobody"})[
            "changed"
        ]
        is True
    )
    assert (ground / "etc/a").read_text() == "a"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root takes a folder back")
def test_a_folder_of_ours_that_others_got_is_taken_back_before_anything_is_written_there(make, ground):
    (ground / "srv").chmod(0o777)
    os.chown(ground / "srv", 65534, 65534)
    things = [
        {"kind": "directory", "path": f"{ground}/srv", "mode": "0755"},
        {"kind": "file", "path": f"{ground}/srv/a", "source": "wait.py"},
    ]
    assert make(*things)["paths"] == [f"{ground}/srv", f"{ground}/srv/a"]
    assert owners(ground / "srv") == {".": (0, "0o755"), "a": (0, "0o644")}
