# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import BackupError
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter import notebooks
from ansible_collections.remote.notebooks.plugins.plugin_utils._jupyter import archive as jupyter_archive

PASSPHRASE = "a long passphrase"


def packed(*members):
    """Return an archive as ``tar`` creates one, in base64."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, content, more in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            for key, value in more.items():
                setattr(entry, key, value)
            tar.addfile(entry, io.BytesIO(content))
    return base64.b64encode(data.getvalue()).decode()


NOTEBOOKS = {"web1/lab": base64.b64encode(notebooks.clean(packed(("a.ipynb", b"{}", {})), 1 << 20)[0]).decode()}


@pytest.fixture
def folders(tmp_path):
    """Return the folders of a control node that has something in two of three."""
    for name, content in (
        ("credentials/web1/lab.password", "secret\n"),
        ("pki/ca/certs/ca.cert.pem", "PEM\n"),
        ("pki/.lock", ""),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o600)
    return {name: str(tmp_path / name) for name in ("credentials", "pki", "handoff")}


@pytest.fixture
def archive(tmp_path, folders):
    path = tmp_path / "all.backup"
    jupyter_archive.backup(str(path), PASSPHRASE, folders, NOTEBOOKS, check_mode=False)
    return path


def elsewhere(tmp_path, folders):
    return {name: str(tmp_path / "second" / name) for name in folders}


def test_the_way_back(tmp_path, folders, archive):
    second = elsewhere(tmp_path, folders)
    result = jupyter_archive.restore(str(archive), PASSPHRASE, second, check_mode=False)
    assert result == {
        "changed": True,
        "folders": [second["credentials"], second["pki"]],
        "files": 3,
        "notebooks": NOTEBOOKS,
        "left_out": [],
    }
    restored = tmp_path / "second/credentials/web1/lab.password"
    assert restored.read_text() == "secret\n"
    assert restored.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "second/credentials").stat().st_mode & 0o777 == 0o700
    assert not (tmp_path / "second/handoff").exists()


def test_check_mode_writes_nothing(tmp_path, folders, archive):
    second = elsewhere(tmp_path, folders)
    assert jupyter_archive.restore(str(archive), PASSPHRASE, second, check_mode=True)["changed"]
    assert not (tmp_path / "second").exists()
    other = tmp_path / "other.backup"
    assert jupyter_archive.backup(str(other), PASSPHRASE, folders, {}, check_mode=True)["changed"]
    assert not other.exists()


def test_the_archive_is_closed_and_an_unchanged_one_is_left_alone(folders, archive):
    assert archive.stat().st_mode & 0o777 == 0o600
    before = archive.read_bytes()
    assert b"secret" not in before and b"lab.password" not in before
    assert not jupyter_archive.backup(str(archive), PASSPHRASE, folders, NOTEBOOKS, check_mode=False)["changed"]
    assert archive.read_bytes() == before


def test_openssl_and_tar_open_it_as_well(archive):
    command = [
        "openssl",
        "enc",
        "-d",
        "-aes-256-cbc",
        "-pbkdf2",
        "-iter",
        "600000",
        "-md",
        "sha256",
        "-in",
        str(archive),
        "-pass",
        "stdin",
    ]
    plain = subprocess.run(command, check=True, input=PASSPHRASE.encode(), capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:gz") as opened:
        assert opened.getnames() == [
            "SHA256SUMS",
            "credentials/web1/lab.password",
            "notebooks/web1/lab.tar.gz",
            "pki/ca/certs/ca.cert.pem",
        ]


def test_a_restore_that_was_cut_off_goes_on_after_the_main_job_has_worked_there(tmp_path, folders, archive):
    second = elsewhere(tmp_path, folders)
    jupyter_archive.restore(str(archive), PASSPHRASE, second, check_mode=False)
    (tmp_path / "second/pki/issued.pem").write_text("a new certificate\n")
    again = jupyter_archive.restore(str(archive), PASSPHRASE, second, check_mode=False)
    assert (again["changed"], again["folders"], again["notebooks"]) == (False, [], NOTEBOOKS)


def test_a_folder_with_other_files_is_refused_and_nothing_is_written(tmp_path, folders, archive):
    second = elsewhere(tmp_path, folders)
    (tmp_path / "second/pki").mkdir(parents=True)
    (tmp_path / "second/pki/mine").write_text("another authority\n")
    with pytest.raises(BackupError, match="already holds 1 files that are not those"):
        jupyter_archive.restore(str(archive), PASSPHRASE, second, check_mode=False)
    assert not (tmp_path / "second/credentials").exists()


def test_an_archive_has_to_be_named(folders):
    with pytest.raises(BackupError, match="backup_file: no archive is named"):
        jupyter_archive.backup("", PASSPHRASE, folders, NOTEBOOKS, check_mode=False)
    with pytest.raises(BackupError, match="backup_file: no archive is named"):
        jupyter_archive.restore("", PASSPHRASE, folders, check_mode=False)


def test_a_folder_with_the_same_files_is_left_as_it_is(folders, archive):
    # A copy by other means, such as git, has lost the modes.
    Path(folders["credentials"], "web1/lab.password").chmod(0o400)
    result = jupyter_archive.restore(str(archive), PASSPHRASE, folders, check_mode=False)
    assert (result["changed"], result["folders"]) == (False, [])


@pytest.mark.parametrize(
    ("passphrase", "damage", "message"),
    [
        pytest.param("short", lambda data: data, "backup_passphrase has 5 characters", id="short passphrase"),
        pytest.param(
            "another passphrase", lambda data: data, "backup_passphrase does not open", id="another passphrase"
        ),
        pytest.param(PASSPHRASE, lambda data: data[:-20], "or damaged", id="cut off"),
        pytest.param(
            PASSPHRASE, lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:], "or damaged", id="one bit turned"
        ),
        pytest.param(PASSPHRASE, lambda data: b"something else", "is no archive", id="another file"),
    ],
)
def test_what_cannot_be_opened_is_refused(tmp_path, folders, archive, passphrase, damage, message):
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(BackupError, match=message):
        jupyter_archive.restore(str(archive), passphrase, elsewhere(tmp_path, folders), check_mode=False)
    assert not (tmp_path / "second").exists()


@pytest.mark.parametrize(
    ("file", "chosen", "message"),
    [
        pytest.param(
            "pki/inside.backup", lambda folders: folders, "it would be lost with it", id="into a folder that it saves"
        ),
        pytest.param(
            "all.backup",
            lambda folders: {"handoff": folders["handoff"]},
            "There is nothing to back up",
            id="nothing there",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, folders, file, chosen, message):
    with pytest.raises(BackupError, match=message):
        jupyter_archive.backup(str(tmp_path / file), PASSPHRASE, chosen(folders), {}, check_mode=False)
    assert not (tmp_path / file).exists()


HOSTILE = packed(
    ("a.ipynb", b"{}", {}),
    ("rootsh", b"#!", {"mode": 0o4755, "uid": 0}),
    ("mem", b"", {"type": tarfile.CHRTYPE, "mode": 0o666, "devmajor": 1, "devminor": 1}),
    ("../out", b"", {}),
    ("link", b"", {"type": tarfile.SYMTYPE, "linkname": "/etc"}),
)


def test_what_a_host_has_packed_is_not_believed(tmp_path, folders):
    path = tmp_path / "all.backup"
    said = jupyter_archive.backup(str(path), PASSPHRASE, folders, {"web1/lab": HOSTILE}, check_mode=False)
    assert [each.partition(" (")[0] for each in said["left_out"]] == [
        "web1/lab: mem",
        "web1/lab: ../out",
        "web1/lab: link",
    ]
    back = jupyter_archive.restore(str(path), PASSPHRASE, elsewhere(tmp_path, folders), check_mode=False)
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(back["notebooks"]["web1/lab"]))) as opened:
        assert [(member.name, oct(member.mode), member.type) for member in opened] == [
            ("a.ipynb", "0o644", b"0"),
            ("rootsh", "0o755", b"0"),
        ]


def test_an_archive_of_earlier_days_is_not_believed_either(tmp_path, folders, monkeypatch):
    path = tmp_path / "old.backup"
    with monkeypatch.context() as old:
        old.setattr(notebooks, "clean", lambda text, limit: (base64.b64decode(text), []))
        jupyter_archive.backup(str(path), PASSPHRASE, folders, {"web1/lab": HOSTILE}, check_mode=False)
    back = jupyter_archive.restore(str(path), PASSPHRASE, elsewhere(tmp_path, folders), check_mode=False)
    assert len(back["left_out"]) == 3


def test_notebooks_beyond_the_limit_are_refused(tmp_path, folders):
    bomb = packed(("zeros", bytes(3_000_000), {}))
    with pytest.raises(
        BackupError, match=r"web1/lab cannot be taken, at most 1 MB \(backup_limit\): it unpacks to more"
    ):
        jupyter_archive.backup(
            str(tmp_path / "b"), PASSPHRASE, folders, {"web1/lab": bomb}, check_mode=False, limit=1_000_000
        )
    assert not (tmp_path / "b").exists()
