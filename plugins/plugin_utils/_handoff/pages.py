# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files with which a person connects: from a server's record to the files of its hand-off. Pure: no I/O, no
Ansible.

A *record* holds the facts about one running server::

    {"host": str, "instance": str,             # names of the inventory; the files are <host>/<instance>.*
     "person": str,                            # whose server it is; earlier releases left it out
     "url": str,                               # for a browser: scheme, host, port, base path, a slash at the end
     "urls": [str, ...],                       # all of that kind, the first is ``url``; empty with access "tunnel"
     "own": [str, ...],                        # the addresses of this record that the host has or had itself
     "api_url": str,
     "access": "tunnel" | "direct" | "both",
     "tls": {"mode": "private_ca" | "self_signed" | "provided" | "acme" | "none",
             "ca_file": str | None,            # PEM on the control node
             "ca_sha256": str | None,          # of its DER form, lower-case hex
             "not_after": str | None},         # of the server's certificate, ISO 8601
     "ssh": {"host": str, "port": int, "user": str | None, "local_port": int, "remote_port": int,
             # On the control node, where the user is an account that can forward and do nothing else: its key, the same
             # key in PEM, its name in ssh's configuration there, and further accounts of that kind.
             "private_key_file": str | None, "pem_file": str | None, "alias": str | None,
             "hops": [hop, ...], "command": str | None, # the jump hosts (:class:`_records.Hop`), or a ProxyCommand
             "others": [{"user", "private_key_file", "pem_file", "alias"}, ...]} | None,
     "password_file": str | None,              # on the control node; the password itself is in no record
     "service": str,
     "clients": ["browser" | "juno" | "vscode", ...],
     "classic": str}                           # path of the classic pages below the URL: tree, nbclassic/tree, or empty

An *authority* is the certificate that devices are to trust::

    {"name": str, "sha256": str, "der": bytes, "pem": bytes}
"""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlsplit

from ...module_utils._errors import PlanError
from .._plan.plan import HOST
from . import addresses
from .authority import fingerprint, profile_path
from .kit import TYPES
from .tunnel import Keys
from .tunnel import tunnel as tunnel_of

#: The keys of a record, in the order of the file.
RECORD_KEYS = (
    "host",
    "instance",
    "person",
    "url",
    "urls",
    "own",
    "api_url",
    "access",
    "tls",
    "ssh",
    "password_file",
    "service",
    "clients",
    "classic",
)
TLS_KEYS = ("mode", "ca_file", "ca_sha256", "not_after")
SSH_KEYS = (
    "host",
    "port",
    "user",
    "local_port",
    "remote_port",
    "hops",
    "command",
    "private_key_file",
    "pem_file",
    "alias",
    "others",
)
HOP_KEYS = ("host", "port", "user", "alias", "private_key_file")
LOGIN_KEYS = ("user", "private_key_file", "pem_file", "alias")


def complete(given: dict[str, Any]) -> dict[str, Any]:
    """Return the record with every key in its place. Raise PlanError where it cannot be true."""
    record: dict[str, Any] = {key: given.get(key) for key in RECORD_KEYS}
    label = f"servers: {record['host']}/{record['instance']}"
    record["person"] = record["person"] or record["instance"]
    for key in ("host", "instance", "person"):
        if not HOST.fullmatch(str(record[key])):
            raise PlanError(
                f"{label}: {key}: '{record[key]}' cannot name a file. Use letters, digits, '.', '-' and '_'."
            )
    parts = urlsplit(str(record["url"]))
    for key, url in (("url", record["url"]), *(("urls", each) for each in record["urls"] or [])):
        each = urlsplit(str(url))
        if each.scheme not in {"http", "https"} or not each.hostname or each.username or each.query:
            raise PlanError(
                f"{label}: {key}: '{url}' is not an address. Write https://host:port/ and nothing secret in it."
            )
    if not str(record["url"]).endswith("/"):
        record["url"] = f"{record['url']}/"
    record["urls"] = list(record["urls"] or [record["url"]] if record["access"] != "tunnel" else [])
    record["own"] = list(map(str, record["own"] or []))
    record["api_url"] = record["api_url"] or f"{record['url']}api"
    record["tls"] = {key: (given.get("tls") or {}).get(key) for key in TLS_KEYS}
    record["tls"]["mode"] = record["tls"]["mode"] or "none"
    if record["tls"]["mode"] == "acme":
        record["tls"]["not_after"] = None  # the host renews it every few days, and no reader has to do anything
    if (record["tls"]["mode"] == "none") != (parts.scheme == "http"):
        raise PlanError(f"{label}: url: {parts.scheme}:// and tls '{record['tls']['mode']}' contradict each other.")
    if record["tls"]["ca_sha256"]:
        record["tls"]["ca_sha256"] = str(record["tls"]["ca_sha256"]).replace(":", "").lower()
    ssh = given.get("ssh")
    record["ssh"] = {key: ssh.get(key) for key in SSH_KEYS} if ssh else None
    if record["ssh"]:
        record["ssh"]["others"] = [
            {key: other.get(key) for key in LOGIN_KEYS} for other in record["ssh"]["others"] or []
        ]
        hops = [{key: hop.get(key) for key in HOP_KEYS} for hop in record["ssh"]["hops"] or []]
        record["ssh"]["hops"] = [{**hop, "port": hop["port"] or 22} for hop in hops]
    if record["access"] != "direct" and record["ssh"] is None:
        raise PlanError(f"{label}: ssh: access '{record['access']}' goes through a tunnel; say to which host and port.")
    record["clients"] = list(record["clients"] or ["browser"])
    record["classic"] = str(record["classic"] or "")
    return record


def as_json(record: dict[str, Any]) -> bytes:
    """The record as the file that other programs read: the same bytes for the same record."""
    return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()


def from_json(data: bytes, path: str) -> dict[str, Any]:
    """The record that an earlier run wrote to ``path``. Raise PlanError where the file holds none."""
    try:
        return complete(json.loads(data))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise PlanError(f"{path} is no record of a server ({error}). Delete it and run again for that host.") from error


def moved(given: list[dict[str, Any]], stored: list[dict[str, Any]]) -> list[str]:
    """Name the servers whose addresses have changed since the last run: people have pages with the old ones."""
    before = {(record["host"], record["instance"]): _places(record) for record in stored}
    found = []
    for record in given:
        now = _places(record)
        gone = [place for place in before.get((record["host"], record["instance"]), []) if place not in now]
        if gone:
            found.append(
                f"{record['instance']} on {record['host']} was at {', '.join(gone)} and is at {', '.join(now)} now."
                " Hand its page over again."
            )
    return found


def _places(record: dict[str, Any]) -> list[str]:
    """The addresses that a network gives: of the server, or of the SSH server before it."""
    return record["urls"] or ([record["ssh"]["host"]] if record["ssh"] else [])


def shared_authority(records: list[dict[str, Any]]) -> str | None:
    """The file of the fleet's authority: the first that is a private one. A self-signed or provided one belongs to its
    server alone."""
    return next(
        (
            record["tls"]["ca_file"]
            for record in records
            if record["tls"]["mode"] == "private_ca" and record["tls"]["ca_file"]
        ),
        None,
    )


def view(
    record: dict[str, Any],
    authority: dict[str, Any] | None,
    ca_path: str,
    carried: dict[str, bytes],
    password: str | None = None,
    *,
    keys: Keys | None = None,
) -> dict[str, Any]:
    """Return the content of a server's page, as ready text.

    :param ca_path: the authority's files without their ending, as links of the page: ``<ca_path>.crt``, ``.pem``,
        ``.mobileconfig``.
    :param carried: the same files by path, for a page that travels alone.
    :param password: shown on the page; None where it stays out of it.
    :param keys: as :func:`people.keys` returns them, for a page about several servers.
    """
    directs = [addresses.direct(url, record["classic"]) for url in record["urls"]]
    direct = next(iter(directs), None)
    ssh = record["ssh"] or {"others": []}
    tunnels = (
        [tunnel_of(record, {**ssh, **other}, keys) for other in ({}, *ssh["others"])]
        if record["access"] != "direct"
        else []
    )
    tunnel = next(iter(tunnels), None)
    near = direct or tunnel
    # No app on a phone goes through a jump host.
    scan = direct["url"] if direct else tunnel["scan"] if tunnel and not tunnel["via"] else ""
    return {
        "host": record["host"],
        "instance": record["instance"],
        "access": record["access"],
        "https": record["url"].startswith("https:"),
        "direct": direct,
        "directs": directs,
        "tunnel": tunnel,
        "tunnels": tunnels,
        "near": near,
        "scan": scan,
        "clients": record["clients"],
        "service": record["service"],
        "password": password,
        "password_file": record["password_file"],
        "not_after": (record["tls"]["not_after"] or "")[:10],
        "authority": authority and authority_view(authority, ca_path, carried),
        "json": f"{record['instance']}.json",
        "link": f"{record['host']}/{record['instance']}.html",
    }


def entry(page: dict[str, Any]) -> dict[str, Any]:
    """Return the content of the index about a server, without the details of its own page."""
    said = {key: page[key] for key in ("host", "instance", "https", "link", "scan")}
    return {**said, "url": page["near"]["url"], "direct": bool(page["direct"]), "tunnel": bool(page["tunnel"])}


def authority_view(authority: dict[str, Any], ca_path: str, carried: dict[str, bytes]) -> dict[str, Any]:
    """Return the part of a page about the authority.

    :param carried: its files by path, which the page holds as data URLs (RFC 2397).
    """
    return {
        "name": authority["name"],
        "fingerprint": fingerprint(authority["sha256"]),
        "sha256": authority["sha256"],
        "crt": f"{ca_path}.crt",
        "pem": f"{ca_path}.pem",
        "profile": profile_path(ca_path),
        "profile_name": f"Jupyter servers: {authority['name']}",
        "carried": [_carried(path, data) for path, data in sorted(carried.items())],
    }


def _carried(path: str, data: bytes) -> dict[str, str]:
    name = path.rpartition("/")[2]
    media_type = TYPES[f".{name.rpartition('.')[2]}"]
    return {"name": name, "url": f"data:{media_type};base64,{base64.b64encode(data).decode()}"}
