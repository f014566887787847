# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The paths in ``pki_dir``. A separate file, so that code that only needs a name does not import, at every run, the
code that signs certificates."""

from __future__ import annotations

import os


def bundle_path(directory: str) -> str:
    return os.path.join(directory, "ca-bundle.pem")


def certificate_path(directory: str, name: str) -> str:
    return os.path.join(directory, "certificates", f"{name}.pem")


def export_path(directory: str, name: str, kind: str) -> str:
    """Where an export lies. Each kind has an ending of its own, so that no two names can meet in one file."""
    return os.path.join(
        directory,
        "exports",
        name + {"chain": ".chain.pem", "der": ".der", "pkcs12": ".p12", "pkcs12_legacy": ".pfx"}[kind],
    )
