# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The encrypted archive of `pki_dir`: it comes back whole, with our own hands or with openssl and tar, or not at all."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils import _pki, _pki_backup
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PkiError, RemoteNotebooksError

PASSPHRASE = "for the archive"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The figure for passphrases makes each test wait half a second; one test below uses it as it is."""
    monkeypatch.setattr(_pki_backup, "ROUNDS", 1000)


@pytest.fixture
def pki(tmp_path):
    settings = _pki.Settings(directory=str(tmp_path / "pki"), certificates=[{"name": "web1/lab", "addresses": ["web1.lab.example"]}])
    _pki.ensure(settings)
    return settings


def backup(tmp_path, **options):
    return _pki_backup.backup(str(tmp_path / "pki"), str(tmp_path / "pki.backup"), **{"passphrase": PASSPHRASE, "check_mode": False, **options})


def restore(tmp_path, to="pki", **options):
    return _pki_backup.restore(str(tmp_path / "pki.backup"), str(tmp_path / to), **{"passphrase": PASSPHRASE, "check_mode": False, **options})


def snapshot(folder):
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode)
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def test_what_was_lost_comes_back_and_works_on(pki, tmp_path):
    before = snapshot(tmp_path / "pki")
    assert backup(tmp_path)["changed"]
    (tmp_path / "pki").rename(tmp_path / "lost")
    assert restore(tmp_path)["changed"]
    assert snapshot(tmp_path / "pki") == before
    assert (tmp_path / "pki").stat().st_mode & 0o777 == 0o700
    assert not _pki.ensure(pki)["changed"]
    _pki.revoke(pki, ["web1/lab"], [], "unspecified")


def test_a_second_backup_of_the_same_changes_nothing(pki, tmp_path):
    backup(tmp_path)
    before = (tmp_path / "pki.backup").read_bytes()
    assert not backup(tmp_path)["changed"]
    assert (tmp_path / "pki.backup").read_bytes() == before
    _pki.revoke(pki, ["web1/lab"], [], "unspecified")
    assert backup(tmp_path)["changed"]


def test_the_archive_shows_nothing_and_is_closed(pki, tmp_path):
    backup(tmp_path)
    data = (tmp_path / "pki.backup").read_bytes()
    assert b"PRIVATE" not in data and b"web1" not in data
    assert (tmp_path / "pki.backup").stat().st_mode & 0o777 == 0o600


def test_openssl_and_tar_open_it(pki, tmp_path, monkeypatch):
    monkeypatch.undo()
    backup(tmp_path)
    (tmp_path / "secret").write_text(PASSPHRASE)
    (tmp_path / "out").mkdir()
    archive = f"-in {tmp_path}/pki.backup -pass file:{tmp_path}/secret"
    subprocess.run(
        f"openssl enc -d -aes-256-cbc -pbkdf2 -iter 600000 -md sha256 {archive} | tar -xz -C {tmp_path}/out"
        f" && cd {tmp_path}/out && sha256sum -c --quiet SHA256SUMS",
        shell=True, check=True,
    )  # fmt: skip
    kept = {name: data for name, (data, _mode) in snapshot(tmp_path / "pki").items() if name != ".gitignore"}
    assert {name: data for name, (data, _mode) in snapshot(tmp_path / "out").items() if name != "SHA256SUMS"} == kept


def test_check_mode_writes_nothing(pki, tmp_path):
    assert backup(tmp_path, check_mode=True)["changed"]
    assert not (tmp_path / "pki.backup").exists()
    backup(tmp_path)
    assert restore(tmp_path, to="new", check_mode=True)["changed"]
    assert not (tmp_path / "new").exists()


def test_restoring_what_is_there_changes_nothing(pki, tmp_path):
    backup(tmp_path)
    assert not restore(tmp_path)["changed"]


def test_a_folder_with_something_else_is_not_overwritten(pki, tmp_path):
    backup(tmp_path)
    _pki.revoke(pki, ["web1/lab"], [], "unspecified")
    before = snapshot(tmp_path / "pki")
    with pytest.raises(PkiError, match="Move it away, then restore"):
        restore(tmp_path)
    assert snapshot(tmp_path / "pki") == before


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[:-16], id="cut off"),
        pytest.param(lambda data: data[:3000], id="cut in half"),
        pytest.param(lambda data: data[:2000] + bytes([data[2000] ^ 1]) + data[2001:], id="one bit turned"),
        pytest.param(lambda data: b"not ours", id="another file"),
        pytest.param(lambda data: data[:16], id="nothing after the salt"),
    ],
)
def test_a_damaged_archive_is_refused(pki, tmp_path, damage):
    backup(tmp_path)
    path = tmp_path / "pki.backup"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(PkiError, match=r"pki\.backup"):
        restore(tmp_path, to="new")
    assert not (tmp_path / "new").exists()


def test_the_wrong_passphrase(pki, tmp_path):
    backup(tmp_path)
    with pytest.raises(PkiError, match="pki_backup_passphrase does not open"):
        restore(tmp_path, to="new", passphrase="another one")


def test_an_archive_cannot_write_outside(pki, tmp_path):
    sealed = _pki_backup.seal({"../outside": (b"x", 0o600)}, PASSPHRASE)
    (tmp_path / "pki.backup").write_bytes(sealed)
    with pytest.raises(PkiError):
        restore(tmp_path, to="new")
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [({"passphrase": "short"}, "at least 8"), ({"passphrase": ""}, "pki_backup_passphrase")],
)
def test_a_weak_passphrase(pki, tmp_path, options, words):
    with pytest.raises(PkiError, match=words):
        backup(tmp_path, **options)


def test_places_that_make_no_sense(pki, tmp_path):
    with pytest.raises(PkiError, match="would be lost with it"):
        _pki_backup.backup(str(tmp_path / "pki"), str(tmp_path / "pki/backup"), PASSPHRASE, False)
    with pytest.raises(PkiError, match="nothing to back up"):
        _pki_backup.backup(str(tmp_path / "nowhere"), str(tmp_path / "b"), PASSPHRASE, False)
    with pytest.raises(RemoteNotebooksError, match="does not exist"):
        _pki_backup.restore(str(tmp_path / "nowhere"), str(tmp_path / "new"), PASSPHRASE, False)
