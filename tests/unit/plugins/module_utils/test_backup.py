# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import io
import subprocess
import tarfile

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils import _backup
from ansible_collections.remote.notebooks.plugins.module_utils._errors import BackupError

PASSPHRASE = "a long passphrase"
NOTEBOOKS = {"web1/lab": base64.b64encode(b"not really a tar archive").decode()}


@pytest.fixture
def folders(tmp_path):
    """Return the folders of a control node that has something in two of three."""
    for name, content in (("credentials/web1/lab.password", "secret\n"), ("pki/ca/certs/ca.cert.pem", "PEM\n"), ("pki/.lock", "")):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o600)
    return {name: str(tmp_path / name) for name in ("credentials", "pki", "handoff")}


@pytest.fixture
def archive(tmp_path, folders):
    path = tmp_path / "all.backup"
    _backup.backup(str(path), PASSPHRASE, folders, NOTEBOOKS, check_mode=False)
    return path


def elsewhere(tmp_path, folders):
    return {name: str(tmp_path / "second" / name) for name in folders}


def test_the_way_back(tmp_path, folders, archive):
    second = elsewhere(tmp_path, folders)
    result = _backup.restore(str(archive), PASSPHRASE, second, check_mode=False)
    assert result == {"changed": True, "folders": [second["credentials"], second["pki"]], "files": 3, "notebooks": NOTEBOOKS}
    restored = tmp_path / "second/credentials/web1/lab.password"
    assert restored.read_text() == "secret\n"
    assert restored.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "second/credentials").stat().st_mode & 0o777 == 0o700
    assert not (tmp_path / "second/handoff").exists()


def test_check_mode_writes_nothing(tmp_path, folders, archive):
    second = elsewhere(tmp_path, folders)
    assert _backup.restore(str(archive), PASSPHRASE, second, check_mode=True)["changed"]
    assert not (tmp_path / "second").exists()
    other = tmp_path / "other.backup"
    assert _backup.backup(str(other), PASSPHRASE, folders, {}, check_mode=True)["changed"]
    assert not other.exists()


def test_the_archive_is_closed_and_an_unchanged_one_is_left_alone(folders, archive):
    assert archive.stat().st_mode & 0o777 == 0o600
    before = archive.read_bytes()
    assert b"secret" not in before and b"lab.password" not in before
    assert not _backup.backup(str(archive), PASSPHRASE, folders, NOTEBOOKS, check_mode=False)["changed"]
    assert archive.read_bytes() == before


def test_openssl_and_tar_open_it_as_well(archive):
    command = ["openssl", "enc", "-d", "-aes-256-cbc", "-pbkdf2", "-iter", "600000", "-md", "sha256", "-in", str(archive), "-pass", "stdin"]
    plain = subprocess.run(command, check=True, input=PASSPHRASE.encode(), capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:gz") as opened:
        assert opened.getnames() == ["SHA256SUMS", "credentials/web1/lab.password", "notebooks/web1/lab.tar.gz", "pki/ca/certs/ca.cert.pem"]


def test_a_restore_that_was_cut_off_goes_on_after_the_main_job_has_worked_there(tmp_path, folders, archive):
    second = elsewhere(tmp_path, folders)
    _backup.restore(str(archive), PASSPHRASE, second, check_mode=False)
    (tmp_path / "second/pki/issued.pem").write_text("a new certificate\n")
    again = _backup.restore(str(archive), PASSPHRASE, second, check_mode=False)
    assert (again["changed"], again["folders"], again["notebooks"]) == (False, [], NOTEBOOKS)


def test_a_folder_with_other_files_is_refused_and_nothing_is_written(tmp_path, folders, archive):
    second = elsewhere(tmp_path, folders)
    (tmp_path / "second/pki").mkdir(parents=True)
    (tmp_path / "second/pki/mine").write_text("another authority\n")
    with pytest.raises(BackupError, match="already holds 1 files that are not those"):
        _backup.restore(str(archive), PASSPHRASE, second, check_mode=False)
    assert not (tmp_path / "second/credentials").exists()


@pytest.mark.parametrize(
    ("passphrase", "damage", "message"),
    [
        pytest.param("short", lambda data: data, "backup_passphrase has 5 characters", id="short passphrase"),
        pytest.param("another passphrase", lambda data: data, "backup_passphrase does not open", id="another passphrase"),
        pytest.param(PASSPHRASE, lambda data: data[:-20], "or damaged", id="cut off"),
        pytest.param(PASSPHRASE, lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:], "or damaged", id="one bit turned"),
        pytest.param(PASSPHRASE, lambda data: b"something else", "is no archive", id="another file"),
    ],
)
def test_what_cannot_be_opened_is_refused(tmp_path, folders, archive, passphrase, damage, message):
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(BackupError, match=message):
        _backup.restore(str(archive), passphrase, elsewhere(tmp_path, folders), check_mode=False)
    assert not (tmp_path / "second").exists()


@pytest.mark.parametrize(
    ("file", "chosen", "message"),
    [
        pytest.param("pki/inside.backup", lambda folders: folders, "it would be lost with it", id="into a folder that it saves"),
        pytest.param("all.backup", lambda folders: {"handoff": folders["handoff"]}, "There is nothing to back up", id="nothing there"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, folders, file, chosen, message):
    with pytest.raises(BackupError, match=message):
        _backup.backup(str(tmp_path / file), PASSPHRASE, chosen(folders), {}, check_mode=False)
    assert not (tmp_path / file).exists()
