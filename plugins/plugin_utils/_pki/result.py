# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a run, as pki_certificates returns it."""

from __future__ import annotations

import os
from typing import Any

from .._authority import authority as pki_authority
from .._x509 import certificates as x509_certificates
from .entry import Entry
from .paths import bundle_path, export_path
from .settings import Settings


def result(
    entries: list[Entry],
    authority: pki_authority.Authority,
    trusted: list[pki_authority.Authority],
    changes: pki_authority.Changes,
    settings: Settings,
) -> dict[str, Any]:
    def describe(each: pki_authority.Authority) -> dict[str, Any]:
        description = each.describe()
        if settings.check_mode and each.created:
            # Only imagined: there is nothing yet to compare with
            description.update(sha256=None, not_after=None, common_name=None)
        return description

    certificates = {entry.wanted.name: _describe(entry, authority, settings) for entry in entries}
    issued = [f"{name}: {item['reason']}" for name, item in certificates.items() if item["changed"]]
    exports = os.path.join(settings.directory, "exports", "")
    exported = [path for path, _data, _mode in changes.files if path.startswith(exports)]
    return {
        "changed": bool(changes.files or issued),
        "authority": {
            **describe(authority.root),
            "created": authority.root.created,
            "bundle": bundle_path(settings.directory),
            "crl": authority.layout.crl,
            "intermediate": describe(authority) if authority.parent else None,
        },
        "authorities": [describe(each) for each in trusted],
        "certificates": certificates,
        "notes": changes.notes,
        "advice": [
            *changes.warnings,
            *(f"{entry.path}: {finding.text}. {finding.cure}" for entry in entries for finding in entry.findings),
            *(
                f"{entry.wanted.name}: {entry.verdict.reason}. Its name must be <host>/…, and the host in this play."
                for entry in entries
                if not entry.certificate and not settings.check_mode
            ),
        ],
        "diff": {
            "before": "",
            "after": "".join(
                f"{line}\n" for line in [*changes.notes, *issued, *(f"exported: {path}" for path in exported)]
            ),
        },
    }


def _describe(entry: Entry, authority: pki_authority.Authority, settings: Settings) -> dict[str, Any]:
    made = not (entry.verdict.issue and settings.check_mode)
    certificate = entry.certificate if made else None
    return {
        "pem": entry.path,
        "key": None if entry.key_is_elsewhere else entry.path,
        "content": entry.pem().decode() if certificate and entry.key_is_elsewhere else None,
        "certificate": (
            authority.layout.issued(certificate.serial_number)
            if certificate and entry.wanted.source == "authority"
            else None
        ),
        "exports": {kind: export_path(settings.directory, entry.wanted.name, kind) for kind in entry.wanted.exports},
        "serial": x509_certificates.hexadecimal(certificate.serial_number) if certificate else None,
        "sha256": x509_certificates.sha256(certificate) if certificate else None,
        "not_after": x509_certificates.iso(certificate.not_valid_after_utc) if certificate else None,
        "changed": entry.verdict.issue or entry.verdict.rewrite,
        "reason": entry.verdict.reason,
    }
