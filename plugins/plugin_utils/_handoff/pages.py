# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files with which a person connects: from a server's record to the files of its hand-off. Pure: no I/O, no
Ansible.

A *record* holds the facts about one running server::

    {"host": str, "instance": str,             # names of the inventory; the files are <host>/<instance>.*
     "url": str,                               # for a browser: scheme, host, port, base path, a slash at the end
     "api_url": str,
     "access": "tunnel" | "direct" | "both",
     "tls": {"mode": "private_ca" | "self_signed" | "provided" | "none",
             "ca_file": str | None,            # PEM on the control node
             "ca_sha256": str | None,          # of its DER form, lower-case hex
             "not_after": str | None},         # of the server's certificate, ISO 8601
     "ssh": {"host": str, "port": int, "user": str | None, "local_port": int, "remote_port": int,
             # On the control node, where the user is an account that can forward and do nothing else: its key, the same
             # key in PEM, its name in ssh's configuration there, and further accounts of that kind.
             "private_key_file": str | None, "pem_file": str | None, "alias": str | None,
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
import posixpath
import shlex
from typing import Any
from urllib.parse import urlsplit

from ...module_utils._errors import PlanError
from .._plan.plan import HOST
from .authority import fingerprint, profile_path
from .kit import TYPES

#: The keys of a record, in the order of the file.
RECORD_KEYS = (
    "host",
    "instance",
    "url",
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
SSH_KEYS = ("host", "port", "user", "local_port", "remote_port", "private_key_file", "pem_file", "alias", "others")
LOGIN_KEYS = ("user", "private_key_file", "pem_file", "alias")


def complete(given: dict[str, Any]) -> dict[str, Any]:
    """Return the record with every key in its place. Raise PlanError where it cannot be true."""
    record: dict[str, Any] = {key: given.get(key) for key in RECORD_KEYS}
    label = f"servers: {record['host']}/{record['instance']}"
    for key in ("host", "instance"):
        if not HOST.fullmatch(str(record[key])):
            raise PlanError(
                f"{label}: {key}: '{record[key]}' cannot name a file. Use letters, digits, '.', '-' and '_'."
            )
    parts = urlsplit(str(record["url"]))
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
        raise PlanError(
            f"{label}: url: '{record['url']}' is not an address. Write https://host:port/ and nothing secret in it."
        )
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
    if record["ssh"]:
        record["ssh"]["others"] = [
            {key: other.get(key) for key in LOGIN_KEYS} for other in record["ssh"]["others"] or []
        ]
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
) -> dict[str, Any]:
    """Return the content of a server's page, as ready text.

    :param ca_path: the authority's files without their ending, as links of the page: ``<ca_path>.crt``, ``.pem``,
        ``.mobileconfig``.
    :param carried: the same files by path, for a page that travels alone.
    :param password: shown on the page; None where it stays out of it.
    """
    direct = _address(record["url"], record["classic"]) if record["access"] != "tunnel" else None
    ssh = record["ssh"] or {"others": []}
    tunnels = (
        [_tunnel(record, {**ssh, **other}) for other in ({}, *ssh["others"])] if record["access"] != "direct" else []
    )
    tunnel = next(iter(tunnels), None)
    near = direct or tunnel
    scan = direct["url"] if direct else f"ssh://{tunnel['login']}:{tunnel['ssh_port']}" if tunnel else ""
    return {
        "host": record["host"],
        "instance": record["instance"],
        "access": record["access"],
        "https": record["url"].startswith("https:"),
        "direct": direct,
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


def _address(url: str, classic: str) -> dict[str, Any]:
    """The parts of an address as the screens of apps ask for them. An app adds ``tree`` to the base path."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition(":")[0] if parts.port else parts.netloc
    base = parts.path.strip("/")
    app_base = "/".join(part for part in (base, classic.rpartition("/")[0]) if part)
    return {
        "url": url,
        "lab": f"{url}lab",
        "classic": f"{url}{classic}" if classic else None,
        "port": parts.port or (443 if parts.scheme == "https" else 80),
        "https": parts.scheme == "https",
        "app_address": f"{host}/{app_base}" if app_base else host,
        "app_base": app_base,
    }


def _tunnel(record: dict[str, Any], ssh: dict[str, Any]) -> dict[str, Any]:
    """The tunnel of one account: the command, the lines for ssh's configuration, and the address at its near
    end."""
    parts = urlsplit(record["url"])
    near = _address(f"{parts.scheme}://localhost:{ssh['local_port']}{parts.path}", record["classic"])
    login = f"{ssh['user']}@{ssh['host']}" if ssh["user"] else ssh["host"]
    port = "" if ssh["port"] == 22 else f" -p {ssh['port']}"
    alias = ssh["alias"] or f"jupyter-{record['host']}-{record['instance']}"
    key = ssh["private_key_file"]
    block = [f"Host {alias}", f"    HostName {ssh['host']}"]
    block += [f"    Port {ssh['port']}"] if port else []
    block += [f"    User {ssh['user']}"] if ssh["user"] else []
    # The path of the key is the operator's. The reader gets the file, and keeps it under a name of its own.
    kept = f"~/.ssh/{alias}" if key else ""
    block += [f"    IdentityFile {kept}", "    IdentitiesOnly yes"] if key else []
    block += [
        f"    LocalForward {ssh['local_port']} localhost:{ssh['remote_port']}",
        "    ExitOnForwardFailure yes",
        "    ServerAliveInterval 30",
    ]
    return {
        **near,
        "login": login,
        "ssh_host": ssh["host"],
        "ssh_port": ssh["port"],
        "ssh_user": ssh["user"],
        "local_port": ssh["local_port"],
        "remote_port": ssh["remote_port"],
        "key": key and posixpath.basename(key),
        "pem": ssh["pem_file"] and posixpath.basename(ssh["pem_file"]),
        "keep": (
            f"mkdir -p -m 700 ~/.ssh && install -m 600 {shlex.quote(posixpath.basename(key))} {kept}" if key else None
        ),
        "command": (
            f"ssh -N{port}{f' -i {kept}' if key else ''} -L {ssh['local_port']}:localhost:{ssh['remote_port']} {login}"
        ),
        "alias": alias,
        "alias_command": f"ssh -N {alias}",
        "block": "\n".join(block),
    }
