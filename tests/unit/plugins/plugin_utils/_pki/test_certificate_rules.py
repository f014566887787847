# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One table of rules, two readers: ``pki_lint`` and ``connection_check`` get the same certificates, and must agree."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._certificate import rules as certificate_rules
from ansible_collections.remote.notebooks.plugins.module_utils._certificate.reader import read_pem_bundle
from ansible_collections.remote.notebooks.plugins.module_utils._check import trust
from ansible_collections.remote.notebooks.plugins.module_utils._check.causes import CAUSES
from ansible_collections.remote.notebooks.plugins.plugin_utils._x509 import certificates

from .test_lint import (
    APPLE,
    AUTHORITIES,
    CHROMIUM,
    GOOD_CA,
    GOOD_LEAF,
    LEAVES,
    Maker,
    differ,
    lint,
    openssl,
    refusals,
)

#: The check compares its own name with those of the certificate. A phone's list of authorities is no handshake.
NOT_SEEN = {"alternative-name", "address-as-name", "wildcard", "common-name"}


def both(folder, root, leaf):
    """Return whether browsers and Apple's devices take a certificate: by the lint, and by the check."""
    report = lint(leaf, ca_file=str(root))
    facts, authorities = (read_pem_bundle(path.read_bytes(), str(path)) for path in (leaf, root))
    handshake = openssl("verify", "-purpose", "sslserver", "-CAfile", root, leaf, check=False).returncode == 0
    stop = trust.unfit_for_clients(facts[0], authorities, datetime.now(timezone.utc) + timedelta(minutes=1))
    accepted = report["accepted"][APPLE] and report["accepted"][CHROMIUM]
    return refusals(report), accepted, handshake and stop is None


@pytest.mark.parametrize(("changes", "expected"), LEAVES)
def test_lint_and_check_agree_on_a_server(tmp_path, changes, expected):
    make = Maker(tmp_path)
    root, leaf = make.certificate("ca", GOOD_CA), make.certificate("leaf", differ(GOOD_LEAF, **changes), "ca")
    found, linted, checked = both(tmp_path, root, leaf)
    assert found == expected
    assert linted is checked or NOT_SEEN & set(found)


@pytest.mark.parametrize(("changes", "expected"), AUTHORITIES)
def test_lint_and_check_agree_on_an_authority(tmp_path, changes, expected):
    make, profile = Maker(tmp_path), differ(GOOD_CA, **changes)
    known = profile["extensions"]["subjectKeyIdentifier"] != "none"
    without = {} if known else {"authorityKeyIdentifier": "issuer:always"}
    root = make.certificate("ca", profile)
    found, linted, checked = both(tmp_path, root, make.certificate("leaf", differ(GOOD_LEAF, extensions=without), "ca"))
    assert set(expected) <= set(found)
    assert linted is checked or NOT_SEEN & set(found)


def test_each_rule_has_a_source_a_certificate_that_breaks_it_and_a_cause_that_exists():
    tried = {rule for row in (*LEAVES, *AUTHORITIES) for rule in row.values[1]}
    untried = {"version-3", "authority", "common-name"}  # openssl creates no such certificate without being told so
    for rule in certificate_rules.RULES:
        assert rule.source.startswith(("https://", "RFC ", "openssl-")), rule.name
        assert rule.name in tried | untried, rule.name
        assert not rule.cause or CAUSES[rule.cause].verdict == "untrusted", rule.name
    assert certificate_rules.MOST_DAYS == certificates.LONGEST_DAYS
