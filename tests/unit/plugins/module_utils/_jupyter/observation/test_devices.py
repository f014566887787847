# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes of a folder of this test's own, as root makes them."""

from __future__ import annotations

import os
import stat
from types import SimpleNamespace

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import AnswerError
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import devices
from ansible_collections.remote.notebooks.plugins.plugin_utils._input import report_answers


def entry(mode, gid=0):
    return SimpleNamespace(st_mode=stat.S_IFCHR | mode, st_gid=gid)


@pytest.fixture
def nodes(monkeypatch):
    """Give ``devices`` nodes: nobody may create one below /dev of the machine of a test."""

    def have(given, drivers=()):
        real = os.stat
        monkeypatch.setattr(devices.os, "stat", lambda path: given[path] if path in given else real(path))
        monkeypatch.setattr(
            devices.glob,
            "glob",
            lambda pattern: [path for path in given if devices_match(path, pattern)],
        )
        monkeypatch.setattr(devices, "_drivers", lambda: list(drivers))
        return devices.devices()["classes"]

    return have


def devices_match(path, pattern):
    import fnmatch

    return fnmatch.fnmatch(path, pattern)


def test_nodes_that_an_account_may_open(nodes):
    classes = nodes(
        {
            "/dev/nvidia0": entry(0o666),
            "/dev/dri/renderD128": entry(0o660, 1),
            "/dev/dri/card0": entry(0o660, 1),
            "/dev/kfd": entry(0o600, 1),
            "/dev/i2c-0": entry(0o600),
            "/dev/gpiochip0": entry(0o660, 0),
        }
    )
    assert classes == {
        "nvidia": {"nodes": ["/dev/nvidia0"], "allow": ["/dev/nvidia0"], "groups": []},
        "dri": {"nodes": ["/dev/dri/renderD128"], "allow": ["/dev/dri/renderD128"], "groups": ["daemon"]},
    }, "a screen, and nodes of root alone, are for no kernel"


def test_a_driver_stands_for_nodes_that_come_later(nodes):
    given = {"/dev/nvidia0": entry(0o666), "/dev/gpiochip0": entry(0o660, 1), "/dev/gpiomem": entry(0o660, 1)}
    classes = nodes(given, ["mem", "nvidia-frontend", "gpiochip"])
    assert classes["nvidia"]["allow"] == ["char-nvidia*"]
    assert classes["gpio"]["allow"] == ["char-gpiochip*", "/dev/gpiomem"]


def test_this_machine_has_an_answer_of_the_right_shape():
    found = devices.devices()
    assert report_answers.DEVICES(found, "report.devices") == found


@pytest.mark.parametrize(
    "line", ["/dev/x\nUser=root", "char-*", "/dev/a b", "/etc/shadow", "/dev/../etc/x y", "char-x* rw\nUser=root"]
)
def test_an_answer_puts_no_other_line_into_a_unit(line):
    with pytest.raises(AnswerError):
        report_answers.DEVICES(
            {"classes": {"nvidia": {"nodes": [], "allow": [line], "groups": []}}, "cards": []}, "report.devices"
        )
