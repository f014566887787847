# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control node's disk: one file, many files, the lock, and who may not be trusted with either."""

from __future__ import annotations

import os
import stat
import struct
import threading
import time

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import FilesError
from ansible_collections.remote.notebooks.plugins.plugin_utils import _file_sets, _files, _safe_place


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize(
    ("before", "data", "wanted", "changed"),
    [
        pytest.param(None, b"new", 0o600, True, id="a missing file is written"),
        pytest.param((b"same", 0o600), b"same", 0o600, False, id="the same file is left alone"),
        pytest.param((b"old", 0o600), b"new", 0o600, True, id="another content is replaced"),
        pytest.param((b"same", 0o644), b"same", 0o600, True, id="another mode is mended"),
        pytest.param((b"old", 0o444), b"new", 0o400, True, id="a file closed for writing is replaced"),
    ],
)
def test_write(tmp_path, before, data, wanted, changed):
    path = tmp_path / "file"
    if before:
        path.write_bytes(before[0])
        path.chmod(before[1])
    assert _files.write(str(path), data, wanted) is changed
    assert (path.read_bytes(), mode(path)) == (data, wanted)
    assert names(tmp_path) == ["file"]


def test_a_file_that_stays_is_not_even_touched(tmp_path):
    path = tmp_path / "file"
    _files.write(str(path), b"same", 0o600)
    before = path.stat()
    _files.write(str(path), b"same", 0o600)
    after = path.stat()  # to read it may change its st_atime
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )


@pytest.mark.parametrize("kind", ["link", "dangling link", "folder", "pipe"])
def test_only_regular_files_are_written(tmp_path, kind):
    path, victim = tmp_path / "file", tmp_path / "victim"
    if kind == "link":
        victim.write_bytes(b"precious")
    if kind in ("link", "dangling link"):
        path.symlink_to(victim)
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    before = names(tmp_path)
    with pytest.raises(FilesError, match=rf"{path} is not a regular file. Move it away"):
        _files.write(str(path), b"new", 0o600)
    with pytest.raises(FilesError, match=rf"{path} is not a regular file"):
        _file_sets.write_all([(str(tmp_path / "other"), b"", 0o600), (str(path), b"new", 0o600)], str(tmp_path))
    assert names(tmp_path) == before
    assert kind != "link" or victim.read_bytes() == b"precious"


def test_read(tmp_path):
    path = tmp_path / "file"
    assert _files.read(str(path)) is None
    path.write_bytes(b"content")
    assert _files.read(str(path)) == b"content"
    with pytest.raises(FilesError, match="Cannot read"):
        _files.read(str(tmp_path))
    (tmp_path / "link").symlink_to(path)
    assert _files.read(str(tmp_path / "link")) == b"content"
    with pytest.raises(FilesError, match=r"link is a symbolic link\. Move it away"):
        _files.read(str(tmp_path / "link"), follow=False)


def test_a_private_directory_is_closed_and_hidden_from_git(tmp_path):
    path = tmp_path / "deep" / "secrets"
    assert _files.private_directory(str(path)) is True
    assert mode(path) == 0o700
    assert "*" in (path / ".gitignore").read_text().splitlines()
    assert _files.private_directory(str(path)) is False
    path.chmod(0o755)
    assert _files.private_directory(str(path)) is True
    assert mode(path) == 0o700


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_private_directory_is_a_real_one(tmp_path, kind):
    path = tmp_path / "secrets"
    if kind == "link":
        (tmp_path / "elsewhere").mkdir()
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.touch()
    with pytest.raises(FilesError, match=r"secrets is not a folder\. Move it away"):
        _files.private_directory(str(path))


def test_write_all_makes_folders_and_keeps_the_order_of_names(tmp_path, monkeypatch):
    order = []
    real = os.rename
    monkeypatch.setattr(
        os, "rename", lambda source, target: (order.append(os.path.basename(target)), real(source, target))
    )
    files = [(str(tmp_path / "b" / f"{number:02}"), b"x" * number, 0o600) for number in range(40)]
    _file_sets.write_all([*files, (str(tmp_path / "a/last"), b"", 0o644)], str(tmp_path))
    assert order == [*(f"{number:02}" for number in range(40)), "last"]
    assert (tmp_path / "b/39").read_bytes() == b"x" * 39
    assert (mode(tmp_path / "b"), mode(tmp_path / "b/07"), mode(tmp_path / "a/last")) == (0o700, 0o600, 0o644)


def test_write_all_refuses_a_link_on_the_way(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "in").mkdir()
    (tmp_path / "in/link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FilesError, match="in/link is not a folder"):
        _file_sets.write_all([(str(tmp_path / "in/link/deep/file"), b"", 0o600)], str(tmp_path / "in"))
    assert names(tmp_path / "elsewhere") == []


def test_write_all_changes_nothing_if_one_file_cannot_be_staged(tmp_path, monkeypatch):
    (tmp_path / "one").write_bytes(b"old")
    real = os.fsync
    calls = []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FilesError, match=r"No space left on device\. Nothing was changed"):
        _file_sets.write_all(
            [(str(tmp_path / name), b"new", 0o600) for name in ("one", "two", "three", "four")], str(tmp_path)
        )
    assert names(tmp_path) == ["one"] and (tmp_path / "one").read_bytes() == b"old"


def test_sweep_takes_only_what_is_temporary(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in (".new-abc", "deep/.new-def", "kept", "deep/new-kept"):
        (tmp_path / name).touch()
    _files.sweep(str(tmp_path))
    assert names(tmp_path) == ["deep", "kept"] and names(tmp_path / "deep") == ["new-kept"]


def test_the_lock_lets_one_in_at_a_time(tmp_path):
    inside, most = [], []

    def work():
        with _files.lock(str(tmp_path)):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.02)
            inside.pop()

    threads = [threading.Thread(target=work) for _turn in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 6


def test_waiting_for_the_lock_ends(tmp_path):
    with _files.lock(str(tmp_path)), pytest.raises(FilesError, match="Another run has held"), _files.lock(
        str(tmp_path), seconds=0.2
    ):
        pass


@pytest.mark.parametrize(
    ("parent_mode", "refused"),
    [(0o755, False), (0o775, False), (0o777, True), (0o1777, False)],
    ids=["closed", "open to a group", "open to all", "open to all and sticky"],
)
def test_a_safe_place(tmp_path, parent_mode, refused):
    parent = tmp_path / "parent"
    parent.mkdir()
    parent.chmod(parent_mode)
    for path in (parent / "secrets", parent / "not/yet/there"):
        if refused:
            with pytest.raises(FilesError, match=f"Run: chmod o-w {parent}"):
                _safe_place.require_safe_place(str(path))
        else:
            _safe_place.require_safe_place(str(path))


STRANGER = 65534


def folder(path, owner=0, group=0, mode=0o755, acl=None):
    path.mkdir()
    os.chown(path, owner, group)
    path.chmod(mode)
    if acl is not None:  # acl(5): the owner, that account, the group, the bound of both, all others
        none, entries = 0xFFFFFFFF, [(1, 7), (2, 7), (4, 5), (16, 7), (32, 5)]
        rows = [struct.pack("<HHI", tag, rights, acl if tag == 2 else none) for tag, rights in entries]
        os.setxattr(path, "system.posix_acl_access", struct.pack("<I", 2) + b"".join(rows))
    return path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes folders of others")
@pytest.mark.parametrize(
    ("made", "says"),
    [
        pytest.param([], None, id="nobody was there before"),
        pytest.param([{"mode": 0o700}], None, id="ours"),
        pytest.param(
            [{"owner": STRANGER}],
            r"belongs to another account \(\w+, uid 65534\).*Move it away",
            id="made beforehand by another account",
        ),
        pytest.param(
            [{"owner": STRANGER, "mode": 0o700}, {}],
            r"belongs to \w+, uid 65534, who could swap",
            id="in a folder of another account",
        ),
        pytest.param(
            [{"owner": STRANGER, "mode": 0o1777}, {}], r"who could swap", id="in a sticky folder of another account"
        ),
        pytest.param([{"group": 12345, "mode": 0o775}, {}], None, id="open to a group that nobody is in"),
        pytest.param([{"group": 65534, "mode": 0o775}, {}], r"chmod g-w", id="open to a group with others in it"),
        pytest.param([{"group": 65534, "mode": 0o1775}, {}], None, id="open to such a group, and sticky"),
        pytest.param([{"mode": 0o777}, {}], r"chmod o-w", id="open to all"),
        pytest.param(
            [{"mode": 0o777}], r"Others may write to .* chmod 700", id="ours, and others may have put something in"
        ),
        pytest.param([{"mode": 0o1777}], r"Others may write to ", id="the same, and sticky"),
        pytest.param([{"group": 65534, "mode": 0o770}], r"Others may write to ", id="ours, and a group may have"),
        pytest.param([{"group": 12345, "mode": 0o770}], None, id="ours, and nobody is in its group"),
        pytest.param(
            [{"acl": STRANGER}, {}], r"or an access list, may write there", id="in a folder with an access list"
        ),
        pytest.param([{"acl": STRANGER}], r"Others may write to ", id="ours, with an access list"),
    ],
)
def test_a_place_that_is_another_account_s(tmp_path, made, says):
    """An account that created the folder first, in a shared folder, could read and change its content."""
    path = tmp_path
    for number, what in enumerate(made):
        path = folder(path / f"folder{number}", **what)
    path = path if made else path / "new"
    for call in (_files.private_directory, _files.directory):
        if says and (call is _files.private_directory or len(made) == 1):
            with pytest.raises(FilesError, match=says):
                call(str(path))
        elif not says:
            call(str(path))
            assert path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("umask", "mode"), [(0o000, 0o755), (0o002, 0o755), (0o077, 0o700)])
def test_with_any_umask_nobody_else_can_write_to_what_is_made(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        _files.private_directory(str(tmp_path / "new" / "deep" / "credentials"))
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert [(tmp_path / path).stat().st_mode & 0o777 for path in ("new", "new/deep", "new/deep/credentials")] == [
        mode,
        mode,
        0o700,
    ]


def test_a_way_that_leads_through_links(tmp_path):
    """A folder behind links is only as safe as every part of the path to it."""
    folder(folder(tmp_path / "open", mode=0o777) / "ours")
    folder(folder(tmp_path / "closed") / "ours")
    (tmp_path / "closed" / "hop").symlink_to("../open/ours")
    for name, target in {
        "straight": "closed/ours",
        "open_link": "open/ours",
        "two_hops": "closed/hop",
        "back": "open/../closed/ours",
    }.items():
        (tmp_path / name).symlink_to(target)
    for name in ("straight", "back"):
        _files.private_directory(str(tmp_path / name / name))
    for name in ("open_link", "two_hops"):
        with pytest.raises(FilesError, match=r"Everybody may write to .*/open, so"):
            _files.private_directory(str(tmp_path / name / "credentials"))
        assert not (tmp_path / name / "credentials").exists()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(FilesError):
        _files.private_directory(str(tmp_path / "loop" / "credentials"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes folders of others")
def test_a_link_of_another_account_in_a_folder_for_all(tmp_path):
    shared = folder(tmp_path / "shared", mode=0o1777)
    for name, owner in {"theirs": STRANGER, "ours": 0}.items():
        (shared / name).symlink_to(folder(tmp_path / f"for_{name}"))
        os.lchown(shared / name, owner, owner)
    _files.private_directory(str(shared / "ours" / "credentials"))
    with pytest.raises(FilesError, match=r"/theirs is a link of \w+, uid 65534, who could lead"):
        _files.private_directory(str(shared / "theirs" / "credentials"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes folders of others")
def test_who_became_root_by_sudo_may_own_the_way(tmp_path, monkeypatch):
    path = folder(folder(tmp_path / "home", owner=STRANGER) / "secrets")
    monkeypatch.setenv("SUDO_UID", str(STRANGER))
    _files.private_directory(str(path))
    os.chown(path, STRANGER, 0)
    with pytest.raises(FilesError, match="belongs to another account"):
        _files.private_directory(str(path))


@pytest.mark.parametrize("name", ["a" * 300, "a\0b", "file/below"])
def test_a_name_that_no_file_can_have(tmp_path, name):
    (tmp_path / "file").write_text("x")
    with pytest.raises(FilesError, match="Cannot write"):
        _files.write(str(tmp_path / name), b"x", 0o600)
    with pytest.raises(FilesError, match=r"Cannot|is not a folder"):
        _file_sets.write_all([(str(tmp_path / name), b"x", 0o600)], str(tmp_path))


def test_what_goes_is_set_aside(tmp_path):
    """A password, a key: in a folder of the moment, private, under the name it had; where there is none, nothing is
    made."""
    folder = tmp_path / "credentials"
    paths = [folder / "web1/ann.password", folder / "web1/ann.hash", folder / "web1/ann.token"]
    (folder / "web1").mkdir(parents=True)
    for path in paths[:2]:
        path.write_text("secret")
        path.chmod(0o644)
    moved = _files.set_aside(map(str, paths), str(folder))
    (moment,) = (folder / "removed").iterdir()
    assert [
        time.strptime(moment.name, "%Y-%m-%dT%H%M%SZ").tm_year >= 2024,
        names(moment / "web1"),
        names(folder / "web1"),
    ] == [
        True,
        ["ann.hash", "ann.password"],
        [],
    ]
    assert moved == [str(moment / "web1/ann.password"), str(moment / "web1/ann.hash")]
    assert {mode(folder / "removed"), mode(moment), mode(moment / "web1")} == {0o700}
    assert {mode(path) for path in moved} == {0o600}
    assert _files.set_aside(map(str, paths), str(folder)) == []
    assert names(folder / "removed") == [moment.name]


def test_what_is_set_aside_twice_in_one_second_is_there_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "gmtime", lambda: time.struct_time((2026, 11, 30, 6, 45, 0, 0, 334, 0)))
    for text in ("first", "second"):
        (tmp_path / "ann.password").write_text(text)
        _files.set_aside([str(tmp_path / "ann.password")], str(tmp_path))
    assert [path.read_text() for path in sorted((tmp_path / "removed/2026-11-30T064500Z").iterdir())] == [
        "first",
        "second",
    ]
