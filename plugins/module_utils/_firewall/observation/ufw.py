# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of ufw, from its files. Runs on the host."""

from __future__ import annotations

import re

from ..packet_filter import Record
from ..rules import SAME, owner_of
from . import files


def ufw_enabled() -> bool:
    return bool(re.search(r"^ENABLED=yes\s*$", files.text_of("/etc/ufw/ufw.conf"), re.MULTILINE | re.IGNORECASE))


def ufw_ipv6() -> bool:
    """Whether ufw lets IPv6 in at all; else it is dropped, but for the loopback."""
    return bool(re.search(r"^\s*IPV6=[\"']?yes", files.text_of("/etc/default/ufw"), re.MULTILINE | re.IGNORECASE))


def ufw_accepts() -> bool:
    return bool(
        re.search(
            r"^\s*DEFAULT_INPUT_POLICY=[\"']?ACCEPT", files.text_of("/etc/default/ufw"), re.MULTILINE | re.IGNORECASE
        )
    )


def ufw_rules(chains: list[Record]) -> list[Record]:
    """The allow rules for incoming connections, from the two files that ufw keeps them in."""
    found: dict[tuple[str, ...], Record] = {}
    families = ("ip", "ip6") if ufw_ipv6() else ("ip",)
    for of, path in (("ip", "/etc/ufw/user.rules"), ("ip6", "/etc/ufw/user6.rules")):
        name = "ufw-user-input" if of == "ip" else "ufw6-user-input"
        loaded = next((chain for chain in chains if chain["name"] == name), None)
        for line in re.findall(r"^### tuple ### (.+)$", files.text_of(path), re.MULTILINE):
            rule = parse_ufw_tuple(line)
            if rule:
                live = loaded is not None and any(_same_ports(one, rule) for one in loaded["rules"])
                key = tuple(rule[field] for field in SAME)
                known = found.setdefault(key, dict(rule, families=[], live=True))
                known["families"].append(of)
                known["live"] = known["live"] and live
    # a rule for anybody that only one of the two files holds is not a rule for anybody
    return [rule for rule in found.values() if set(rule.pop("families")) >= set(families) or rule["source"]]


def _same_ports(filtered: Record, rule: Record) -> bool:
    conditions = {field: values for field, _operator, values in filtered["when"]}
    return rule["port"] in conditions.get("port", []) and (
        not rule["source"] or [rule["source"]] == conditions.get("source")
    )


def parse_ufw_tuple(text: str) -> Record | None:
    """A ``### tuple ###`` line of ufw's files, as an opening. ``None`` for a line that opens no port of this host.

    The fields are action, protocol, destination port and address, source port and address, applications if any,
    direction and interface, and the comment in hexadecimal (ufw's own ``common.py``).
    """
    note = re.search(r"\bcomment=([0-9a-f]+)", text)
    said = bytes.fromhex(note.group(1)).decode("utf-8", "replace") if note else ""
    words = re.sub(r"\s*comment=\S*", "", text).split()
    if (
        len(words) < 7
        or words[0].split("_")[0] not in ("allow", "limit")
        or words[3] not in ("0.0.0.0/0", "::/0")
        or words[4] != "any"
    ):
        return None
    direction, interface = [*words[-1].split("_", 1), ""][:2]
    if direction != "in":
        return None
    return {
        "protocol": words[1],
        "port": words[2].replace(":", "-"),
        "source": (
            ""
            if words[5] in ("0.0.0.0/0", "::/0")
            else words[5]
            if "/" in words[5]
            else words[5] + ("/128" if ":" in words[5] else "/32")
        ),
        "interface": interface,
        "zone": "",
        "limit": "12/minute" if words[0].startswith("limit") else "",
        "comment": said,
        "owner": owner_of(said),
        "provider": "ufw",
        "saved": True,
    }
