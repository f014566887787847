# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of one run."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Settings:
    """The arguments of one run, as the module `pki_certificates` documents them."""

    directory: str
    passphrase: str | None = None
    authority: Mapping[str, Any] = field(default_factory=dict)
    also_trusted: list[str] = field(default_factory=list)
    certificates: list[Any] = field(default_factory=list)
    #: Requests by name: then the keys are born on the hosts. None: here.
    requests: Mapping[str, str] | None = None
    renew_before_days: int = 30
    renew: list[str] = field(default_factory=list)
    renew_keys: bool = False
    export_passphrase: str | None = None
    check_mode: bool = False
    now: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.timezone.utc))
