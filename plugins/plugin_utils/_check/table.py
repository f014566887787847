# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of the check of a whole inventory: from the answers of ``connection_check`` to rows, a table, and
sentences. Pure: no I/O, no Ansible.

A *target* is one way to one server (:func:`endpoints.targets`). A *row* is its result::

    {"host": str, "instance": str, "way": "network" | "tunnel" | "loopback", "url": str,
     "verdict": "reachable" | "untrusted" | "unreachable" | "unknown", "cause": str, "message": str, "cure": str,
     "host_says": str,                       # facts that the host itself added; "" if there were none
     "certificate_days": int | None, "certificate_valid": int | None,   # days: those that remain, and all of them
     "certificate_sha256": str | None, "milliseconds": int | None, "server_version": str | None}

``unknown`` is no verdict of the client: the check could not be created, and ``message`` says why.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Dict

from ...module_utils._certificate.values import ends_soon, iso
from ...module_utils._check.causes import REACHABLE
from ...module_utils._plain import plain

Row = Dict[str, Any]

COLUMNS = ("host", "instance", "way", "verdict", "cause", "cert. days", "ms")
NUMBERS = ("cert. days", "ms")


def row(target: dict[str, Any], answer: dict[str, Any] | None, host_says: str, now: datetime) -> Row:
    """Return the row of one target. ``answer`` is the result of ``connection_check``. None if it was not asked."""
    made: Row = {key: target[key] for key in ("host", "instance", "way", "url")}
    answer = _unasked(target) if answer is None else answer
    if answer.get("failed"):
        answer = _unknown(
            "check_failed",
            str(answer.get("msg", "The check ended without a word.")),
            "Correct that and run the check again.",
        )
    certificate = answer.get("certificate") or {}
    if answer["verdict"] == REACHABLE and not target["proven"]:
        answer = {**answer, **_unproven(target)}
    made.update({key: answer[key] for key in ("verdict", "cause", "message", "cure")})
    made["host_says"] = host_says
    made["certificate_days"] = _days(certificate.get("not_after"), now)
    made["certificate_valid"] = certificate.get("days")
    made["certificate_sha256"] = certificate.get("sha256")
    made["milliseconds"] = None if answer.get("seconds") is None else round(answer["seconds"] * 1000)
    made["server_version"] = answer.get("server_version")
    return made


def kernel_row(target: dict[str, Any], name: str, answer: dict[str, Any], now: datetime) -> Row:
    """Return the row of a kernel of another host, behind the server of a target that is its hub."""
    return row({**target, "way": f"kernel {name}", "proven": True}, answer, "", now)


def refused(host: str, message: str) -> Row:
    """Return the row of a host whose inventory contradicts itself, so that there is nothing to try."""
    cells = dict.fromkeys(
        ("certificate_days", "certificate_valid", *("certificate_sha256", "milliseconds", "server_version"))
    )
    said = _unknown("inventory", message.strip(), "Correct the inventory.")
    return {"host": host, "instance": "-", "way": "-", "url": "", **said, "host_says": "", **cells}


def _unasked(target: dict[str, Any]) -> dict[str, Any]:
    if target["stranger"]:
        return dict(target["stranger"])
    if target["ca_missing"]:
        return _unknown(
            "no_authority",
            f"There is no {target['ca_file']} on this control node, so no certificate can be trusted.",
            "Run the site playbook first, or bring the pki folder from the control node that did.",
        )
    return _unknown(
        "no_way",
        "The server listens on the loopback, and Ansible's connection to the host carries no tunnel.",
        "Reach the host over SSH (ansible_connection: ssh) and run the check again.",
    )


def _unproven(target: dict[str, Any]) -> dict[str, Any]:
    return _unknown(
        "listener_unknown",
        f"Something answers at {target['url']}, but the host could not tell whose process that is, so no password was"
        " sent there.",
        "Let Ansible ask the host: with become, and once the server runs.",
    )


def _unknown(cause: str, message: str, cure: str) -> dict[str, Any]:
    return {"verdict": "unknown", "cause": cause, "message": message, "cure": cure}


def _days(not_after: str | None, now: datetime) -> int | None:
    return None if not_after is None else (datetime.fromisoformat(not_after.replace("Z", "+00:00")) - now).days


def is_good(one: Row) -> bool:
    return bool(one["verdict"] == REACHABLE)


def table(rows: list[Row]) -> list[str]:
    """Return a header and one line a row, in columns."""
    lines = [COLUMNS, *(_cells(one) for one in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    return [
        "  ".join(_align(name, cell, width) for name, cell, width in zip(COLUMNS, line, widths)).rstrip()
        for line in lines
    ]


def _cells(one: Row) -> tuple[str, ...]:
    numbers = ("-" if one[key] is None else str(one[key]) for key in ("certificate_days", "milliseconds"))
    return (*(plain(one[key]) for key in ("host", "instance", "way", "verdict", "cause")), *numbers)


def _align(name: str, cell: str, width: int) -> str:
    return cell.rjust(width) if name in NUMBERS else cell.ljust(width)


def sentences(one: Row) -> list[str]:
    """Return the text of one row for a person: the server, its state, the cure."""
    where = f"{one['host']}/{one['instance']} {one['way']} {one['url']}" if one["url"] else one["host"]
    return [
        plain(where),
        *(
            f"  {plain(text, 1000)}"
            for part in ("message", "cure", "host_says")
            for text in one[part].split("\n")
            if text
        ),
    ]


def log(one: Row, instances: list[dict[str, Any]]) -> list[str]:
    """Return where the server's own words are, for who does not find the cause in these; nothing where the host has not
    named the reason.

    :param instances: as :func:`_state.instances.complete` returns them.
    """
    item = next((each for each in instances if each["name"] == one["instance"]), None)
    if item is None:
        return []
    scope = "--user " if item["keeper"] == "systemd_user" else ""
    return [
        f"  What it says, on the host: {f'journalctl {scope}-u ' + item['unit'] if item['keeper'] else item['attach']}"
    ]


def is_ending(one: Row, within: int) -> bool:
    """Tell whether a client gets through today, with a certificate that ends soon.

    :param within: days, as for :func:`ends_soon`.
    """
    days, valid = one["certificate_days"], one["certificate_valid"]
    return is_good(one) and days is not None and valid is not None and ends_soon(days, valid, within)


def endings(rows: list[Row], within: int) -> list[str]:
    """Return a line for each certificate that ends soon."""
    return [
        f"{plain(one['host'])}: {plain(_ending(one))}. renew.yml issues those of the private authority again."
        for one in rows
        if is_ending(one, within)
    ]


def _ending(one: Row) -> str:
    days = one["certificate_days"]
    return f"the certificate of {one['instance']} ({one['way']}) ends in {days} day{'s' * (days != 1)}"


def summary(rows: list[Row], within: int) -> str:
    """Return the one line that ends a check."""
    bad = [one for one in rows if not is_good(one)]
    if not rows:
        return "There is no server in this inventory."
    if bad:
        return f"{len(bad)} of {len(rows)} not reachable."
    late = sum(is_ending(one, within) for one in rows)
    said = "Every server is reachable." if len(rows) > 1 else "The server is reachable."
    return f"{said} {late} of {len(rows)} with a certificate that ends soon." if late else said


def bad(rows: list[Row], within: int) -> dict[str, str]:
    """Return for each host with a server that is not reachable, or whose certificate ends soon, one line that names
    it."""
    hosts: dict[str, list[str]] = {}
    for one in rows:
        if is_ending(one, within):
            hosts.setdefault(one["host"], []).append(_ending(one))
        elif not is_good(one):
            said = (
                f"{one['instance']} ({one['way']}) is {one['verdict']} ({one['cause']})"
                if one["url"]
                else "the inventory is refused"
            )
            hosts.setdefault(one["host"], []).append(said)
    return {host: f"{', '.join(all_said)}. The table above says what to do." for host, all_said in hosts.items()}


def as_json(rows: list[Row], now: datetime) -> bytes:
    """Return the rows as the file that other programs read."""
    found = {"checked_at": iso(now), "reachable": all(is_good(one) for one in rows), "servers": rows}
    return (json.dumps(found, indent=2, ensure_ascii=False) + "\n").encode()
