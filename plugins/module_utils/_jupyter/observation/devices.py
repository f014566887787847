# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The devices that people use from a kernel: GPUs, and the pins, buses and serial ports of a Raspberry Pi."""

from __future__ import annotations

import contextlib
import glob
import grp
import os
import stat
from typing import Any

#: Each class: the patterns of its nodes, and the beginning of the names of its drivers in /proc/devices, where a unit
#: may name those instead (systemd.resource-control(5), DeviceAllow=). The nodes of that driver that come later are then
#: allowed as well: NVIDIA makes /dev/nvidia-uvm at the first use.
CLASSES = {
    "nvidia": (("/dev/nvidia*", "/dev/nvidia-caps/*"), "nvidia"),
    # A card without a render node, as virtual screens have, computes nothing.
    "dri": (("/dev/dri/renderD*",), ""),
    "kfd": (("/dev/kfd",), ""),
    "i2c": (("/dev/i2c-*",), "i2c"),
    "spi": (("/dev/spidev*",), "spi"),
    "gpio": (("/dev/gpiochip*", "/dev/gpiomem*"), "gpiochip"),
    # Each PC has /dev/ttyS0, used or not. A Raspberry Pi names the ports on its pins.
    "serial": (("/dev/serial[0-9]", "/dev/ttyAMA*", "/dev/ttyUSB*", "/dev/ttyACM*"), ""),
}
#: No more nodes of one class are listed.
MOST = 64
NVIDIA, AMD = "0x10de", "0x1002"


def devices() -> dict[str, Any]:
    """Return ``classes``, those that this host has, with ``nodes``, the entries of a unit that ``allow`` them, and the
    ``groups`` that may open them; and ``cards``, the name of each GPU, with whether its ``driver`` is loaded."""
    drivers = _drivers()
    classes = {}
    for name, (patterns, driver) in CLASSES.items():
        nodes, groups = _nodes(patterns)
        if nodes:
            known = driver and any(each.startswith(driver) for each in drivers)
            # Memory of the pins has no driver of its own.
            apart = [node for node in nodes if not known or node.startswith("/dev/gpiomem")]
            classes[name] = {
                "nodes": nodes,
                "allow": [*([f"char-{driver}*"] if known else []), *apart],
                "groups": groups,
            }
    return {"classes": classes, "cards": _cards()}


def _nodes(patterns: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Return the nodes that an ordinary account may open, and the groups that it needs for some of them."""
    nodes, groups = [], set()
    for path in sorted({os.path.realpath(path) for pattern in patterns for path in glob.glob(pattern)})[:MOST]:
        with contextlib.suppress(OSError, KeyError):
            entry = os.stat(path)
            everybody = stat.S_IROTH | stat.S_IWOTH
            if not stat.S_ISCHR(entry.st_mode) or not path.startswith("/dev/"):
                continue
            if entry.st_mode & everybody == everybody:
                nodes.append(path)
            elif entry.st_mode & stat.S_IWGRP and entry.st_mode & stat.S_IRGRP and entry.st_gid != 0:
                groups.add(grp.getgrgid(entry.st_gid).gr_name)
                nodes.append(path)
    return nodes, sorted(groups)


def _drivers() -> list[str]:
    """Return the names of the drivers of character devices."""
    try:
        with open("/proc/devices", encoding="utf-8", errors="replace") as file:
            character, _blank, _block = file.read().partition("Block devices:")
    except OSError:
        return []
    return [words[1] for line in character.splitlines() for words in [line.split()] if len(words) == 2]


def _cards() -> list[dict[str, Any]]:
    """Return the GPUs by NVIDIA and AMD, as the kernel lists them. Others have a driver of their own in Linux."""
    named = []
    for path in sorted(glob.glob("/proc/driver/nvidia/gpus/*/information"))[:MOST]:
        with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
            named += [line.partition(":")[2].strip()[:100] for line in file if line.startswith("Model:")]
    cards: list[dict[str, Any]] = [{"name": name or "NVIDIA", "driver": True} for name in named]
    for folder in sorted(glob.glob("/sys/bus/pci/devices/*")):
        vendor = _read(f"{folder}/vendor")
        if vendor in (NVIDIA, AMD) and _read(f"{folder}/class").startswith("0x03") and len(cards) < MOST:
            loaded = os.path.exists(f"{folder}/driver")
            if not (vendor == NVIDIA and named):
                name = "NVIDIA" if vendor == NVIDIA else "AMD"
                cards.append({"name": f"{name} {_read(f'{folder}/device')}".strip(), "driver": loaded})
    return cards


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(100).strip()
    except OSError:
        return ""
