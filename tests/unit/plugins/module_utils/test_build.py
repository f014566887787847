# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the installers say, and what a person reads. The steps themselves run in the scenarios."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils import _build
from ansible_collections.remote.notebooks.plugins.module_utils._errors import BuildError


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        pytest.param("error: Failed to write to /x\n  Caused by: No space left on device (os error 28)", "no room left", id="uv, disk full"),
        pytest.param("OSError: [Errno 28] No space left on device", "no room left", id="pip, disk full"),
        pytest.param("x No solution found when resolving dependencies:\n  tiny==99", "no set of packages", id="uv, nothing fits"),
        pytest.param("ERROR: ResolutionImpossible: for help visit", "no set of packages", id="pip, nothing fits"),
        pytest.param(
            "WARNING: Retrying: NewConnectionError\nERROR: No matching distribution found for x", "cannot be reached", id="pip, no index at all"
        ),
        pytest.param("error: Failed to fetch: http://192.0.2.1/simple/x/\n dns error", "cannot be reached", id="uv, no index at all"),
        pytest.param("Failed to fetch x\n invalid peer certificate: UnknownIssuer", "that this host does not trust", id="uv, own authority"),
        pytest.param("Failed to fetch x\n tunnel error: unsuccessful", "proxy does not let", id="uv, a proxy that refuses"),
        pytest.param("x Failed to build `lxml`\n gcc failed", "no wheel for this Python", id="uv, nothing to compile with"),
        pytest.param("error: Hash mismatch for `tiny==1`", "not the one that the lock file names", id="uv, another file"),
        pytest.param("something else", "installing failed", id="anything else"),
    ],
)
def test_why_a_step_failed(said, reason):
    text = _build.explain("installing", said)
    assert reason in text
    assert said.splitlines()[-1].strip() in text


def test_what_uv_would_install():
    said = (
        "warning: x==1 is old\nJupyter_Server==2.21.1\nruamel.yaml==0.18 ; python_version < '4'\n    # via x==3\ntiny @ http://192.0.2.1/tiny.whl\n"
    )
    assert _build.resolved(said) == {"jupyter-server": "2.21.1", "ruamel-yaml": "0.18"}


def test_an_archive_of_wheels_reaches_no_other_folder(tmp_path):
    archive, outside = tmp_path / "wheels.tar", tmp_path / "evil.whl"
    (tmp_path / "x.whl").write_text("x")
    with tarfile.open(archive, "w") as tar:
        tar.add(tmp_path / "x.whl", arcname="x.whl")
        tar.add(tmp_path / "x.whl", arcname="../evil.whl")
    _build._unpack(str(archive), str(tmp_path / "wheels"))
    assert [path.name for path in (tmp_path / "wheels").iterdir()] == ["x.whl"]
    assert not outside.exists()


def test_uv_is_the_program_of_the_wheel_that_was_fetched_and_nothing_else_stays(tmp_path):
    def wheel(path, name, content):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, content)

    pip, fetched = tmp_path / "pip-26.whl", tmp_path / "installer" / "fetched"
    wheel(pip, "pip/__main__.py", "")
    fetched.mkdir(parents=True)
    # A run was cut off here, and wanted another version.
    for number in range(9):
        wheel(fetched / f"uv-0.1.{number}-py3-none-any.whl", f"uv-0.1.{number}.data/scripts/uv", "old")
    calls = []

    def run(argv, _text):
        calls.append(argv)
        assert (fetched / "pip" / "__main__.py").exists()
        wheel(fetched / "uv-9.9.9-py3-none-any.whl", "uv-9.9.9.data/scripts/uv", "new")
        return 0, ""

    wish = {"prefix": str(tmp_path), "uv_version": "9.9.9", "pip": str(pip), "python": "/usr/bin/python3"}
    uv = Path(_build._uv(wish, "", run))
    assert (uv.read_text(), uv.stat().st_mode & 0o111) == ("new", 0o100)
    assert [argv[-1] for argv in calls] == ["uv==9.9.9"]
    assert [path.name for path in (tmp_path / "installer").iterdir()] == ["uv-9.9.9"]


def test_a_platform_without_a_wheel_of_uv_is_said(tmp_path):
    wish = {"prefix": str(tmp_path), "uv_version": "9.9.9"}
    with pytest.raises(BuildError, match="not among the wheels of the control node"):
        _build._uv(wish, str(tmp_path / "wheels"), lambda *_: (1, ""))
