# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes of several modules in the same words (``extends_documentation_fragment``)."""

from __future__ import annotations


class ModuleDocFragment:
    CONTROL_NODE = r"""
attributes:
  platform:
    description: It runs on the control node.
    support: full
    platforms: posix
"""

    HOST = r"""
attributes:
  platform:
    description: It runs on the host.
    support: full
    platforms: linux
"""

    READS = r"""
attributes:
  check_mode:
    description: It changes nothing in any mode.
    support: full
  diff_mode:
    description: Nothing changes, so there is nothing to show.
    support: none
"""

    SECRETS = r"""
attributes:
  diff_mode:
    description: Secrets are never shown.
    support: none
"""

    ARCHIVE = r"""
requirements:
  - cryptography >= 45 on the control node
options:
  file:
    description: The archive, on the control node. Written with mode 0600.
    type: path
    required: true
  passphrase:
    description: Passphrase of the archive, at least eight characters. Keep it elsewhere, because the archive may hold
      the authority's own passphrase.
    type: str
    required: true
"""
