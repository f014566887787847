# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
import sys
import zipfile

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._environment import pip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where Debian keeps its wheels. This Python has no ensurepip, and its environment no wheel (make venv)."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(pip.sysconfig, "get_config_var", {"WHEEL_PKG_DIR": str(tmp_path)}.get)
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    return tmp_path


def put(folder, version, python, *known):
    classifiers = "".join(
        f"\nClassifier: Programming Language :: Python :: {name}" for name in ("3", "3 :: Only", *known)
    )
    with zipfile.ZipFile(folder / f"pip-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(
            f"pip-{version}.dist-info/METADATA",
            f"Name: pip\nVersion: {version}\n{python}{classifiers}\n\nRequires-Python: >=99\n",
        )


def test_one_that_every_python_of_the_host_can_run(folder):
    put(folder, "24.0", "Requires-Python: >=3.7", "3.7", "3.12")
    put(folder, "99.0", "Requires-Python: >=3.12", "3.12", "3.13")
    assert pip.wheel([[3, 12]]).endswith("/pip-24.0-py3-none-any.whl")
    (folder / "pip-24.0-py3-none-any.whl").unlink()
    assert pip.wheel([[3, 12], [3, 13]]).endswith("/pip-99.0-py3-none-any.whl")
    assert pip.wheel([[3, 12], [3, 11]]) == ""


@pytest.mark.parametrize(
    ("version", "known", "python", "runs"),
    [
        ("23.0.1", "3.11", [3, 11], True),
        ("23.0.1", "3.11", [3, 12], False),  # AttributeError: module 'pkgutil' has no attribute 'ImpImporter'
        ("23.2.1", "3.12", [3, 13], True),
        ("23.2.1", "3.12", [3, 14], False),
    ],
)
def test_none_that_is_too_old_for_the_python_of_the_host(folder, version, known, python, runs):
    put(folder, version, "Requires-Python: >=3.7", "3.9", known)
    assert bool(pip.wheel([python])) is runs


def test_the_one_of_a_checkout_on_a_machine_without(folder, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(folder))
    (folder / "share/python-wheels").mkdir(parents=True)
    put(folder / "share/python-wheels", "25.1", "Requires-Python: >=3.9", "3.13")

    assert pip.wheel([[3, 13]]).endswith("/share/python-wheels/pip-25.1-py3-none-any.whl")


def test_none(folder):
    assert pip.wheel([[3, 12]]) == ""


def test_the_one_of_this_python_runs_out_of_its_wheel():
    wheel = pip.wheel([[*sys.version_info[:2]]])
    said = subprocess.run(
        [sys.executable, f"{wheel}/pip", "--version"], check=True, capture_output=True, text=True
    ).stdout
    assert f"from {wheel}/pip" in said
