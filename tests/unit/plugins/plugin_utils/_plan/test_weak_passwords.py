# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which passwords of the inventory a run warns of."""

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._plan.access import weak_passwords


@pytest.mark.parametrize(
    ("access", "sources", "password", "weak"),
    [
        pytest.param("direct", [], "abc", True, id="short, and everybody may try"),
        pytest.param("both", [], "fourteen chars", True, id="14 characters"),
        pytest.param("direct", [], "fifteen chars..", False, id="15 characters"),
        pytest.param("direct", ["192.0.2.0/24"], "abc", False, id="for listed addresses"),
        pytest.param("tunnel", [], "abc", False, id="behind SSH"),
        pytest.param("proxied", [], "abc", True, id="behind a proxy that everybody reaches"),
        pytest.param("proxied", ["192.0.2.7/32"], "abc", True, id="behind a proxy elsewhere"),
        pytest.param("direct", [], None, False, id="a generated one, or a hash"),
        pytest.param("direct", [], "", False, id="empty: a generated one"),
    ],
)
def test_a_short_password_that_everybody_may_try(access, sources, password, weak):
    networked = access in ("direct", "both")
    instance = {"name": "lab", "access": access, "allowed_sources": sources, "networked": networked}
    assert weak_passwords([instance], {"lab": password}) == (["lab"] if weak else [])
