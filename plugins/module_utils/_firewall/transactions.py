# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts that bring the rules of the kernel to the wanted state. Pure."""

from __future__ import annotations

from .netfilter.iptables import iptables_restore, iptables_saved
from .netfilter.nftables import nft_files, nft_leftovers, nft_script
from .netfilter.unit import UNIT
from .netfilter.view import View


def transactions(
    seen: View, provider: str
) -> tuple[list[tuple[list[str], str]], dict[str, tuple[str | None, int | None]]]:
    """Return the transactions (command, text), and the files for the next boot (path: text, None to remove it; mode).

    :param provider: ``nftables`` or ``iptables``.
    """
    files: dict[str, tuple[str | None, int | None]] = {}
    texts = []
    if provider == "nftables":
        ours = nft_files(seen)
        gone = nft_leftovers(seen)
        files = {path: (ours.get(path), 0o644 if path == UNIT else 0o600) for path in [*gone, *ours]}
        texts = [(["nft", "-f", "-"], nft_script(seen))]
    else:
        for of, tool in (("ip", "iptables-restore"), ("ip6", "ip6tables-restore")):
            texts.append(([tool, "--noflush"], iptables_restore(seen, of)))
            saved = seen.report["saved"].get(of)
            if saved:
                files[saved["path"]] = (iptables_saved(saved["text"], seen, of), None)
    return [(command, text) for command, text in texts if text], files
