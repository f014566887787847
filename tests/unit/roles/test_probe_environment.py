# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which programs of a new environment are tried: each whose modules no other one imports."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "roles" / "jupyter" / "files" / "probe_environment.py"


@pytest.fixture(scope="module")
def probe():
    spec = importlib.util.spec_from_file_location("probe_environment", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("there", "tried"),
    [
        ({"jupyter-server"}, ["jupyter-server"]),
        ({"jupyter-server", "jupyter-lab"}, ["jupyter-lab"]),
        ({"jupyter-server", "jupyter-notebook"}, ["jupyter-server", "jupyter-notebook"]),
        (set(), []),
    ],
)
def test_what_another_program_imports_is_not_tried_twice(probe, tmp_path, there, tried):
    (tmp_path / "bin").mkdir()
    for name in there:
        (tmp_path / "bin" / name).write_text(
            f"import sys\nsys.exit('{name} has no module' if sys.argv[1:] == ['--version'] else 0)\n"
        )
    started = probe.programs(str(tmp_path))
    assert list(started) == tried
    assert list(probe.versions(started)) == [f"{name} --version: {name} has no module" for name in tried]


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (
            {"status": "ok", "user_expressions": {"answer": {"status": "ok", "data": {"text/plain": "'[42, []]'"}}}},
            (42, []),
        ),
        (
            {
                "status": "ok",
                "user_expressions": {
                    "answer": {"status": "ok", "data": {"text/plain": repr('[42, [["x", "x.y", "it\'s"]]]')}}
                },
            },
            (42, [["x", "x.y", "it's"]]),
        ),
        (
            {
                "status": "ok",
                "user_expressions": {"answer": {"status": "error", "ename": "NameError", "evalue": "_bad"}},
            },
            ("NameError: _bad", []),
        ),
        ({"status": "error", "ename": "SyntaxError", "evalue": "x", "user_expressions": {}}, ("SyntaxError: x", [])),
        ({"status": "aborted"}, ("None: None", [])),
    ],
)
def test_what_a_kernel_replies(probe, content, answer):
    assert probe.answer(content) == answer
