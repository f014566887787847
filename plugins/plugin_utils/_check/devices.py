# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The GPUs of a host: the code by which a kernel tries them, and the sentence about that. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ...module_utils._plain import plain

if TYPE_CHECKING:
    from .._records import HostInstance, Instance
    from .._report_records import Devices, Report

#: The classes that compute. The others are tried by nobody: to open a serial port resets a board.
GPUS = ("nvidia", "dri", "kfd")
#: The result of the code, and behind it the nodes that the kernel could not open. ENXIO: no hardware behind the node.
SEEN = "42"
_CODE = (
    "print(6*7); import os\nfor path in {nodes}:\n try: os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))\n"
    " except OSError as error: error.errno == 6 or print(path + ': ' + error.strerror)"
)
_ANSWER = re.compile(rf"{SEEN}((?:\n/dev/[a-zA-Z0-9/_.-]+: [A-Za-z ]+)*)\n?")


def gpu_nodes(devices: Devices) -> list[str]:
    classes = devices["classes"]
    return [node for name in GPUS if name in classes for node in classes[name]["nodes"]]


def gpu(item: HostInstance, report: Report) -> str:
    """The names of the GPUs that the kernels of an instance may use."""
    if item["devices"] == "none" or not gpu_nodes(report["devices"]):
        return ""
    return ", ".join(card["name"] for card in report["devices"]["cards"]) or "yes"


def code(item: Instance, report: Report) -> str:
    """The code that tries the GPUs in a kernel. Empty where there is none, or none is wanted."""
    nodes = gpu_nodes(report["devices"]) if item["devices"] != "none" else []
    return _CODE.format(nodes=nodes) if nodes else ""


def tried(checks: list[dict[str, Any]], instances: list[HostInstance], report: Report) -> list[dict[str, Any]]:
    """Return the ways to a server with the ``code`` that a client runs there: one kernel that tries the GPUs is
    enough."""
    codes = {item["name"]: code(item, report) for item in instances}
    return [{**target, "code": "" if number else codes[target["instance"]]} for number, target in enumerate(checks)]


def remarks(devices: Devices, results: dict[str, str]) -> list[str]:
    """Return the sentences about the GPUs of a host.

    :param results: the result of :func:`code` by instance. A kernel gives it, and it may be anything.
    """
    found = []
    names = ", ".join(card["name"] for card in devices["cards"]) or ", ".join(gpu_nodes(devices))
    for instance, result in sorted(results.items()):
        answer = _ANSWER.fullmatch(result)
        shut = plain("; ".join(answer[1].split("\n")[1:])) if answer else "the kernel gave no answer"
        said = f"not seen by a kernel of {instance}: {shut}" if shut else f"seen by a kernel of {instance}"
        found.append(f"GPU: {plain(names)}, {said}")
    return found


def without_driver(report: Report) -> list[str]:
    """Name the GPUs that no program of the host can use yet."""
    nodes = gpu_nodes(report["devices"])
    return [
        f"GPU: {plain(card['name'])}, not seen by kernels: no driver of the host is loaded for it. Install the driver,"
        " and run this again."
        for card in report["devices"]["cards"]
        if not card["driver"] and not nodes
    ]
