# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit of systemd that keeps our nftables rules loaded, and the files around it. Pure."""

from __future__ import annotations

import hashlib

from ..rules import FOLDER

UNIT = "/etc/systemd/system/remote-notebooks-firewall@.service"
UNIT_TEXT = f"""\
# Managed by Ansible, role remote.notebooks.firewall: keeps the rules of one owner loaded.
[Unit]
Description=Firewall rules of %i
Documentation=man:nft(8)
DefaultDependencies=no
Conflicts=shutdown.target
After=nftables.service
Before=network-pre.target shutdown.target
Wants=network-pre.target
ReloadPropagatedFrom=nftables.service

[Service]
Type=exec
# The table replaces itself; a hook is added only where it is gone, so that a second start changes nothing.
ExecStartPre={{nft}} -f {FOLDER}/%i.nft
ExecStartPre=/bin/sh {FOLDER}/%i.hooks.sh
# A flush of all rules (nft -f /etc/nftables.conf, or nftables.service when it stops) removes these as well:
# they are added again at once.
ExecStart=/bin/sh {FOLDER}/%i.hooks.sh watch
ExecReload={{nft}} -f {FOLDER}/%i.nft
ExecReload=/bin/sh {FOLDER}/%i.hooks.sh
Restart=always
RestartSec=1

[Install]
WantedBy=sysinit.target nftables.service
"""
HOOKS_TEXT = """\
# Managed by Ansible, role remote.notebooks.firewall, firewall_owner {owner}.
# Accepts that this host's own chains need. Run by sh.
# Each goes directly before the rule that would stop the connection, found by its text,
# or to the end of a chain whose policy would.
# Where that rule is not there any more, none goes in: the port stays closed until the playbook runs again.
put() {{ # chain, accept, the rule that it goes before
    if [ "$#" -eq 2 ]; then {nft} "add rule $1 $2"; return; fi
    handle=$({nft} -a -s list chain $1 | BEFORE="$3" awk '
        match($0, / # handle [0-9]+$/) {{
            text = substr($0, 1, RSTART - 1); sub(/^[ \\t]+/, "", text)
            if (text == ENVIRON["BEFORE"]) handle = substr($0, RSTART + 10)
        }}
        END {{ print handle }}')
    if [ -n "$handle" ]; then {nft} "insert rule $1 handle $handle $2"; return; fi
    echo "chain $1 has no rule '$3' any more: not added: $2. Run the playbook again." >&2
}}
hooks() {{
    if {nft} list ruleset | grep -qF '{mark} hook'; then return; fi
{calls}    true
}}
if [ "$1" != watch ]; then hooks; exit; fi
# An added table may be the host's own, with none of our accepts; a deleted one may be ours.
# After lost events, look as well.
{nft} monitor tables | while read -r event; do
    case $event in "add table "* | "delete table "* | "# ERROR"*) ;; *) continue ;; esac
    {nft} list table inet {table} >/dev/null 2>&1 || {nft} -f {folder}/{owner}.nft
    hooks
done
exit 1 # systemd starts it again
"""


def unit_links(owner: str) -> list[str]:
    """The links by which systemd starts the unit of this owner."""
    name = f"remote-notebooks-firewall@{owner}.service"
    return [f"/etc/systemd/system/{target}.wants/{name}" for target in ("nftables.service", "sysinit.target")]


def digest(text: str) -> str:
    """SHA-256 of a file's text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
