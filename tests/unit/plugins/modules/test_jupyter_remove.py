# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The removed and the kept files, on this machine: folders of the accounts nobody and daemon."""

from __future__ import annotations

import json
import os
import pwd
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root removes what belongs to others")

NOBODY, VICTIM = pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("daemon").pw_uid


def remove(*things, check=False, **more):
    """Run the module as Ansible does, and return its result."""
    arguments = {"things": [{"instance": "", **thing} for thing in things], "_ansible_check_mode": check, **more}
    command = [sys.executable, "-m", "ansible_collections.remote.notebooks.plugins.modules.jupyter_remove"]
    done = subprocess.run(
        command, input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}), capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def ground():
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        here = Path(name)
        here.chmod(0o755)
        for folder, owner in (("home", NOBODY), ("victim", VICTIM), ("ours", 0)):
            (here / folder).mkdir(mode=0o755)
            (here / folder / "file").write_text("kept")
            os.chown(here / folder / "file", owner, owner)
            os.chown(here / folder, owner, owner)
        yield here


def thing(path, kind="directory", **more):
    return {"id": f"{kind} {path}", "kind": kind, "path": str(path), "owner": "nobody", "keep": True, **more}


@pytest.mark.parametrize("victim", ["victim", "ours"])
@pytest.mark.parametrize("name", ["link", "link/file", "link/below/deeper"])
def test_nothing_of_others_goes_through_a_link(ground, victim, name):
    (ground / "home/link").symlink_to(ground / victim)
    remove(thing(ground / "home" / name))
    assert (ground / victim / "file").read_text() == "kept"


def test_a_tree_of_an_account_goes_whole_and_what_its_links_lead_to_stays(ground):
    root = ground / "home/notebooks"
    (root / "shut/deep").mkdir(parents=True)
    (root / "victim").symlink_to(ground / "victim")
    for path in (root, *root.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    (root / "shut").chmod(0)
    assert remove(thing(root), check=True)["removed"] == [str(root)]
    assert root.exists()
    answer = remove(thing(root))
    answer.pop("invocation", None)  # up to ansible-core 2.20
    assert answer == {"changed": True, "removed": [str(root)], "remarks": []}
    assert not root.exists()
    assert (ground / "victim/file").exists()


def test_what_another_account_has_left_in_it_stays_and_is_named(ground):
    (ground / "home/nb/roots").mkdir(parents=True)
    (ground / "home/nb/roots/file").write_text("")
    os.chown(ground / "home/nb", NOBODY, NOBODY)
    said = remove(thing(ground / "home/nb"))
    assert said["remarks"][0].startswith(f"{ground}/home/nb stays, as far as 'nobody' cannot remove it")
    assert (ground / "home/nb/roots/file").exists()


def test_a_folder_of_an_account_in_one_of_roots_goes_as_well(ground):
    os.unlink(ground / "ours/file")
    (ground / "ours/nb").mkdir()
    (ground / "ours/nb/a.ipynb").write_text("")
    for path in (ground / "ours/nb", ground / "ours/nb/a.ipynb"):
        os.chown(path, NOBODY, NOBODY)
    assert remove(thing(ground / "ours/nb"))["removed"] == [f"{ground}/ours/nb"]
    assert list((ground / "ours").iterdir()) == []


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "directory", "path": "ours", "owner": "root", "keep": True},
        {"kind": "directory", "path": "home/file", "owner": "root"},
        {"kind": "file", "path": "home/file"},
        {"kind": "trace", "path": "home/file", "owner": "nobody", "keep": True},
        {"kind": "directory", "path": "home", "owner": "no-such-account", "keep": True},
        {"kind": "directory", "path": "home", "owner": "root", "shared": True},
    ],
)
def test_a_damaged_list_removes_nothing(ground, entry):
    said = remove(
        {**entry, "id": f"{entry['kind']} {ground}/{entry['path']}", "path": f"{ground}/{entry['path']}"},
        traces=[".jupyter"],
    )
    assert said["changed"] is False
    assert all((ground / name / "file").read_text() == "kept" for name in ("home", "victim", "ours"))


def test_a_home_is_no_folder_of_notebooks(ground):
    home = pwd.getpwnam("daemon").pw_dir
    assert remove(thing(home, owner="daemon"))["remarks"] == [f"{home} stays: there is a home in it."]


def test_what_is_ours_goes(ground):
    (ground / "ours/link").symlink_to(ground / "victim")
    os.chown(ground / "ours/file", NOBODY, NOBODY)
    said = remove(
        {"id": f"directory {ground}/ours", "kind": "directory", "path": f"{ground}/ours", "owner": "root"},
        prefix=f"{ground}/ours",
    )
    assert said["removed"] == [f"{ground}/ours"]
    assert (ground / "victim/file").exists()


ACCOUNT = f"rn-test-{os.getpid()}"
COMMENT = "made by a test"


@pytest.fixture
def account(ground):
    """Create an account with a home below ground, and a process."""
    home = ground / "leaver"
    subprocess.run(
        [
            "useradd",
            "--system",
            "--create-home",
            "--home-dir",
            home,
            "--comment",
            COMMENT,
            "--shell",
            "/bin/sh",
            ACCOUNT,
        ],
        check=True,
    )
    try:
        yield home
    finally:
        subprocess.run(["userdel", "--force", ACCOUNT], check=False, capture_output=True)


def leave(**more):
    return remove({"id": f"account {ACCOUNT}", "kind": "account"}, comment=more.get("comment", COMMENT))


def test_an_account_of_ours_goes_with_home_and_processes(account):
    with subprocess.Popen(["sh", "-c", "trap '' TERM HUP; while :; do sleep 60; done"], user=ACCOUNT) as process:
        said = leave()
        assert process.wait(5) == -9
    assert (said["removed"], said["remarks"]) == ([ACCOUNT], [])
    assert not account.exists()
    with pytest.raises(KeyError):
        pwd.getpwnam(ACCOUNT)


def test_a_program_of_root_s_that_the_account_has_started_goes_as_well(account):
    """su waits for a password as long as nobody types one, and its number would be the next account's."""
    code = (
        f"import os; os.setresuid({pwd.getpwnam(ACCOUNT).pw_uid}, 0, 0); print(flush=True); os.execvp('sleep',"
        " ['sleep', '600'])"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        try:
            process.stdout.readline()
            assert leave()["removed"] == [ACCOUNT]
            assert process.wait(5) == -9
        finally:
            process.kill()


def test_what_an_account_has_left_for_later_goes_with_it(account):
    """Its number is given to another account one day, and at goes by that."""
    queued = ["runuser", "-u", ACCOUNT, "--", "at", "now + 1 day"]
    subprocess.run(queued, input="touch /tmp/never\n", text=True, check=True, capture_output=True, cwd="/")
    kept = subprocess.run(
        ["at", "now + 1 day"], input="true\n", text=True, check=True, capture_output=True, cwd="/"
    ).stderr
    number = re.search(r"job (\d+) at", kept)[1]
    try:
        assert leave()["removed"] == [ACCOUNT]
        left = subprocess.run(["atq"], text=True, check=True, capture_output=True).stdout.splitlines()
        assert [line.split()[0] for line in left if line.split()[0] == number or not line.endswith(" root")] == [number]
    finally:
        subprocess.run(["atrm", number], check=True)


@pytest.mark.parametrize("led", ["link", "usermod", "another owner"])
def test_a_home_that_leads_elsewhere_stays(ground, account, led):
    if led == "link":
        account.rename(ground / "moved")
        account.symlink_to(ground / "victim")
    elif led == "usermod":
        subprocess.run(["usermod", "--home", ground / "victim", ACCOUNT], check=True)
    else:
        os.chown(account, VICTIM, VICTIM)
    said = leave()
    assert said["removed"] == [ACCOUNT]
    assert "stays: it is a link, or belongs to another account." in said["remarks"][0]
    assert (ground / "victim/file").read_text() == "kept"


def test_an_account_that_is_not_ours_stays(account):
    assert leave(comment="another")["remarks"] == [
        f"The account '{ACCOUNT}' stays: it does not look like the one that was created here."
    ]
    assert account.is_dir()


@pytest.mark.parametrize(
    ("makes", "stranger"),
    [
        pytest.param(lambda home: (home / "thesis.txt").write_text("mine"), "thesis.txt", id="a file"),
        pytest.param(lambda home: (home / "work").symlink_to("/srv"), "work", id="a link"),
        pytest.param(
            lambda home: (home / ".ssh").mkdir() or (home / ".ssh/id").write_text("key"),
            ".ssh/id",
            id="a file in a folder",
        ),
        pytest.param(
            lambda home: (home / ".bashrc").write_text("mine"),
            ".bashrc",
            id="a file of useradd that somebody has changed",
        ),
        pytest.param(
            lambda home: (home / ".jupyter").mkdir() or (home / ".jupyter/jupyter_server_config.py").write_text(""),
            ".jupyter/jup",
            id="settings",
        ),
        pytest.param(
            lambda home: (home / ".jupyter").symlink_to("/srv"),
            ".jupyter",
            id="a link in place of what a server writes",
        ),
        pytest.param(
            lambda home: (home / "a/b").mkdir(parents=True) or os.chmod(home / "a", 0),
            "cannot be looked into",
            id="what is shut",
        ),
    ],
)
def test_a_home_with_something_of_somebody_stays_with_its_account(account, makes, stranger):
    makes(account)
    subprocess.run(["chown", "-hR", f"{ACCOUNT}:", account], check=True)
    said = leave()
    assert said["removed"] == []
    assert f"stays, for its home {account} holds what no run of ours put there: " in said["remarks"][0]
    assert stranger in said["remarks"][0]
    assert pwd.getpwnam(ACCOUNT).pw_dir == str(account)


def test_what_servers_and_useradd_write_is_nobody_s(account):
    (account / "empty").mkdir()
    for path in (
        ".jupyter/migrated",
        ".jupyter/lab/user-settings/a",
        ".ipython/profile_default/startup/README",
        ".local/share/jupyter/runtime/x",
        ".cache/matplotlib/y",
        ".npm/_logs/2026-11-30T09_18_29_107Z-debug-0.log",
    ):
        (account / path).parent.mkdir(parents=True, exist_ok=True)
        (account / path).write_text("")
    subprocess.run(["chown", "-hR", f"{ACCOUNT}:", account], check=True)
    assert leave()["removed"] == [ACCOUNT]
    assert not account.exists()


def test_a_link_that_took_the_place_of_a_folder_of_ours_stays_with_what_it_leads_to(ground):
    (ground / "home/disk").mkdir()
    (ground / "home/disk/thesis").write_text("years of work")
    (ground / "home/notebooks").symlink_to(ground / "home/disk")
    for path in ("disk", "disk/thesis", "notebooks"):
        os.chown(ground / "home" / path, NOBODY, NOBODY, follow_symlinks=False)
    said = remove(thing(ground / "home/notebooks"))
    assert (said["removed"], len(said["remarks"])) == ([], 1)
    assert f"{ground}/home/notebooks stays: it is a link, to {ground}/home/disk" in said["remarks"][0]
    assert (ground / "home/notebooks/thesis").read_text() == "years of work"


def test_a_disk_that_is_mounted_there_stays(ground):
    """As /proc is: in a namespace of its own, so that nothing is left on this machine."""
    (ground / "home/notebooks").mkdir()
    os.chown(ground / "home/notebooks", NOBODY, NOBODY)
    program = [sys.executable, "-m", "ansible_collections.remote.notebooks.plugins.modules.jupyter_remove"]
    mount = f'mount -t tmpfs tmpfs {ground}/home/notebooks && touch {ground}/home/notebooks/thesis && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", mount, "sh", *program]
    arguments = {"ANSIBLE_MODULE_ARGS": {"things": [{"instance": "", **thing(ground / "home/notebooks")}]}}
    done = subprocess.run(command, input=json.dumps(arguments), check=True, capture_output=True, text=True)
    said = json.loads(done.stdout)
    assert said["remarks"] == [f"{ground}/home/notebooks stays: a file system is mounted there."]
    assert said["removed"] == []


def own(path, kind="directory"):
    return {"id": f"{kind} {path}", "kind": kind, "path": str(path)}


def test_what_somebody_has_put_into_a_folder_of_ours_stays(ground):
    drop_in = ground / "jupyter@lab.service.d"
    drop_in.mkdir()
    for name in ("instance.conf", "override.conf", ".ansible_tmpx1"):
        (drop_in / name).write_text("")
    said = remove(own(drop_in / "instance.conf", "file"), own(drop_in))
    assert said["removed"] == [f"{drop_in}/instance.conf"]
    assert said["remarks"] == [
        f"{drop_in} stays, because of what is in it, and was created by no run of ours: override.conf."
    ]
    (drop_in / "override.conf").unlink()
    assert remove(own(drop_in))["removed"] == [str(drop_in)]
    # The folder of the environments is full of unlisted files.
    (ground / "opt/envs/abc").mkdir(parents=True)
    assert remove(own(ground / "opt/envs"), own(ground / "opt"), prefix=f"{ground}/opt")["removed"] == [
        f"{ground}/opt/envs",
        f"{ground}/opt",
    ]


@pytest.mark.parametrize("check", [False, True])
def test_what_made_room_comes_back(ground, check):
    origin, backup = ground / "jupyter@.service", ground / "jupyter@.service.before-remote-notebooks-20261130"
    backup.write_text("theirs")
    stranger = {"id": f"stranger {origin}", "kind": "stranger", "origin": str(origin), "backup": str(backup)}
    origin.write_text("ours")
    said = remove(own(origin, "file"), stranger, check=check)
    assert (said["removed"], said["remarks"]) == ([str(origin), str(origin)], [])
    assert (origin.read_text(), backup.exists()) == (("ours", True) if check else ("theirs", False))
    backup.write_text("another")
    said = remove(stranger)
    assert said["remarks"] == [f"{backup} keeps that name: something else is at {origin} now."]
    assert backup.read_text() == "another"
