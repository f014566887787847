# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._x509 import encrypted_key


@pytest.fixture(autouse=True)
def quick_passphrases(request, monkeypatch):
    """Hundreds of authorities are created and opened here. The rounds that make a passphrase slow to guess are measured
    where it is the subject."""
    if "test_encrypted_key" not in request.node.nodeid:
        monkeypatch.setattr(encrypted_key, "ROUNDS", 2048)
