# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults around `pki_dir`: after each fault nothing is lost, no file is half written, and one message has
the cure."""

from __future__ import annotations

import dataclasses
import datetime
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import traceback

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import FilesError, PkiError, RemoteNotebooksError
from ansible_collections.remote.notebooks.plugins.plugin_utils import _files
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.issue import ensure
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.revoke import revoke
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.settings import Settings

NAMES = [{"name": f"web{number}/lab", "addresses": [f"web{number}.lab.example"]} for number in range(3)]


def settings(folder, **differently):
    return Settings(**{"directory": str(folder / "pki"), "certificates": NAMES, **differently})


def snapshot(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_sound(folder, result):
    """Conditions that hold after every repaired fault, checked from outside."""
    ca = folder / "pki/ca"
    for item in result["certificates"].values():
        openssl(
            "verify",
            "-x509_strict",
            "-purpose",
            "sslserver",
            "-CAfile",
            ca / "certs/ca.cert.pem",
            "-untrusted",
            item["pem"],
            item["pem"],
        )
    serials = [line.split("\t")[3] for index in folder.rglob("index.txt") for line in index.read_text().splitlines()]
    assert len(serials) == len(set(serials))
    assert {path.stem for path in folder.rglob("newcerts/*.pem")} <= set(serials)
    assert [str(path) for path in folder.rglob(f"{_files.TEMPORARY}*")] == []


# Killed at any moment


def killed_at(moment, action):
    """Run ``action`` in a process that SIGKILLs itself at its n-th change of the disk; return whether it got that
    far."""
    child = os.fork()
    if child == 0:
        try:
            _count_down(moment)
            action()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(3)
    _pid, status = os.waitpid(child, 0)
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def _count_down(moment):
    """Every call that changes the disk counts; the kill comes right before it, which is right after the one before."""
    left = moment

    def counting(real):
        def call(*arguments, **options):
            tick()
            return real(*arguments, **options)

        return call

    def tick():
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("mkdir", "rename", "fsync", "fchmod", "unlink"):
        setattr(os, name, counting(getattr(os, name)))
    tempfile.mkstemp = counting(tempfile.mkstemp)


def first_run(_folder):
    pass


def issued_before(folder):
    ensure(settings(folder))


LATER = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=380)
SCENES = [
    pytest.param(first_run, lambda folder: ensure(settings(folder, certificates=NAMES[:1])), id="making everything"),
    pytest.param(
        first_run,
        lambda folder: ensure(settings(folder, certificates=NAMES[:1], authority={"intermediate": True})),
        id="making an intermediate",
    ),
    pytest.param(issued_before, lambda folder: ensure(settings(folder, now=LATER)), id="renewing all"),
    pytest.param(
        issued_before, lambda folder: revoke(settings(folder), ["web0/lab"], [], "keyCompromise"), id="revoking"
    ),
]


@pytest.mark.parametrize(("before", "action"), SCENES)
def test_killed_at_every_write(tmp_path, before, action):
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    before(prepared)
    moment, kills = 1, 0
    while True:
        folder = tmp_path / f"at-{moment}"
        shutil.copytree(prepared, folder)
        authority = folder / "pki/ca/certs/ca.cert.pem"
        if not killed_at(moment, lambda here=folder: action(here)):
            break
        kills += 1
        known = authority.read_bytes() if authority.exists() else None
        known_to_index = {
            line.split("\t")[3] for index in folder.rglob("index.txt") for line in index.read_text().splitlines()
        }
        assert {path.stem for path in folder.rglob("newcerts/[0-9A-F]*.pem")} <= known_to_index
        for path in folder.rglob("*.pem"):
            if not path.name.startswith(_files.TEMPORARY):
                assert path.read_text().endswith("-----\n"), path
        intermediate = {"authority": {"intermediate": True}} if list(folder.rglob("intermediate")) else {}
        try:
            action(folder)
        except RemoteNotebooksError as error:
            pytest.fail(f"killed at {moment}: {error}")
        result = ensure(settings(folder, now=LATER, **intermediate))
        assert_sound_at(folder, result, known)
        shutil.rmtree(folder)
        moment += 1
    assert kills > 10


def assert_sound_at(folder, result, known):
    if known is not None:
        assert (folder / "pki/ca/certs/ca.cert.pem").read_bytes() == known, "the authority was replaced"
    serials = [line.split("\t")[3] for index in folder.rglob("index.txt") for line in index.read_text().splitlines()]
    assert len(serials) == len(set(serials))
    assert {path.stem for path in folder.rglob("newcerts/*.pem")} <= set(serials)
    assert [str(path) for path in folder.rglob(f"{_files.TEMPORARY}*")] == []
    assert set(result["certificates"]) == {item["name"] for item in NAMES}


# Two runs at once


def _run_and_report(folder, start, results):
    start.wait()
    try:
        results.put(ensure(settings(folder))["authority"]["sha256"])
    except Exception as error:
        results.put(repr(error))


def test_many_runs_at_once_make_one_authority_and_no_serial_twice(tmp_path):
    context = multiprocessing.get_context("fork")
    start, results = context.Event(), context.Queue()
    runs = [context.Process(target=_run_and_report, args=(tmp_path, start, results)) for _turn in range(8)]
    for process in runs:
        process.start()
    start.set()
    seen = {results.get(timeout=60) for _turn in runs}
    for process in runs:
        process.join()
    assert len(seen) == 1 and re.fullmatch("[0-9a-f]{64}", seen.pop())
    assert len((tmp_path / "pki/ca/index.txt").read_text().splitlines()) == len(NAMES)
    assert_sound(tmp_path, ensure(settings(tmp_path)))


def test_a_run_that_waits_in_vain_says_for_whom(tmp_path, monkeypatch):
    ensure(settings(tmp_path))
    real = _files.lock
    with real(str(tmp_path / "pki")):
        monkeypatch.setattr(_files, "lock", lambda folder: real(folder, seconds=0.3))
        with pytest.raises(FilesError, match=r"Another run has held .*/pki .*Let it end, then run again"):
            ensure(settings(tmp_path))


# The disk


def in_a_mount(script):
    """Run Python in a mount namespace of its own, where it may mount file systems."""
    done = subprocess.run(
        [
            "unshare",
            "--mount",
            *([] if os.geteuid() == 0 else ["--map-root-user"]),
            sys.executable,
            "-c",
            textwrap.dedent(script),
        ],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


PRELUDE = """
import os, pathlib, subprocess
from ansible_collections.remote.notebooks.plugins.module_utils._errors import FilesError
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.issue import Settings, ensure
def mount(*options): subprocess.run(["mount", *options], check=True)
def snapshot():
    files = (p for p in folder.rglob("*") if p.is_file() and p.name not in (".lock", ".gitignore"))
    return {str(p): p.read_bytes() for p in files}
folder = pathlib.Path("/mnt")
names = [{"name": f"web{n}/lab", "addresses": [f"web{n}.lab.example"]} for n in range(8)]
def run(names): return ensure(Settings(directory="/mnt/pki", certificates=names))
"""


def test_a_full_disk_changes_nothing_and_is_named():
    out = in_a_mount(
        PRELUDE
        + """
refused = 0
for kilobytes in range(8, 400, 12):
    mount("-t", "tmpfs", "-o", f"size={kilobytes}k,nr_inodes=200", "tmpfs", "/mnt")
    for batch in (names[:1], names):
        before = snapshot()
        try:
            run(batch)
        except FilesError as error:
            assert "No space left on device" in str(error), error
            refused += 1
            assert snapshot() == before
    mount("-o", "remount,size=10m", "/mnt")
    assert len(run(names)["certificates"]) == 8
    assert not run(names)["changed"]
    subprocess.run(["umount", "/mnt"], check=True)
print("refused", refused)
"""
    )
    assert int(out.split()[-1]) > 10


def test_a_read_only_folder_is_named():
    said = in_a_mount(
        PRELUDE
        + """
mount("-t", "tmpfs", "tmpfs", "/mnt")
run(names[:1])
before = snapshot()
mount("-o", "remount,ro", "/mnt")
try:
    run(names)
    raise SystemExit("it wrote")
except FilesError as error:
    assert "/mnt/pki" in str(error) and "Read-only file system" in str(error), error
assert snapshot() == before
print("named, and nothing written")
"""
    )
    assert said == "named, and nothing written\n"


def test_a_folder_of_another_account_is_named(tmp_path):
    tmp_path.chmod(0o755)
    ensure(settings(tmp_path))
    if os.geteuid() != 0:
        pytest.skip("only root can make a folder that belongs to another account")
    os.chown(tmp_path / "pki", 65534, 65534)
    with pytest.raises(FilesError, match=r"/pki belongs to another account \(nobody, uid 65534\)"):
        ensure(settings(tmp_path))


# Damage


DAMAGE = {
    "cut off": lambda data: data[: len(data) // 2],
    "emptied": lambda data: b"",
    "garbage": lambda data: b"\x00\xff\x17garbage\n" * 20,
}
CURES = [
    ("ca/certs/ca.cert.pem", "Put it back from a backup"),
    ("ca/private/ca.key.pem", "ut it back from a backup"),
]


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize(("name", "cure"), CURES)
def test_a_damaged_authority_is_never_replaced(tmp_path, name, cure, kind):
    ensure(settings(tmp_path))
    path = tmp_path / "pki" / name
    damaged = DAMAGE[kind](path.read_bytes())
    path.chmod(0o600)
    path.write_bytes(damaged)
    before = snapshot(tmp_path)
    with pytest.raises(PkiError) as refused:
        ensure(settings(tmp_path, renew=["*"]))
    assert str(path) in str(refused.value) and cure in str(refused.value)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("kind", ["cut off", "garbage"])
def test_a_damaged_index_is_named_with_its_line_and_its_cure(tmp_path, kind):
    ensure(settings(tmp_path))
    path = tmp_path / "pki/ca/index.txt"
    path.write_bytes(DAMAGE[kind](path.read_bytes()))
    with pytest.raises(PkiError, match=r"index\.txt is damaged: .* Put it back from index\.txt\.old"):
        ensure(settings(tmp_path))
    # The second cure that it names
    path.unlink()
    result = ensure(settings(tmp_path))
    assert not any(item["changed"] for item in result["certificates"].values())
    assert_sound(tmp_path, result)


def test_a_lost_certificate_of_an_authority_that_has_issued_is_not_made_again(tmp_path):
    ensure(settings(tmp_path))
    (tmp_path / "pki/ca/certs/ca.cert.pem").unlink()
    with pytest.raises(PkiError, match=r"ca\.cert\.pem is missing, but .*index\.txt lists what it issued"):
        ensure(settings(tmp_path))


def test_a_lost_key_is_only_missed_where_there_is_something_to_sign(tmp_path):
    ensure(settings(tmp_path))
    (tmp_path / "pki/ca/private/ca.key.pem").unlink()
    assert not ensure(settings(tmp_path))["changed"]
    with pytest.raises(PkiError, match=r"ca\.key\.pem is missing, and there is something to sign: web0/lab"):
        ensure(settings(tmp_path, renew=["web0/lab"]))


def test_another_authoritys_key(tmp_path):
    ensure(settings(tmp_path))
    key = tmp_path / "pki/ca/private/ca.key.pem"
    key.chmod(0o600)
    passphrase = (tmp_path / "pki/passphrase").read_text().strip()
    openssl(
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-aes-256-cbc",
        "-pass",
        f"pass:{passphrase}",
        "-out",
        key,
    )
    with pytest.raises(PkiError, match=r"ca\.key\.pem does not belong to .*ca\.cert\.pem"):
        ensure(settings(tmp_path, renew=["web0/lab"]))


@pytest.mark.parametrize(
    "name",
    [
        "serial",
        "crlnumber",
        "crl/ca.crl.pem",
        "crl/ca.crl.der",
        "certs/ca.cert.der",
        "index.txt.attr",
        "../ca-bundle.pem",
    ],
)
def test_what_can_be_made_again_is(tmp_path, name):
    first = ensure(settings(tmp_path))
    path = tmp_path / "pki/ca" / name
    path.write_bytes(b"\xffgarbage")
    ensure(settings(tmp_path))
    revoke(settings(tmp_path), ["web0/lab"], [], "unspecified")
    again = ensure(settings(tmp_path))
    assert b"garbage" not in path.read_bytes()
    assert again["authority"]["sha256"] == first["authority"]["sha256"]
    openssl(
        "crl", "-in", tmp_path / "pki/ca/crl/ca.crl.pem", "-noout", "-CAfile", tmp_path / "pki/ca/certs/ca.cert.pem"
    )
    assert_sound(tmp_path, again)


# Links and places


@pytest.mark.parametrize(
    "name", ["certificates/web0/lab.pem", "certificates/web0", "ca/newcerts", "ca-bundle.pem", "ca/index.txt"]
)
def test_a_planted_link_is_never_followed(tmp_path, name):
    ensure(settings(tmp_path))
    path, victim = tmp_path / "pki" / name, tmp_path / "victim"
    os.rename(path, tmp_path / "away")
    if (tmp_path / "away").is_dir():
        victim.mkdir()
    else:
        victim.write_bytes((tmp_path / "away").read_bytes() if name == "ca/index.txt" else b"precious")
    path.symlink_to(victim)
    before = snapshot(tmp_path)
    with pytest.raises(RemoteNotebooksError) as refused:
        ensure(settings(tmp_path, renew=["web0/lab"]))
    assert str(path) in str(refused.value) and "Move it away" in str(refused.value)
    assert snapshot(tmp_path) == before


def test_a_link_instead_of_the_folder_or_its_lock(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "pki").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FilesError, match=r"/pki is not a folder"):
        ensure(settings(tmp_path))
    (tmp_path / "pki").unlink()
    ensure(settings(tmp_path))
    (tmp_path / "pki/.lock").unlink()
    (tmp_path / "pki/.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(FilesError, match=r"Cannot lock"):
        ensure(settings(tmp_path))
    assert not (tmp_path / "victim").exists()


def test_a_place_where_everybody_may_write(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    for check_mode in (True, False):
        with pytest.raises(FilesError, match=rf"Everybody may write to {shared}, .* Run: chmod o-w {shared}"):
            ensure(settings(shared / "project", check_mode=check_mode))
    assert list(shared.iterdir()) == []
    shared.chmod(0o1777)
    assert ensure(settings(shared))["changed"]


def test_what_a_killed_run_left_is_swept(tmp_path):
    ensure(settings(tmp_path))
    left = tmp_path / "pki/certificates/web0" / f"{_files.TEMPORARY}abc"
    left.write_bytes(b"half a key")
    ensure(dataclasses.replace(settings(tmp_path), check_mode=True))
    assert left.exists()
    ensure(settings(tmp_path))
    assert not left.exists()
