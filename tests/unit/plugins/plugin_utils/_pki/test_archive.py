# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The encrypted archive of `pki_dir`: it comes back whole, with our own hands or with openssl and tar, or not at
all."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile

import ansible_collections
import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PkiError, RemoteNotebooksError
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki import archive as pki_archive
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki import issue, revoke
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki import settings as pki_settings

PATH = os.path.dirname(next(iter(ansible_collections.__path__)))
PASSPHRASE = "for the archive"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The figure for passphrases makes each test wait half a second; one test below uses it as it is."""
    monkeypatch.setattr(pki_archive, "ROUNDS", 1000)


@pytest.fixture
def pki(tmp_path):
    settings = pki_settings.Settings(
        directory=str(tmp_path / "pki"), certificates=[{"name": "web1/lab", "addresses": ["web1.lab.example"]}]
    )
    issue.ensure(settings)
    return settings


def backup(tmp_path, **options):
    return pki_archive.backup(
        str(tmp_path / "pki"),
        str(tmp_path / "pki.backup"),
        **{"passphrase": PASSPHRASE, "check_mode": False, **options},
    )


def restore(tmp_path, to="pki", **options):
    return pki_archive.restore(
        str(tmp_path / "pki.backup"), str(tmp_path / to), **{"passphrase": PASSPHRASE, "check_mode": False, **options}
    )


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
    assert not issue.ensure(pki)["changed"]
    revoke.revoke(pki, ["web1/lab"], [], "unspecified")


def test_a_second_backup_of_the_same_changes_nothing(pki, tmp_path):
    backup(tmp_path)
    before = (tmp_path / "pki.backup").read_bytes()
    assert not backup(tmp_path)["changed"]
    assert (tmp_path / "pki.backup").read_bytes() == before
    revoke.revoke(pki, ["web1/lab"], [], "unspecified")
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
    revoke.revoke(pki, ["web1/lab"], [], "unspecified")
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


def test_an_archive_without_its_end_is_refused_whatever_its_padding():
    """One cut in 256 leaves a padding that is valid by chance."""
    files, passphrase = {"ca/serial": (b"01", 0o600)}, "correct horse battery"
    sealed = pki_archive.seal(files, passphrase)
    cipher = pki_archive._cipher(passphrase, sealed[8:16])
    decryptor, encryptor = cipher.decryptor(), cipher.encryptor()
    padded = decryptor.update(sealed[16:]) + decryptor.finalize()
    plain = padded[: -padded[-1]]
    short = plain[:-4]  # without the size that ends it
    count = 16 - len(short) % 16
    cut = sealed[:16] + encryptor.update(short + bytes([count]) * count) + encryptor.finalize()
    assert pki_archive.unseal(sealed, passphrase, "pki.backup") == files
    with pytest.raises(PkiError, match=r"pki\.backup, or the file is damaged"):
        pki_archive.unseal(cut, passphrase, "pki.backup")


def test_the_wrong_passphrase(pki, tmp_path):
    backup(tmp_path)
    with pytest.raises(PkiError, match="pki_backup_passphrase does not open"):
        restore(tmp_path, to="new", passphrase="another one")


def test_an_archive_cannot_write_outside(pki, tmp_path):
    sealed = pki_archive.seal({"../outside": (b"x", 0o600)}, PASSPHRASE)
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
        pki_archive.backup(str(tmp_path / "pki"), str(tmp_path / "pki/backup"), PASSPHRASE, False)
    with pytest.raises(PkiError, match="nothing to back up"):
        pki_archive.backup(str(tmp_path / "nowhere"), str(tmp_path / "b"), PASSPHRASE, False)
    with pytest.raises(RemoteNotebooksError, match="does not exist"):
        pki_archive.restore(str(tmp_path / "nowhere"), str(tmp_path / "new"), PASSPHRASE, False)


def sealed(members):
    """An archive by somebody who knows the passphrase: any names, kinds, modes and sizes, and a list of digests that
    agrees."""
    files = {member.name: (content, member.mode) for member, content in members if member.isreg()}
    manifest = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, (content, _mode) in sorted(files.items())
    ).encode()
    first = tarfile.TarInfo(pki_archive.MANIFEST)
    first.size = len(manifest)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        archive.addfile(first, io.BytesIO(manifest))
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return encrypted(buffer.getvalue())


def encrypted(packed):
    words = [
        "openssl",
        "enc",
        "-aes-256-cbc",
        "-pbkdf2",
        "-iter",
        "1000",
        "-md",
        "sha256",
        "-pass",
        f"pass:{PASSPHRASE}",
    ]
    return subprocess.run(words, input=packed, capture_output=True, check=True).stdout


def member(name, content=b"x", kind=tarfile.REGTYPE, mode=0o600, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname = kind, mode, link
    info.size = len(content) if kind == tarfile.REGTYPE else 0
    return info, content


@pytest.mark.parametrize(
    "members",
    [
        pytest.param([member("../x")], id="up"),
        pytest.param([member("a/../../x")], id="up in the middle"),
        pytest.param([member("/x")], id="absolute"),
        pytest.param([member("./x")], id="a dot"),
        pytest.param([member("a//x")], id="an empty part"),
        pytest.param([member("a\nb")], id="a line more"),
        pytest.param([member("a\x1b[2J")], id="a terminal's command"),
        pytest.param([member("a" * 300)], id="a name too long for a file"),
        pytest.param([member("/".join(["a" * 200] * 30))], id="a path too long for a system"),
        pytest.param([member("a"), member("a/b")], id="a file that is a folder as well"),
        pytest.param([member("a"), member("a", b"y")], id="twice"),
        pytest.param([member("a", kind=tarfile.SYMTYPE, link="/etc/passwd")], id="a link"),
        pytest.param([member("b"), member("a", kind=tarfile.LNKTYPE, link="b")], id="a hard link"),
        pytest.param([member("a", kind=tarfile.FIFOTYPE)], id="a pipe"),
        pytest.param([member("a", kind=tarfile.CHRTYPE)], id="a device"),
        pytest.param([member("a", kind=tarfile.DIRTYPE)], id="a folder"),
    ],
)
def test_what_no_backup_packs_is_one_message(tmp_path, members):
    (tmp_path / "pki.backup").write_bytes(sealed(members))
    with pytest.raises(PkiError, match="or the file is damaged"):
        restore(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["pki.backup"]


@pytest.mark.parametrize(
    "members",
    [
        pytest.param([member("a", bytes(400_000_000))], id="one large file"),
        pytest.param([member(f"a{number}", bytes(4_000_000)) for number in range(100)], id="many"),
    ],
)
def test_what_unpacks_to_more_than_it_may_is_not_unpacked(tmp_path, members):
    data = sealed(members)
    assert len(data) < 4_000_000
    (tmp_path / "pki.backup").write_bytes(data)
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (900_000_000, 900_000_000))\nfrom"
        " ansible_collections.remote.notebooks.plugins.plugin_utils._pki import archive as"
        f" _pki_backup\n_pki_backup.ROUNDS = 1000\n_pki_backup.restore({str(tmp_path / 'pki.backup')!r},"
        f" {str(tmp_path / 'pki')!r}, {PASSPHRASE!r}, False)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": PATH},
    )
    assert "unpacks to more than" in done.stderr or "or the file is damaged" in done.stderr
    assert "MemoryError" not in done.stderr
    assert not (tmp_path / "pki").exists()


def test_a_header_without_end_is_not_read(tmp_path):
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 8 * 10**9
    (tmp_path / "pki.backup").write_bytes(
        encrypted(gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + bytes(300_000_000), 1))
    )
    with pytest.raises(PkiError, match="unpacks to more than"):
        restore(tmp_path)


def test_nobody_else_may_write_what_comes_back(tmp_path):
    (tmp_path / "pki.backup").write_bytes(
        sealed([member("a", mode=0o777), member("b", mode=0o4755), member("c", mode=0o400), member("d", mode=0)])
    )
    restore(tmp_path)
    assert {
        path.name: oct(path.stat().st_mode & 0o7777) for path in (tmp_path / "pki").iterdir() if len(path.name) == 1
    } == {
        "a": "0o644",
        "b": "0o644",
        "c": "0o400",
        "d": "0o400",
    }
