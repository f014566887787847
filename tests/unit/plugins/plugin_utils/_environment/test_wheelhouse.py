# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives of wheels, downloaded by the real pip from a folder."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import LockError
from ansible_collections.remote.notebooks.plugins.plugin_utils._environment import wheelhouse

PYTHON_3_11, PURE = "cp311-cp311-manylinux_2_{}_x86_64", "py3-none-any"


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """An index, and a host that wants the package tiny."""
    index = tmp_path / "index"
    index.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))

    class Lab:
        folder = tmp_path / "wheels"
        names = []  # noqa: RUF012

        @classmethod
        def publish(cls, name):
            version = name.split("-")[1].removesuffix(".tar.gz")
            files = {
                "METADATA": f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n",
                "WHEEL": "Wheel-Version: 1.0\n",
                "RECORD": "",
            }
            if name.endswith(".whl"):
                with zipfile.ZipFile(index / name, "w") as archive:
                    for file, text in files.items():
                        archive.writestr(f"tiny-{version}.dist-info/{file}", text)
            else:
                with tarfile.open(index / name, "w:gz") as archive:
                    entry = tarfile.TarInfo(f"tiny-{version}/PKG-INFO")
                    entry.size = len(files["METADATA"])
                    archive.addfile(entry, io.BytesIO(files["METADATA"].encode()))
            cls.names.append(name)

        @classmethod
        def lock(cls, version=1):
            hashes = [hashlib.sha256((index / name).read_bytes()).hexdigest() for name in cls.names]
            return f"tiny=={version} " + " ".join(f"--hash=sha256:{digest}" for digest in hashes) + "\n"

        @classmethod
        def fetch(cls, lock):
            how = {
                "folder": str(cls.folder),
                "name": "py3.11-x86_64-8950abfd",
                "python": "3.11",
                "machine": "x86_64",
                "libc": "glibc 2.36",
            }
            with tarfile.open(wheelhouse.settle({**how, "index_url": "", "http_proxy": ""}, lock, "")) as tar:
                return tar.getnames()

        @classmethod
        def archives(cls):
            return [path.name for path in cls.folder.iterdir() if path.name not in (".lock", ".gitignore")]

        @staticmethod
        def spoil():
            for path in index.iterdir():
                path.write_bytes(path.read_bytes()[:-10])

        @staticmethod
        def close():
            for path in index.iterdir():
                path.unlink()

    return Lab


def test_the_best_wheel_for_the_host_and_for_no_other(lab):
    for name in (PYTHON_3_11.format(36), PYTHON_3_11.format(41), PURE, "cp313-cp313-manylinux_2_17_x86_64"):
        lab.publish(f"tiny-1-{name}.whl")
    assert lab.fetch(lab.lock()) == ["tiny-1-cp311-cp311-manylinux_2_36_x86_64.whl"]


def test_the_second_host_of_its_kind_downloads_nothing(lab):
    lab.publish(f"tiny-1-{PURE}.whl")
    lock = lab.lock()
    first = lab.fetch(lock)
    lab.close()
    assert lab.fetch(lock) == first


def test_a_package_without_a_wheel_is_named_with_the_cure(lab):
    lab.publish("tiny-1.tar.gz")
    with pytest.raises(
        LockError, match=r"tiny==1 has no wheel for Python 3\.11 on x86_64 with glibc 2\.36.* or leave wheelhouse out"
    ):
        lab.fetch(lab.lock())
    assert lab.archives() == []


def test_a_file_that_was_cut_off_is_never_used(lab):
    lab.publish(f"tiny-1-{PURE}.whl")
    lock = lab.lock()
    lab.spoil()
    with pytest.raises(LockError, match=r"has no .*/wheels/.*\.tar yet.* not the one that the lock file names"):
        lab.fetch(lock)
    assert lab.archives() == []


def test_a_run_that_was_killed_leaves_nothing_behind(lab):
    lab.publish(f"tiny-1-{PURE}.whl")
    (lab.folder / ".new-folder" / "wheels").mkdir(parents=True)
    (lab.folder / ".new-folder" / "wheels" / "half.whl").write_text("ha")
    (lab.folder / ".new-1234").write_text("half an archive")
    assert lab.fetch(lab.lock()) == ["tiny-1-py3-none-any.whl"]
    assert len(lab.archives()) == 1


def test_the_last_two_stay(lab):
    for version in (1, 2, 3):
        lab.publish(f"tiny-{version}-{PURE}.whl")
        lab.fetch(lab.lock(version))
    before = lab.archives()
    lab.close()
    assert len(before) == 2


def test_no_file_of_the_working_folder_is_run(lab, tmp_path, monkeypatch):
    """python -m takes a module from there first."""
    lab.publish(f"tiny-1-{PURE}.whl")
    (tmp_path / "pip.py").write_text("import pathlib; pathlib.Path(__file__).with_name('ran').touch()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    assert lab.fetch(lab.lock()) == [f"tiny-1-{PURE}.whl"]
    assert not (tmp_path / "ran").exists()
