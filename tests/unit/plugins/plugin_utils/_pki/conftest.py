# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of the authority that is repeated on one folder."""

from __future__ import annotations

import dataclasses
import datetime

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.issue import ensure
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.revoke import revoke
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.settings import Settings

WEB1 = {"name": "web1/lab", "addresses": ["web1.lab.example", "192.0.2.10", "2001:db8::1"]}
WEB2 = {"name": "web2/lab", "addresses": ["web2.lab.example"]}


@pytest.fixture
def run(tmp_path):
    """Run once more on the same folder. New arguments replace the earlier ones."""
    settings = Settings(directory=str(tmp_path / "pki"), certificates=[WEB1, WEB2])

    def once_more(**differently):
        nonlocal settings
        check_mode = differently.pop("check_mode", False)
        now = differently.pop("now", datetime.datetime.now(datetime.timezone.utc))
        renew = differently.pop("renew", [])
        settings = dataclasses.replace(settings, **differently)
        return ensure(dataclasses.replace(settings, check_mode=check_mode, now=now, renew=renew))

    once_more.revoke = lambda *names, **options: revoke(
        dataclasses.replace(settings, check_mode=options.get("check_mode", False)),
        list(names),
        options.get("serials", []),
        options.get("reason", "unspecified"),
    )
    return once_more
