# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of what a host says of the accounts that can only forward."""

from __future__ import annotations

from collections.abc import Collection

from ...module_utils._tunnel import names as tunnel_names
from .shapes import Shape, among, block, choice, each, line, many, maybe, number, record, table, where
from .words import HOST_KEY, MODE, PATH, TUNNEL_NAME, WORDS

ORIGIN = record({"path": line(4096), "line": number(), "text": line(20_000), "match": line(20_000)})
APPLIES = {"values": table(line(100), many(line(20_000))), "origins": table(line(100), ORIGIN)}
FORWARDER = record(
    {"uid": number(), "comment": line(), "shell": line(4096), "home": line(4096), "password": line(20), "groups": WORDS}
)
KEYS = record({"text": block(1_000_000), "mode": MODE, "owner": line(256)})


def tunnels(names: Collection[str]) -> Shape:
    """The tunnel accounts in a host's answer, if it was asked for those of these names."""
    asked = record(
        {
            "accounts": each(names, maybe(FORWARDER)),
            "groups": many(line(256), 100_000),
            "owned": many(TUNNEL_NAME, 10_000),
            "keys": table(TUNNEL_NAME, maybe(KEYS), 10_000),
            "block": block(4_000_000),
            "place": line(4096),
            "error": block(20_000),
            "effective": among(names, record(APPLIES)),
            "address": line(100, r"[0-9A-Fa-f.:]*"),
            "loose": many(record({"path": PATH, "mode": MODE, "owner": line(256)}), 10),
            "anyone": record({}, APPLIES),
            "host_keys": many(HOST_KEY, 20),
        }
    )
    return where(
        asked,
        ("speaks of some accounts only", lambda said: bool(said["error"]) or len(said["effective"]) == len(set(names))),
        (
            "does not say what applies to everybody",
            lambda said: bool(said["error"]) or not names or len(said["anyone"]) == 2,
        ),
    )


TUNNEL_STATE = record(
    {
        "difference": many(
            where(
                record(
                    {
                        "id": line(5000),
                        "kind": choice("account", "keys", "sshd", "unwanted"),
                        "name": line(4096),
                        "text": line(20_000),
                    }
                ),
                (
                    "is no name of an account",
                    lambda one: one["kind"] == "sshd" or bool(tunnel_names.NAME.fullmatch(one["name"])),
                ),
            ),
            10_000,
        ),
        # Files with these names are removed, on the control node as well.
        **dict.fromkeys(("unwanted", "cut_off", "new", "due"), many(TUNNEL_NAME, 10_000)),
        "elsewhere": table(TUNNEL_NAME, line(20_000), 10_000),
        "host_keys": many(HOST_KEY, 20),
    }
)
TUNNEL_CHANGE = record({"files": many(PATH, 10_000)})
TUNNEL_REFUSAL = record({"why": many(line(20_000), 1000), "heard": many(line(2000), 20), "left": line(20_000)})
