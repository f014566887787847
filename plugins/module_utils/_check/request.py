# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check as the user asked for it, and the record of what it returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .address import Address
from .ssh import Forward


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
    forward: Forward | None = None
    kernel: str | None = None  # None: the server's own choice
    code: str = "6*7"
    expect: str | None = "42"
    timeout: float = 30.0


@dataclass
class Report:
    """What the check returns, filled in while it goes."""

    checks: list[str] = field(default_factory=list)
    server_version: str | None = None
    result: str | None = None
    kernel_seconds: float | None = None
    certificate: dict[str, Any] | None = None
    warnings: list[str] = field(default_factory=list)
