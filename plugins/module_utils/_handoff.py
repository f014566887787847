# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person gets to connect with: from a server's record to the files of its hand-off. Pure: no I/O, no Ansible.

A *record* is what the role knows about one server once it runs::

    {"host": str, "instance": str,             # names of the inventory; the files are <host>/<instance>.*
     "url": str,                               # what a browser opens: scheme, host, port, base path, a slash at the end
     "api_url": str,
     "access": "tunnel" | "direct" | "both",
     "tls": {"mode": "private_ca" | "self_signed" | "provided" | "none",
             "ca_file": str | None,            # PEM on the control node
             "ca_sha256": str | None,          # of its DER form, lower-case hex
             "not_after": str | None},         # of the server's certificate, ISO 8601
     "ssh": {"host": str, "port": int, "user": str | None, "local_port": int, "remote_port": int} | None,
     "password_file": str | None,              # on the control node; the password itself is in no record
     "service": str,
     "clients": ["browser" | "juno" | "vscode", ...]}
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from ._errors import PlanError

#: The keys of a record, in the order of the file.
RECORD_KEYS = ("host", "instance", "url", "api_url", "access", "tls", "ssh", "password_file", "service", "clients")
TLS_KEYS = ("mode", "ca_file", "ca_sha256", "not_after")
SSH_KEYS = ("host", "port", "user", "local_port", "remote_port")

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*")


def complete(given: dict[str, Any]) -> dict[str, Any]:
    """Return the record with every key in its place. Raise PlanError where it cannot be true."""
    record: dict[str, Any] = {key: given.get(key) for key in RECORD_KEYS}
    label = f"servers: {record['host']}/{record['instance']}"
    for key in ("host", "instance"):
        if not _FILE_NAME.fullmatch(str(record[key])):
            raise PlanError(f"{label}: {key}: '{record[key]}' cannot name a file. Use letters, digits, '.', '-' and '_'.")
    parts = urlsplit(str(record["url"]))
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
        raise PlanError(f"{label}: url: '{record['url']}' is not an address. Write https://host:port/ and nothing secret in it.")
    if not str(record["url"]).endswith("/"):
        record["url"] = f"{record['url']}/"
    record["api_url"] = record["api_url"] or f"{record['url']}api"
    record["tls"] = {key: (given.get("tls") or {}).get(key) for key in TLS_KEYS}
    record["tls"]["mode"] = record["tls"]["mode"] or "none"
    if (record["tls"]["mode"] == "none") != (parts.scheme == "http"):
        raise PlanError(f"{label}: url: {parts.scheme}:// and tls '{record['tls']['mode']}' contradict each other.")
    if record["tls"]["ca_sha256"]:
        record["tls"]["ca_sha256"] = str(record["tls"]["ca_sha256"]).replace(":", "").lower()
    ssh = given.get("ssh")
    record["ssh"] = {key: ssh.get(key) for key in SSH_KEYS} if ssh else None
    if record["access"] != "direct" and record["ssh"] is None:
        raise PlanError(f"{label}: ssh: access '{record['access']}' goes through a tunnel; say to which host and port.")
    record["clients"] = list(record["clients"] or ["browser"])
    return record


def as_json(record: dict[str, Any]) -> bytes:
    """The record as the file that other programs read: the same bytes for the same record."""
    return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()
