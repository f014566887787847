# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules as Ansible runs them, with the real certutil and the real update-ca-certificates, on folders of their
own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ANSIBLE = str(Path(sys.executable).parent / "ansible")


def run(module: str, check: bool = False, **arguments) -> dict:
    command = [
        ANSIBLE,
        "localhost",
        "-m",
        f"remote.notebooks.{module}",
        "-a",
        json.dumps(arguments),
        *(["--check", "--diff"] if check else []),
    ]
    environment = {
        **os.environ,
        "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "ANSIBLE_NOCOLOR": "1",
    }
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    return json.loads(done.stdout[done.stdout.index("{") :])["plays"][0]["tasks"][0]["hosts"]["localhost"]


def make(folder: Path, name: str) -> str:
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        os.devnull,
    ]
    done = subprocess.run(
        [*command, "-subj", f"/CN={name}", "-days", "9"], check=True, capture_output=True, text=True, cwd=folder
    )
    return done.stdout


def everything(folder: Path) -> dict[str, str | bytes]:
    """Every file and link below a folder, with its content or target."""
    return {
        str(path.relative_to(folder)): (
            os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else "folder"
        )
        for path in folder.rglob("*")
    }


def nicknames(store: Path) -> dict[str, str]:
    listing = subprocess.run(
        ["certutil", "-L", "-d", f"sql:{store}"], check=True, capture_output=True, text=True
    ).stdout
    return dict(re.findall(r"^(\S.*?) +([a-zA-Z]*,[a-zA-Z]*,[a-zA-Z]*) *$", listing, re.MULTILINE))


@pytest.fixture
def authority(tmp_path):
    return make(tmp_path, "Our CA")


def test_a_store_is_made_and_nothing_is_left_of_it(tmp_path, authority):
    home = tmp_path / "home"
    home.mkdir()
    store = home / ".pki/nssdb"
    given = {
        "certificates": authority,
        "stores": [str(store)],
        "make": str(store),
        "unless": [str(home / ".local/share/pki/nssdb")],
    }
    assert run("trust_nss", check=True, **given)["changed"] is True
    assert everything(home) == {}
    assert run("trust_nss", **given)["changed"] is True
    ((nickname, flags),) = nicknames(store).items()
    assert (nickname[:17], flags) == ("remote-notebooks-", "C,,")
    validity = subprocess.run(
        ["certutil", "-V", "-u", "L", "-n", nickname, "-d", f"sql:{store}"], check=False, capture_output=True, text=True
    )
    assert validity.returncode == 0, validity
    assert run("trust_nss", **given)["changed"] is False
    assert run("trust_nss", check=True, **given)["changed"] is False

    predicted = run("trust_nss", check=True, state="absent", **given)
    assert (predicted["changed"], nickname in predicted["diff"]["before"], predicted["diff"]["after"]) == (
        True,
        True,
        "",
    )
    assert run("trust_nss", state="absent", **given)["changed"] is True
    assert everything(home) == {}
    assert run("trust_nss", state="absent", **given)["changed"] is False
    assert everything(home) == {}


def test_what_others_keep_in_a_store_stays(tmp_path, authority):
    profiles = tmp_path / "firefox"
    for name in ("first", "second"):
        (profiles / name).mkdir(parents=True)
        subprocess.run(["certutil", "-N", "--empty-password", "-d", f"sql:{profiles / name}"], check=True)
    (profiles / "no profile").mkdir()
    theirs = make(tmp_path, "Their CA")
    add = ["certutil", "-A", "-a", "-n", "theirs", "-t", "CT,C,C", "-d", f"sql:{profiles / 'first'}"]
    subprocess.run(add, check=True, input=theirs, text=True)
    given = {"certificates": authority, "stores": [str(profiles / "*")]}
    assert run("trust_nss", **given)["stores"] == [str(profiles / "first"), str(profiles / "second")]
    assert len(nicknames(profiles / "first")) == 2

    newer = make(tmp_path, "The next CA")
    assert run("trust_nss", **{**given, "certificates": newer})["changed"] is True
    assert [len(nicknames(profiles / name)) for name in ("first", "second")] == [2, 1], "the one before is gone"
    assert run("trust_nss", state="absent", stores=given["stores"])["changed"] is True
    assert nicknames(profiles / "first") == {"theirs": "CT,C,C"}
    assert nicknames(profiles / "second") == {}
    assert (profiles / "second/cert9.db").exists(), "a store that was there before stays"


def test_the_newer_place_of_chromiums_store_is_taken_where_it_is(tmp_path, authority):
    older, newer = tmp_path / ".pki/nssdb", tmp_path / ".local/share/pki/nssdb"
    newer.mkdir(parents=True)
    subprocess.run(["certutil", "-N", "--empty-password", "-d", f"sql:{newer}"], check=True)
    run("trust_nss", certificates=authority, stores=[str(older), str(newer)], make=str(older), unless=[str(newer)])
    assert not older.exists()
    assert len(nicknames(newer)) == 1


def test_a_store_with_a_password_is_named(tmp_path, authority):
    (tmp_path / "secret").write_text("battery staple\n")
    subprocess.run(["certutil", "-N", "-f", str(tmp_path / "secret"), "-d", f"sql:{tmp_path}"], check=True)
    failed = run("trust_nss", certificates=authority, stores=[str(tmp_path)])
    assert failed["failed"] is True
    assert str(tmp_path) in failed["msg"]
    assert "primary password" in failed["msg"]


@pytest.fixture
def system(tmp_path):
    """Debian's own command, on folders of our own."""
    local, lists = tmp_path / "local", tmp_path / "certs"
    (tmp_path / "ca-certificates.conf").touch()
    for folder in (local, lists, tmp_path / "hooks", tmp_path / "share"):
        folder.mkdir()
    for name in ("first.crt", "second.crt"):
        (tmp_path / "share" / name).write_text(make(tmp_path, name))
    (tmp_path / "ca-certificates.conf").write_text("first.crt\nsecond.crt\n")
    refresh = [
        "update-ca-certificates",
        "--certsconf",
        str(tmp_path / "ca-certificates.conf"),
        "--certsdir",
        str(tmp_path / "share"),
    ]
    refresh += ["--localcertsdir", str(local), "--etccertsdir", str(lists), "--hooksdir", str(tmp_path / "hooks")]
    subprocess.run(refresh, check=True, capture_output=True)
    return {
        "directory": str(local),
        "bundle": str(lists / "ca-certificates.crt"),
        "refresh": refresh,
        "forget": [*refresh, "--fresh"],
    }


def test_the_system_trusts_and_forgets_byte_for_byte(tmp_path, system, authority):
    before = everything(tmp_path)
    given = {**system, "certificates": authority}
    assert run("trust_anchors", check=True, **given)["changed"] is True
    assert everything(tmp_path) == before
    (anchor,) = run("trust_anchors", **given)["anchors"]
    assert re.fullmatch(r".*/local/remote-notebooks-[0-9a-f]{16}\.crt", anchor)
    (tmp_path / "ca.pem").write_text(authority)
    for by in (["-CAfile", system["bundle"]], ["-CApath", str(tmp_path / "certs")]):
        subprocess.run(
            ["openssl", "verify", "-no-CAfile", "-no-CApath", *by, "ca.pem"],
            check=True,
            cwd=tmp_path,
            capture_output=True,
        )
    (tmp_path / "ca.pem").unlink()
    assert run("trust_anchors", **given)["changed"] is False
    assert run("trust_anchors", state="absent", **system)["changed"] is True
    assert everything(tmp_path) == before
    assert run("trust_anchors", state="absent", **system)["changed"] is False


def test_a_company_s_own_file_of_that_name_stays(tmp_path, system, authority):
    corp = tmp_path / "local" / "corp.crt"
    corp.write_text(make(tmp_path, "corp"))
    subprocess.run(system["refresh"], check=True, capture_output=True)
    before = everything(tmp_path)
    assert run("trust_anchors", **system, certificates=authority, name="corp")["changed"] is True
    assert run("trust_anchors", **system, state="absent", name="corp")["changed"] is True
    assert everything(tmp_path) == before


def test_a_run_that_was_cut_off_is_completed(tmp_path, system, authority):
    given = {**system, "certificates": authority}
    failed = run("trust_anchors", **{**given, "refresh": ["false"]})
    assert "false failed" in failed["msg"]
    assert run("trust_anchors", **given)["changed"] is True
    assert run("trust_anchors", **given)["changed"] is False


def test_a_new_authority_takes_the_place_of_the_old(tmp_path, system, authority):
    newer = make(tmp_path, "The next CA")
    run("trust_anchors", **system, certificates=authority)
    assert len(run("trust_anchors", **system, certificates=authority + newer)["anchors"]) == 2
    (anchor,) = run("trust_anchors", **system, certificates=newer)["anchors"]
    assert [str(path) for path in (tmp_path / "local").iterdir()] == [anchor]
    assert newer in Path(system["bundle"]).read_text()
    assert authority not in Path(system["bundle"]).read_text()
