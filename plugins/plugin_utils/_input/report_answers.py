# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of the report of a host."""

from __future__ import annotations

import ipaddress
from typing import Any

from ...module_utils._errors import CheckError
from ...module_utils._jupyter.observation import accounts, configuration, details, devices, existing, network, paths
from .._plan.plan import NAME as INSTANCE
from .firewall_answers import FIREWALL
from .shapes import Shape, among, block, choice, each, flag, line, many, maybe, moment, number, record, table, where
from .tunnel_answers import tunnels
from .words import ACCOUNT, DIGITS, INSTANCE_NAME, MODE, PATH, PORT, PROCESS, WORDS

#: Any number of processes may run there, and any account may give its own any name.
SERVER = record(
    {
        **{
            "pid": PROCESS,
            "uid": number(),
            "instance": INSTANCE_NAME,
            "revision": line(),
            "environment": PATH,
            "started": moment,
            "tmux": flag,
        },
        "trial": moment,
        "notebook7": flag,
    }
)

LISTENER = {
    "pid": maybe(PROCESS),
    "command": maybe(line()),
    "loopback": flag,
    "everywhere": flag,
    "uid": number(),
    "account": line(256),
}
#: Of a listener that a unit of systemd has started (systemd.unit(5)).
STARTED = {"unit": line(210, r"[A-Za-z0-9:_.\\@-]{1,200}\.service"), "users": flag}


def _is_address(text: str) -> bool:
    try:
        return str(ipaddress.ip_address(text)) == text
    except ValueError:
        return False


SYSTEM = record(
    {
        "id": line(100),
        "id_like": WORDS,
        "name": line(),
        "hostname": line(),
        # These two stand in names of files on the control node, and in arguments of programs there.
        "machine": line(32, r"[A-Za-z0-9_]+"),
        "libc": line(40, r"(?:[a-z]+ [0-9]+(?:\.[0-9]+){0,3})?"),
        "systemd": flag,
        "pid1": line(),
        "user_manager": flag,
        "lingers": flag,
        "polkit": flag,
        "uid": number(),
        "user": ACCOUNT,
        "group": ACCOUNT,
        "home": PATH,
        "ensurepip": flag,
        "commands": table(line(100), maybe(PATH), 100),
    }
)

_IP = where(line(45), ("is no IP address", _is_address))
NETWORK = record(
    {
        "addresses": many(_IP, network.MOST),
        "senders": many(_IP, 2),
        "published": line(69, r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.local)?"),
        "answers": flag,
    }
)

#: In lines of a unit: a node, or the drivers of a kind.
_NODE = r"/dev/[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)?"
DEVICES = record(
    {
        "classes": among(
            devices.CLASSES,
            record(
                {
                    "nodes": many(line(100, _NODE), devices.MOST),
                    "allow": many(line(100, rf"{_NODE}|char-[a-z0-9]+\*"), devices.MOST + 1),
                    "groups": many(line(32, r"[a-z_][a-z0-9_-]*"), devices.MOST),
                }
            ),
        ),
        "cards": many(record({"name": line(200), "driver": flag}), devices.MOST),
    }
)

VERSION = where(many(number(0, 999), 2), ("is no version", lambda version: len(version) == 2))
INTERPRETER = where(
    record({"path": maybe(PATH), "version": maybe(VERSION), "open": flag}),
    ("has a version and no path", lambda python: python["path"] or not python["version"]),
)
PERSON = record(
    {
        "uid": number(),
        "group": line(256),
        "home": line(4096),
        "home_is": choice("usable", "private", "missing", "another's", "shut"),
        "comment": line(accounts.LONGEST_COMMENT),
        "shares_group": flag,
    }
)

STATE = where(
    record(
        {
            "kind": choice("file", "directory", "link", "other"),
            "mode": MODE,
            "owner": line(256),
            "group": line(256),
            "modified": moment,
        },
        {
            "target": line(4096),
            "directory": flag,
            "entries": number(),
            "digest": line(64, rf"(?:{DIGITS})?"),
            "text": block(paths.MOST_TEXT),
        },
    ),
    (
        "does not say what it holds",
        lambda state: (
            {"file": "digest", "directory": "entries", "link": "target", "other": "kind"}[state["kind"]] in state
        ),
    ),
)
SEALED = record(
    {"sealed": flag, "missing": many(line(4096), 10)},
    {"built": maybe(moment), "before": maybe(line(4096, r"(?:/[^\0]*)?"))},
)

EXISTING = record(
    {
        "problem": choice(*existing.PROBLEMS),
        "said": line(),
        "conda": flag,
        "real": many(PATH, 2),
        "astray": flag,
    }
)

SHADOWS = table(PATH, record({"options": many(line(), paths.MANY), "error": line(5000)}), configuration.MOST_FILES)

INTERPRETERS = record(
    {
        "builds": table(PATH, many(PATH, 10_000)),
        "links": table(line(100), line(4096, r"(?:/[^\0]*)?")),
    }
)

CERTIFICATE = record(
    {
        "id": line(16, r"[0-9a-f]{0,16}"),
        "not_after": maybe(moment),
        "served": maybe(flag),
        "failures": number(),
        "error": line(2000),
        "tried": moment,
        "next": moment,
    }
)

#: The further fields of a resource of each kind.
_NEEDED = {
    "shadow": ("origin", "backup", "mover", "account"),
    "stranger": ("origin", "backup"),
    "service": ("manager",),
    "daemon": ("alone",),
    "environment": ("path",),
}
#: Of a list that an earlier release has written there, the known entries count.
THING = where(
    record(
        {
            "id": line(5000, r"[a-z_]+ .+"),
            "kind": line(20, r"[a-z_]+"),
            "instance": line(32, rf"(?:{INSTANCE.pattern})?"),
        },
        {
            **dict.fromkeys(("path", "origin", "backup"), PATH),
            **dict.fromkeys(("shared", "keep", "alone", "ours", "due"), flag),
            **dict.fromkeys(("owner", "user", "mover", "account"), line(256)),
            "manager": choice("systemd", "systemd_user", "tmux"),
            "port": PORT,
            "tmux": many(line(4096), 50),
        },
        others=True,
    ),
    ("is incomplete", lambda thing: set(_NEEDED.get(thing["kind"], ())) <= set(thing)),
)

PROCESSES = table(
    line(10, r"[0-9]+"),
    record(
        {"environment": PATH, "kernels": number(), "busy": maybe(many(line(details.LONGEST), details.MANY))},
    ),
    100_000,
)


def _presented(value: Any, place: str) -> str | None:
    """A certificate that a port of the host shows. None for one that cannot be read: any account may listen there."""
    from ...module_utils._certificate.reader import read_pem_bundle

    pem = str(block(100_000)(value, place))
    try:
        read_pem_bundle(pem.encode(), place)
    except CheckError:
        return None
    return pem


def report(probe: dict[str, Any]) -> Shape:
    """What :func:`observation.report.report` answers to ``probe``."""
    asked, closer = probe.get("tunnel"), probe.get("details")
    look = record(
        {
            "now": moment,
            "processes": PROCESSES,
            "versions": table(PATH, table(line(100), line(100)), 100_000),
            "presented": each(closer["ports"] if closer else (), maybe(_presented)),
        }
    )
    return record(
        {
            "tunnel": maybe(tunnels([account["name"] for account in asked["accounts"]] if asked else [])),
            "firewall": maybe(FIREWALL),
            "system": SYSTEM,
            "manifest": many(THING, 100_000),
            "pythons": each(probe["pythons"], INTERPRETER),
            "accounts": each(probe["accounts"], maybe(PERSON)),
            "homes": table(line(256), record({"path": PATH, "strangers": many(line(5000), 10)}), 10_000),
            "paths": table(PATH, maybe(STATE), 100_000),
            "used": many(PATH, 10_000),
            "servers": many(SERVER, 100_000),
            "shadows": SHADOWS,
            "aside": many(PATH, 10_000),
            **dict.fromkeys(("unusable", "astray", "sessions"), many(choice(*probe["roots"]))),
            "listeners": among(
                [str(port) for port in probe["ports"]],
                record(LISTENER, {**STARTED, "also": many(record(LISTENER, STARTED), 1000)}),
            ),
            "units": table(line(), table(line(), line(5000)), 10_000),
            "loose": many(choice(*(probe.get("bound") or ()))),
            "folders": among(probe.get("folders") or (), many(PATH, accounts.MOST_FOLDERS)),
            "devices": DEVICES,
            "network": NETWORK,
            "acme": among(probe["roots"], CERTIFICATE) if probe.get("acme") else record({}),
            "environments": table(PATH, SEALED, 10_000),
            "interpreters": INTERPRETERS,
            "existing": each(probe.get("existing") or (), EXISTING),
        },
        {"details": look} if closer else {},
    )
