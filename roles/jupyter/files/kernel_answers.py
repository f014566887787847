# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answer of the server of another host about its kernels (kernel_keys.py): data, of which known keys and types,
short texts and no more than a few are taken."""

from __future__ import annotations

import re
from typing import Any

#: Kernels and GPUs of one server, and the characters of a name that is shown.
MOST_KERNELS, MOST_CARDS, LONGEST_NAME = 20, 8, 60
#: The names that jupyter_client accepts.
NAME = re.compile(r"[a-z0-9._-]{1,64}\Z", re.IGNORECASE)


def shown(value: Any) -> str:
    """Return a text of another host as one short line."""
    return " ".join("".join(each if each.isprintable() else " " for each in str(value)).split())[:LONGEST_NAME]


class Answer:
    """What a server said about its kernels."""

    def __init__(self, found: Any) -> None:
        kernels = found["kernels"]
        self.default = str(found["default"])
        self.python = shown(found["python"])
        self.cards = [shown(card) for card in found["cards"][:MOST_CARDS]]
        self.kernels = {
            name: (shown(kernels[name]["display_name"]), shown(kernels[name]["language"]))
            for name in list(kernels)[:MOST_KERNELS]
            if NAME.match(name)
        }

    def language(self, name: str) -> str:
        return self.kernels.get(name, ("", "python"))[1]

    def names(self, host: str, name: str) -> str:
        """Return the name in the launcher: the host, the GPU, and the Python or the kernel's own name."""
        title, language = self.kernels.get(name, ("", "python"))
        version = ".".join(self.python.split(".")[:2])
        kernel = f"Python {version}" if name == self.default and language == "python" else title
        card = f"{len(self.cards)} x {self.cards[0]}" if len(self.cards) > 1 else "".join(self.cards)
        return " · ".join(filter(None, (host, card, kernel)))
