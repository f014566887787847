# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import io

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._check import devices
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import instances as state_instances

from .._state.test_state import bare, plan

CARD = {"name": "NVIDIA A10", "driver": True}
GPU = {"nodes": ["/dev/nvidia0"], "allow": ["char-nvidia*"], "groups": ["video"]}
PINS = {"nodes": ["/dev/i2c-1"], "allow": ["/dev/i2c-1"], "groups": ["i2c"]}


def host(cards=(CARD,), **classes):
    return {**bare(), "devices": {"classes": classes, "cards": list(cards)}}


def instance(report, **given):
    return state_instances.complete(plan({"name": "lab", **given}), report)[0]


@pytest.mark.parametrize(
    ("given", "allowed", "groups"),
    [
        pytest.param({}, ["char-nvidia*", "/dev/i2c-1"], ["video", "i2c"], id="the default"),
        pytest.param({"devices": True}, [], ["video", "i2c"], id="every device"),
        pytest.param({"devices": "false"}, [], [], id="none"),
    ],
)
def test_a_unit_allows_the_devices_that_are_there(given, allowed, groups):
    found = instance(host(nvidia=GPU, i2c=PINS), **given)
    assert (found["allowed_devices"], found["device_groups"]) == (allowed, groups)


def test_a_host_without_devices_keeps_its_unit():
    found = instance(host(cards=[]))
    assert (found["allowed_devices"], found["device_groups"], devices.code(found, host())) == ([], [], "")


def test_the_code_tries_each_gpu_and_nothing_else(tmp_path):
    report = host(nvidia={**GPU, "nodes": ["/dev/null", "/dev/no-such"]}, i2c=PINS)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(devices.code(instance(report), report), {})
    assert said.getvalue() == "42\n/dev/no-such: No such file or directory\n"
    assert "i2c" not in devices.code(instance(report), report)


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        ("42\n", "GPU: NVIDIA A10, seen by a kernel of lab"),
        (
            "42\n/dev/nvidia0: Permission denied",
            "GPU: NVIDIA A10, not seen by a kernel of lab: /dev/nvidia0: Permission denied",
        ),
        ("\x1b[2J42", "GPU: NVIDIA A10, not seen by a kernel of lab: the kernel gave no answer"),
        ("", "GPU: NVIDIA A10, not seen by a kernel of lab: the kernel gave no answer"),
    ],
)
def test_the_proof_names_the_gpu(result, sentence):
    assert devices.remarks(host(nvidia=GPU)["devices"], {"lab": result}) == [sentence]


def test_a_gpu_without_a_driver_is_named():
    lone = {"name": "NVIDIA 0x2236", "driver": False}
    (line,) = devices.without_driver(host(cards=[lone]))
    assert line.startswith("GPU: NVIDIA 0x2236, not seen by kernels: no driver of the host is loaded for it.")
    assert devices.without_driver(host(cards=[lone], nvidia=GPU)) == devices.without_driver(host()) == []


def test_the_report_has_a_column():
    report = host(nvidia=GPU)
    assert devices.gpu(instance(report), report) == "NVIDIA A10"
    assert devices.gpu(instance(report, devices="false"), report) == ""
