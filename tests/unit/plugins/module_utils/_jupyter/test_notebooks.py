# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of notebooks packed and unpacked, and archives that somebody created on purpose."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import BackupError
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter import notebooks as jupyter_notebooks

LIMIT = 1 << 20


def everything(folder):
    """Every name below a folder with its kind."""
    return {
        str(path.relative_to(folder)): (
            f"-> {os.readlink(path)}" if path.is_symlink() else path.read_text() if path.is_file() else "folder"
        )
        for path in folder.rglob("*")
    }


@pytest.fixture
def notebooks(tmp_path):
    """Create a folder with all that people have, and all that they should not."""
    root = tmp_path / "nb"
    (root / "deep/er").mkdir(parents=True)
    (root / "a.ipynb").write_text("{}")
    (root / "deep/er/ä\nb").write_text("text")
    (root / "deep/tool").write_text("#!")
    (root / "deep/tool").chmod(0o4755)
    os.link(root / "a.ipynb", root / "deep/hard")
    (root / "latest").symlink_to("deep/er")
    (root / "deep/up").symlink_to("../a.ipynb")
    (root / "out").symlink_to("/etc")
    (root / "deep/out").symlink_to("../../secret")
    os.mkfifo(root / "fifo")
    (tmp_path / "secret").write_text("secret")
    return root


def test_there_and_back(tmp_path, notebooks):
    archive = jupyter_notebooks.collect(str(notebooks), LIMIT)
    assert sorted(archive.left_out) == [
        "deep/out (a link that leads elsewhere)",
        "fifo (neither a file nor a folder)",
        "out (a link that leads elsewhere)",
    ]
    data, left_out = jupyter_notebooks.clean(base64.b64encode(archive.data()).decode(), LIMIT)
    assert (data, left_out) == (archive.data(), [])
    new = tmp_path / "new"
    new.mkdir()
    jupyter_notebooks.write(str(new), jupyter_notebooks.parse(data, LIMIT))
    there = everything(new)
    assert there == {
        "a.ipynb": "{}",
        "deep": "folder",
        "deep/er": "folder",
        "deep/er/ä\nb": "text",
        "deep/tool": "#!",
        "deep/hard": "{}",
        "latest": "-> deep/er",
        "deep/up": "-> ../a.ipynb",
    }
    assert (new / "deep/tool").stat().st_mode & 0o7777 == 0o755
    assert (new / "a.ipynb").stat().st_mtime == int((notebooks / "a.ipynb").stat().st_mtime)


def test_tar_reads_it(tmp_path, notebooks):
    (tmp_path / "n.tar.gz").write_bytes(jupyter_notebooks.collect(str(notebooks), LIMIT).data())
    listed = subprocess.run(["tar", "-tzf", tmp_path / "n.tar.gz"], check=True, capture_output=True, text=True).stdout
    assert "a.ipynb\n" in listed and "fifo" not in listed


def test_what_tar_has_packed_is_read(tmp_path, notebooks):
    done = subprocess.run(["tar", "-cz", "-C", notebooks, "."], check=True, capture_output=True)
    assert sorted(jupyter_notebooks.parse(done.stdout, LIMIT).made) == sorted(
        set(everything(notebooks)) - {"out", "fifo", "deep/out"}
    )


def test_a_folder_of_more_files_than_may_pass_is_not_read_to_its_end(tmp_path, monkeypatch):
    """An account may create millions, and the memory for them counts as root's, not as its own."""
    for number in range(500):
        (tmp_path / f"{number}").touch()
    looked, lstat = [], os.lstat
    monkeypatch.setattr(os, "lstat", lambda path: looked.append(path) or lstat(path))
    with pytest.raises(BackupError, match="holds"):
        jupyter_notebooks.collect(str(tmp_path), 20 * jupyter_notebooks.BLOCK)
    assert len(looked) == 21


@pytest.mark.parametrize("size", [LIMIT, 1 << 40])
def test_a_folder_that_holds_too_much_is_measured_and_not_read(tmp_path, size):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(size)
    with pytest.raises(BackupError, match="holds"):
        jupyter_notebooks.collect(str(tmp_path), LIMIT)


def member(name, content=b"", **more):
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    for key, value in more.items():
        setattr(entry, key, value)
    return entry, content


def archive(*members, form=tarfile.GNU_FORMAT):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=form) as tar:
        for entry, content in members:
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(data.getvalue())


FOLDER, LINK, HARD = {"type": tarfile.DIRTYPE}, {"type": tarfile.SYMTYPE}, {"type": tarfile.LNKTYPE}


@pytest.mark.parametrize(
    ("members", "passes"),
    [
        ([member("../out")], []),
        ([member("a/../../out")], []),
        ([member("/etc/out")], []),
        ([member("..")], []),
        ([member("a/..")], []),
        ([member("x" * 300)], []),
        ([member("/".join(["d"] * 3000))], []),
        ([member("l", **LINK, linkname="/etc")], []),
        ([member("l", **LINK, linkname="..")], []),
        ([member("d/l", **LINK, linkname="../../x")], []),
        ([member("l", **LINK, linkname="d"), member("l/file")], ["l"]),
        ([member("l", **LINK, linkname="."), member("./l/deep/file")], ["l"]),
        ([member("f", b"1"), member("f/below")], ["f"]),
        ([member("f", b"1"), member("f", b"2"), member("./f", b"3")], ["f"]),
        ([member("h", **HARD, linkname="/etc/shadow")], []),
        ([member("h", **HARD, linkname="later"), member("later", b"1")], ["later"]),
        ([member("l", **LINK, linkname="x"), member("h", **HARD, linkname="l")], ["l"]),
        ([member("f", b"1"), member("h", **HARD, linkname="./f")], ["f", "h"]),
        ([member("dev", type=tarfile.CHRTYPE, devmajor=1, devminor=1)], []),
        ([member("dev", type=tarfile.BLKTYPE)], []),
        ([member("pipe", type=tarfile.FIFOTYPE)], []),
        ([member("d", **FOLDER, mode=0o7777)], ["d"]),
        ([member("f", b"1", mode=0o6777, uid=0, gid=0, uname="root")], ["f"]),
    ],
)
@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_only_names_within_pass(members, passes, form):
    found = jupyter_notebooks.parse(archive(*members, form=form), LIMIT)
    assert sorted(found.made) == passes
    assert len(found.left_out) == len(members) - len(passes)
    for entry in found.made.values():
        assert (entry.uid, entry.gid, entry.uname, entry.mode & ~0o777) == (0, 0, "", 0)
    assert jupyter_notebooks.parse(found.data(), LIMIT).left_out == []


def names_of_names():
    """A header that says that the next one is about a name, a hundred thousand times."""
    head = tarfile.TarInfo("././@LongLink")
    head.type, head.size = tarfile.GNUTYPE_LONGNAME, 0
    return gzip.compress(head.tobuf(tarfile.GNU_FORMAT) * 100_000)


def claims():
    head = tarfile.TarInfo("f")
    head.size = 1 << 50
    return gzip.compress(head.tobuf(tarfile.GNU_FORMAT))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no archive",
        gzip.compress(b"no archive" * 1000),
        archive(member("f", b"1"))[:-20],
        archive(member("zeros", bytes(2 * LIMIT))),
        names_of_names(),
        claims(),
        archive(*(member(f"{number}") for number in range(3000))),
    ],
    ids=["nothing", "text", "packed text", "cut off", "zeros", "names of names", "a claim", "many"],
)
def test_what_is_none_or_too_much_is_refused(data):
    with pytest.raises(BackupError):
        jupyter_notebooks.parse(data, LIMIT)


def ask(**arguments):
    command = [sys.executable, "-m", "ansible_collections.remote.notebooks.plugins.modules.jupyter_notebooks"]
    done = subprocess.run(
        command, input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root does it for another account")
def test_it_has_the_rights_of_the_account():
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        here = Path(name)
        here.chmod(0o755)
        for folder in ("nb", "new"):
            (here / folder).mkdir()
            os.chown(here / folder, 65534, 65534)
        (here / "nb/a.ipynb").write_text("{}")
        (here / "nb/roots").write_text("secret")
        (here / "nb/roots").chmod(0o600)
        (here / "secret").mkdir(0o700)
        (here / "secret/key").write_text("secret")
        (here / "link").symlink_to(here / "secret")
        (here / "nb-link").symlink_to(here / "nb")

        said = ask(root=f"{here}/nb-link", account="nobody")
        assert said["left_out"] == ["roots (Permission denied)"]
        assert "Permission denied" in ask(root=f"{here}/link", account="nobody")["problem"]
        assert "holds" in ask(root=f"{here}/nb", account="nobody", limit=0.0001)["problem"]

        assert ask(root=f"{here}/new", account="nobody", archive=said["archive"])["changed"] is True
        assert [(path.name, path.stat().st_uid, path.read_text()) for path in (here / "new").iterdir()] == [
            ("a.ipynb", 65534, "{}")
        ]
        assert ask(root=f"{here}/new", account="nobody", archive=said["archive"])["there"] is True
        (here / "secret/key").unlink()
        assert "Permission denied" in ask(root=f"{here}/link", account="nobody", archive=said["archive"])["problem"]
        assert list((here / "secret").iterdir()) == []


def test_a_folder_is_called_as_it_is_called(tmp_path):
    folder = tmp_path / '100% "night" \\shift\'s; $HOME ~'
    folder.mkdir()
    (folder / "a.ipynb").write_text("{}")
    said = ask(root=str(folder))
    assert (said["problem"], said["left_out"], bool(said["archive"])) == ("", [], True)
