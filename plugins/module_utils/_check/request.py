# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check with the user's options, and the record of its results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .._errors import CheckError
from .address import Address, parse_url
from .ssh import Forward

#: Bytes; the limits of proxies are of this order, and the check holds them in memory.
MOST_UPLOAD = 100_000_000
#: The arguments of the module connection_check.
TUNNEL = {
    "host": {"type": "str", "required": True},
    "port": {"type": "int"},
    "user": {"type": "str"},
    "private_key_file": {"type": "path", "no_log": False},
    "ssh_args": {"type": "list", "elements": "str", "default": []},
    "remote_host": {"type": "str", "default": "localhost"},
    "remote_port": {"type": "int"},
}
ARGUMENTS = {
    "url": {"type": "str", "required": True},
    "ca_file": {"type": "path"},
    "server_name": {"type": "str"},
    "certificate_sha256": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "password_file": {"type": "path", "no_log": False},
    "token": {"type": "str", "no_log": True},
    "token_file": {"type": "path", "no_log": False},
    "classic": {"type": "str", "default": ""},
    "upload": {"type": "int", "default": 0},
    "durable": {"type": "bool", "default": False},
    "tunnel": {"type": "dict", "options": TUNNEL},
    "kernel": {"type": "str"},
    "kernels": {"type": "list", "elements": "str", "default": []},
    "code": {"type": "str", "default": "6*7"},
    "expect": {"type": "str", "default": "42"},
    "timeout": {"type": "float", "default": 30},
}


@dataclass(frozen=True)
class Request:
    """One check, as the person asked for it."""

    address: Address
    ca_file: str | None = None  # None: the system's store
    server_name: str | None = None  # None: the host of the url
    certificate_sha256: str | None = None  # None: any that is trusted
    password: str | None = None
    token: str | None = None
    credential_source: str = "the credential"
    classic: str = ""  # no page is opened
    upload: int = 0  # bytes; nothing is sent
    durable: bool = False
    forward: Forward | None = None
    kernel: str | None = None  # None: the server's own choice
    code: str = "6*7"
    expect: str | None = "42"
    timeout: float = 30.0


@dataclass
class Report:
    """The result of the check, filled in while it goes."""

    checks: list[str] = field(default_factory=list)
    server_version: str | None = None
    result: str | None = None
    kernel_seconds: float | None = None
    certificate: dict[str, Any] | None = None
    warnings: list[str] = field(default_factory=list)


def _secret(params: dict[str, Any], name: str) -> str | None:
    """Return the secret given as such or by its file."""
    path = params[f"{name}_file"]
    if path is None:
        given: str | None = params[name]
        return given
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise CheckError(
            f"{name}_file: cannot read {path}: {getattr(error, 'strerror', None) or 'it is not text in UTF-8'}."
        ) from error
    return text[:-1] if text.endswith("\n") else text


def request_from(params: dict[str, Any]) -> Request:
    """Translate the arguments of connection_check. Raise CheckError for those that make no check possible."""
    if params["timeout"] <= 0:
        raise CheckError("timeout: give more than 0 seconds.")
    if not 0 <= params["upload"] <= MOST_UPLOAD:
        raise CheckError(f"upload: give 0 to {MOST_UPLOAD} bytes.")
    address = parse_url(params["url"])
    forward = None
    if params["tunnel"]:
        tunnel = dict(params["tunnel"])
        tunnel["ssh_args"] = tuple(tunnel["ssh_args"])
        tunnel["remote_port"] = tunnel["remote_port"] or address.port
        forward = Forward(**tunnel)
    return Request(
        address=address,
        ca_file=params["ca_file"],
        server_name=params["server_name"],
        certificate_sha256=params["certificate_sha256"],
        password=_secret(params, "password"),
        token=_secret(params, "token"),
        credential_source=params["password_file"] or params["token_file"] or "the one given",
        classic=params["classic"].strip("/"),
        upload=params["upload"],
        durable=params["durable"],
        forward=forward,
        kernel=params["kernel"],
        code=params["code"],
        expect=params["expect"] or None,
        timeout=params["timeout"],
    )
